{{ config(materialized="table") }}

with loads as (
    select * from {{ source("ops", "loads") }}
),

applied as (
    select * from {{ source("ops", "state_loads") }}
),

-- A load that is in the state already has more to say when its times reach beyond the state's day.
final as (
    select
        loads.load_id,
        loads.source,
        loads.entity,
        applied.load_id is not null as is_applied
    from loads
    left join applied on loads.load_id = applied.load_id
    where loads.status = 'landed'
        and (applied.load_id is null or applied.effective_to >= {{ end_of_state_date() }})
        and {{ "false" if is_anew() else "true" }}
)

select * from final
