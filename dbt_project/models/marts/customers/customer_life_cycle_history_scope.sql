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

runs as (
    select * from {{ source("ops", "runs") }}
),

-- Another rhythm of the group moves the days on which silence became separation, for everybody: the
-- history of a day is the same whether it was built from the day before or from the beginning.
refitted as (
    select customers.customer_key
    from customers
    inner join runs
        on runs.run_id = {{ var("prior_run_id") | int }} and runs.as_of_date < {{ fit_day() }}
),

scope as (
    select customer_key from changed
    union distinct
    select customer_key from moved
    union distinct
    select customer_key from refitted
),

final as (
    {{ history_scope("customer_life_cycle", "customer_key") }}
)

select * from final
