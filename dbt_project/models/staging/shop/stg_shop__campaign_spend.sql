with versions as (
    {{ latest_versions("campaign_spend", by_change=false) }}
),

final as (
    select
        _source as source,
        concat(_source, '/', spend_date, '/', channel, '/', purpose, '/', currency) as spend_key,
        spend_date,
        lower(trim(channel)) as channel,
        lower(trim(purpose)) as purpose,
        {{ iso_currency("currency") }} as currency,
        {{ iso_amount("amount", "currency") }} as amount,
        _load_id as load_id
    from versions
    where spend_date <= {{ as_of_date() }}
)

select * from final
