{{ config(materialized="view") }}

with stated as (
    select * from {{ ref("int_identity_ties_stated") }}
),

separations as (
    select * from {{ ref("int_identity_separations") }}
),

final as (
    select
        stated.anchor_key,
        stated.identity_key,
        stated.key_kind,
        stated.first_seen_at,
        stated.is_shop_record,
        stated.is_decided
    from stated
    left join separations
        on
            stated.anchor_key = separations.anchor_key
            and stated.identity_key = separations.identity_key
    where separations.anchor_key is null
)

select * from final
