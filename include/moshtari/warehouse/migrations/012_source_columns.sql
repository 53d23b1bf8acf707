-- Which columns the sources have: a new one is kept beside the row and told until somebody knows of it.
create table if not exists ops.source_columns (
    source text not null,
    entity text not null,
    column_name text not null,
    type text not null,
    former_type text,
    is_used boolean not null,
    first_seen date not null,
    last_seen date not null,
    accepted_at timestamptz,
    primary key (source, entity, column_name)
);
comment on table ops.source_columns is 'Columns of the sources, as loads met them.';
comment on column ops.source_columns.type is 'In the source''s own words; empty where it has no types.';
comment on column ops.source_columns.former_type is 'What the type was before it changed; null once the change is accepted.';
comment on column ops.source_columns.is_used is 'Whether the mapping uses it.';
comment on column ops.source_columns.first_seen is 'Business day of the load that met it first.';
comment on column ops.source_columns.last_seen is 'Business day of the latest load that met it.';
comment on column ops.source_columns.accepted_at is 'When it was known to be there; null: new, or of another type, and nobody has said a word.';

grant select, insert, update on ops.source_columns to moshtari_loader;
grant select on ops.source_columns to moshtari_builder, moshtari_auditor;

do $$
declare
    entity name;
begin
    for entity in
        select relname from pg_class
        where relnamespace = 'raw'::regnamespace and relkind = 'r'
    loop
        execute format('alter table raw.%I add column if not exists _extra jsonb', entity);
    end loop;
end
$$;

alter table ops.accepted_loads add column if not exists rejected_seen bigint not null default 0;
comment on column ops.accepted_loads.rejected_seen is 'Rows that the held load would have put into quarantine; one with more is held again.';
