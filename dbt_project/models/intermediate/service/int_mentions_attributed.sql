with mentions as (
    select * from {{ ref("stg_social__mentions") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

lexicon as (
    select
        {{ lexicon_pattern("complaint") }} as complaint_words,
        {{ lexicon_pattern("negated_complaint") }} as negated_complaint_words,
        {{ lexicon_pattern("praise") }} as praise_words,
        {{ lexicon_pattern("negated_praise") }} as negated_praise_words
    from {{ ref("voice_lexicon") }}
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
        mentions.*,
        coalesce(
            {{ has_match(
                without_matches("mentions.words", "lexicon.negated_complaint_words"),
                "lexicon.complaint_words"
            ) }},
            false
        ) as is_negative,
        coalesce(
            {{ has_match(
                without_matches("mentions.words", "lexicon.negated_praise_words"),
                "lexicon.praise_words"
            ) }},
            false
        ) as has_praise
    from mentions
    cross join lexicon
    where not mentions.by_brand
),

final as (
    select
        classed.mention_key,
        links.customer_key,
        classed.network,
        classed.created_at,
        classed.created_on,
        classed.is_negative,
        -- Praise beside a complaint is politeness.
        classed.has_praise and not classed.is_negative as is_positive,
        brand_posts.mention_key is not null as is_reply_to_brand,
        replies.replied_at
    from classed
    left join links on concat('handle:', classed.handle) = links.identity_key
    left join replies on classed.mention_key = replies.reply_to_key
    left join brand_posts on classed.reply_to_key = brand_posts.mention_key
)

select * from final
