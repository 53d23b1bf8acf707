-- What the incremental models hold, and since when: a night computes what changed since the last
-- build that ended cleanly, and a build that does not know where it stands begins anew.
create table if not exists ops.state (
    only_row boolean primary key default true check (only_row),
    clean_run_id bigint,
    clean_date date,
    log_from_run bigint,
    fingerprint text,
    dirty_to date,
    building_run_id bigint,
    building jsonb,
    updated_at timestamptz not null default clock_timestamp()
);
comment on table ops.state is 'Of which run and day the incremental models are, and which build is writing to them.';
comment on column ops.state.clean_run_id is 'The last build that ended cleanly; null when the next one must begin anew.';
comment on column ops.state.clean_date is 'Business day of that build.';
comment on column ops.state.log_from_run is 'The change logs hold every change of the runs after this one.';
comment on column ops.state.fingerprint is 'Hash of the rules and settings that the state was built by.';
comment on column ops.state.dirty_to is 'Latest day of the builds that have not ended since; null when there is none.';
comment on column ops.state.building_run_id is 'The build that may write; older ones are turned away.';
comment on column ops.state.building is 'The dbt variables of that build, the same for both of its parts.';
insert into ops.state (only_row) values (true) on conflict do nothing;

create table if not exists ops.state_loads (
    load_id bigint primary key references ops.loads (load_id),
    effective_to timestamptz
);
comment on table ops.state_loads is 'Loads that are wholly in the state.';
comment on column ops.state_loads.effective_to is 'Latest time in any of the load''s rows: until then, they have more to say.';

grant select on ops.state, ops.state_loads to moshtari_builder, moshtari_auditor, moshtari_publisher;
grant insert, update on ops.state to moshtari_builder;
grant insert, update, delete on ops.state_loads to moshtari_builder;

-- Before a model writes to the state: waits while a new build takes it over, then turns an older
-- one away. Whoever takes it over holds the same lock exclusively.
create or replace function ops.hold_state(run bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    holder bigint;
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('moshtari.state', 0));
    select building_run_id into holder from ops.state;
    if holder > run then
        raise exception 'run % has been overtaken: run % builds now', run, holder
            using hint = 'Begin a new run for this day, when that one has ended.';
    end if;
end
$$;
comment on function ops.hold_state (bigint) is 'Raises an error when a newer build has taken over the state.';
grant execute on function ops.hold_state (bigint) to moshtari_builder;
