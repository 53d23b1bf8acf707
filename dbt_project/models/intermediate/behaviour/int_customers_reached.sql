with events as (
    select * from {{ ref("int_web_events_attributed") }}
    where campaign is not null or kind = 'ad_click'
),

contacts as (
    select * from {{ ref("stg_shop__contacts_made") }}
    where {{ is_one_of("outcome", var("seen_outcomes")) }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
    where is_reply_to_brand and customer_key is not null
),

customers as (
    select * from {{ ref("int_customers_measured") }}
    where has_followed_campaign
),

-- Sent is not seen: a message counts once it was opened, clicked or answered.
reached as (
    select
        customer_key,
        'campaign_visit' as reached_by
    from events

    union all

    select
        links.customer_key,
        'message' as reached_by
    from contacts
    inner join links on contacts.account_key = links.identity_key

    union all

    select
        customer_key,
        'reply' as reached_by
    from mentions

    union all

    select
        customer_key,
        'campaign_order' as reached_by
    from customers
),

final as (
    select
        customer_key,
        min(reached_by) as reached_by
    from reached
    group by customer_key
)

select * from final
