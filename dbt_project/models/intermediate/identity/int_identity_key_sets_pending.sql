{{ config(materialized="table", post_hook="analyze {{ this }}") }}

with customers as (
    {{ pending_versions("customers", "versions.created_at < " ~ end_of_as_of_date()) }}
),

orders as (
    {{ pending_versions("orders", "versions.ordered_at < " ~ end_of_as_of_date()) }}
),

tickets as (
    {{ pending_versions("tickets", "versions.created_at < " ~ end_of_as_of_date()) }}
),

mentions as (
    {{ pending_versions(
        "mentions",
        "versions.created_at < " ~ end_of_as_of_date()
        ~ " and coalesce(versions.deleted_at >= " ~ end_of_as_of_date() ~ ", true)"
    ) }}
),

web_events as (
    {{ pending_versions(
        "web_events", "versions.occurred_at < " ~ end_of_as_of_date(), by_change=false
    ) }}
),

-- What each version says, in the normal forms of staging.
versions as (
    select
        'customers' as entity,
        concat(_source, '/', _key) as record_key,
        is_current,
        {{ account_key("_source", "customer_id") }} as account_key,
        {{ contact_key("email", normalised_email("email")) }} as email_key,
        {{ contact_key("phone", international_phone(dialled("phone"))) }} as phone_key,
        {{ no_key() }} as handle_key,
        {{ no_key() }} as visitor_key,
        {{ normalised_name("full_name") }} as name_key,
        birth_date,
        created_at as seen_at
    from customers

    union all

    select
        'handles' as entity,
        concat(_source, '/', _key) as record_key,
        is_current,
        {{ account_key("_source", "customer_id") }} as account_key,
        null as email_key,
        null as phone_key,
        {{ recorded_handle_key("handles.handle") }} as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        created_at as seen_at
    from customers
    {{ unnested("customers.social_handles", "handles", "handle") }}
    where handles.handle like '_%:_%'

    union all

    select
        'orders' as entity,
        concat(_source, '/', _key) as record_key,
        is_current,
        {{ account_key("_source", "customer_id") }} as account_key,
        {{ contact_key("email", normalised_email("guest_email")) }} as email_key,
        {{ contact_key("phone", international_phone(dialled("guest_phone"))) }} as phone_key,
        null as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        ordered_at as seen_at
    from orders

    union all

    select
        'tickets' as entity,
        concat(_source, '/', _key) as record_key,
        is_current,
        {{ account_key(ticket_account_source("_source"), "customer_id") }} as account_key,
        {{ contact_key("email", normalised_email("requester_email")) }} as email_key,
        {{ contact_key("phone", international_phone(dialled("requester_phone"))) }} as phone_key,
        null as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        created_at as seen_at
    from tickets

    union all

    select
        'mentions' as entity,
        concat(_source, '/', _key) as record_key,
        is_current and not by_brand as is_current,
        null as account_key,
        null as email_key,
        null as phone_key,
        {{ contact_key("handle", normalised_handle("trim(network)", "author_handle")) }}
            as handle_key,
        null as visitor_key,
        null as name_key,
        null as birth_date,
        created_at as seen_at
    from mentions

    union all

    select
        'web_events' as entity,
        concat(_source, '/', _key) as record_key,
        is_current,
        {{ account_key("_source", "customer_id") }} as account_key,
        null as email_key,
        null as phone_key,
        null as handle_key,
        {{ visitor_key("_source", "visitor_id") }} as visitor_key,
        null as name_key,
        null as birth_date,
        occurred_at as seen_at
    from web_events
),

keyed as (
    select
        *,
        {{ key_set_key() }} as key_set_key
    from versions
    where {{ first_key() }} is not null
),

-- A version that says something its record no longer says takes something away.
compared as (
    select
        *,
        not bool_or(is_current) over (
            partition by entity, record_key, key_set_key, name_key, birth_date, seen_at
        ) as is_lost
    from keyed
),

final as (
    select
        key_set_key,
        entity,
        account_key,
        email_key,
        phone_key,
        handle_key,
        visitor_key,
        {{ first_key() }} as first_key,
        min(case when is_current then name_key end) as name_key,
        min(case when is_current then birth_date end) as birth_date,
        min(case when is_current then seen_at end) as first_seen_at,
        bool_or(is_lost) as is_lost
    from compared
    group by
        key_set_key, entity, account_key, email_key, phone_key, handle_key, visitor_key
)

select * from final
