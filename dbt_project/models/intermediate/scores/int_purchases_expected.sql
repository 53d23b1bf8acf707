with features as (
    select * from {{ ref("int_customer_features") }}
),

{{ bg_nbd_ctes() }},

-- Customers with the same history share one row.
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

final as (
    select
        purchases.frequency,
        purchases.age_days,
        purchases.purchases as purchases_if_alive,
        bg_nbd.r,
        bg_nbd.alpha,
        bg_nbd.a,
        bg_nbd.b
    from purchases
    inner join bg_nbd on purchases.fit_day = bg_nbd.fit_day
)

select * from final
