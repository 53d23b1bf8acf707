{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="identity_key",
    meta={"scope": "int_identity_phones_changed"},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

-- depends_on: {{ ref("int_identity_phones_changed") }}
with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

crowded_keys as (
    select * from {{ ref("int_identity_crowded_keys") }}
),

carriers as (
    select distinct
        key_sets.phone_key,
        key_sets.account_key,
        case when crowded_emails.identity_key is null then key_sets.email_key end as email_key
    from key_sets
    {% if not is_anew() %}
    inner join {{ ref("int_identity_phones_changed") }} as changed_phones
        on key_sets.phone_key = changed_phones.identity_key
    {% endif %}
    left join crowded_keys as crowded_emails
        on key_sets.email_key = crowded_emails.identity_key
    where key_sets.phone_key is not null
),

-- Phones of one account or one address only, and those that tie nobody anyway, need no look.
candidates as (
    select carriers.phone_key
    from carriers
    left join crowded_keys on carriers.phone_key = crowded_keys.identity_key
    where crowded_keys.identity_key is null
    group by carriers.phone_key
    having min(coalesce(carriers.account_key, carriers.email_key))
        <> max(coalesce(carriers.account_key, carriers.email_key))
),

-- A guest's address that an account has is that account's.
holders as (
    select distinct
        carriers.phone_key,
        coalesce(carriers.account_key, owners.account_key) as account_key,
        coalesce(carriers.account_key, owners.account_key, carriers.email_key) as holder_key
    from carriers
    inner join candidates on carriers.phone_key = candidates.phone_key
    left join key_sets as owners
        on
            carriers.email_key = owners.email_key
            and carriers.account_key is null
            and owners.account_key is not null
    where coalesce(carriers.account_key, carriers.email_key) is not null
),

addressed as (
    select
        holders.phone_key,
        holders.holder_key,
        holders.account_key,
        min(accounts.name_key) as name_key,
        coalesce(
            min(case when crowded_emails.identity_key is null then accounts.email_key end),
            case when holders.account_key is null then holders.holder_key end
        ) as email_key
    from holders
    left join key_sets as accounts on holders.account_key = accounts.account_key
    left join crowded_keys as crowded_emails
        on accounts.email_key = crowded_emails.identity_key
    group by holders.phone_key, holders.holder_key, holders.account_key
),

-- Two addresses on one phone are two people of a household, unless accounts of one name say not.
judged as (
    select
        phone_key,
        count(distinct account_key) as accounts,
        count(distinct name_key) as names,
        count(distinct holder_key) as records
    from addressed
    where email_key is not null
    group by phone_key
    having count(distinct email_key) > 1
        and not (count(distinct name_key) = 1 and count(*) = count(name_key))
),

final as (
    select
        judged.phone_key as identity_key,
        'phone' as key_kind,
        'conflicting_emails' as cause,
        judged.accounts,
        judged.names,
        judged.records,
        {{ in_table_since_run() }}
    from judged
    {{ "left join " ~ this ~ " as known on judged.phone_key = known.identity_key"
        if not is_anew() }}
)

select * from final
