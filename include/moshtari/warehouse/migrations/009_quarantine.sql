-- What people decide about quarantined records, and what became of those that were replayed.
alter table quarantine.records
    add column if not exists replay_load_id bigint references ops.loads (load_id),
    add column if not exists decided_by text,
    add column if not exists decided_because text,
    add column if not exists decided_at timestamptz;
comment on column quarantine.records.position is 'Where the record stands at the source.';
comment on column quarantine.records.reason is 'Why it could not be landed, when it was last tried.';
comment on column quarantine.records.raw is 'The record as received; it may hold personal data.';
comment on column quarantine.records.last_load_id is 'The last load that received it from the source; a replay receives nothing.';
comment on column quarantine.records.replay_load_id is 'The last load that replayed it: the one that landed its rows, if it is replayed.';
comment on column quarantine.records.decided_by is 'Who discarded it last.';
comment on column quarantine.records.decided_because is 'Why it was discarded.';
comment on column quarantine.records.decided_at is 'When it was discarded.';

-- The same bytes at the same place are one record; its reason is the newest, as a mended mapping may
-- find another. Records that differed by their reasons alone become one.
create temporary table one_record on commit drop as
select
    max(quarantine_id) as quarantine_id,
    min(first_load_id) as first_load_id,
    max(last_load_id) as last_load_id,
    bool_or(status = 'open') as is_open,
    source,
    entity,
    position,
    content_md5
from quarantine.records
group by source, entity, position, content_md5
having count(*) > 1;

delete from quarantine.records as records
using one_record
where
    records.source = one_record.source
    and records.entity = one_record.entity
    and records.position = one_record.position
    and records.content_md5 = one_record.content_md5
    and records.quarantine_id <> one_record.quarantine_id;

update quarantine.records as records
set
    first_load_id = one_record.first_load_id,
    last_load_id = one_record.last_load_id,
    status = case when one_record.is_open then 'open' else records.status end
from one_record
where records.quarantine_id = one_record.quarantine_id;

drop table one_record;

alter table quarantine.records drop constraint if exists one_record_a_bad_row;
alter table quarantine.records
    add constraint one_record_a_bad_row unique (source, entity, position, content_md5);
create index if not exists open_records
    on quarantine.records (source, entity, last_load_id, quarantine_id) where status = 'open';

-- Nobody changes what was received, nor where it came from.
revoke update on quarantine.records from moshtari_loader;
grant update (
    reason, last_load_id, status, replay_load_id, decided_by, decided_because, decided_at
) on quarantine.records to moshtari_loader;
