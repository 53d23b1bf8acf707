{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with expected as (
    select * from {{ ref("int_customers_expected") }}
),

weighed as (
    select * from {{ ref("int_return_scores_weighed") }}
),

measured as (
    select * from {{ ref("int_customers_measured") }}
),

joined as (
    select
        expected.*,
        measured.own_gap_days,
        weighed.return_score,
        weighed.return_by_recency,
        coalesce(weighed.ranking_model, 'recency') as ranking_model,
        case weighed.ranking_model
            when 'return_score' then weighed.return_score
            when 'bg_nbd' then 1 - {{ bounded_exp("-expected.expected_purchases") }}
            else weighed.return_by_recency
        end as return_probability,
        weighed.return_intercept,
        {%- for reason in score_reasons() %}
        weighed.{{ reason }}_adds,
        {%- endfor %}
        weighed.adds,
        weighed.spends_less
    from expected
    inner join weighed on expected.customer_key = weighed.customer_key
    inner join measured on expected.customer_key = measured.customer_key
),

-- Told is what lowers the score and is a fact; who scores like the average customer has nothing.
told as (
    select
        {%- for reason in score_reasons() %}
        case
            when return_intercept is not null and adds < 0
                and {{ reason }}_adds < -0.05 and {{ reason_can_be_told(reason) }}
                then {{ reason }}_adds
        end as {{ reason }}_lowers,
        {%- endfor %}
        *
    from joined
),

ranked as (
    select
        {%- for reason in score_reasons() %}
        case when {{ reason }}_lowers is not null then {{ reason_rank(reason) }} end
            as {{ reason }}_rank,
        {%- endfor %}
        *
    from told
),

final as (
    select
        customer_key,
        round(cast(p_alive as numeric), 6) as p_alive,
        round(cast(expected_purchases as numeric), 6) as expected_purchases,
        round(cast(expected_purchases * spend_a_purchase as numeric), 2) as expected_spend,
        round(cast(return_score as numeric), 6) as return_score,
        ranking_model,
        -- Before anything is fitted the plain order of recency remains, on the same scale.
        round(
            cast(
                coalesce(
                    return_probability,
                    {{ var("horizon_days") }}
                    / ({{ var("horizon_days") }} + 1.0 * days_since_last_purchase)
                ) as numeric
            ),
            6
        ) as ranking_score,
        -- What its own rhythm would bring in the horizon, times the chance that it does not come.
        round(
            cast(
                (1 - coalesce(return_probability, 0)) * {{ var("horizon_days") }}
                / own_gap_days * spend_a_purchase as numeric
            ),
            2
        ) as value_at_stake,
        {{ reasons_in_words("fa") }} as reasons_fa,
        {{ reasons_in_words("en") }} as reasons_en
    from ranked
)

select * from final
