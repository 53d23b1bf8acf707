with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

questions as (
    select
        ticket_key as question_key,
        customer_key,
        created_at as asked_at,
        created_on as asked_on,
        topic,
        order_key is not null as names_order
    from tickets
    where kind = 'question' and {{ in_intent_window("created_on") }}

    union all

    select
        mention_key as question_key,
        customer_key,
        created_at as asked_at,
        created_on as asked_on,
        topic,
        false as names_order
    from mentions
    where kind = 'question' and {{ in_intent_window("created_on") }}
),

-- Who asks where the parcel is has bought; who asks what a product costs may be about to.
final as (
    select
        questions.question_key,
        questions.customer_key,
        questions.asked_at,
        questions.asked_on,
        not questions.names_order
        and not coalesce({{ is_one_of("questions.topic", var("after_sale_topics")) }}, false)
            as is_before_purchase,
        coalesce(customers.last_valid_ordered_at > questions.asked_at, false)
            as is_followed_by_purchase
    from questions
    inner join customers on questions.customer_key = customers.customer_key
)

select * from final
