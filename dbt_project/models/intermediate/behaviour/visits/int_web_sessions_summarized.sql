{{ config(post_hook="analyze {{ this }}") }}

with events as (
    select * from {{ ref("int_web_events_attributed") }}
    where {{ in_intent_window("occurred_on") }} or {{ in_window_before("occurred_on") }}
),

-- Campaigns are looked at once for a visit, not once for an event: its first and last by name.
summed as (
    select
        customer_key,
        session_key,
        min(occurred_at) as started_at,
        min(occurred_on) as started_on,
        max(occurred_at) as ended_at,
        cast(count(case when kind = 'view' then 1 end) as integer) as product_views,
        cast(count(case when kind = 'compare' then 1 end) as integer) as comparisons,
        cast(count(case when kind in ('compare', 'spec_read', 'review_read') then 1 end) as integer)
            as pages_read,
        cast(count(case when kind = 'search' then 1 end) as integer) as searches,
        cast(count(case
            when kind = 'search'
                and {{ holds_any("query_words", var("discount_search_words")) }} then 1
        end) as integer) as code_searches,
        cast(count(case when kind = 'login' then 1 end) as integer) as logins,
        count(case when kind = 'checkout_start' then 1 end) > 0 as has_checkout,
        count(case when kind = 'cart_add' then 1 end)
        > count(case when kind = 'cart_remove' then 1 end) as has_cart,
        count(case when kind = 'cart_add' then 1 end) > 0 as has_added_to_cart,
        bool_or(kind = 'ad_click' or campaign is not null) as is_by_campaign,
        concat(min(campaign), ' ', max(campaign)) as campaigns
    from events
    group by customer_key, session_key
),

final as (
    select
        customer_key,
        session_key,
        started_at,
        started_on,
        ended_at,
        product_views,
        comparisons,
        pages_read,
        searches,
        code_searches,
        logins,
        has_checkout,
        has_cart,
        has_added_to_cart,
        is_by_campaign,
        {{ has_match("lower(campaigns)", "'" ~ var("offer_campaigns") ~ "'") }} as is_by_offer,
        {{ has_match("lower(campaigns)", "'" ~ var("switching_campaigns") ~ "'") }}
            as is_by_switching
    from summed
)

select * from final
