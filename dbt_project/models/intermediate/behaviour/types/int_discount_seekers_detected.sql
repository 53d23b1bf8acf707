with customers as (
    select * from {{ ref("int_customers_measured") }}
),

visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
),

figures as (
    select
        customers.*,
        coalesce(visits.sessions, 0) as visits,
        coalesce(visits.offer_sessions, 0) as offer_visits,
        coalesce(visits.code_searches, 0) as code_searches,
        visits.came_by_offer_on,
        visits.searched_code_on,
        customers.discounted_orders / nullif(1.0 * customers.orders, 0) as discounted_share
    from customers
    left join visits on customers.customer_key = visits.customer_key
),

-- What a buyer is shows in the orders; only of a prospect the visits have to tell.
judged as (
    select
        *,
        case
            when orders >= {{ var("discount_min_orders") }}
                and discounted_share >= {{ var("discount_share") }}
                then 'discount_seeker.buys_at_discount'
            when orders = 0
                and visits >= {{ var("discount_min_visits") }}
                and offer_visits = visits
                then 'discount_seeker.comes_for_offers'
            when orders = 0 and code_searches > 0 then 'discount_seeker.searches_codes'
        end as rule_id
    from figures
),

final as (
    select
        customer_key,
        'discount_seeker' as type,
        case rule_id
            when 'discount_seeker.buys_at_discount' then {{ label_score("discounted_share") }}
            when 'discount_seeker.comes_for_offers'
                then {{ label_score(strength("offer_visits", var("discount_min_visits"))) }}
            else {{ label_score(strength("code_searches", 1)) }}
        end as score,
        rule_id,
        case rule_id
            when 'discount_seeker.buys_at_discount' then last_purchase_on
            when 'discount_seeker.comes_for_offers' then came_by_offer_on
            else searched_code_on
        end as since,
        {{ json_object({
            "orders": "orders",
            "discounted_orders": "discounted_orders",
            "visits": "visits",
            "visits_by_offer": "offer_visits",
            "searches_for_codes": "code_searches",
            "discount_share": var("discount_share"),
            "intent_window_days": var("intent_window_days"),
        }) }} as evidence
    from judged
    where rule_id is not null
)

select * from final
