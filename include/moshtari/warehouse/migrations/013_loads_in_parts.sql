-- A large load is cut into ranges of a key, which several workers land at once. The cuts are kept here
-- while it lasts, and not in the ledger, for keys may be personal.
create table if not exists ops.part_plans (
    plan_id bigint generated always as identity primary key,
    source text not null,
    entity text not null,
    business_date date not null,
    mapping text not null,
    bounds text[] not null,
    founds boolean not null,
    covers_from date,
    window_start timestamptz,
    window_end timestamptz not null,
    needed_from timestamptz,
    mark text,
    mark_reached text,
    in_turn boolean not null default false,
    made_at timestamptz not null default clock_timestamp(),
    unique (source, entity, business_date)
);
comment on table ops.part_plans is 'Loads that are cut into parts and not complete yet. Gone when the day is landed.';
comment on column ops.part_plans.mapping is 'Hash of the entity''s configuration: a plan is not gone on with under another.';
comment on column ops.part_plans.bounds is 'Where the parts meet, in the source''s own order; one part more than bounds.';
comment on column ops.part_plans.founds is 'Raw had no row of the source and entity when the plan was made.';
comment on column ops.part_plans.mark_reached is 'The source''s own count of changes before any part was read.';
comment on column ops.part_plans.in_turn is 'Parts of this plan may land; those of the other plans of the series wait.';

grant select, insert, update, delete on ops.part_plans to moshtari_loader;
