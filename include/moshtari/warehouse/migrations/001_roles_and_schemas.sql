-- Roles belong to the whole server, schemas to this database. Every role is a group without a login:
-- the one login Moshtari connects with may become each of them, and readers' logins are members.
do $$
declare
    role_name text;
begin
    foreach role_name in array array[
        'moshtari_loader', 'moshtari_builder', 'moshtari_auditor', 'moshtari_publisher',
        'bi_reader', 'outreach_reader'
    ]
    loop
        begin
            if not exists (select 1 from pg_roles where rolname = role_name) then
                execute format('create role %I', role_name);
            end if;
        exception when duplicate_object or unique_violation then
            null;  -- another migration of the same server made it at the same time
        end;
    end loop;
end
$$;

create schema if not exists raw;
create schema if not exists quarantine;
create schema if not exists ops;
create schema if not exists reference;
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists candidate;
create schema if not exists store;
create schema if not exists bi;
create schema if not exists outreach;

comment on schema raw is 'Every version of every row a source supplied, append-only.';
comment on schema quarantine is 'Rows that could not be landed, as received, with the reason.';
comment on schema ops is 'The ledger of loads, runs, checks and the fence.';
comment on schema reference is 'Seeds of the dbt project: calendars, lexicons, playbook.';
comment on schema staging is 'dbt: sources renamed, cast and normalised.';
comment on schema intermediate is 'dbt: identity, orders, behaviour and service.';
comment on schema candidate is 'dbt: marts of the run being built, unseen by readers.';
comment on schema store is 'Published and prepared marts, partitioned by run, and the pointer.';
comment on schema bi is 'What analysts read: views over the published run, no personal data.';
comment on schema outreach is 'What marketing reads: lists of people with consent.';

alter schema staging owner to moshtari_builder;
alter schema intermediate owner to moshtari_builder;
alter schema candidate owner to moshtari_builder;
alter schema reference owner to moshtari_builder;
alter schema store owner to moshtari_publisher;
alter schema bi owner to moshtari_publisher;
alter schema outreach owner to moshtari_publisher;

-- The publisher moves the builder's candidate tables into the store.
grant moshtari_builder to moshtari_publisher;

do $$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format(
        'grant connect, temporary on database %I to moshtari_loader, moshtari_builder, '
        'moshtari_auditor, moshtari_publisher',
        current_database()
    );
    execute format(
        'grant connect on database %I to bi_reader, outreach_reader', current_database()
    );
    -- dbt-postgres issues "create schema if not exists", which asks for this right even when the
    -- schema is there.
    execute format('grant create on database %I to moshtari_builder', current_database());
end
$$;

grant usage on schema raw, quarantine, ops to moshtari_loader;
grant usage on schema raw, ops, store to moshtari_builder;
grant usage on schema raw, ops, quarantine, candidate, store to moshtari_auditor;
grant usage on schema ops to moshtari_publisher;
grant usage on schema bi to bi_reader;
grant usage on schema outreach to outreach_reader;

alter default privileges for role moshtari_builder in schema candidate
grant select on tables to moshtari_auditor;
alter default privileges for role moshtari_publisher in schema store
grant select on tables to moshtari_builder, moshtari_auditor;
