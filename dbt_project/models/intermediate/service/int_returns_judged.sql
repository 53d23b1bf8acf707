{{ config(materialized="view") }}

with refunds as (
    select * from {{ ref("int_refunds_valued") }}
    where kind = 'return'
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

-- Easy when the money came back in time; undecided while it still can.
final as (
    select
        orders.customer_key,
        refunds.requested_on as day,
        case
            when
                {{ days_between(
                    "refunds.requested_on",
                    "coalesce(refunds.completed_on, " ~ as_of_date() ~ ")"
                ) }} > {{ var("return_good_days") }}
                then false
            when refunds.completed_on is not null then true
        end as is_good
    from refunds
    inner join orders on refunds.order_key = orders.order_key
)

select * from final
