{#- One row, whatever has been fitted: a model that was refused has nulls. -#}
with fits as (
    select * from {{ source("scores", "fits") }}
    where fit_day = {{ fit_day() }} and status = 'fitted'
),

coefficients as (
    select
        coefficients.model,
        coefficients.model = 'return_score' as is_return,
        coefficients.term,
        coefficients.value,
        coefficients.reference
    from {{ source("scores", "coefficients") }} as coefficients
    inner join fits
        on coefficients.model = fits.model and coefficients.fit_day = fits.fit_day
),

used as (
    select max(case when is_used then model end) as ranking_model
    from fits
),

final as (
    select
        {%- for name in ["p", "q", "v"] %}
        max(case when model = 'gamma_gamma' and term = '{{ name }}' then value end)
            as gg_{{ name }},
        {%- endfor %}
        {%- for model, prefix in {"return_score": "return", "recency": "recency"}.items() %}
        max(case when model = '{{ model }}' and term = 'intercept' then value end)
            as {{ prefix }}_intercept,
        max(case when model = '{{ model }}' and term = 'outcome_days' then value end)
            as {{ prefix }}_outcome_days,
        {%- endfor %}
        max(case when model = 'recency' and term = 'log_recency' then value end)
            as recency_log_recency,
        {%- for term in score_terms() %}
        coalesce(max(case when is_return and term = '{{ term }}' then value end), 0)
            as b_{{ term }},
        coalesce(max(case when is_return and term = '{{ term }}' then reference end), 0)
            as m_{{ term }},
        {%- endfor %}
        count(*) as coefficients
    from coefficients
)

select
    {{ fit_day() }} as fit_day,
    used.ranking_model,
    final.*
from final
cross join used
