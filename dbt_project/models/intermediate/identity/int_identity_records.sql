{{ config(materialized="view") }}

with accounts as (
    select * from {{ ref("stg_shop__customers") }}
),

orders as (
    select * from {{ ref("stg_shop__orders") }}
),

tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

mentions as (
    select * from {{ ref("stg_social__mentions") }}
),

web_events as (
    select * from {{ ref("stg_shop__web_events") }}
),

final as (
    select
        'customers' as entity,
        account_key,
        {{ contact_key("email", "email") }} as email_key,
        {{ contact_key("phone", "phone") }} as phone_key,
        {{ no_key() }} as handle_key,
        {{ no_key() }} as visitor_key,
        name_key,
        birth_date,
        created_at as seen_at
    from accounts

    union all

    select
        'handles' as entity,
        accounts.account_key,
        null as email_key,
        null as phone_key,
        {{ recorded_handle_key("handles.handle") }} as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        accounts.created_at as seen_at
    from accounts
    {{ unnested("accounts.social_handles", "handles", "handle") }}
    where handles.handle like '_%:_%'

    union all

    select
        'orders' as entity,
        account_key,
        {{ contact_key("email", "email") }} as email_key,
        {{ contact_key("phone", "phone") }} as phone_key,
        null as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        ordered_at as seen_at
    from orders
    where coalesce(account_key, email, phone) is not null

    union all

    select
        'tickets' as entity,
        account_key,
        {{ contact_key("email", "email") }} as email_key,
        {{ contact_key("phone", "phone") }} as phone_key,
        null as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        created_at as seen_at
    from tickets
    where coalesce(account_key, email, phone) is not null

    union all

    select
        'mentions' as entity,
        null as account_key,
        null as email_key,
        null as phone_key,
        {{ contact_key("handle", "handle") }} as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        created_at as seen_at
    from mentions
    where not by_brand and handle is not null

    union all

    select
        'web_events' as entity,
        account_key,
        null as email_key,
        null as phone_key,
        null as handle_key,
        visitor_key,
        null as name_key,
        null as birth_date,
        occurred_at as seen_at
    from web_events
)

select * from final
