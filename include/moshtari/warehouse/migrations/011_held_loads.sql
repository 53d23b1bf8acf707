-- A load that is suspiciously small is held: nothing of it lands until somebody says that it is right.
alter table ops.loads drop constraint if exists loads_status_check;
alter table ops.loads add constraint loads_status_check
check (status in ('running', 'landed', 'failed', 'held'));

create table if not exists ops.accepted_loads (
    source text not null,
    entity text not null,
    business_date date not null,
    rows_seen bigint not null,
    because text not null,
    accepted_at timestamptz not null default clock_timestamp(),
    primary key (source, entity, business_date)
);
comment on table ops.accepted_loads is 'Held loads that somebody has confirmed: one of at least so many rows lands.';
comment on column ops.accepted_loads.rows_seen is 'Rows that the held load had read; one with fewer still is held again.';

grant select, insert, update on ops.accepted_loads to moshtari_loader;
grant select on ops.accepted_loads to moshtari_auditor;
