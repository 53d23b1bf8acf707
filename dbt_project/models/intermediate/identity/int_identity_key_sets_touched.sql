{{ config(
    materialized="table",
    post_hook="analyze {{ this }}",
    indexes=[{"columns": ["key_set_key"], "unique": true}],
) }}

with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

changed_sets as (
    select * from {{ ref("int_identity_key_sets_changed") }}
),

shared_keys as (
    select * from {{ ref("int_identity_shared_keys") }}
),

looked_at as (
    select
        identity_key,
        key_kind
    from {{ ref("int_identity_keys_changed") }}

    union distinct

    select
        identity_key,
        'phone' as key_kind
    from {{ ref("int_identity_phones_changed") }}
),

-- Keys that are shared since the last clean build, or that may have ceased to be: what carries them
-- is tied anew. A key that stays shared ties nothing, however many carry it.
turned as (
    select
        looked_at.identity_key,
        looked_at.key_kind
    from looked_at
    left join shared_keys on looked_at.identity_key = shared_keys.identity_key
    where looked_at.key_kind <> 'account'
        and (shared_keys.identity_key is null or {{ since_state("shared_keys.changed_in_run") }})
),

final as (
    select
        {%- for kind in key_kinds() %}
        {{ kind }}_key,
        {%- endfor %}
        key_set_key
    from changed_sets
    {%- for kind in contact_kinds() %}

    union distinct

    select
        {%- for kind in key_kinds() %}
        key_sets.{{ kind }}_key,
        {%- endfor %}
        key_sets.key_set_key
    from key_sets
    inner join turned
        on key_sets.{{ kind }}_key = turned.identity_key and turned.key_kind = '{{ kind }}'
    {%- endfor %}
)

select * from final
