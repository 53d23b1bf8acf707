{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

days as (
    select * from {{ ref("int_customer_days_summarized") }}
),

-- The one pass over the days: everything below reads its result.
summed as (
    select
        customer_key,
        min(case when valid_orders > 0 then day end) as first_purchase_on,
        max(case when valid_orders > 0 then day end) as last_purchase_on,
        max(last_valid_ordered_at) as last_valid_ordered_at,
        cast(count(case when valid_orders > 0 then 1 end) as integer) as purchase_days,
        cast(sum(valid_orders) as integer) as orders,
        cast(sum(discounted_orders) as integer) as discounted_orders,
        sum(marketplace_orders) as marketplace_orders,
        sum(bought_by_shop) as bought_by_shop,
        sum(campaign_orders) as campaign_orders,
        sum(gross_revenue) as gross_revenue,
        sum(net_revenue) as net_revenue,
        sum(case
            when day > {{ days_after(as_of_date(), "-" ~ var("monetary_window_days")) }}
                then net_revenue
            else 0
        end) as window_net_revenue
    from days
    where customer_key is not null
    group by customer_key
),

timed as (
    select
        summed.*,
        profiles.party,
        summed.purchase_days - 1 as frequency,
        {{ days_between("summed.first_purchase_on", "summed.last_purchase_on") }} as recency_days,
        {{ days_between("summed.first_purchase_on", as_of_date()) }} as age_days,
        {{ days_between("summed.last_purchase_on", as_of_date()) }} as days_since_last_purchase
    from profiles
    inner join summed on profiles.customer_key = summed.customer_key
    where summed.purchase_days > 0
),

group_gaps as (
    select
        party,
        avg(1.0 * recency_days / frequency) as group_gap_days
    from timed
    where frequency > 0
    group by party
),

own_gaps as (
    select
        timed.*,
        percent_rank() over (partition by timed.party order by timed.purchase_days) as group_rank,
        coalesce(group_gaps.group_gap_days, {{ var("rhythm_default_gap_days") }}) as group_gap_days
    from timed
    left join group_gaps on timed.party = group_gaps.party
),

rhythms as (
    select
        *,
        {{ own_gap_days("frequency", "recency_days", "group_gap_days") }} as own_gap_days
    from own_gaps
),

scored as (
    select
        *,
        {{ separation_after_days("own_gap_days") }} as separation_after_days,
        {{ quintile("last_purchase_on") }} as r_score,
        {{ quintile("purchase_days") }} as f_score,
        {{ quintile("window_net_revenue") }} as m_score
    from rhythms
),

final as (
    select
        profiles.customer_key,
        profiles.party,
        profiles.first_seen_on,
        scored.first_purchase_on,
        scored.last_purchase_on,
        scored.last_valid_ordered_at,
        coalesce(scored.orders, 0) as orders,
        coalesce(scored.purchase_days, 0) as purchase_days,
        coalesce(scored.discounted_orders, 0) as discounted_orders,
        coalesce(summed.marketplace_orders, 0) > 0 as has_bought_from_customers,
        coalesce(summed.bought_by_shop, 0) > 0 as has_sold_to_shop,
        coalesce(summed.campaign_orders, 0) > 0 as has_followed_campaign,
        scored.frequency,
        scored.recency_days,
        scored.age_days,
        scored.days_since_last_purchase,
        coalesce(summed.gross_revenue, 0) as gross_revenue,
        coalesce(summed.net_revenue, 0) as net_revenue,
        scored.group_gap_days,
        round(scored.own_gap_days, 2) as own_gap_days,
        scored.separation_after_days,
        cast(floor({{ var("active_gap_factor") }} * scored.own_gap_days) as integer)
            as quiet_after_days,
        scored.group_rank,
        scored.r_score,
        scored.f_score,
        scored.m_score,
        round(
            {{ var("horizon_days") }} / scored.own_gap_days
            * greatest(scored.net_revenue / scored.orders, 0),
            2
        ) as value_at_stake,
        case
            when scored.customer_key is null then 'acquisition'
            when scored.purchase_days = 1 and scored.age_days <= {{ var("new_customer_days") }}
                then 'new'
            when scored.days_since_last_purchase >= scored.separation_after_days
                then 'separation'
            else 'existing'
        end as phase
    from profiles
    left join summed on profiles.customer_key = summed.customer_key
    left join scored on profiles.customer_key = scored.customer_key
)

select * from final
