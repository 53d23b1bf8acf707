{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_accounts_moved() }}",
    indexes=[
        {"columns": ["customer_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with scores as (
    select
        *,
        lag(tier) over (partition by customer_key order by day asc) as tier_before,
        lead(day) over (partition by customer_key order by day asc) is null as is_last
    from {{ ref("int_loyalty_days_scored") }}
),

points as (
    select * from {{ ref("int_loyalty_points_summed") }}
),

units as (
    select amount_per_point
    from {{ ref("loyalty_points") }}
    where currency = {{ base_currency() }}
),

tiers as (
    select * from {{ ref("loyalty_tiers") }}
),

benefits as (
    select
        tier,
        array_agg(benefit order by benefit_order asc) as benefits
    from {{ ref("loyalty_benefits") }}
    group by tier
),

changes as (
    select
        customer_key,
        day,
        tier_before
    from scores
    where tier_before is distinct from tier
),

standings as (
    select
        customer_key,
        max(case when is_last then score end) as score,
        max(case when is_last then tier end) as tier,
        max(case when tier_before is distinct from tier then day end) as tier_since
    from scores
    group by customer_key
),

valued as (
    select
        standings.*,
        points.points_earned,
        least(points.points_standing, points.points_earned) as points,
        greatest(standings.tier_since, points.last_moved_on, points.last_expired_on) as changed_on
    from standings
    inner join points on standings.customer_key = points.customer_key
),

final as (
    select
        valued.customer_key,
        round(cast(valued.score as numeric), 2) as loyalty_score,
        valued.tier,
        valued.tier_since,
        changes.tier_before as previous_tier,
        cast(valued.points_earned as bigint) as points_earned,
        cast(valued.points_earned - valued.points as bigint) as points_expired,
        cast(valued.points as bigint) as points,
        round(valued.points * units.amount_per_point * tiers.credit_share, 2) as credits,
        coalesce(benefits.benefits, cast(array[] as text[])) as benefits,
        valued.changed_on,
        {{ changed_in_run() }}
    from valued
    cross join units
    inner join tiers on valued.tier = tiers.tier
    left join changes
        on valued.customer_key = changes.customer_key and valued.tier_since = changes.day
    left join benefits on valued.tier = benefits.tier
)

select * from final
