with versions as (
    {{ latest_versions("surveys", by_change=false) }}
),

statuses as (
    select
        *,
        coalesce(answered_at < {{ end_of_as_of_date() }}, false) as is_answered
    from versions
    where asked_at < {{ end_of_as_of_date() }}
),

-- An answer given after the day was not known on it, even if a first load holds it.
final as (
    select
        _source as source,
        survey_id,
        concat(_source, '/', survey_id) as survey_key,
        {{ account_key("_source", "customer_id") }} as account_key,
        case
            when nullif(trim(order_id), '') is not null then concat(_source, '/', trim(order_id))
        end as order_key,
        asked_at,
        {{ business_date("asked_at") }} as asked_on,
        case when is_answered then answered_at end as answered_at,
        case when is_answered then {{ business_date("answered_at") }} end as answered_on,
        lower(trim(channel)) as channel,
        case when is_answered then score / nullif(scale_max, 0) end as score,
        case when is_answered then {{ normalised_text("comment") }} end as words,
        coalesce(is_answered and names_competitor, false) as names_competitor,
        _load_id as load_id
    from statuses
)

select * from final
