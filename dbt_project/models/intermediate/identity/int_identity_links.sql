{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="identity_key",
    meta={"scope": "int_identity_touched"},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["identity_key"], "unique": true}, {"columns": ["customer_key"]}],
) }}

-- The log of changes is written first: it compares with the links as they were.
-- depends_on: {{ ref("int_identity_changes") }}, {{ ref("int_identity_touched") }}
with resolved as (
    {% if is_anew() %}
    {{ identity_links_resolved() }}
    {% else %}
    select * from {{ ref("int_identity_links_resolved") }}
    {% endif %}
),

final as (
    select
        resolved.identity_key,
        resolved.key_kind,
        resolved.customer_key,
        resolved.rule_id,
        resolved.rule_version,
        resolved.first_seen_on,
        {{ linked_since_run() }}
    from resolved
    {{ known_before("resolved", "identity_key") }}
)

select * from final
