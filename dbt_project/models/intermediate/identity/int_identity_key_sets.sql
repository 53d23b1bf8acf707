{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="key_set_key",
    meta={"scope": "int_identity_key_sets_pending", "scope_where": "is_lost"},
    pre_hook="{{ hold_state() }}",
    indexes=[
        {"columns": ["key_set_key"], "unique": true},
        {"columns": ["account_key"]},
        {"columns": ["email_key"]},
        {"columns": ["phone_key"]},
        {"columns": ["changed_in_run"]},
    ],
) }}

-- depends_on: {{ ref("int_identity_key_sets_pending") }}
with records as (
    select * from {{ ref("int_identity_records") }}
),

counted as (
    select
        {%- for column in key_set_columns() %}
        records.{{ column }},
        {%- endfor %}
        min(records.name_key) as name_key,
        min(records.birth_date) as birth_date,
        min(records.seen_at) as first_seen_at
    from records
    {%- if not is_anew() %}
    -- A set that has lost a record is counted again, over all that still carry it.
    inner join {{ ref("int_identity_key_sets_pending") }} as pending
        on
            pending.is_lost
            and {{ first_key("records.") }} = pending.first_key
            {%- for column in key_set_columns() %}
            and coalesce(records.{{ column }}, '') = coalesce(pending.{{ column }}, '')
            {%- endfor %}
    {%- endif %}
    group by
        records.{{ key_set_columns() | join(", records.") }}
),

complete as (
    select
        *,
        {{ key_set_key() }} as key_set_key
    from counted
    {%- if not is_anew() %}

    union all

    -- One that has only gained is the earlier of what is known and what has come; most nights bring
    -- nearly nothing that was not known.
    select
        {%- for column in key_set_columns() %}
        pending.{{ column }},
        {%- endfor %}
        pending.name_key,
        pending.birth_date,
        least(known.first_seen_at, pending.first_seen_at) as first_seen_at,
        pending.key_set_key
    from {{ ref("int_identity_key_sets_pending") }} as pending
    left join {{ this }} as known on pending.key_set_key = known.key_set_key
    where not pending.is_lost
        and (
            known.key_set_key is null
            or known.first_seen_at > pending.first_seen_at
            or known.name_key is distinct from pending.name_key
            or known.birth_date is distinct from pending.birth_date
        )
    {%- endif %}
),

final as (
    select
        key_set_key,
        {%- for column in key_set_columns() %}
        {{ column }},
        {%- endfor %}
        name_key,
        birth_date,
        first_seen_at,
        case when entity in ('tickets', 'mentions') then 0 else 1 end as is_shop_record,
        {{ changed_in_run() }}
    from complete
)

select * from final
