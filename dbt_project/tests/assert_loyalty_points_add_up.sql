{# Points earned either hold or have expired; a tier follows from its score; where points have a
   value, every customer who has bought has an account. #}
with accounts as (
    select * from {{ ref("int_loyalty_accounts") }}
),

tiers as (
    select * from {{ ref("loyalty_tiers") }}
),

measurable as (
    select count(*) > 0 as is_measurable
    from {{ ref("loyalty_points") }}
    where currency = {{ base_currency() }}
),

missing as (
    select customers.customer_key
    from {{ ref("int_customers_measured") }} as customers
    cross join measurable
    left join accounts on customers.customer_key = accounts.customer_key
    where measurable.is_measurable and customers.purchase_days > 0 and accounts.customer_key is null
)

select accounts.customer_key
from accounts
inner join tiers on accounts.tier = tiers.tier
where accounts.points < 0
    or accounts.points_expired < 0
    or accounts.points_earned <> accounts.points + accounts.points_expired
    -- The score is published with two decimals.
    or accounts.loyalty_score < tiers.min_score - 0.005
    or accounts.tier_since > {{ as_of_date() }}

union all

select customer_key from missing
