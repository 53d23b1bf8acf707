with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

surveys as (
    select * from {{ ref("int_surveys_attributed") }}
    where sentiment is not null
),

items as (
    select * from {{ ref("stg_shop__order_items") }}
),

texts as (
    select
        'tickets' as entity,
        created_on as day,
        channel,
        order_key,
        customer_key,
        kind,
        topic,
        sentiment,
        sentiment_score,
        competitor
    from tickets

    union all

    select
        'mentions' as entity,
        created_on as day,
        channel,
        null as order_key,
        customer_key,
        kind,
        topic,
        sentiment,
        sentiment_score,
        competitor
    from mentions

    union all

    select
        'surveys' as entity,
        answered_on as day,
        channel,
        order_key,
        customer_key,
        kind,
        topic,
        sentiment,
        sentiment_score,
        competitor
    from surveys
),

-- An order of several products does not say which of them a text is about.
products as (
    select
        items.order_key,
        min(items.product_id) as product_id,
        max(items.product_name) as product_name
    from items
    where items.order_key in (select texts.order_key from texts)
    group by items.order_key
    having count(distinct items.product_id) = 1
),

final as (
    select
        {{ run_columns() }},
        texts.day,
        texts.entity,
        texts.channel,
        products.product_id,
        coalesce(texts.topic, 'other') as topic,
        coalesce(texts.kind, 'other') as kind,
        coalesce(texts.sentiment, 'neutral') as sentiment,
        cast(max(products.product_name) as {{ text_type() }}) as product_name,
        cast(count(*) as integer) as texts,
        cast(count(texts.customer_key) as integer) as attributed_texts,
        cast(count(texts.competitor) as integer) as naming_a_competitor,
        cast(avg(texts.sentiment_score) as double precision) as mean_sentiment_score
    from texts
    left join products on texts.order_key = products.order_key
    group by
        texts.day,
        texts.entity,
        texts.channel,
        products.product_id,
        coalesce(texts.topic, 'other'),
        coalesce(texts.kind, 'other'),
        coalesce(texts.sentiment, 'neutral')
)

select * from final
