{{ config(
    materialized="table",
    post_hook="analyze {{ this }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

changed_sets as (
    select * from {{ ref("int_identity_key_sets_changed") }}
),

changed_keys as (
    {{ long_keys("changed_sets", key_kinds()) }}
),

-- An account that changes its name may make any key it carries a conflict, or no longer one.
beside_accounts as (
    select key_sets.*
    from key_sets
    where key_sets.account_key in (select changed_sets.account_key from changed_sets)
),

final as (
    select
        identity_key,
        key_kind
    from changed_keys

    union distinct

    select
        identity_key,
        key_kind
    from ({{ long_keys("beside_accounts", contact_kinds()) }}) as keys_beside
)

select * from final
