{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

summed as (
    select * from {{ ref("int_customers_summed") }}
),

rhythms_fixed as (
    select * from {{ ref("int_rhythms_fixed") }}
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

-- A rank is counted over the values there are, not over the customers: a thousand days, a hundred
-- counts. Only money has nearly as many values as there are customers.
group_ranks as (
    {{ ranked_values("timed", "purchase_days", group="party") }}
),

r_ranks as (
    {{ ranked_values("timed", "last_purchase_on") }}
),

f_ranks as (
    {{ ranked_values("timed", "purchase_days") }}
),

m_ranks as (
    {{ ranked_values("timed", "window_net_revenue") }}
),

own_gaps as (
    select
        timed.*,
        group_ranks.value_rank as group_rank,
        {{ quintile("r_ranks.value_rank") }} as r_score,
        {{ quintile("f_ranks.value_rank") }} as f_score,
        {{ quintile("m_ranks.value_rank") }} as m_score,
        coalesce(rhythms_fixed.group_gap_days, {{ var("rhythm_default_gap_days") }})
            as group_gap_days
    from timed
    inner join group_ranks
        on
            timed.party = group_ranks.party
            and timed.purchase_days = group_ranks.purchase_days
    inner join r_ranks on timed.last_purchase_on = r_ranks.last_purchase_on
    inner join f_ranks on timed.purchase_days = f_ranks.purchase_days
    inner join m_ranks on timed.window_net_revenue = m_ranks.window_net_revenue
    left join rhythms_fixed on timed.party = rhythms_fixed.party
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
        {{ separation_after_days("own_gap_days") }} as separation_after_days
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
