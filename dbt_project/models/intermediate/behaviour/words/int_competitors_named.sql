with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

surveys as (
    select * from {{ ref("int_surveys_attributed") }}
),

final as (
    select
        ticket_key as text_key,
        'ticket' as kind,
        customer_key,
        created_on as named_on,
        competitor,
        is_complaint or coalesce(sentiment = 'negative', false) as is_dissatisfied
    from tickets
    where competitor is not null and customer_key is not null

    union all

    select
        mention_key as text_key,
        'mention' as kind,
        customer_key,
        created_on as named_on,
        competitor,
        is_negative as is_dissatisfied
    from mentions
    where competitor is not null and customer_key is not null

    union all

    -- A survey can name one by a tick alone.
    select
        survey_key as text_key,
        'survey' as kind,
        customer_key,
        answered_on as named_on,
        competitor,
        is_rated_badly or coalesce(sentiment = 'negative', false) as is_dissatisfied
    from surveys
    where names_competitor and customer_key is not null and answered_on is not null
)

select * from final
