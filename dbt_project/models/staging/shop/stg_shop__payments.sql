{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('payments', 'payment_key') }}",
    indexes=[
        {"columns": ["payment_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["order_key"]},
    ],
) }}

with versions as (
    {{ latest_versions("payments", by_change=false, pending=true) }}
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
        _load_id as load_id,
        {{ changed_in_run() }}
    from versions
    where attempted_at < {{ end_of_as_of_date() }}
)

select * from final
