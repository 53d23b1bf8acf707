with judged as (
    select * from {{ ref("int_satisfaction_judged") }}
),

measurable as (
    select * from {{ ref("int_satisfaction_measurable") }}
),

counted as (
    select
        day,
        parameter,
        sum(measured) as measured,
        sum(good) as good
    from judged
    group by day, parameter
),

-- Every parameter has a row on the day itself, if only to say that nothing can be known.
days as (
    select
        day,
        parameter
    from counted

    union

    select
        {{ as_of_date() }} as day,
        parameter
    from measurable
),

final as (
    select
        {{ run_columns() }},
        days.day,
        days.parameter,
        measurable.is_measurable,
        case
            when measurable.is_measurable then cast(coalesce(counted.measured, 0) as integer)
        end as measured,
        case when measurable.is_measurable then cast(coalesce(counted.good, 0) as integer) end
            as good,
        case when measurable.is_measurable then round(1.0 * counted.good / counted.measured, 4) end
            as score
    from days
    inner join measurable on days.parameter = measurable.parameter
    left join counted on days.day = counted.day and days.parameter = counted.parameter
    where measurable.is_measurable or days.day = {{ as_of_date() }}
)

select * from final
