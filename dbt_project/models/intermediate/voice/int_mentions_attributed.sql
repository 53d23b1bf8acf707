with mentions as (
    select * from {{ ref("stg_social__mentions") }}
),

classes as (
    select * from {{ ref("int_texts_classified") }}
    where entity = 'mentions'
),

links as (
    select * from {{ ref("int_identity_links") }}
),

replies as (
    select
        reply_to_key,
        min(created_at) as replied_at
    from mentions
    where by_brand and reply_to_key is not null
    group by reply_to_key
),

brand_posts as (
    select mention_key from mentions
    where by_brand
),

classed as (
    select
        mentions.mention_key,
        mentions.source,
        mentions.handle,
        mentions.network,
        mentions.created_at,
        mentions.created_on,
        mentions.reply_to_key,
        classes.kind,
        classes.topic,
        classes.sentiment,
        classes.sentiment_score,
        classes.competitor,
        {{ rating_share("mentions.rating") }} as rating
    from mentions
    left join classes on mentions.mention_key = classes.text_key
    where not mentions.by_brand
),

-- Stars say it plainer than words do.
judged as (
    select
        *,
        coalesce(kind = 'complaint' or sentiment = 'negative', false)
        or coalesce(rating <= {{ var("voice_low_rating") }}, false) as is_negative,
        coalesce(sentiment = 'positive', false)
        or coalesce(rating >= {{ var("voice_high_rating") }}, false) as has_praise
    from classed
),

final as (
    select
        judged.mention_key,
        judged.source,
        links.customer_key,
        judged.network,
        judged.network as channel,
        judged.created_at,
        judged.created_on,
        judged.kind,
        judged.topic,
        judged.sentiment,
        judged.sentiment_score,
        judged.competitor,
        judged.rating,
        judged.is_negative,
        -- Praise beside a complaint is politeness.
        judged.has_praise and not judged.is_negative as is_positive,
        brand_posts.mention_key is not null as is_reply_to_brand,
        replies.replied_at
    from judged
    left join links on concat('handle:', judged.handle) = links.identity_key
    left join replies on judged.mention_key = replies.reply_to_key
    left join brand_posts on judged.reply_to_key = brand_posts.mention_key
)

select * from final
