with customers as (
    select * from {{ ref("customers") }}
),

published as (
    select * from {{ ref("stg_published__customers") }}
),

history as (
    select * from {{ ref("stg_published__segments_daily") }}
    where day < {{ as_of_date() }}
),

rules as (
    select * from {{ ref("int_segment_rules_compared") }}
),

revenue as (
    select
        customer_key,
        net_revenue
    from {{ ref("int_customer_days_summarized") }}
    where day = {{ as_of_date() }} and customer_key is not null
),

-- Customers who are alike on every axis, today and in the prior run, are counted together: the
-- table below has some thousand rows however many customers there are.
alike as (
    select
        {%- for axis in segment_axes() %}
        customers.{{ axis }},
        published.{{ axis }} as published_{{ axis }},
        {%- endfor %}
        customers.types,
        published.types as published_types,
        row_number() over () as cell,
        count(*) as customers,
        coalesce(sum(revenue.net_revenue), 0) as net_revenue
    from customers
    full outer join published on customers.customer_key = published.customer_key
    left join revenue on customers.customer_key = revenue.customer_key
    group by
        {%- for axis in segment_axes() %}
        customers.{{ axis }},
        published.{{ axis }},
        {%- endfor %}
        customers.types,
        published.types
),

{%- for side, prefix in [("current_values", ""), ("published_values", "published_")] %}
{{ side }} as (
    {%- for axis in segment_axes() %}
    select
        cell,
        '{{ axis }}' as axis,
        {{ prefix }}{{ axis }} as value
    from alike
    where {{ prefix }}{{ axis }} is not null

    union all
    {% endfor %}
    select
        alike.cell,
        'type' as axis,
        each_type.type as value
    from alike
    {{ unnested("alike." ~ prefix ~ "types", "each_type", "type") }}
),
{% endfor %}
compared as (
    select
        coalesce(current_values.axis, published_values.axis) as axis,
        coalesce(current_values.value, published_values.value) as value,
        sum(case when current_values.cell is not null then alike.customers else 0 end)
            as customers,
        sum(case when current_values.cell is not null then alike.net_revenue else 0 end)
            as net_revenue,
        sum(case when published_values.cell is null then alike.customers else 0 end) as joined,
        sum(case when current_values.cell is null then alike.customers else 0 end) as gone
    from current_values
    full outer join published_values
        on
            current_values.cell = published_values.cell
            and current_values.axis = published_values.axis
            and current_values.value = published_values.value
    inner join alike on coalesce(current_values.cell, published_values.cell) = alike.cell
    group by
        coalesce(current_values.axis, published_values.axis),
        coalesce(current_values.value, published_values.value)
),

-- Before the first publication nobody can be said to have joined or left.
comparable as (
    select count(*) > 0 as has_prior_run from published
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
        "left",
        rule_version
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
        case when comparable.has_prior_run then cast(compared.gone as integer) end as "left",
        rules.rule_version
    from compared
    cross join comparable
    left join rules on compared.axis = rules.axis
)

select * from final
