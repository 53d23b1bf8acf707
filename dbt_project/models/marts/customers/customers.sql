with profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

measured as (
    select * from {{ ref("int_customers_measured") }}
),

laddered as (
    select * from {{ ref("int_customers_laddered") }}
),

kinds as (
    select * from {{ ref("int_customers_kinds") }}
),

scores as (
    select * from {{ ref("int_customers_scored") }}
),

{% for value in ["occupation", "social_status"] -%}
-- A value that few customers share would name its bearer.
{{ value }}_groups as (
    select {{ value }}
    from profiles
    group by {{ value }}
    having count(*) >= {{ var("min_group_size") }}
),

{% endfor -%}
satisfaction as (
    select * from {{ ref("int_customer_satisfaction_measured") }}
),

loyalty as (
    select * from {{ ref("int_loyalty_accounts") }}
),

segments as (
    select * from {{ ref("rfm_segments") }}
),

types as (
    select
        detected.customer_key,
        array_agg(detected.type order by playbook.priority asc) as types
    from {{ ref("int_customer_types_detected") }} as detected
    inner join {{ ref("playbook") }} as playbook on detected.type = playbook.type
    group by detected.customer_key
),

final as (
    select
        {{ run_columns() }},
        profiles.customer_key,
        kinds.party,
        kinds.side,
        kinds.relation,
        kinds.intent,
        kinds.markets,
        kinds.revenue_b2c,
        kinds.revenue_b2b,
        kinds.revenue_c2c,
        kinds.revenue_c2b,
        {{ age_band("profiles.birth_date") }} as age_band,
        profiles.gender,
        profiles.region,
        profiles.city,
        profiles.country,
        {%- for value in ["occupation", "social_status"] %}
        case
            when profiles.{{ value }} is null then null
            when {{ value }}_groups.{{ value }} is null then 'other'
            else profiles.{{ value }}
        end as {{ value }},
        {%- endfor %}
        profiles.first_seen_on,
        measured.first_purchase_on,
        measured.last_purchase_on,
        measured.orders,
        measured.purchase_days,
        measured.frequency,
        measured.recency_days,
        measured.age_days,
        measured.gross_revenue,
        measured.net_revenue,
        measured.own_gap_days,
        measured.days_since_last_purchase,
        measured.r_score,
        measured.f_score,
        measured.m_score,
        segments.segment,
        scores.p_alive,
        scores.expected_purchases,
        scores.expected_spend,
        scores.return_score,
        scores.ranking_model,
        scores.ranking_score,
        scores.value_at_stake,
        measured.phase,
        laddered.ladder_step,
        types.types[1] as primary_type,
        coalesce(types.types, cast(array[] as text[])) as types,
        loyalty.tier as loyalty_tier,
        laddered.satisfaction,
        {%- for parameter in [
            "ease_of_buying", "support", "delivery_on_time", "product_quality", "feedback",
            "ease_of_return",
        ] %}
        satisfaction.{{ parameter }} as satisfaction_{{ parameter }},
        {%- endfor %}
        satisfaction.satisfaction_score,
        measured.purchase_days >= 2 as is_repeat,
        laddered.recommends
    from profiles
    inner join measured on profiles.customer_key = measured.customer_key
    inner join laddered on profiles.customer_key = laddered.customer_key
    inner join kinds on profiles.customer_key = kinds.customer_key
    {%- for value in ["occupation", "social_status"] %}
    left join {{ value }}_groups on profiles.{{ value }} = {{ value }}_groups.{{ value }}
    {%- endfor %}
    left join scores on profiles.customer_key = scores.customer_key
    left join loyalty on profiles.customer_key = loyalty.customer_key
    left join satisfaction on profiles.customer_key = satisfaction.customer_key
    left join segments
        on measured.r_score = segments.r_score and measured.f_score = segments.f_score
    left join types on profiles.customer_key = types.customer_key
)

select * from final
