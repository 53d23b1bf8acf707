with orders as (
    select * from {{ ref("int_orders_judged") }}
),

judged as (
    select
        customer_key,
        cast(count(*) as integer) as judged_orders,
        cast(count(case when is_impulsive then 1 end) as integer) as impulsive_orders,
        max(case when is_impulsive then ordered_on end) as last_impulsive_on
    from orders
    group by customer_key
),

labelled as (
    select * from judged
    where impulsive_orders > 0
        and impulsive_orders >= {{ var("impulse_share") }} * judged_orders
),

evidence as (
    select
        customer_key,
        {{ json_array("order_key", "ordered_on asc, order_key asc") }} as order_keys
    from (
        select
            orders.customer_key,
            orders.order_key,
            orders.ordered_on,
            row_number() over (
                partition by orders.customer_key
                order by orders.ordered_on desc, orders.order_key asc
            ) as nth
        from orders
        inner join labelled on orders.customer_key = labelled.customer_key
        where orders.is_impulsive
    ) as latest
    where nth <= {{ var("evidence_rows") }}
    group by customer_key
),

final as (
    select
        labelled.customer_key,
        'impulse' as type,
        -- One order says less than five: the share, as if one more had been planned.
        {{ label_score("labelled.impulsive_orders / (labelled.judged_orders + 1.0)") }} as score,
        'impulse.bought_at_first_sight' as rule_id,
        labelled.last_impulsive_on as since,
        {{ json_object({
            "orders_judged": "labelled.judged_orders",
            "orders_at_first_sight": "labelled.impulsive_orders",
            "orders": "evidence.order_keys",
            "impulse_minutes": var("impulse_minutes"),
            "impulse_share": var("impulse_share"),
        }) }} as evidence
    from labelled
    inner join evidence on labelled.customer_key = evidence.customer_key
)

select * from final
