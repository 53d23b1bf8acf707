-- The latent life. Tables hold it from beginning to end of the simulation, the nights to come
-- included; what is true at the end of a day, and no further, is told by truth_labels.sql.

create table truth.people (
    person_id bigint primary key,
    latent_kind text not null,
    own_gap_days numeric not null,
    arrived_at timestamptz not null,
    attached_at timestamptz,
    dropped_out_at timestamptz,
    is_company boolean not null,
    is_staff boolean not null,
    style text not null,
    introduced_by bigint,
    is_introduction_recorded boolean not null,
    reached_at timestamptz,
    is_never_contacted boolean not null
);
comment on column truth.people.own_gap_days is 'Mean of the person''s own purchase gap while alive';
comment on column truth.people.attached_at is 'From this purchase on the person is loyal';
comment on column truth.people.style is
    'How the person shops, all its life: plain, browser, discount, researcher, impulse, hesitant';
comment on column truth.people.introduced_by is 'The person who recommended the shop to it';
comment on column truth.people.reached_at is
    'When a message of the shop (advertisement, call, message) first reached the person';
comment on column truth.people.is_never_contacted is
    'Left out of the shop''s calls and messages by chance alone';
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
    bought_at timestamptz not null,
    is_tracked boolean not null
);
comment on column truth.purchases.is_tracked is 'Placed on the site, in a visit that was kept';

create table truth.grievances (
    person_id bigint not null,
    opened_at timestamptz not null,
    closed_at timestamptz not null,
    cause text not null check (cause in ('late', 'lost', 'quality', 'refund', 'support')),
    is_voiced boolean not null
);
comment on column truth.grievances.is_voiced is 
    'Said in a ticket or a post, or shown by a return; others are suffered in silence';

-- Posts and reviews with all five stars in which a person recommends the shop. Friends whom it
-- brought are in truth.people.
create table truth.recommendations (
    person_id bigint not null,
    made_at timestamptz not null
);

-- Whose record it is: source and entity as the demo''s deployment names them (shop/customers,
-- shop/orders, shop/web_events by visitor, help/tickets, social/mentions), for scoring identity.
-- Strangers have no rows; a device in a kitchen has one for each who uses it.
create table truth.records (
    source text not null,
    entity text not null,
    record_id text not null,
    person_id bigint not null
);

-- What a person is about. look: around, wanting nothing in particular; deal: after a lower price;
-- research: it compares and reads; waver: it wants something and cannot decide; switch: it weighs
-- the shop against another, on its way to it or from it.
create table truth.intents (
    person_id bigint not null,
    intent text not null check (intent in ('look', 'deal', 'research', 'waver', 'switch')),
    since_at timestamptz not null,
    until_at timestamptz not null,
    shown_at timestamptz
);
comment on column truth.intents.shown_at is
    'When what the person did or said first shows it; null: never';

-- Why a person turned away, to cool or to go, in the words of the customer model.
create table truth.departures (
    person_id bigint not null,
    turned_at timestamptz not null,
    reason text not null check (reason in (
        'unresolved_complaint', 'late_or_failed_delivery', 'product_quality', 'better_offer',
        'price', 'unknown'
    ))
);

-- What a text truly is, by record (help/tickets, social/mentions, shop/surveys): what its author
-- meant, whatever words it uses.
create table truth.texts (
    source text not null,
    entity text not null,
    record_id text not null,
    kind text not null check (kind in (
        'question', 'complaint', 'suggestion', 'praise', 'other'
    )),
    sentiment text not null check (sentiment in ('negative', 'neutral', 'positive')),
    topic text not null,
    competitor text
);
