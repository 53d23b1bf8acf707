create table if not exists ops.loads (
    load_id bigint generated always as identity primary key,
    source text not null,
    entity text not null,
    family text not null check (family in ('orders', 'tickets', 'mentions')),
    business_date date not null,
    window_start timestamptz,
    window_end timestamptz,
    covers_from date,
    origin text,
    origin_size bigint,
    origin_checksum text,
    dag_run text not null default '',
    status text not null check (status in ('running', 'landed', 'failed')),
    read_rows bigint not null default 0,
    landed_rows bigint not null default 0,
    unchanged_rows bigint not null default 0,
    quarantined_rows bigint not null default 0,
    error text,
    details jsonb not null default '{}',
    backend_pid integer,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    constraint the_ledger_adds_up check (
        status <> 'landed' or read_rows = landed_rows + unchanged_rows + quarantined_rows
    )
);
comment on table ops.loads is 'One row for each attempt to load one entity of one source (one file of it, for files).';
create index if not exists loads_by_source on ops.loads (source, entity, business_date, load_id);

create table if not exists quarantine.records (
    quarantine_id bigint generated always as identity primary key,
    source text not null,
    entity text not null,
    position text not null,
    reason text not null,
    raw bytea not null,
    content_md5 uuid not null,
    first_load_id bigint not null references ops.loads (load_id),
    last_load_id bigint not null references ops.loads (load_id),
    status text not null default 'open' check (status in ('open', 'replayed', 'discarded')),
    constraint one_record_a_bad_row unique (source, entity, position, content_md5, reason)
);
comment on table quarantine.records is 'One row for each record that could not be landed, as received.';

create table if not exists ops.runs (
    run_id bigint generated always as identity primary key,
    as_of_date date not null,
    dag_run text not null default '',
    status text not null default 'building' check (
        status in ('building', 'refused', 'published', 'superseded', 'failed')
    ),
    prior_run_id bigint references ops.runs (run_id),
    verdict jsonb,
    row_counts jsonb,
    error text,
    started_at timestamptz not null default clock_timestamp(),
    audited_at timestamptz,
    published_at timestamptz,
    pruned_at timestamptz,
    finished_at timestamptz
);
comment on table ops.runs is 'One row for each attempt to build and publish the marts of one business day.';
create index if not exists runs_by_day on ops.runs (as_of_date, run_id);

create table if not exists ops.fence (
    only_row boolean primary key default true check (only_row),
    run_id bigint references ops.runs (run_id)
);
comment on table ops.fence is 'The newest run begun. A publication must still hold it, so a zombie run cannot publish.';
insert into ops.fence (run_id) values (null) on conflict do nothing;

create table if not exists ops.checks (
    run_id bigint not null references ops.runs (run_id),
    stage text not null check (stage in ('arrivals', 'candidate')),
    suite text not null,
    check_name text not null,
    target text not null,
    severity text not null check (severity in ('critical', 'warning', 'info')),
    success boolean not null,
    observed jsonb not null default '{}',
    checked_at timestamptz not null default clock_timestamp(),
    primary key (run_id, stage, check_name, target)
);
comment on table ops.checks is 'One row for each check of each run, with figures and no row values.';

create table if not exists store.pointer (
    only_row boolean primary key default true check (only_row),
    run_id bigint references ops.runs (run_id),
    as_of_date date,
    flipped_at timestamptz
);
comment on table store.pointer is 'The publication: the one row that every published view filters on.';
insert into store.pointer (run_id) values (null) on conflict do nothing;
alter table store.pointer owner to moshtari_publisher;

create table if not exists ops.publications (
    publication_id bigint generated always as identity primary key,
    run_id bigint not null references ops.runs (run_id),
    previous_run_id bigint references ops.runs (run_id),
    kind text not null check (kind in ('publish', 'rollback')),
    flipped_at timestamptz not null default clock_timestamp()
);
comment on table ops.publications is 'One row for each move of the pointer.';

grant select, insert, update on ops.loads to moshtari_loader;
grant select, insert, update on quarantine.records to moshtari_loader;
grant select on all tables in schema ops to moshtari_builder, moshtari_auditor, moshtari_publisher;
grant select on quarantine.records to moshtari_auditor;
grant insert, update, delete on ops.checks to moshtari_auditor;
grant update (status, verdict, audited_at, finished_at, error) on ops.runs to moshtari_auditor;
grant insert, update on ops.runs, ops.fence, ops.publications to moshtari_publisher;
grant select on store.pointer to moshtari_builder, moshtari_auditor;
