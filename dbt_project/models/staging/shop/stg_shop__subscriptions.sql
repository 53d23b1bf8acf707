with versions as (
    {{ latest_versions("subscriptions") }}
),

-- What lies after the day was not known on it, even if a first load holds it.
final as (
    select
        _source as source,
        subscription_id,
        concat(_source, '/', subscription_id) as subscription_key,
        {{ account_key("_source", "customer_id") }} as account_key,
        started_at,
        {{ business_date("started_at") }} as started_on,
        case
            when renewal_changed_at >= {{ end_of_as_of_date() }} then not renews_automatically
            else renews_automatically
        end as renews_automatically,
        case
            when renewal_changed_at < {{ end_of_as_of_date() }} then renewal_changed_at
        end as renewal_changed_at,
        case when ended_at < {{ end_of_as_of_date() }} then ended_at end as ended_at,
        _load_id as load_id
    from versions
    where started_at < {{ end_of_as_of_date() }}
)

select * from final
