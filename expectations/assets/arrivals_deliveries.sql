-- Grain: source and entity of which anything was landed for the business day, or is overdue.
-- Figures of the ledger alone. What is usual is the median of earlier days of the same kind (weekend or
-- not), first loads left out, several days that came at once spread over them. A replay of quarantined
-- records reads nothing of its own: it takes what it landed out of what its first load had rejected.
with day as (
    select
        current_setting('moshtari.business_date')::date as business_date,
        string_to_array(current_setting('moshtari.sources'), ',') as sources,
        string_to_array(current_setting('moshtari.weekend'), ',') as weekend
),

replays as (
    select
        (details ->> 'of_load')::bigint as of_load,
        sum((details ->> 'replayed')::bigint) as records
    from ops.loads
    where status = 'landed' and details ? 'replayed'
    group by 1
),

landed as (
    select
        loads.*,
        day.business_date as asked_for,
        loads.details ? 'replayed' as is_replay,
        coalesce(replays.records, 0) as replayed_records,
        -- A load that was mended and repeated is judged by its last attempt.
        not loads.details ? 'replayed'
        and row_number() over (
            partition by
                loads.source,
                loads.entity,
                loads.business_date,
                coalesce(loads.origin, ''),
                coalesce(loads.details ->> 'part', ''),
                loads.details ? 'replayed'
            order by loads.load_id desc
        ) = 1
        -- A part counts as long as nothing but its own plan has landed the day.
        and (
            not loads.details ? 'part'
            or loads.details ->> 'plan' = first_value(loads.details ->> 'plan') over (
                partition by loads.source, loads.entity, loads.business_date
                order by loads.origin is null and not loads.details ?| array['part', 'replayed', 'reconciled'] desc, loads.load_id desc
            )
        ) as is_last_attempt,
        (trim(to_char(loads.business_date, 'day')) = any(day.weekend))
        = (trim(to_char(day.business_date, 'day')) = any(day.weekend)) as same_kind_of_day
    from ops.loads as loads
    cross join day
    left join replays on loads.load_id = replays.of_load
    where loads.status = 'landed'
),

by_day as (
    select
        source,
        entity,
        business_date,
        same_kind_of_day,
        sum(landed_rows) / (business_date - min(covers_from) + 1) as landed_rows,
        sum(read_rows) filter (where not is_replay)
        / count(*) filter (where not is_replay) as read_rows
    from landed
    where business_date < asked_for
    group by source, entity, business_date, same_kind_of_day
    having count(*) = count(covers_from) and not bool_and(is_replay)
),

recent as (
    select
        *,
        row_number() over (
            partition by source, entity, same_kind_of_day
            order by business_date desc
        ) as nth
    from by_day
),

-- Days of the other kind tell something of a whole source as long as there is none of this kind.
usual as (
    select distinct on (source, entity)
        source,
        entity,
        same_kind_of_day,
        percentile_cont(0.5) within group (order by landed_rows) as usual_landed,
        percentile_cont(0.5) within group (order by read_rows) as usual_read,
        count(*) as days_known
    from recent
    where nth <= 8
    group by source, entity, same_kind_of_day
    order by source, entity, same_kind_of_day desc
),

arrived as (
    select
        source,
        entity,
        sum(landed_rows) filter (where business_date = asked_for) as landed_rows,
        sum(read_rows) filter (where business_date = asked_for and not is_replay) as read_rows,
        sum(read_rows) filter (where is_last_attempt) as read_in_all,
        sum(greatest(quarantined_rows - replayed_records, 0)) filter (where is_last_attempt)
        as quarantined_rows,
        bool_or(covers_from is null) as is_first_load,
        bool_and(read_rows = landed_rows + unchanged_rows + quarantined_rows) as ledger_adds_up
    from landed
    where business_date >= asked_for and coalesce(covers_from, '-infinity') <= asked_for
    group by source, entity
),

-- A source that landed on each of the three days before is expected today.
expected as (
    select source, entity
    from ops.loads as loads
    cross join day
    where
        loads.status = 'landed'
        and loads.source = any(day.sources)
        and loads.business_date between day.business_date - 3 and day.business_date - 1
    group by source, entity
    having count(distinct loads.business_date) = 3
),

-- What a person has confirmed, with a reason, is no surprise any more.
accepted as (
    select accepted_loads.*
    from ops.accepted_loads as accepted_loads
    cross join day
    where accepted_loads.business_date = day.business_date
),

attempts as (
    select distinct on (source, entity) source, entity, status
    from ops.loads as loads
    cross join day
    where loads.business_date = day.business_date and loads.source = any(day.sources)
    order by source, entity, load_id desc
)

select
    source,
    entity,
    arrived.source is not null as has_arrived,
    coalesce(attempts.status in ('failed', 'held') and arrived.source is null, false) as only_failed,
    coalesce(arrived.ledger_adds_up, true) as ledger_adds_up,
    coalesce(arrived.landed_rows, 0)::bigint as landed_rows,
    coalesce(arrived.read_rows, 0)::bigint as read_rows,
    coalesce(arrived.quarantined_rows, 0)::bigint as quarantined_rows,
    case
        when arrived.quarantined_rows <= accepted.rejected_seen then 0
        else coalesce(arrived.quarantined_rows / nullif(arrived.read_in_all, 0), 0)
    end::float as quarantined_share,
    round(usual.usual_landed)::bigint as usual_rows,
    -- Few rows a day say nothing when there are none: eight a day are none once in 3,000 days. And a
    -- shop that sends nothing on a holiday still sells: orders, tickets and mentions speak for their
    -- source, and everything else only together with all of it.
    coalesce(
        accepted.source is null
        and not arrived.is_first_load
        and (
            sum(arrived.landed_rows) over (partition by source) = 0
            or (usual.same_kind_of_day and entity in ('orders', 'tickets', 'mentions'))
        )
        and (
            (usual.usual_landed >= least_telling.rows and arrived.landed_rows = 0)
            or (usual.usual_read >= least_telling.rows and arrived.read_rows = 0)
        ),
        false
    ) as is_suddenly_empty,
    case
        when usual.same_kind_of_day and usual.days_known >= 3 and usual.usual_landed >= 50 and not arrived.is_first_load
            then (arrived.landed_rows / usual.usual_landed)::float
    end as share_of_usual
from arrived
full outer join expected using (source, entity)
full outer join attempts using (source, entity)
left join usual using (source, entity)
left join accepted using (source, entity)
cross join lateral (select case when usual.days_known >= 3 then 8 else 20 end as rows) as least_telling
