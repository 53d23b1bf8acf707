with newcomers as (
    select
        customer_key,
        max(score) as score,
        max(case when type = 'referred' then 1 else 0 end) as is_referred
    from {{ ref("int_customer_types_detected") }}
    where type in ('new', 'referred')
    group by customer_key
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

deliveries as (
    select * from {{ ref("int_orders_delivered") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
    where is_valid
),

words as (
    select * from {{ ref("reason_words") }}
    where topic = 'step'
),

-- The newest order tells how far the welcome has come.
last_orders as (
    select
        newcomers.customer_key,
        orders.order_key,
        deliveries.delivered_on is not null as has_arrived,
        row_number() over (
            partition by newcomers.customer_key
            order by orders.ordered_at desc, orders.order_key asc
        ) as order_rank
    from newcomers
    inner join orders on newcomers.customer_key = orders.customer_key
    left join deliveries on orders.order_key = deliveries.order_key
),

placed as (
    select
        newcomers.*,
        last_orders.order_key,
        case when newcomers.is_referred = 1 then profiles.referrer_key end as referrer_key,
        customers.age_days,
        case
            when last_orders.order_key is null then 'introduced'
            when last_orders.has_arrived then 'delivered'
            else 'ordered'
        end as step
    from newcomers
    inner join customers on newcomers.customer_key = customers.customer_key
    inner join profiles on newcomers.customer_key = profiles.customer_key
    left join last_orders
        on newcomers.customer_key = last_orders.customer_key and last_orders.order_rank = 1
),

final as (
    select
        'onboarding' as list_name,
        placed.customer_key,
        placed.score,
        0 as urgency,
        concat(
            'گام: ', words.words_fa,
            case
                when placed.age_days is not null
                    then concat('؛ ', placed.age_days, ' روز از خرید اول گذشته است')
            end,
            case when placed.is_referred = 1 then '؛ مشتری دیگری معرفی‌اش کرده است' end,
            '.'
        ) as reasons_fa,
        concat(
            'Step: ', words.words_en,
            case
                when placed.age_days is not null
                    then concat('; first purchase ', placed.age_days, ' days ago')
            end,
            case when placed.is_referred = 1 then '; introduced by another customer' end,
            '.'
        ) as reasons_en,
        placed.order_key,
        placed.referrer_key
    from placed
    inner join words on placed.step = words.code
)

select * from final
