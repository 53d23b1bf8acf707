{{ config(materialized="view") }}

with rates as (
    select * from {{ ref("stg_shop__exchange_rates") }}
),

-- The base currency needs no quote; a quote for it would be one too many.
final as (
    select
        currency,
        rate_to_base,
        rate_date as valid_from,
        lead(rate_date) over (partition by currency order by rate_date asc) as valid_to
    from rates
    where currency <> {{ base_currency() }}

    union all

    select
        {{ base_currency() }} as currency,
        1 as rate_to_base,
        cast('0001-01-01' as date) as valid_from,
        null as valid_to
)

select * from final
