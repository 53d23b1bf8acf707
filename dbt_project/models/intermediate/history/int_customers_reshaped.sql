with changes as (
    select * from {{ ref("int_identity_changes") }}
    where changed_in_run > {{ var("changes_since_run") | int }}
        and customer_key_before <> customer_key_after
        and {{ (not everything_changed()) | lower }}
),

customers as (
    select customer_key from {{ ref("int_customers_profiled") }}
),

gained_or_lost as (
    select
        changes.customer_key_after as customer_key,
        true as is_merged,
        customers.customer_key is not null as is_split
    from changes
    left join customers on changes.customer_key_before = customers.customer_key

    union all

    select
        customer_key_before as customer_key,
        false as is_merged,
        true as is_split
    from changes
),

final as (
    select
        customer_key,
        bool_or(is_merged) as is_merged,
        bool_or(is_split) as is_split
    from gained_or_lost
    group by customer_key
)

select * from final
