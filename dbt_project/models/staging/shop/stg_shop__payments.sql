with versions as (
    {{ latest_versions("payments", by_change=false) }}
),

final as (
    select
        _source as source,
        payment_id,
        concat(_source, '/', payment_id) as payment_key,
        concat(_source, '/', order_id) as order_key,
        attempted_at,
        {{ business_date("attempted_at") }} as attempted_on,
        lower(trim(status)) as source_status,
        {{ iso_currency("currency") }} as currency,
        {{ iso_amount("amount", "currency") }} as amount,
        _load_id as load_id
    from versions
    where attempted_at < {{ end_of_as_of_date() }}
)

select * from final
