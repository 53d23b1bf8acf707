-- The latent life. Tables hold it from beginning to end of the simulation, the nights to come
-- included; truth.labels_as_of(day) is what is true at the end of a day and looks no further.

create table truth.people (
    person_id bigint primary key,
    latent_kind text not null,
    own_gap_days numeric not null,
    arrived_at timestamptz not null,
    attached_at timestamptz,
    dropped_out_at timestamptz,
    is_company boolean not null,
    is_staff boolean not null
);
comment on column truth.people.own_gap_days is 'Mean of the person''s own purchase gap while alive';
comment on column truth.people.attached_at is 'From this purchase on the person is loyal';
comment on column truth.people.dropped_out_at is
    'When the person left for good (the last time, for those who had come back); null: it did not';

-- state: alive (own rhythm), cooling (slower, on the way out), gone (buys no more).
create table truth.phases (
    person_id bigint not null,
    from_at timestamptz not null,
    to_at timestamptz,
    state text not null check (state in ('alive', 'cooling', 'gone'))
);

-- Orders paid and not cancelled.
create table truth.purchases (
    person_id bigint not null,
    sale_id bigint not null,
    bought_at timestamptz not null
);

create table truth.grievances (
    person_id bigint not null,
    opened_at timestamptz not null,
    closed_at timestamptz not null,
    cause text not null check (cause in ('late', 'lost', 'quality', 'refund', 'support')),
    is_voiced boolean not null
);
comment on column truth.grievances.is_voiced is 
    'Said in a ticket or a post, or shown by a return; others are suffered in silence';

-- Whose record it is: source and entity as the demo''s deployment names them (shop/customers,
-- shop/orders, help/tickets, social/mentions), for scoring identity. Strangers have no rows.
create table truth.records (
    source text not null,
    entity text not null,
    record_id text not null,
    person_id bigint not null
);

/*
The labels of every person at the end of a business day in Tehran. A person can have several.

  lapsed        has bought and is gone, and the separation is real: nothing bought for three of its
                own latent gaps and at least 90 days
  at_risk       has bought and is cooling, or is gone but not yet lapsed; and nurses no grievance
  dissatisfied  has an open grievance, voiced or not
  new           first purchase at most 30 days ago (the type; the phase `new` also ends with a second
                purchase day)
  active        has bought, is alive and not cooling, and is not attached (loyal)

is_observable says that the sources can have shown it by that day: silence has lasted 1.5 own gaps
(at_risk), or the grievance was voiced and is at most 60 days old (dissatisfied). It is true for the
others. The thresholds are those of the customer model (separation_gap_factor,
separation_min_days, active_gap_factor, dissatisfaction_days, new_customer_days), so that both
speak of the same thing; the states are latent, and no rule over the sources can know them all.
*/
create function truth.labels_as_of(day date)
returns table (person_id bigint, label text, is_observable boolean)
language sql stable
as $$
    with moment as (
        select (day + 1)::timestamp at time zone 'Asia/Tehran' as at
    ),

    purchases as (
        select
            p.person_id,
            min((p.bought_at at time zone 'Asia/Tehran')::date) as first_day,
            max((p.bought_at at time zone 'Asia/Tehran')::date) as last_day
        from truth.purchases as p
        inner join moment as m on p.bought_at < m.at
        group by p.person_id
    ),

    states as (
        select s.person_id, s.state
        from truth.phases as s
        inner join moment as m on s.from_at < m.at and (s.to_at >= m.at or s.to_at is null)
    ),

    grievances as (
        select
            g.person_id,
            bool_or(g.is_voiced and g.opened_at >= m.at - interval '60 days') as is_observable
        from truth.grievances as g
        inner join moment as m on g.opened_at < m.at and g.closed_at >= m.at
        group by g.person_id
    ),

    buyers as (
        select
            p.person_id,
            p.first_day,
            p.last_day,
            s.state,
            day - p.last_day as silent_days,
            person.own_gap_days,
            s.state = 'gone'
            and day - p.last_day >= greatest(90, 3 * person.own_gap_days) as is_lapsed,
            g.person_id is not null as is_aggrieved,
            coalesce(person.attached_at < m.at, false) as is_attached
        from purchases as p
        inner join truth.people as person on p.person_id = person.person_id
        inner join states as s on p.person_id = s.person_id
        cross join moment as m
        left join grievances as g on p.person_id = g.person_id
    )

    select b.person_id, 'lapsed', true
    from buyers as b
    where b.is_lapsed
    union all
    select b.person_id, 'at_risk', b.silent_days >= 1.5 * b.own_gap_days
    from buyers as b
    where b.state <> 'alive' and not b.is_lapsed and not b.is_aggrieved
    union all
    select g.person_id, 'dissatisfied', g.is_observable
    from grievances as g
    union all
    select b.person_id, 'new', true
    from buyers as b
    where day - b.first_day <= 30
    union all
    select b.person_id, 'active', true
    from buyers as b
    where b.state = 'alive' and not b.is_attached
$$;
