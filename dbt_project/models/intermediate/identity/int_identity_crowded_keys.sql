{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="identity_key",
    meta={"scope": "int_identity_keys_changed"},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

-- depends_on: {{ ref("int_identity_keys_changed") }}
with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

carried as (
    {%- for kind in contact_kinds() %}
    {%- set others = key_kinds() | reject("equalto", kind) | join("_key, ") %}
    select
        '{{ kind }}' as key_kind,
        {{ kind }}_key as identity_key,
        account_key,
        coalesce({{ others }}_key) as other_key
    from key_sets
    where {{ kind }}_key is not null
    {{ and_changed(kind) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- Most keys are carried by one record only, and need no counting.
crowded as (
    select identity_key
    from carried
    group by identity_key
    having min(other_key) <> max(other_key)
),

counted as (
    select
        carried.identity_key,
        min(carried.key_kind) as key_kind,
        count(distinct carried.account_key) as accounts,
        count(distinct {{ dbt.split_part("carried.account_key", "'/'", 1) }}) as account_sources,
        count(distinct accounts.name_key) as names,
        count(distinct accounts.birth_date) as birth_dates,
        count(distinct carried.other_key) as records
    from carried
    inner join crowded on carried.identity_key = crowded.identity_key
    left join key_sets as accounts
        on carried.account_key = accounts.account_key and accounts.entity = 'customers'
    group by carried.identity_key
),

judged as (
    select
        *,
        case
            when records > {{ var("max_records_per_person") }} then 'too_many_records'
            -- A device on which two accounts of one shop were used is a household's.
            when key_kind = 'visitor' and accounts > account_sources then 'shared_device'
            -- Several accounts of one shop, as against one person with an account in each shop.
            when accounts > {{ var("max_accounts_per_shared_key") }} * account_sources
                then 'too_many_accounts'
            when accounts > account_sources and names > 1 then 'conflicting_names'
            when birth_dates > 1 then 'conflicting_birth_dates'
        end as cause
    from counted
),

final as (
    select
        judged.identity_key,
        judged.key_kind,
        judged.cause,
        judged.accounts,
        judged.names,
        judged.records,
        {{ in_table_since_run() }}
    from judged
    {{ known_before("judged", "identity_key") }}
    where judged.cause is not null
)

select * from final
