{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('refunds', 'refund_key') }}",
    indexes=[
        {"columns": ["refund_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["order_key"]},
    ],
) }}

with versions as (
    {{ latest_versions("refunds", by_change=false, pending=true) }}
),

final as (
    select
        _source as source,
        refund_id,
        concat(_source, '/', refund_id) as refund_key,
        concat(_source, '/', order_id) as order_key,
        line_no,
        lower(trim(kind)) as kind,
        {{ normalised_text("coalesce(reason, '')") }} as reason_words,
        requested_at,
        {{ business_date("requested_at") }} as requested_on,
        -- A completion that lies after the day was not known on it, even if a first load holds it.
        case when completed_at < {{ end_of_as_of_date() }} then completed_at end as completed_at,
        case
            when completed_at < {{ end_of_as_of_date() }} then {{ business_date("completed_at") }}
        end as completed_on,
        {{ iso_currency("currency") }} as currency,
        {{ iso_amount("amount", "currency") }} as amount,
        _load_id as load_id,
        {{ changed_in_run() }}
    from versions
    where requested_at < {{ end_of_as_of_date() }}
)

select * from final
