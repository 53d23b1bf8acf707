{{ config(materialized="view") }}

with corrections as (
    select * from {{ source("ops", "identity_corrections") }}
),

sides as (
    select
        correction_id,
        action,
        reason,
        decided_on,
        withdrawn_at is null and decided_on <= {{ as_of_date() }} as is_in_force,
        {{ typed_key("left_kind", "left_value") }} as left_key,
        {{ typed_key("right_kind", "right_value") }} as right_key
    from corrections
),

-- The lesser key first: who is named first makes no difference.
final as (
    select
        correction_id,
        action,
        reason,
        decided_on,
        is_in_force,
        least(left_key, right_key) as left_key,
        greatest(left_key, right_key) as right_key
    from sides
    where left_key <> right_key
)

select * from final
