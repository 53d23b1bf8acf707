with customers as (
    select * from {{ ref("int_customers_measured") }}
    where age_days <= {{ var("new_customer_days") }}
),

final as (
    select
        customer_key,
        'new' as type,
        1.0 as score,
        'new.first_purchase' as rule_id,
        first_purchase_on as since,
        {{ json_object({
            "first_purchase_on": "first_purchase_on",
            "days_since_first_purchase": "age_days",
            "new_customer_days": var("new_customer_days"),
        }) }} as evidence
    from customers
)

select * from final
