with surveys as (
    select * from {{ ref("stg_shop__surveys") }}
),

classes as (
    select * from {{ ref("int_texts_classified") }}
    where entity = 'surveys'
),

links as (
    select * from {{ ref("int_identity_links") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

final as (
    select
        surveys.survey_key,
        surveys.source,
        -- Asked about an order without saying whom: the order's customer was asked.
        coalesce(links.customer_key, orders.customer_key) as customer_key,
        orders.order_key,
        surveys.channel,
        surveys.asked_at,
        surveys.asked_on,
        surveys.answered_at,
        surveys.answered_on,
        surveys.score,
        classes.kind,
        classes.topic,
        classes.sentiment,
        classes.sentiment_score,
        classes.competitor,
        surveys.names_competitor or classes.competitor is not null as names_competitor,
        coalesce(surveys.score < {{ var("bad_satisfaction_below") }}, false) as is_rated_badly,
        coalesce(surveys.score >= {{ var("bad_satisfaction_below") }}, false) as is_rated_well
    from surveys
    left join links on surveys.account_key = links.identity_key
    left join orders on surveys.order_key = orders.order_key
    left join classes on surveys.survey_key = classes.text_key
)

select * from final
