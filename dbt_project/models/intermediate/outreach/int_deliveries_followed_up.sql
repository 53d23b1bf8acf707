with deliveries as (
    select * from {{ ref("int_orders_delivered") }}
    where delivered_on
        = {{ days_after(as_of_date(), "-" ~ var("happy_call_after_days")) }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
    where is_valid and customer_key is not null
),

-- One call a person, about the dearest of the parcels that came on one day.
ranked as (
    select
        orders.customer_key,
        orders.order_key,
        deliveries.is_on_time,
        row_number() over (
            partition by orders.customer_key
            order by orders.gross_base desc, orders.order_key asc
        ) as order_rank
    from deliveries
    inner join orders on deliveries.order_key = orders.order_key
),

final as (
    select
        'happy_call' as list_name,
        customer_key,
        cast(1 as numeric) as score,
        0 as urgency,
        concat(
            'سفارش {{ var("happy_call_after_days") }} روز پیش به دستش رسیده است',
            case when not is_on_time then '؛ دیرتر از وعده' end, '.'
        ) as reasons_fa,
        concat(
            'An order arrived {{ var("happy_call_after_days") }} days ago',
            case when not is_on_time then ', later than promised' end, '.'
        ) as reasons_en,
        order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from ranked
    where order_rank = 1
)

select * from final
