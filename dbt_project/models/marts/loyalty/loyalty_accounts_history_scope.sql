with changed as (
    {{ changed_customers() }}
),

accounts as (
    select * from {{ ref("int_loyalty_accounts") }}
),

-- Those who have another account than before, and those who may have none any more.
scope as (
    select customer_key from accounts
    where changed_in_run > {{ var("changes_since_run") | int }}
    union distinct
    select customer_key from changed
),

final as (
    {{ history_scope("loyalty_accounts", "customer_key") }}
)

select * from final
