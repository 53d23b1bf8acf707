{{ config(materialized="view") }}

with orders as (
    select * from {{ ref("int_orders_valued") }}
),

final as (
    select
        order_key,
        ordered_on,
        currency
    from orders
    where exclusion = 'no_rate'
)

select * from final
