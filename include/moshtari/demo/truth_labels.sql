/*
What is true of every person at the end of a business day in Tehran.

The thresholds are those of the customer model (separation_gap_factor, separation_min_days,
active_gap_factor, dissatisfaction_days, new_customer_days, intent_window_days, advocacy_days), so
that both speak of the same thing; the states are latent, and no rule over the sources can know
them all.
*/

-- One row for each person who has come by the end of the day: what it has bought, and its state.
create function truth.lives_as_of(day date)
returns table (
    person_id bigint,
    style text,
    state text,
    purchase_days bigint,
    first_day date,
    last_day date,
    own_gap_days numeric,
    was_tracked_lately boolean,
    is_lapsed boolean,
    is_aggrieved boolean,
    is_attached boolean,
    is_reached boolean,
    introduced_by bigint,
    is_introduction_recorded boolean
)
language sql stable
as $$
    with moment as (
        select (day + 1)::timestamp at time zone 'Asia/Tehran' as at
    ),

    purchases as (
        select
            p.person_id,
            count(distinct (p.bought_at at time zone 'Asia/Tehran')::date) as purchase_days,
            min((p.bought_at at time zone 'Asia/Tehran')::date) as first_day,
            max((p.bought_at at time zone 'Asia/Tehran')::date) as last_day,
            bool_or(p.is_tracked and p.bought_at >= m.at - interval '30 days') as was_tracked_lately
        from truth.purchases as p
        inner join moment as m on p.bought_at < m.at
        group by p.person_id
    ),

    states as (
        select s.person_id, s.state
        from truth.phases as s
        inner join moment as m on s.from_at < m.at and (s.to_at >= m.at or s.to_at is null)
    ),

    aggrieved as (
        select distinct g.person_id
        from truth.grievances as g
        inner join moment as m on g.opened_at < m.at and g.closed_at >= m.at
    )

    select
        person.person_id,
        person.style,
        coalesce(s.state, 'alive'),
        coalesce(p.purchase_days, 0),
        p.first_day,
        p.last_day,
        person.own_gap_days,
        coalesce(p.was_tracked_lately, false),
        coalesce(
            s.state = 'gone'
            and day - p.last_day >= greatest(90, 3 * person.own_gap_days),
            false
        ),
        g.person_id is not null,
        coalesce(person.attached_at < m.at, false),
        coalesce(person.reached_at < m.at, false),
        person.introduced_by,
        person.is_introduction_recorded
    from truth.people as person
    inner join moment as m on person.arrived_at < m.at
    left join purchases as p on person.person_id = p.person_id
    left join states as s on person.person_id = s.person_id
    left join aggrieved as g on person.person_id = g.person_id
$$;

