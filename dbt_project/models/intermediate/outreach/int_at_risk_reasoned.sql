with at_risk as (
    select * from {{ ref("int_customer_types_detected") }}
    where type = 'at_risk'
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

scores as (
    select * from {{ ref("int_customers_scored") }}
),

figures as (
    select
        at_risk.customer_key,
        at_risk.score,
        customers.purchase_days = 1 as has_bought_once,
        cast(customers.days_since_last_purchase as {{ text_type() }}) as silent_days,
        cast(cast(round(customers.own_gap_days) as integer) as {{ text_type() }}) as gap_days,
        cast(customers.purchase_days as {{ text_type() }}) as purchases,
        scores.reasons_fa,
        scores.reasons_en
    from at_risk
    inner join customers on at_risk.customer_key = customers.customer_key
    left join scores on at_risk.customer_key = scores.customer_key
),

final as (
    select
        'at_risk' as list_name,
        customer_key,
        score,
        0 as urgency,
        concat(
            case
                when has_bought_once
                    then concat(
                            'یک بار خرید کرده و ', silent_days,
                            ' روز از آن گذشته است؛ از چنین مشتریانی هر ', gap_days,
                            ' روز یک خرید انتظار می‌رود.'
                        )
                else concat(
                        silent_days, ' روز از آخرین خرید گذشته است؛ معمولاً هر ', gap_days,
                        ' روز یک بار خرید می‌کند (', purchases, ' روز خرید تاکنون).'
                    )
            end,
            ' ' || reasons_fa
        ) as reasons_fa,
        concat(
            case
                when has_bought_once
                    then concat(
                            'Bought once, ', silent_days,
                            ' days ago; customers like this one are expected to buy every ',
                            gap_days, ' days.'
                        )
                else concat(
                        'Last purchase ', silent_days, ' days ago; usually buys every ', gap_days,
                        ' days (', purchases, ' purchase days so far).'
                    )
            end,
            ' ' || reasons_en
        ) as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from figures
)

select * from final
