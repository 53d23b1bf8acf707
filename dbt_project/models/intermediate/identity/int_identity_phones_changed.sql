{{ config(
    materialized="table",
    post_hook="analyze {{ this }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

changed_keys as (
    select * from {{ ref("int_identity_keys_changed") }}
),

crowded_keys as (
    select * from {{ ref("int_identity_crowded_keys") }}
),

-- An e-mail address that was and stays everybody's says nothing of the phones beside it.
mute as (
    select identity_key
    from crowded_keys
    where not {{ since_state() }}
),

emails as (
    select identity_key as email_key
    from changed_keys
    where key_kind = 'email' and identity_key not in (select mute.identity_key from mute)
),

accounts as (
    select identity_key as account_key
    from changed_keys
    where key_kind = 'account'

    union distinct

    select key_sets.account_key
    from key_sets
    inner join emails on key_sets.email_key = emails.email_key
    where key_sets.account_key is not null
),

beside_accounts as (
    select key_sets.*
    from key_sets
    inner join accounts on key_sets.account_key = accounts.account_key
),

addresses as (
    select email_key from emails

    union distinct

    select email_key
    from beside_accounts
    where email_key is not null and email_key not in (select mute.identity_key from mute)
),

final as (
    select identity_key
    from changed_keys
    where key_kind = 'phone'

    union distinct

    select phone_key as identity_key
    from beside_accounts
    where phone_key is not null

    union distinct

    select key_sets.phone_key as identity_key
    from key_sets
    inner join addresses on key_sets.email_key = addresses.email_key
    where key_sets.phone_key is not null
)

select * from final
