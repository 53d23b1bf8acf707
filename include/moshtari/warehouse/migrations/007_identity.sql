-- What people decided about who is who, and what a machine thinks probable. Neither is personal
-- data beyond the keys themselves, which raw holds as well.
create table if not exists ops.identity_corrections (
    correction_id bigint generated always as identity primary key,
    action text not null check (action in ('separate', 'join')),
    left_kind text not null,
    left_value text not null,
    right_kind text not null,
    right_value text not null,
    reason text not null,
    decided_on date not null,
    line integer not null,
    loaded_at timestamptz not null default clock_timestamp(),
    withdrawn_at timestamptz,
    constraint one_correction_a_pair unique (
        action, left_kind, left_value, right_kind, right_value
    )
);
comment on table ops.identity_corrections is 'One row for each correction that the deployment''s file holds, or once held.';
comment on column ops.identity_corrections.withdrawn_at is 'When the row was no longer in the file; it has no effect since.';

create table if not exists ops.identity_suggestions (
    left_customer_key text not null,
    right_customer_key text not null,
    as_of_date date not null,
    match_probability double precision not null,
    agreeing_fields text[] not null,
    differing_fields text[] not null,
    left_key text not null,
    right_key text not null,
    primary key (left_customer_key, right_customer_key),
    constraint lesser_key_first check (left_customer_key < right_customer_key)
);
comment on table ops.identity_suggestions is 'Pairs of customers that are probably one person, for somebody to decide; never merged by themselves.';

grant select, insert, update on ops.identity_corrections to moshtari_builder;
grant select, insert, delete on ops.identity_suggestions to moshtari_builder;
grant select on ops.identity_corrections, ops.identity_suggestions to moshtari_auditor;
