with customers as (
    select customer_key from {{ ref("int_customers_profiled") }}
),

published as (
    select customer_key from {{ ref("stg_published__customers") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

changes as (
    select * from {{ ref("int_identity_changes") }}
    where changed_in_run > {{ var("changes_since_run") | int }}
),

former as (
    select published.customer_key
    from published
    left join customers on published.customer_key = customers.customer_key
    where customers.customer_key is null
),

-- The log says whose keys they were; a log begun anew says nothing, but a customer is named after
-- one of its keys.
keys as (
    select
        former.customer_key as former_key,
        links.customer_key
    from former
    inner join changes on former.customer_key = changes.customer_key_before
    inner join links on changes.identity_key = links.identity_key
    where {{ (not everything_changed()) | lower }}

    union all

    select
        former.customer_key as former_key,
        links.customer_key
    from former
    inner join links
        on
            former.customer_key = {{ dbt.hash(
                "concat('" ~ env_var("MOSHTARI_CUSTOMER_KEY_SALT", "") ~ "', links.identity_key)"
            ) }}
    where {{ everything_changed() | lower }}
),

counted as (
    select
        former_key,
        customer_key,
        row_number() over (
            partition by former_key
            order by count(*) desc, customer_key asc
        ) as place
    from keys
    group by former_key, customer_key
),

final as (
    select
        former_key,
        customer_key
    from counted
    where place = 1
)

select * from final
