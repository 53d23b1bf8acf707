{#- One model for each rule; the order says nothing. -#}
{%- set detections = [
    ref("int_browsers_detected"),
    ref("int_discount_seekers_detected"),
    ref("int_researchers_detected"),
    ref("int_impulse_buyers_detected"),
    ref("int_hesitant_customers_detected"),
    ref("int_switchers_detected"),
    ref("int_new_customers_detected"),
    ref("int_active_customers_detected"),
    ref("int_lapsed_customers_detected"),
    ref("int_dissatisfied_customers_detected"),
    ref("int_at_risk_customers_detected"),
    ref("int_referred_customers_detected"),
] -%}

with rules as (
    select * from {{ ref("rules") }}
),

detected as (
    {%- for detection in detections %}
    select
        customer_key,
        type,
        score,
        rule_id,
        since,
        evidence
    from {{ detection }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- A rule without its row in the seed is a label without a version: it fails the key's test.
final as (
    select
        detected.customer_key,
        detected.type,
        detected.score,
        detected.rule_id,
        rules.rule_version,
        detected.since,
        detected.evidence
    from detected
    left join rules on detected.rule_id = rules.rule_id
)

select * from final
