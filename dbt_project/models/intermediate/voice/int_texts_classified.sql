{{ config(indexes=[{"columns": ["text_key"]}]) }}

with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

mentions as (
    select * from {{ ref("stg_social__mentions") }}
),

surveys as (
    select * from {{ ref("stg_shop__surveys") }}
),

contents as (
    select * from {{ ref("stg_voice__texts") }}
),

classes as (
    select * from {{ ref("stg_voice__classes") }}
),

-- What the brand writes is not the customer's voice; a comment exists once the survey is answered.
texts as (
    select
        'tickets' as entity,
        ticket_key as text_key,
        load_id
    from tickets

    union all

    select
        'mentions' as entity,
        mention_key as text_key,
        load_id
    from mentions
    where not mentions.by_brand

    union all

    select
        'surveys' as entity,
        survey_key as text_key,
        load_id
    from surveys
    where answered_at is not null
),

final as (
    select
        texts.text_key,
        texts.entity,
        classes.language,
        classes.kind,
        classes.topic,
        classes.sentiment,
        classes.sentiment_score,
        classes.competitor,
        classes.classified_by
    from texts
    inner join contents
        on texts.entity = contents.entity
            and texts.text_key = contents.text_key
            and texts.load_id = contents.load_id
    left join classes on contents.text_hash = classes.text_hash
)

select * from final
