{{ config(materialized="view") }}

with expected as (
    select * from {{ ref("int_customers_expected") }}
),

fitted as (
    select * from {{ ref("int_score_coefficients_pivoted") }}
),

termed as (
    select
        {%- for term, expression in score_terms().items() %}
        {{ expression }} as {{ term }},
        {%- endfor %}
        customer_key
    from expected
),

-- What each reason's terms add to the log odds of the average customer of the training.
weighed as (
    select
        termed.customer_key,
        termed.log_recency,
        termed.log_spend < fitted.m_log_spend as spends_less,
        {%- for reason, terms in score_reasons().items() %}
        {%- for term in terms %}
        {{ "+ " if not loop.first }}fitted.b_{{ term }} * (termed.{{ term }} - fitted.m_{{ term }})
        {%- endfor %}
            as {{ reason }}_adds,
        {%- endfor %}
        fitted.ranking_model,
        fitted.return_intercept,
        fitted.return_outcome_days,
        fitted.recency_intercept,
        fitted.recency_log_recency,
        fitted.recency_outcome_days
    from termed
    cross join fitted
),

summed as (
    select
        *,
        {%- for reason in score_reasons() %}
        {{ "+ " if not loop.first }}{{ reason }}_adds
        {%- endfor %}
            as adds
    from weighed
),

final as (
    select
        *,
        {{ within_horizon(logistic("return_intercept + adds"), "return_outcome_days") }}
            as return_score,
        {{ within_horizon(
            logistic("recency_intercept + recency_log_recency * log_recency"),
            "recency_outcome_days"
        ) }} as return_by_recency
    from summed
)

select * from final
