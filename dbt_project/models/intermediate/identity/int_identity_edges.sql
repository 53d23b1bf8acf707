{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="key_set_key",
    meta={"scope": "int_identity_key_sets_touched"},
    pre_hook="{{ hold_state() }}",
    indexes=[
        {"columns": ["key_set_key"]},
        {"columns": ["identity_key"]},
        {"columns": ["anchor_key"]},
    ],
) }}

-- depends_on: {{ ref("int_identity_key_sets_touched") }}
with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

shared_keys as (
    select * from {{ ref("int_identity_shared_keys") }}
),

-- A shared key is dropped from every record that carries it.
usable as (
    select
        key_sets.key_set_key,
        key_sets.account_key,
        {%- for kind in contact_kinds() %}
        case when shared_{{ kind }}s.identity_key is null then key_sets.{{ kind }}_key end
            as {{ kind }}_key,
        {%- endfor %}
        key_sets.first_seen_at,
        key_sets.is_shop_record
    from key_sets
    {% if not is_anew() %}
    inner join {{ ref("int_identity_key_sets_touched") }} as touched
        on key_sets.key_set_key = touched.key_set_key
    {% endif %}
    {%- for kind in contact_kinds() %}
    left join shared_keys as shared_{{ kind }}s
        on key_sets.{{ kind }}_key = shared_{{ kind }}s.identity_key
    {%- endfor %}
),

-- The strongest key of a record ties the others: n keys make n edges, not n squared.
anchored as (
    select
        *,
        {{ first_key() }} as anchor_key
    from usable
),

final as (
    {{ long_keys(
        "anchored",
        key_kinds(),
        ["key_set_key", "anchor_key", "first_seen_at", "is_shop_record"],
    ) }}
)

select
    *,
    {{ changed_in_run() }}
from final
