{{ config(materialized="view") }}

with spend as (
    select * from {{ ref("stg_shop__campaign_spend") }}
),

rates as (
    select * from {{ ref("int_exchange_rates_dated") }}
),

final as (
    select
        spend.spend_key,
        spend.spend_date,
        spend.channel,
        spend.purpose,
        spend.amount * rates.rate_to_base as amount_base
    from spend
    left join rates
        on
            spend.currency = rates.currency
            and spend.spend_date >= rates.valid_from
            and (spend.spend_date < rates.valid_to or rates.valid_to is null)
)

select * from final
