with lapsed as (
    select * from {{ ref("int_customer_types_detected") }}
    where type = 'lapsed'
),

lapses as (
    select * from {{ ref("int_customer_lapses_explained") }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

words as (
    select * from {{ ref("reason_words") }}
    where topic = 'lapse'
),

told as (
    select
        lapsed.customer_key,
        lapsed.score,
        coalesce(lapses.is_mended, false) as is_mended,
        words.words_fa,
        words.words_en,
        cast(customers.days_since_last_purchase as {{ text_type() }}) as silent_days
    from lapsed
    inner join lapses on lapsed.customer_key = lapses.customer_key
    inner join customers on lapsed.customer_key = customers.customer_key
    inner join words on lapses.reason = words.code
),

-- Only whose cause is mended can be told so: they come first.
final as (
    select
        'win_back' as list_name,
        customer_key,
        score,
        case when is_mended then 1 else 0 end as urgency,
        concat(
            silent_days, ' روز است خرید نکرده؛ ', words_fa,
            case when is_mended then ' و اکنون برطرف شده است' end, '.'
        ) as reasons_fa,
        concat(
            'Has not bought for ', silent_days, ' days; ', words_en,
            case when is_mended then ', and that has been mended' end, '.'
        ) as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from told
)

select * from final
