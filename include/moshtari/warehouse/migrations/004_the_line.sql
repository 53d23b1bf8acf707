-- A run of the newest day, or of one newer than what readers see, goes on the line: each such run has
-- a position there, and marts with a history keep their rows once, with the positions between which
-- they hold. A run of an older day stands aside and has its rows to itself.
alter table ops.runs
    add column if not exists on_line boolean not null default false,
    add column if not exists line_position integer;
comment on column ops.runs.on_line is 'Whether the run, when it began, was of no older day than the publication shown.';
comment on column ops.runs.line_position is 'Its place on the line, taken when its histories are first written; null beside the line.';
create unique index if not exists runs_by_line_position
on ops.runs (line_position) where line_position is not null;

alter table store.pointer add column if not exists line_position integer;
comment on column store.pointer.line_position is 'Place of the published run on the line; null beside it.';

create table if not exists ops.line (
    only_row boolean primary key default true check (only_row),
    head integer not null default 0
);
comment on table ops.line is 'The last position taken on the line, whether its run was published or not.';
insert into ops.line (head) values (0) on conflict do nothing;

create table if not exists ops.line_marts (
    mart text primary key,
    founded_at integer not null,
    position integer not null,
    open_rows bigint not null
);
comment on table ops.line_marts is 'For each mart with a history, the positions it begins at and was last written for, and its rows there.';

grant select on ops.line, ops.line_marts to moshtari_builder, moshtari_auditor, moshtari_publisher;
grant insert, update on ops.line, ops.line_marts to moshtari_publisher;
