with changed as (
    {{ changed_customers() }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

published as (
    select * from {{ ref("stg_published__customers") }}
),

-- Time alone leads on from one phase to another; new customers and those who are no more count too.
moved as (
    select coalesce(customers.customer_key, published.customer_key) as customer_key
    from customers
    full outer join published on customers.customer_key = published.customer_key
    where customers.phase is distinct from published.phase
),

scope as (
    select customer_key from changed
    union distinct
    select customer_key from moved
),

final as (
    {{ history_scope("customer_life_cycle", "customer_key") }}
)

select * from final
