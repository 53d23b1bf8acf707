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

handles as (
    select
        accounts.account_key,
        accounts.created_at,
        {{ normalised_handle("split_part(handles.handle, ':', 1)", "handles.handle") }} as handle
    from accounts
    {{ unnested("accounts.social_handles", "handles", "handle") }}
    where handles.handle like '_%:_%'
),

records as (
    select
        account_key,
        {{ contact_key("email", "email") }} as email_key,
        {{ contact_key("phone", "phone") }} as phone_key,
        cast(null as {{ text_type() }}) as handle_key,
        name_key,
        created_at as seen_at,
        1 as is_shop_record
    from accounts

    union all

    select
        account_key,
        null as email_key,
        null as phone_key,
        {{ contact_key("handle", "handle") }} as handle_key,
        null as name_key,
        created_at as seen_at,
        1 as is_shop_record
    from handles

    union all

    select
        account_key,
        {{ contact_key("email", "email") }} as email_key,
        {{ contact_key("phone", "phone") }} as phone_key,
        null as handle_key,
        null as name_key,
        ordered_at as seen_at,
        1 as is_shop_record
    from orders

    union all

    select
        account_key,
        {{ contact_key("email", "email") }} as email_key,
        {{ contact_key("phone", "phone") }} as phone_key,
        null as handle_key,
        null as name_key,
        created_at as seen_at,
        0 as is_shop_record
    from tickets

    union all

    select
        null as account_key,
        null as email_key,
        null as phone_key,
        {{ contact_key("handle", "handle") }} as handle_key,
        null as name_key,
        created_at as seen_at,
        0 as is_shop_record
    from mentions
    where not by_brand
),

final as (
    select
        account_key,
        email_key,
        phone_key,
        handle_key,
        max(name_key) as name_key,
        count(*) as records,
        min(seen_at) as first_seen_at,
        max(is_shop_record) as is_shop_record
    from records
    where coalesce(account_key, email_key, phone_key, handle_key) is not null
    group by account_key, email_key, phone_key, handle_key
)

select * from final
