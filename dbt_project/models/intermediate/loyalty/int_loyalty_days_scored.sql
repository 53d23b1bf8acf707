{{ config(materialized="view") }}

with days as (
    select
        customer_key,
        day,
        net_revenue,
        case when valid_orders > 0 then day end as purchased_on
    from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null and {{ is_account_moved() }}
),

points as (
    select amount_per_point
    from {{ ref("loyalty_points") }}
    where currency = {{ base_currency() }}
),

tiers as (
    select
        *,
        lead(min_score) over (order by tier_rank asc) as next_min_score
    from {{ ref("loyalty_tiers") }}
),

-- What a day brings goes again when the day falls out of the window.
movements as (
    select
        customer_key,
        day,
        net_revenue as volume,
        purchased_on
    from days

    union all

    select
        customer_key,
        {{ days_after("day", var("loyalty_window_days")) }} as day,
        -net_revenue as volume,
        null as purchased_on
    from days
    where {{ days_after("day", var("loyalty_window_days")) }} <= {{ as_of_date() }}
),

-- Movements of one day are summed together: the frame ends with the day, not with the row.
summed as (
    select
        customer_key,
        day,
        sum(volume) over customer_days as volume,
        min(purchased_on) over customer_days as first_purchase_on,
        max(purchased_on) over customer_days as last_purchase_on
    from movements
    window customer_days as (partition by customer_key order by day asc)
),

-- Neither a long time with little, nor much in a short time: months as a customer times points.
-- Computed once: the tiers would else compute it anew for each of their limits. The unit is asked
-- for, not joined: a join would lose the order in which the days come.
scored as {{ computed_once() }} (
    select
        summed.customer_key,
        summed.day,
        sqrt(
            cast(
                greatest(summed.volume / (select points.amount_per_point from points), 0)
                as {{ dbt.type_float() }}
            )
            * {{ days_between("summed.first_purchase_on", "summed.last_purchase_on") }} / 30.4375
        ) as score
    from summed
    where summed.first_purchase_on is not null and exists (select 1 from points)
),

final as (
    select
        scored.customer_key,
        scored.day,
        scored.score,
        tiers.tier
    from scored
    inner join tiers
        on scored.score >= tiers.min_score
            and (scored.score < tiers.next_min_score or tiers.next_min_score is null)
)

select * from final
