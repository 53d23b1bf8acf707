with customers as (
    select * from {{ ref("customers") }}
),

published as (
    select * from {{ ref("stg_published__customers") }}
),

rules as (
    select * from {{ ref("int_segment_rules_compared") }}
),

identities as (
    select * from {{ ref("int_customers_reshaped") }}
),

-- What has happened to the customer itself since the prior run, the same for every axis.
compared as (
    select
        coalesce(customers.customer_key, published.customer_key) as customer_key,
        {%- for axis in membership_axes() %}
        customers.{{ axis }},
        published.{{ axis }} as published_{{ axis }},
        {%- endfor %}
        case
            when {{ (var("prior_run_id") | int == 0) | lower }} then 'history_begins'
            when customers.customer_key is null then 'gone'
            when published.customer_key is null and identities.is_split then 'split'
            when published.customer_key is null and identities.is_merged then 'merged'
            when published.customer_key is null and customers.purchase_days > 0
                then 'first_purchase'
            when published.customer_key is null then 'became_known'
            when identities.is_merged then 'merged'
            when identities.is_split then 'split'
            when published.purchase_days = 0 and customers.purchase_days > 0
                then 'first_purchase'
            when customers.orders > published.orders then 'purchase'
            when customers.orders < published.orders
                or customers.net_revenue < published.net_revenue then 'refund'
        end as own_cause,
        customers.satisfaction = 'dissatisfied' and published.satisfaction <> 'dissatisfied'
            as has_grown_dissatisfied,
        published.satisfaction = 'dissatisfied' and customers.satisfaction <> 'dissatisfied'
            as is_satisfied_again,
        customers.recommends and not published.recommends as recommends_now
    from customers
    full outer join published on customers.customer_key = published.customer_key
    left join identities
        on coalesce(customers.customer_key, published.customer_key) = identities.customer_key
    where customers.customer_key is null
        {%- for axis in membership_axes() %}
        or customers.{{ axis }} is distinct from published.{{ axis }}
        {%- endfor %}
),

moved as (
    {%- for axis in membership_axes() %}
    select
        customer_key,
        '{{ axis }}' as axis,
        {{ axis }} as value,
        published_{{ axis }} as published_value,
        own_cause,
        has_grown_dissatisfied,
        is_satisfied_again,
        recommends_now
    from compared
    where {{ axis }} is distinct from published_{{ axis }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- What nobody did has its cause in the rules, in the others, or in time.
explained as (
    select
        moved.*,
        coalesce(
            moved.own_cause,
            case
                when rules.has_changed then 'rule_changed'
                when moved.axis = 'segment' then 'others_moved'
                when moved.axis <> 'ladder_step' then 'time_passed'
                when moved.has_grown_dissatisfied then 'dissatisfied'
                when moved.is_satisfied_again then 'satisfied_again'
                when moved.recommends_now then 'recommended'
                when moved.value = 'prospect' then 'saw_message'
                when moved.value in ('loyal', 'advocate') then 'others_moved'
                else 'time_passed'
            end
        ) as because
    from moved
    inner join rules on moved.axis = rules.axis
),

final as (
    select
        customer_key,
        axis,
        value,
        published_value,
        case when value is not null then because end as joined_because,
        case when published_value is not null then because end as left_because
    from explained
)

select * from final
