{# What is published of customers and of orders is one money: the net amounts of a customer's orders
   are its net revenue, and all of them, with what ties to nobody, are the revenue of the days. Of
   orders whose rows are kept from earlier nights, the valued ones stand for them. #}
-- depends_on: {{ ref("orders_history_scope") }}
with customers as (
    select
        sum(gross_revenue) as gross,
        sum(net_revenue) as net
    from {{ ref("customers") }}
),

days as (
    select
        sum(gross_revenue) as gross,
        sum(net_revenue) as net
    from {{ ref("int_customers_summed") }}
),

published as (
    select
        count(*) as orders,
        sum(net_amount) as net
    from {{ ref("orders_history") }}
),

valued as (
    select
        count(*) as orders,
        sum(
            case when is_sold then gross_base - discount_base else 0 end
            - case when takes_refunds then refunded_base else 0 end
        ) as net
    from {{ ref("int_orders_valued") }}
    {%- if not starts_anew("orders") %}
    where order_key in (select scope.order_key from {{ ref("orders_history_scope") }} as scope)
    {%- endif %}
),

all_days as (
    {%- if starts_anew("orders") %}
    select sum(net_revenue) as net
    from {{ ref("int_customer_days_summarized") }}
    {%- else %}
    select net from valued
    {%- endif %}
)

select
    customers.gross as published_gross,
    days.gross as counted_gross,
    customers.net as published_net,
    days.net as counted_net,
    published.net as net_of_orders,
    valued.net as valued_net,
    all_days.net as net_of_days
from customers
cross join days
cross join published
cross join valued
cross join all_days
where coalesce(customers.gross, 0) <> coalesce(days.gross, 0)
    or coalesce(customers.net, 0) <> coalesce(days.net, 0)
    or published.orders <> valued.orders
    or coalesce(published.net, 0) <> coalesce(valued.net, 0)
    or coalesce(published.net, 0) <> coalesce(all_days.net, 0)
