-- The days of customers, and of what ties to nobody, that a build that goes on sums again. Empty
-- when everything is computed anew.
{%- if is_anew() %}
select
    customer_key,
    ordered_on as day
from {{ ref("int_orders_valued") }}
where false
{%- else %}
with orders_changed as (
    select * from {{ ref("int_orders_changed") }}
    where {{ logged_since_state() }} and is_revalued
),

orders as (
    select * from {{ ref("int_orders_valued") }}
    where {{ is_order_changed() }}
),

refunds as (
    select * from {{ ref("int_refunds_valued") }}
),

final as (
    select
        customer_key_before as customer_key,
        unnest(days_before) as day
    from orders_changed

    union distinct

    select
        customer_key,
        ordered_on as day
    from orders

    union distinct

    select
        orders.customer_key,
        refunds.completed_on as day
    from refunds
    inner join orders on refunds.order_key = orders.order_key
    where refunds.exclusion is null
)

select * from final
{%- endif %}
