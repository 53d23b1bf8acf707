with scope as (
    select customer_key from {{ ref("outreach_assignments_history_scope") }}
),

assigned as (
    select * from {{ ref("int_outreach_assigned") }}
),

assigned_before as (
    select * from {{ ref("stg_published__outreach_assignments") }}
    where {{ starts_anew("outreach_assignments") | lower }}
        or customer_key in (select scope.customer_key from scope)
),

customers as (
    select customer_key from {{ ref("int_customers_profiled") }}
),

followed as (
    select * from {{ ref("int_customers_followed") }}
),

-- What was decided for a customer goes with the person, as the types do.
known as (
    select
        assigned_before.list_name,
        coalesce(customers.customer_key, followed.customer_key) as customer_key,
        assigned_before.assigned_on,
        assigned_before.is_held_out
    from assigned_before
    left join customers on assigned_before.customer_key = customers.customer_key
    left join followed on assigned_before.customer_key = followed.former_key

    union all

    select
        list_name,
        customer_key,
        assigned_on,
        is_held_out
    from assigned
),

-- Of two people who turn out to be one, on one list since one day, the one listed counts.
final as (
    select
        {{ run_columns() }},
        list_name,
        customer_key,
        assigned_on,
        bool_and(is_held_out) as is_held_out
    from known
    where customer_key is not null
    group by list_name, customer_key, assigned_on
)

select * from final
