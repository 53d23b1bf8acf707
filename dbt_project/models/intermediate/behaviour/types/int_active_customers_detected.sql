with customers as (
    select measured.*
    from {{ ref("int_customers_measured") }} as measured
    inner join {{ ref("int_customers_laddered") }} as laddered
        on measured.customer_key = laddered.customer_key
    where laddered.is_in_rhythm and not laddered.is_loyal
),

final as (
    select
        customer_key,
        'active' as type,
        -- One on the day of a purchase, nothing when the rhythm is about to be lost.
        {{ label_score(
            "1 - days_since_last_purchase / (" ~ var("active_gap_factor") ~ " * own_gap_days)"
        ) }} as score,
        'active.within_own_rhythm' as rule_id,
        last_purchase_on as since,
        {{ json_object({
            "last_purchase_on": "last_purchase_on",
            "days_since_last_purchase": "days_since_last_purchase",
            "own_gap_days": "own_gap_days",
            "active_gap_factor": var("active_gap_factor"),
            "purchase_days": "purchase_days",
        }) }} as evidence
    from customers
)

select * from final
