with changed as (
    {{ changed_orders() }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

customers_changed as (
    select * from {{ ref("int_customers_changed") }}
    where changed_in_run > {{ var("changes_since_run") | int }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

summed as (
    select * from {{ ref("int_customers_summed") }}
),

shipped as (
    select * from {{ ref("int_orders_shipped") }}
),

runs as (
    select * from {{ source("ops", "runs") }}
),

-- A late order before the first one, or a first one that is none any more, makes another first day.
first_days as (
    {%- for day in ["customers_changed.first_purchase_on_before", "summed.first_purchase_on"] %}
    select
        customers_changed.customer_key,
        {{ day }} as day
    from customers_changed
    left join summed on customers_changed.customer_key = summed.customer_key
    where customers_changed.first_purchase_on_before is distinct from summed.first_purchase_on
    {{ "union distinct" if not loop.last }}
    {%- endfor %}
),

-- A person who turns out to be an organization has bought as one.
other_parties as (
    select distinct customers_changed.customer_key
    from customers_changed
    inner join profiles on customers_changed.customer_key = profiles.customer_key
    where customers_changed.party_before <> profiles.party
),

-- Promises that were broken since the prior run by the mere passing of their day.
overdue as (
    select shipped.order_key
    from shipped
    cross join runs
    where runs.run_id = {{ var("prior_run_id") | int }}
        and shipped.next_promised_on >= runs.as_of_date
        and shipped.next_promised_on < {{ as_of_date() }}
),

scope as (
    select order_key from changed
    union distinct
    select orders.order_key
    from orders
    inner join first_days
        on orders.customer_key = first_days.customer_key and orders.ordered_on = first_days.day
    union distinct
    select orders.order_key
    from orders
    inner join other_parties on orders.customer_key = other_parties.customer_key
    union distinct
    select order_key from overdue
),

final as (
    {{ history_scope("orders", "order_key") }}
)

select * from final
