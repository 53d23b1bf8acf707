with days as (
    select * from {{ ref("int_days_dated") }}
    where day <= {{ days_after(as_of_date(), 1) }}
),

hours as (
    select * from {{ ref("service_schedules") }}
),

schedules as (
    select distinct schedule from hours
),

-- A public holiday has hours of its own, or none.
opened as (
    select
        schedules.schedule,
        days.day,
        {{ instant_at("days.day", "hours.opens") }} as opens_at,
        {{ instant_at("days.day", "hours.closes") }} as closes_at,
        {{ instant_at("days.day", "hours.pauses") }} as pauses_at,
        {{ instant_at("days.day", "hours.resumes") }} as resumes_at
    from schedules
    cross join days
    left join hours
        on schedules.schedule = hours.schedule
            and case when days.is_public_holiday then 'holiday' else days.weekday_code end
            = hours.weekday
            and days.day >= hours.valid_from
            and (days.day < hours.valid_to or hours.valid_to is null)
),

timed as (
    select
        *,
        coalesce({{ minutes_between("opens_at", "closes_at") }}, 0)
        - coalesce({{ minutes_between("pauses_at", "resumes_at") }}, 0) as minutes
    from opened
),

final as (
    select
        schedule,
        day,
        opens_at,
        closes_at,
        pauses_at,
        resumes_at,
        minutes,
        sum(minutes) over (partition by schedule order by day asc) - minutes as minutes_before
    from timed
)

select * from final
