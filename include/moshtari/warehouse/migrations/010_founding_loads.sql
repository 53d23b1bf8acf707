-- Content is compared as it is, so no hash of it is kept; and keys are indexed key first, which sorts
-- several times as fast as source first. A load brings a key once: the index says so.
do $$
declare
    entity name;
begin
    for entity in
        select relname from pg_class
        where relnamespace = 'raw'::regnamespace and relkind = 'r'
    loop
        execute format('alter table raw.%I drop column if exists _content_hash', entity);
        execute format('drop index if exists raw.%I', entity || '_source_key_load_id');
    end loop;
end
$$;

-- A first load into an empty table goes straight in, and is indexed when it is there. False where the
-- table is in use or not empty: then the load takes the ordinary way.
create or replace function ops.begin_founding(entity name, source text, load bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    is_empty boolean;
begin
    begin
        execute format('lock table raw.%I in access exclusive mode nowait', entity);
    exception when lock_not_available then
        return false;
    end;
    execute format('select not exists (select from raw.%I)', entity) into is_empty;
    if is_empty then
        -- What a transaction puts into a table that it has truncated is written once, not twice.
        execute format('truncate raw.%I', entity);
        execute format('drop index raw.%I', entity || '_key_source_load_id');
        -- What all rows of the load have in common need not come with each.
        execute format(
            'alter table raw.%I alter _source set default %L, alter _load_id set default %s,'
            ' alter _known_from set default %L',
            entity, source, load, '-infinity'
        );
    end if;
    return is_empty;
end
$$;
comment on function ops.begin_founding (name, text, bigint) is 'Makes an empty table of raw ready for a first load, within the load''s transaction.';

-- Raises unique_violation when the load has brought a key twice.
create or replace function ops.end_founding(entity name) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format(
        'create unique index %I on raw.%I (_key, _source, _load_id)',
        entity || '_key_source_load_id', entity
    );
    execute format(
        'alter table raw.%I alter _source drop default, alter _load_id drop default,'
        ' alter _known_from drop default',
        entity
    );
end
$$;
comment on function ops.end_founding (name) is 'Indexes what a first load has brought.';

-- Landing may add to raw and take nothing away, but for rows of its own load that is still running.
create or replace function ops.take_back(entity name, load bigint, row_ids tid[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    taken bigint;
begin
    if not exists (select from ops.loads where load_id = load and status = 'running') then
        raise exception 'load % is not running: its rows stay', load;
    end if;
    execute format('delete from raw.%I where ctid = any($1) and _load_id = $2', entity)
    using row_ids, load;
    get diagnostics taken = row_count;
    return taken;
end
$$;
comment on function ops.take_back (name, bigint, tid[]) is 'Takes rows of a running load out of raw again: those that break the contract, or came twice.';

revoke all on function ops.begin_founding (name, text, bigint), ops.end_founding (name), ops.take_back (name, bigint, tid[]) from public;
grant execute on function ops.begin_founding (name, text, bigint), ops.end_founding (name), ops.take_back (name, bigint, tid[]) to moshtari_loader;
