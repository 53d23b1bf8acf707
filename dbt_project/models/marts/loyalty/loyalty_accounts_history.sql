with scope as (
    select customer_key from {{ ref("loyalty_accounts_history_scope") }}
),

accounts as (
    select * from {{ ref("int_loyalty_accounts") }}
    where {{ starts_anew("loyalty_accounts") | lower }}
        or customer_key in (select scope.customer_key from scope)
),

tiers as (
    select * from {{ ref("loyalty_tiers") }}
),

benefits as (
    select
        tier,
        {{ joined_text("name_fa", "؛ ", "benefit_order asc") }} as benefits_fa,
        {{ joined_text("name_en", "; ", "benefit_order asc") }} as benefits_en
    from {{ ref("loyalty_benefits") }}
    group by tier
),

final as (
    select
        {{ run_columns() }},
        accounts.customer_key,
        accounts.tier,
        tiers.name_fa as tier_name_fa,
        tiers.name_en as tier_name_en,
        tiers.tier_rank,
        accounts.tier_since,
        accounts.previous_tier,
        accounts.loyalty_score,
        accounts.points_earned,
        accounts.points_expired,
        accounts.points,
        accounts.credits,
        accounts.benefits,
        benefits.benefits_fa,
        benefits.benefits_en,
        accounts.changed_on
    from accounts
    inner join tiers on accounts.tier = tiers.tier
    left join benefits on accounts.tier = benefits.tier
)

select * from final
