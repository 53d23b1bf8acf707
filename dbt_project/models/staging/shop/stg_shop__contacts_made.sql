with versions as (
    {{ latest_versions("contacts_made", by_change=false) }}
),

final as (
    select
        _source as source,
        contact_id,
        concat(_source, '/', contact_id) as contact_key,
        {{ account_key("_source", "customer_id") }} as account_key,
        lower(trim(channel)) as channel,
        lower(nullif(trim(list_name), '')) as list_name,
        sent_at,
        {{ business_date("sent_at") }} as sent_on,
        lower(nullif(trim(outcome), '')) as outcome,
        _load_id as load_id
    from versions
    where sent_at < {{ end_of_as_of_date() }}
)

select * from final
