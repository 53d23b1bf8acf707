with customers as (
    select
        measured.*,
        lapses.separated_on,
        lapses.reason,
        lapses.is_mended
    from {{ ref("int_customers_measured") }} as measured
    inner join {{ ref("int_customer_lapses_explained") }} as lapses
        on measured.customer_key = lapses.customer_key
),

final as (
    select
        customer_key,
        'lapsed' as type,
        -- A half on the day of separation, one when twice as long has passed.
        {{ label_score("days_since_last_purchase / (2.0 * separation_after_days)") }} as score,
        'lapsed.separation' as rule_id,
        separated_on as since,
        {{ json_object({
            "last_purchase_on": "last_purchase_on",
            "days_since_last_purchase": "days_since_last_purchase",
            "own_gap_days": "own_gap_days",
            "separation_after_days": "separation_after_days",
            "reason": "reason",
            "is_mended": "is_mended",
        }) }} as evidence
    from customers
)

select * from final
