{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_orders_revalued() }}",
    indexes=[{"columns": ["refund_key"], "unique": true}, {"columns": ["order_key"]}],
) }}

with refunds as (
    select * from {{ ref("stg_shop__refunds") }}
    {{ only_orders_revalued() }}
),

rates as (
    select * from {{ ref("int_exchange_rates_dated") }}
),

lexicon as (
    select {{ lexicon_pattern("quality") }} as quality_words
    from {{ ref("voice_lexicon") }}
),

-- A refund counts on the day the money went back; one still open counts nowhere yet.
final as (
    select
        refunds.refund_key,
        refunds.order_key,
        refunds.kind,
        refunds.requested_at,
        refunds.requested_on,
        refunds.completed_at,
        refunds.completed_on,
        refunds.currency,
        refunds.amount,
        refunds.amount * rates.rate_to_base as amount_base,
        case
            when refunds.completed_on is null then 'not_completed'
            when rates.rate_to_base is null then 'no_rate'
        end as exclusion,
        refunds.kind = 'return'
        and {{ has_match("refunds.reason_words", "lexicon.quality_words") }}
            as is_quality_return
    from refunds
    cross join lexicon
    left join rates
        on
            refunds.currency = rates.currency
            and refunds.completed_on >= rates.valid_from
            and (refunds.completed_on < rates.valid_to or rates.valid_to is null)
)

select * from final
