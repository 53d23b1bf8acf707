with customers as (
    select * from {{ ref("customers") }}
),

types as (
    select * from {{ ref("customer_types") }}
    where valid_to is null
),

published_customers as (
    select * from {{ ref("stg_published__customers") }}
),

published_types as (
    select * from {{ ref("stg_published__customer_types") }}
    where valid_to is null
),

history as (
    select * from {{ ref("stg_published__segments_daily") }}
    where day < {{ as_of_date() }}
),

revenue as (
    select
        customer_key,
        net_revenue
    from {{ ref("int_customer_days_summarized") }}
    where day = {{ as_of_date() }} and customer_key is not null
),

-- Before the first publication nobody can be said to have joined or left.
comparable as (
    select count(*) > 0 as has_prior_run from published_customers
),

{%- for members, customer_table, type_table in [
    ("members", "customers", "types"),
    ("published_members", "published_customers", "published_types"),
] %}
{{ members }} as (
    {%- for axis in ["phase", "segment", "ladder_step", "relation"] %}
    select
        '{{ axis }}' as axis,
        {{ axis }} as value,
        customer_key
    from {{ customer_table }}
    where {{ axis }} is not null

    union all
    {% endfor %}
    select
        'type' as axis,
        type as value,
        customer_key
    from {{ type_table }}
),
{% endfor %}
compared as (
    select
        coalesce(members.axis, published_members.axis) as axis,
        coalesce(members.value, published_members.value) as value,
        count(members.customer_key) as customers,
        coalesce(
            sum(case when members.customer_key is not null then revenue.net_revenue end), 0
        ) as net_revenue,
        count(case when published_members.customer_key is null then 1 end) as joined,
        count(case when members.customer_key is null then 1 end) as gone
    from members
    full outer join published_members
        on
            members.axis = published_members.axis
            and members.value = published_members.value
            and members.customer_key = published_members.customer_key
    left join revenue on members.customer_key = revenue.customer_key
    group by
        coalesce(members.axis, published_members.axis),
        coalesce(members.value, published_members.value)
),

final as (
    select
        {{ run_columns() }},
        day,
        axis,
        value,
        customers,
        net_revenue,
        joined,
        "left"
    from history

    union all

    select
        {{ run_columns() }},
        {{ as_of_date() }} as day,
        compared.axis,
        compared.value,
        cast(compared.customers as integer) as customers,
        compared.net_revenue,
        case when comparable.has_prior_run then cast(compared.joined as integer) end as joined,
        case when comparable.has_prior_run then cast(compared.gone as integer) end as "left"
    from compared
    cross join comparable
)

select * from final
