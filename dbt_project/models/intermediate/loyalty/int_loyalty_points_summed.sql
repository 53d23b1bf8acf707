{{ config(materialized="view") }}

with days as (
    select * from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null and {{ is_account_moved() }}
),

units as (
    select amount_per_point
    from {{ ref("loyalty_points") }}
    where currency = {{ base_currency() }}
),

movements as (
    select
        *,
        day > {{ days_after(as_of_date(), "-" ~ var("points_valid_days")) }} as holds,
        {{ days_after("day", var("points_valid_days")) }} as expires_on
    from days
),

-- Points are earned by what was paid, and taken back with what was refunded.
summed as (
    select
        customer_key,
        greatest(sum(net_revenue), 0) as net_revenue,
        greatest(sum(case when holds then net_revenue else 0 end), 0) as standing_revenue,
        max(case when net_revenue <> 0 then day end) as last_moved_on,
        max(case when net_revenue <> 0 and not holds then expires_on end) as last_expired_on
    from movements
    group by customer_key
),

final as (
    select
        summed.customer_key,
        floor(summed.net_revenue / units.amount_per_point) as points_earned,
        floor(summed.standing_revenue / units.amount_per_point) as points_standing,
        summed.last_moved_on,
        summed.last_expired_on
    from summed
    cross join units
)

select * from final
