with changed as (
    {{ changed_customers() }}
),

detected as (
    select
        customer_key,
        type
    from {{ ref("int_customer_types_detected") }}
),

published as (
    select
        customer_key,
        type
    from {{ ref("stg_published__customer_types") }}
),

-- A type that ends is added to the history; one that begins must know what ended before it.
moved as (
    select coalesce(detected.customer_key, published.customer_key) as customer_key
    from detected
    full outer join published
        on detected.customer_key = published.customer_key and detected.type = published.type
    where detected.customer_key is null or published.customer_key is null
),

scope as (
    select customer_key from changed
    union distinct
    select customer_key from moved
),

final as (
    {{ history_scope("customer_types", "customer_key") }}
)

select * from final
