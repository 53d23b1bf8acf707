with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

shared_keys as (
    select * from {{ ref("int_identity_shared_keys") }}
),

-- A shared key is dropped from every record that carries it.
usable as (
    select
        key_sets.account_key,
        case when shared_emails.identity_key is null then key_sets.email_key end as email_key,
        case when shared_phones.identity_key is null then key_sets.phone_key end as phone_key,
        case when shared_handles.identity_key is null then key_sets.handle_key end as handle_key,
        key_sets.first_seen_at,
        key_sets.is_shop_record
    from key_sets
    left join shared_keys as shared_emails on key_sets.email_key = shared_emails.identity_key
    left join shared_keys as shared_phones on key_sets.phone_key = shared_phones.identity_key
    left join shared_keys as shared_handles on key_sets.handle_key = shared_handles.identity_key
),

-- The strongest key of a record ties the others: n keys make n edges, not n squared.
anchored as (
    select
        *,
        coalesce(account_key, email_key, phone_key, handle_key) as anchor_key
    from usable
),

long as (
    {%- for kind in ["account", "email", "phone", "handle"] %}
    select
        anchor_key,
        {{ kind }}_key as identity_key,
        '{{ kind }}' as key_kind,
        first_seen_at,
        is_shop_record
    from anchored
    where {{ kind }}_key is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        anchor_key,
        identity_key,
        key_kind,
        min(first_seen_at) as first_seen_at,
        max(is_shop_record) as is_shop_record
    from long
    group by anchor_key, identity_key, key_kind
)

select * from final
