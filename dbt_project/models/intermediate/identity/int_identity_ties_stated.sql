{{ config(materialized="view") }}

with edges as (
    select * from {{ ref("int_identity_edges") }}
),

joins as (
    select *
    from {{ ref("int_identity_corrections") }}
    where action = 'join' and is_in_force
),

final as (
    select
        anchor_key,
        identity_key,
        key_kind,
        first_seen_at,
        is_shop_record,
        false as is_decided
    from edges

    union all

    -- A decision that two keys are one person's is an edge like any other, of the lesser key.
    {%- for side in ["left", "right"] %}
    select
        left_key as anchor_key,
        {{ side }}_key as identity_key,
        {{ dbt.split_part(side ~ "_key", "':'", 1) }} as key_kind,
        {{ adapter.dispatch("start_of_business_day")("decided_on") }} as first_seen_at,
        0 as is_shop_record,
        true as is_decided
    from joins
    {{- "\n\n    union all\n" if not loop.last }}
    {%- endfor %}
)

select * from final
