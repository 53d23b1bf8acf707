with complaints as (
    select * from {{ ref("int_complaints_compensated") }}
),

loads as (
    select * from {{ ref("stg_ops__loads") }}
),

measurable as (
    select count(*) > 0 as is_measurable
    from loads
    where entity = 'refunds'
),

-- Given shares and times are of the complaints that deserve something; what was given beyond them
-- is kindness, in the rows of cause none.
final as (
    select
        {{ run_columns() }},
        complaints.complained_on as day,
        coalesce(complaints.deserved_for, 'none') as cause,
        bool_and(measurable.is_measurable) as is_measurable,
        cast(count(*) as integer) as complained_orders,
        case
            when bool_and(measurable.is_measurable)
                then cast(count(complaints.compensated_on) as integer)
        end as compensated,
        case
            when bool_and(measurable.is_measurable)
                then round(1.0 * count(complaints.compensated_on) / count(*), 4)
        end as compensated_share,
        {{ quantile(0.5, "complaints.days_to_compensation") }} as days_to_compensation_median,
        max(complaints.days_to_compensation) as days_to_compensation_max,
        case
            when bool_and(measurable.is_measurable)
                then coalesce(sum(complaints.compensation_base), 0)
        end as compensation
    from complaints
    cross join measurable
    group by complaints.complained_on, coalesce(complaints.deserved_for, 'none')
)

select * from final
