{{ config(materialized="table", post_hook="analyze {{ this }}") }}

with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

pending as (
    select * from {{ ref("int_identity_key_sets_pending") }}
),

-- Written since the last clean build, or taken away: the latter is known from the versions in raw,
-- so that a build that was killed half-way forgets nothing.
final as (
    select
        {%- for kind in key_kinds() %}
        {{ kind }}_key,
        {%- endfor %}
        key_set_key
    from key_sets
    where {{ since_state() }} and {{ "false" if is_anew() else "true" }}

    union distinct

    select
        {%- for kind in key_kinds() %}
        {{ kind }}_key,
        {%- endfor %}
        key_set_key
    from pending
    where is_lost
)

select * from final
