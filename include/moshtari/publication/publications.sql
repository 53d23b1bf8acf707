with checks as (
    select
        run_id,
        count(*) as checks_run,
        count(*) filter (where not success) as checks_failed,
        count(*) filter (where not success and severity = 'critical') as critical_failed,
        count(*) filter (where not success and severity = 'warning') as warnings_failed,
        count(*) filter (where not success and severity = 'info') as infos_failed
    from ops.checks
    group by run_id
),

-- How fresh each source was when the run was built: loads of later nights do not count.
source_freshness as (
    select
        r.run_id,
        l.source,
        max(l.window_end) as read_up_to
    from ops.runs as r
    inner join ops.loads as l
        on l.status = 'landed'
        and l.business_date <= r.as_of_date
        and l.finished_at <= coalesce(r.published_at, r.finished_at, r.audited_at, 'infinity')
    group by r.run_id, l.source
),

freshness as (
    select
        run_id,
        jsonb_object_agg(source, read_up_to) as data_freshness,
        min(read_up_to) as oldest_source_at
    from source_freshness
    group by run_id
)

select
    r.run_id,
    r.as_of_date,
    r.status,
    coalesce(r.run_id = p.run_id, false) as is_current,
    r.started_at,
    r.published_at,
    f.data_freshness,
    f.oldest_source_at,
    coalesce(c.checks_run, 0) as checks_run,
    coalesce(c.checks_failed, 0) as checks_failed,
    coalesce(c.critical_failed, 0) as critical_failed,
    coalesce(c.warnings_failed, 0) as warnings_failed,
    coalesce(c.infos_failed, 0) as infos_failed,
    (
        select sum(counted.value::bigint)::bigint
        from jsonb_each_text(r.row_counts) as counted
    ) as published_rows,
    r.row_counts
from ops.runs as r
left join checks as c on c.run_id = r.run_id
left join freshness as f on f.run_id = r.run_id
left join store.pointer as p on p.run_id = r.run_id
-- comments
comment on view bi.publications is 'One row for each run: what was built, checked and published.';
comment on column bi.publications.run_id is 'Number of the run.';
comment on column bi.publications.as_of_date is 'Business day that the run''s figures are as of.';
comment on column bi.publications.status is
'building, refused (the gate was shut), published, superseded (by a newer run or a rollback), failed.';
comment on column bi.publications.is_current is 'Whether the views show this run now.';
comment on column bi.publications.started_at is 'When the run began.';
comment on column bi.publications.published_at is 'When the run was published; null if it was not.';
comment on column bi.publications.data_freshness is
'For each source, the end of the last window that was landed when the run was built (json).';
comment on column bi.publications.oldest_source_at is 'The oldest of the times in data_freshness.';
comment on column bi.publications.checks_run is 'Checks of the gate that were run.';
comment on column bi.publications.checks_failed is 'Checks that failed, of any severity.';
comment on column bi.publications.critical_failed is 'Critical checks that failed; they shut the gate.';
comment on column bi.publications.warnings_failed is 'Warnings that were published with the run.';
comment on column bi.publications.infos_failed is 'Notes that were published with the run.';
comment on column bi.publications.published_rows is 'Rows in all marts of the run.';
comment on column bi.publications.row_counts is 'Rows by mart (json).';
