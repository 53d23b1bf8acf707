with visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
    where baskets_left > 0
),

questions as (
    select
        customer_key,
        count(*) as questions
    from {{ ref("int_questions_asked") }}
    where is_before_purchase and not is_followed_by_purchase
    group by customer_key
),

told as (
    select
        coalesce(visits.customer_key, questions.customer_key) as customer_key,
        coalesce(visits.baskets_left, 0) as baskets_left,
        coalesce(questions.questions, 0) > 0 as has_asked
    from visits
    full outer join questions on visits.customer_key = questions.customer_key
),

final as (
    select
        'follow_up' as list_name,
        customer_key,
        cast(case when baskets_left > 0 then 1 else 0.5 end as numeric) as score,
        case when baskets_left > 0 then 1 else 0 end as urgency,
        concat(
            case when baskets_left > 0 then concat(baskets_left, ' سبد خرید را رها کرده') end,
            case when baskets_left > 0 and has_asked then ' و ' end,
            case when has_asked then 'پیش از خرید سؤالی پرسیده' end,
            ' و هنوز نخریده است.'
        ) as reasons_fa,
        concat(
            case when baskets_left > 0 then concat('Baskets left: ', baskets_left, '. ') end,
            case when has_asked then 'Asked before buying. ' end,
            'No purchase has followed.'
        ) as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from told
)

select * from final
