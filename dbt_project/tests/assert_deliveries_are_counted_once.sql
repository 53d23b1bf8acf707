{# Every order that was shipped, was due or arrived is in delivery_daily once, on its own day. #}
with orders as (
    select
        count(shipped_on) as shipped,
        count(case when promised_on <= {{ as_of_date() }} then 1 end) as due,
        count(delivered_on) as delivered
    from {{ ref("int_orders_delivered") }}
),

counted as (
    select
        coalesce(sum(shipped), 0) as shipped,
        coalesce(sum(due), 0) as due,
        coalesce(sum(delivered), 0) as delivered,
        coalesce(sum(greatest(on_time + broken - due, 0)), 0) as too_many
    from {{ ref("delivery_daily") }}
)

select
    orders.*,
    counted.shipped as counted_shipped,
    counted.due as counted_due,
    counted.delivered as counted_delivered,
    counted.too_many
from orders
cross join counted
where orders.shipped <> counted.shipped
    or orders.due <> counted.due
    or orders.delivered <> counted.delivered
    or counted.too_many > 0
