{{ config(materialized="view") }}

with cuts as (
    select * from {{ source("scores", "cuts") }}
),

{{ customer_features(sampled=true) }},

{{ bg_nbd_ctes() }},

histories as (
    select distinct
        fit_day,
        horizon_days,
        frequency,
        age_days
    from features
),

purchases as (
    {{ purchases_if_alive("histories", "nodes", "bg_nbd") }}
),

expected as (
    select
        features.*,
        purchases.purchases
        * {{ p_alive("features.frequency", "features.recency_days", "features.age_days") }}
            as expected_purchases
    from features
    left join purchases
        on
            features.fit_day = purchases.fit_day
            and features.frequency = purchases.frequency
            and features.age_days = purchases.age_days
    left join bg_nbd on features.fit_day = bg_nbd.fit_day
),

-- The outcome: the purchase day after the cut, whenever it came.
returned as (
    select
        cuts.cut_on,
        cuts.fit_day,
        days.customer_key,
        min(days.day) as next_purchase_on
    from cuts
    inner join days on cuts.cut_on < days.day
    where days.valid_orders > 0
    group by cuts.cut_on, cuts.fit_day, days.customer_key
),

final as (
    select
        expected.cut_on,
        expected.fit_day,
        expected.customer_key,
        returned.next_purchase_on,
        {%- for term, expression in score_terms().items() %}
        cast({{ expression }} as double precision) as {{ term }},
        {%- endfor %}
        expected.expected_purchases
    from expected
    left join returned
        on
            expected.customer_key = returned.customer_key
            and expected.cut_on = returned.cut_on
            and expected.fit_day = returned.fit_day
)

select * from final
