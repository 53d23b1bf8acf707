{{ config(materialized="view") }}

with events as (
    select * from {{ ref("stg_shop__web_events") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

-- An event belongs to the account that was logged in, else to whoever the visitor is known to be.
final as (
    select
        events.event_key,
        coalesce(by_account.customer_key, by_visitor.customer_key) as customer_key,
        events.session_key,
        events.occurred_at,
        events.occurred_on,
        events.kind,
        events.product_id,
        events.category,
        events.query_words,
        events.campaign
    from events
    left join links as by_account on events.account_key = by_account.identity_key
    left join links as by_visitor on events.visitor_key = by_visitor.identity_key
    where coalesce(by_account.customer_key, by_visitor.customer_key) is not null
)

select * from final