/*
The types. A person can be of several.

  browser          is about looking around (intent look)
  discount_seeker  buys because of the offer, all its life (style discount) and has bought; or has
                   not bought and is after a lower price (intent deal)
  researcher       is about comparing and reading (intent research), for a purchase or for none
  impulse          buys what it has just seen, all its life (style impulse), and has bought
  hesitant         wants something and cannot decide (intent waver)
  switcher         weighs the shop against another (intent switch), coming or leaving
  new              first purchase at most 30 days ago (the phase also ends with a second day)
  active           has bought, is alive and not cooling, and is not attached (loyal)
  lapsed           has bought and is gone, and the separation is real: nothing bought for three of
                   its own latent gaps and at least 90 days
  dissatisfied     has an open grievance, voiced or not
  at_risk          has bought and is cooling, or is gone but not yet lapsed; and nurses no grievance
  referred         came because another customer recommended the shop, and has not yet bought on a
                   second day

is_observable says that the sources can have shown it by that day: what the person is about showed
in the last 30 days (the six before the purchase; the traits: by a purchase whose visit was kept,
or by two purchases), silence has lasted 1.5 own gaps (at_risk), the grievance was voiced and is at
most 60 days old (dissatisfied), the introduction was recorded (referred). It is true for the
others.
*/
create function truth.types_as_of(day date)
returns table (person_id bigint, label text, is_observable boolean)
language sql stable
as $$
    with moment as (
        select (day + 1)::timestamp at time zone 'Asia/Tehran' as at
    ),

    lives as (
        select * from truth.lives_as_of(day)
    ),

    intents as (
        select
            i.person_id,
            i.intent,
            coalesce(
                bool_or(i.shown_at < m.at and i.shown_at >= m.at - interval '30 days'), false
            ) as is_observable
        from truth.intents as i
        inner join moment as m on i.since_at < m.at and i.until_at >= m.at
        group by i.person_id, i.intent
    ),

    grievances as (
        select
            g.person_id,
            bool_or(g.is_voiced and g.opened_at >= m.at - interval '60 days') as is_observable
        from truth.grievances as g
        inner join moment as m on g.opened_at < m.at and g.closed_at >= m.at
        group by g.person_id
    )

    select
        i.person_id,
        case i.intent
            when 'look' then 'browser'
            when 'research' then 'researcher'
            when 'waver' then 'hesitant'
            else 'switcher'
        end,
        i.is_observable
    from intents as i
    where i.intent <> 'deal'
    union all
    select l.person_id, 'discount_seeker', l.purchase_days >= 2
    from lives as l
    where l.style = 'discount' and l.purchase_days > 0
    union all
    select i.person_id, 'discount_seeker', i.is_observable
    from intents as i
    inner join lives as l on i.person_id = l.person_id
    where i.intent = 'deal' and l.purchase_days = 0
    union all
    select l.person_id, 'impulse', l.was_tracked_lately
    from lives as l
    where l.style = 'impulse' and l.purchase_days > 0
    union all
    select l.person_id, 'new', true
    from lives as l
    where day - l.first_day <= 30
    union all
    select l.person_id, 'active', true
    from lives as l
    where l.purchase_days > 0 and l.state = 'alive' and not l.is_attached
    union all
    select l.person_id, 'lapsed', true
    from lives as l
    where l.is_lapsed
    union all
    select g.person_id, 'dissatisfied', g.is_observable
    from grievances as g
    union all
    select l.person_id, 'at_risk', day - l.last_day >= 1.5 * l.own_gap_days
    from lives as l
    where l.purchase_days > 0 and l.state <> 'alive' and not l.is_lapsed and not l.is_aggrieved
    union all
    select l.person_id, 'referred', l.is_introduction_recorded
    from lives as l
    where l.introduced_by is not null and l.purchase_days < 2
$$;

/*
The phase, one for each person:

  acquisition  has not bought
  new          first purchase at most 30 days ago, and no second purchase day
  separation   lapsed, as above
  existing     everybody else
*/
create function truth.phases_as_of(day date)
returns table (person_id bigint, label text)
language sql stable
as $$
    select
        l.person_id,
        case
            when l.purchase_days = 0 then 'acquisition'
            when l.is_lapsed then 'separation'
            when l.purchase_days = 1 and day - l.first_day <= 30 then 'new'
            else 'existing'
        end
    from truth.lives_as_of(day) as l
$$;

/*
The step of the ladder, one for each person:

  potential  has come, and no message of the shop has reached it
  prospect   has not bought, and a message of the shop has reached it
  buyer      has bought on one day
  repeat     has bought on several days
  loyal      is attached (its heart is with the shop: it leaves less easily), alive, and nurses no
             grievance
  advocate   loyal, and in the last 365 days it recommended the shop in a post or a review with all
             five stars, or a friend whom it told of the shop bought for the first time
*/
create function truth.steps_as_of(day date)
returns table (person_id bigint, label text)
language sql stable
as $$
    with moment as (
        select (day + 1)::timestamp at time zone 'Asia/Tehran' as at
    ),

    lives as (
        select * from truth.lives_as_of(day)
    ),

    advocates as (
        select r.person_id
        from truth.recommendations as r
        inner join moment as m on r.made_at < m.at and r.made_at >= m.at - interval '365 days'
        union
        select l.introduced_by
        from lives as l
        where day - l.first_day < 365
    )

    select
        l.person_id,
        case
            when l.purchase_days = 0 then case when l.is_reached then 'prospect' else 'potential' end
            when l.is_attached and l.state = 'alive' and not l.is_aggrieved
                then case when a.person_id is null then 'loyal' else 'advocate' end
            when l.purchase_days = 1 then 'buyer'
            else 'repeat'
        end
    from lives as l
    left join advocates as a on l.person_id = a.person_id
$$;

-- Why those who are in separation turned away, the last time they did.
create function truth.lapse_reasons_as_of(day date)
returns table (person_id bigint, reason text)
language sql stable
as $$
    select distinct on (l.person_id) l.person_id, d.reason
    from truth.lives_as_of(day) as l
    inner join truth.departures as d on l.person_id = d.person_id
    where l.is_lapsed and d.turned_at < (day + 1)::timestamp at time zone 'Asia/Tehran'
    order by l.person_id asc, d.turned_at desc
$$;
