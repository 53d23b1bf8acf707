with needs as (
    select * from {{ ref("type_needs") }}
),

loads as (
    select distinct entity from {{ ref("stg_ops__loads") }}
),

-- One entity of a need is enough; of several needs each must be met.
met as (
    select
        needs.type,
        needs.needs,
        count(loads.entity) > 0 as is_met
    from needs
    left join loads on needs.entity = loads.entity
    group by needs.type, needs.needs
),

final as (
    select
        type,
        bool_and(is_met) as is_measurable,
        min(case when not is_met then concat('no_', needs) end) as not_measurable_because
    from met
    group by type
)

select * from final
