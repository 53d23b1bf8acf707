{{ config(materialized="view") }}

with features as (
    select * from {{ ref("int_customer_features") }}
),

expectations as (
    select * from {{ ref("int_purchases_expected") }}
),

fitted as (
    select * from {{ ref("int_score_coefficients_pivoted") }}
),

alive as (
    select
        features.*,
        expectations.purchases_if_alive,
        {{ p_alive("features.frequency", "features.recency_days", "features.age_days") }} as p_alive
    from features
    left join expectations
        on
            features.frequency = expectations.frequency
            and features.age_days = expectations.age_days
),

final as (
    select
        alive.customer_key,
        alive.purchase_days,
        alive.frequency,
        alive.recency_days,
        alive.age_days,
        alive.days_since_last_purchase,
        alive.spend,
        alive.net_revenue,
        alive.activity,
        alive.same_season_purchase_days,
        alive.complaints,
        alive.open_complaints,
        alive.sentiment,
        alive.late_deliveries,
        alive.reply_hours,
        alive.purchases_if_alive,
        alive.p_alive,
        alive.p_alive * alive.purchases_if_alive as expected_purchases,
        coalesce(
            {{ spend_a_purchase("alive.purchase_days", "alive.spend") }},
            greatest(alive.net_revenue / alive.purchase_days, 0)
        ) as spend_a_purchase
    from alive
    cross join fitted
)

select * from final
