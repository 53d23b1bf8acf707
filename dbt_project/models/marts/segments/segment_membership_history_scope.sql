with changed as (
    {{ changed_customers() }}
),

customers as (
    select * from {{ ref("customers") }}
),

published as (
    select * from {{ ref("stg_published__customers") }}
),

moved as (
    select coalesce(customers.customer_key, published.customer_key) as customer_key
    from customers
    full outer join published on customers.customer_key = published.customer_key
    where customers.customer_key is null
        or published.customer_key is null
        {%- for axis in membership_axes() %}
        or customers.{{ axis }} is distinct from published.{{ axis }}
        {%- endfor %}
),

scope as (
    select customer_key from changed
    union distinct
    select customer_key from moved
),

final as (
    {{ history_scope("segment_membership", "customer_key") }}
)

select * from final
