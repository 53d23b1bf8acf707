with types as (
    select * from {{ ref("int_types_measurable") }}
),

playbook as (
    select * from {{ ref("playbook") }}
),

final as (
    select
        {{ run_columns() }},
        types.type,
        playbook.name_fa,
        playbook.name_en,
        types.is_measurable,
        types.not_measurable_because
    from types
    inner join playbook on types.type = playbook.type
)

select * from final
