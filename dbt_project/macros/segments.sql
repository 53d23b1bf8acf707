{# The axes on which membership is kept by customer. Phases have a history of their own, in
   customer_life_cycle, and types in customer_types. #}
{% macro membership_axes() -%}
    {{ return(["segment", "ladder_step", "loyalty_tier"]) }}
{%- endmacro %}

{# The axes on which customers are counted by day, each a column of customers; types come beside. #}
{% macro segment_axes() -%}
    {{ return([
        "relation", "party", "side", "phase", "segment", "ladder_step", "loyalty_tier",
        "primary_type",
    ]) }}
{%- endmacro %}

{# What the rule of an axis is made of, as one short text: when it differs from the prior run's, it
   was not the customer who moved. Null where no threshold decides. #}
{% macro axis_rule_version(axis) -%}
    {%- set thresholds = {
        "ladder_step": [
            "active_gap_factor", "advocacy_days", "dissatisfaction_days", "loyal_min_purchase_days",
            "loyal_top_min_purchase_days", "loyal_top_share", "new_customer_days",
            "separation_gap_factor", "separation_min_days",
        ],
        "phase": ["new_customer_days", "separation_gap_factor", "separation_min_days"],
    } -%}
    {%- if axis == "segment" -%}
    (
        select {{ dbt.hash(
            "cast(" ~ json_array("concat(r_score, f_score, segment)", "r_score, f_score")
            ~ " as " ~ text_type() ~ ")"
        ) }}
        from {{ ref("rfm_segments") }}
    )
    {%- elif axis in thresholds -%}
        {%- set values = [] -%}
        {%- for name in thresholds[axis] -%}
            {%- do values.append(name ~ "=" ~ var(name)) -%}
        {%- endfor -%}
    {{ dbt.hash("'" ~ values | join(",") ~ "'") }}
    {%- else -%}
    cast(null as {{ text_type() }})
    {%- endif -%}
{%- endmacro %}
