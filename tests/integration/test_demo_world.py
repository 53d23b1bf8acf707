"""The demo's world in a real PostgreSQL: the same from the same seed, sound, played by nights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from moshtari.demo import world
from moshtari.demo.stage import TABLES
from moshtari.demo.truth import PHASES, STEPS, TYPES
from moshtari.settings import PACKAGE_ROOT, load_deployment
from moshtari.sources.registry import make_source

TEHRAN = ZoneInfo("Asia/Tehran")
LAST_DAY = date(2025, 6, 1)
PLAN = world.make_plan(11, LAST_DAY, days=420, customers=600)

# Each query finds rows that should not be there.
IMPOSSIBLE = {
    "a sale before its account": """
        select s.id from shop.sales as s inner join shop.accounts as a on s.account_id = a.id
        where s.placed_at < a.created_at
    """,
    "a sale whose total is not the sum of its parts": """
        select id from shop.sales
        where grand_total <> subtotal - discount + shipping_fee + vat or grand_total <= 0
    """,
    "a sale that its lines do not add up to": """
        select s.id from shop.sales as s left join shop.sale_lines as l on s.id = l.sale_id
        group by s.id
        having s.subtotal is distinct from sum(l.quantity * l.unit_price)
            or s.discount is distinct from sum(l.discount)
    """,
    "more given back than was paid": """
        select s.id from shop.sales as s
        inner join (
            select sale_id, sum(amount) as amount from shop.refunds group by sale_id
        ) as r on s.id = r.sale_id
        left join (
            select sale_id, sum(amount) as amount from shop.payments where result = 'ok'
            group by sale_id
        ) as p on s.id = p.sale_id
        where r.amount > coalesce(p.amount, 0)
    """,
    "money in another currency than its sale's": """
        select s.id from shop.sales as s inner join shop.payments as p on s.id = p.sale_id
        where p.currency <> s.currency
        union all
        select s.id from shop.sales as s inner join shop.refunds as r on s.id = r.sale_id
        where r.currency <> s.currency
    """,
    "a sale that was paid more than once": """
        select s.id from shop.sales as s
        inner join shop.payments as p on s.id = p.sale_id and p.result = 'ok'
        group by s.id having sum(p.amount) <> min(s.grand_total)
    """,
    "a purchase from a customer without an account, or in foreign money": """
        select id from shop.sales
        where direction = 'purchase' and (account_id is null or currency not in ('IRR', 'IRT'))
    """,
    "something sold by its own buyer": """
        select id from shop.sales where seller_account_id = account_id
    """,
    "a seller who came after the sale": """
        select s.id from shop.sales as s
        inner join shop.accounts as a on s.seller_account_id = a.id
        where a.created_at > s.placed_at
    """,
    "foreign money without a rate": """
        select s.id from shop.sales as s
        left join shop.exchange_rates as r
            on s.currency = r.currency
            and (s.placed_at at time zone 'Asia/Tehran')::date = r.rate_date
        where s.currency not in ('IRR', 'IRT') and r.rials is null
    """,
    "a session whose order is by another account": """
        select s.id from shop.sales as s
        inner join shop.web_events as e on s.session_id = e.session
        where e.account_id <> s.account_id
    """,
    "a session that ended after its order": """
        select s.id from shop.sales as s
        inner join shop.web_events as e on s.session_id = e.session
        group by s.id having min(e.at) > max(s.placed_at)
    """,
    "an order on the site of the tracked days without a session": """
        select s.id from shop.sales as s
        where s.channel in ('web', 'app') and s.direction = 'sale' and s.session_id is null
            and s.placed_at > (select min(at) from shop.web_events) + interval '2 days'
    """,
    "a session of two visitors": """
        select session::bigint from (
            select ltrim(session, 'w') as session from shop.web_events
            group by session having count(distinct visitor) > 1
        ) as s
    """,
    "a survey with a score off its scale": """
        select id from shop.surveys
        where score not between 0 and scale
            or (answered_at is null and (score is not null or comment is not null))
            or answered_at < asked_at
    """,
    "a membership that renews and has ended": """
        select id from shop.memberships
        where (ended_at is not null and (auto_renew or ended_at < auto_renew_changed_at))
            or auto_renew_changed_at < started_at
    """,
    "a contact with somebody who is never contacted": """
        select c.id from shop.outreach_contacts as c
        inner join truth.records as r
            on r.entity = 'customers' and r.record_id = c.account_id::text
        inner join truth.people as p on r.person_id = p.person_id
        where p.is_never_contacted
    """,
    "an erasure of nobody": """
        select id from shop.erasure_requests where num_nonnulls(account_id, email, phone) <> 1
    """,
    "a text without its truth": """
        select id from help_desk.tickets as t
        where not exists (
            select from truth.texts as x
            where x.entity = 'tickets' and x.record_id = t.id::text
        )
        union all
        select id from social.statuses as t
        where not exists (
            select from truth.texts as x
            where x.source = 'social' and x.record_id = t.id::text
        )
        union all
        select id from shop.reviews as t
        where account_id is not null and not exists (
            select from truth.texts as x
            where x.source = 'shop' and x.entity = 'mentions' and x.record_id = t.id::text
        )
        union all
        select id from shop.surveys as t
        where comment is not null and not exists (
            select from truth.texts as x
            where x.entity = 'surveys' and x.record_id = t.id::text
        )
    """,
    "somebody in two phases or on two steps, or in none": """
        select p.person_id from truth.people as p
        where p.arrived_at < '2025-06-01 20:30:00+00' and (
            (select count(*) from truth.phases_as_of('2025-06-01') as a
                where a.person_id = p.person_id) <> 1
            or (select count(*) from truth.steps_as_of('2025-06-01') as a
                where a.person_id = p.person_id) <> 1
        )
    """,
    "a sale in a paid state that nobody paid": """
        select s.id from shop.sales as s
        where s.state in ('paid', 'shipped', 'delivered', 'completed', 'refunded')
            and not exists (
                select from shop.payments as p where p.sale_id = s.id and p.result = 'ok'
            )
    """,
    "a parcel that travels backwards": """
        select h.id from shop.shipments as h inner join shop.sales as s on h.sale_id = s.id
        where h.shipped_at < s.placed_at or h.delivered_at < h.shipped_at
    """,
    "a delivery on a Friday": """
        select id from shop.shipments
        where extract(isodow from delivered_at at time zone 'Asia/Tehran') = 5
    """,
    "a child newer than its sale says": """
        select s.id from shop.sales as s inner join shop.payments as p on s.id = p.sale_id
        where p.attempted_at > s.modified_at
        union all
        select s.id from shop.sales as s inner join shop.shipments as h on s.id = h.sale_id
        where greatest(h.shipped_at, h.delivered_at) > s.modified_at
        union all
        select s.id from shop.sales as s inner join shop.refunds as r on s.id = r.sale_id
        where greatest(r.requested_at, r.completed_at) > s.modified_at
    """,
    "a ticket that does not stand where its events left it": """
        select t.id from help_desk.tickets as t
        inner join help_desk.ticket_events as e on t.id = e.ticket_id
        group by t.id
        having t.updated_at < max(e.created_at)
            or t.created_at <> min(e.created_at)
            or t.status <> coalesce(
                (array_agg(e.to_status order by e.created_at desc)
                    filter (where e.to_status is not null))[1],
                'new'
            )
    """,
    "a status before the one whose id is smaller": """
        select id from (
            select id, created_at, lag(created_at) over (order by id) as before
            from social.statuses
        ) as s
        where created_at < before
            or abs((id >> 16) - extract(epoch from created_at) * 1000) >= 1000
    """,
    "text with a hole left in it": """
        select id from help_desk.tickets
        where subject || description ~ '[{}]' or description like '%سفارش  %'
        union all
        select id from help_desk.ticket_events where body ~ '[{}]'
        union all
        select id from social.statuses where content ~ '[{}]'
        union all
        select id from shop.surveys where comment ~ '[{}]'
        union all
        select id from shop.reviews where body ~ '[{}]'
    """,
    "a record of nobody": """
        select r.person_id from truth.records as r
        where not exists (select from truth.people as p where p.person_id = r.person_id)
    """,
    "a person in two phases at once, or in none": """
        select person_id from (
            select
                person_id, to_at,
                lead(from_at) over (partition by person_id order by from_at, to_at) as next_from
            from truth.phases
        ) as p
        where to_at is distinct from next_from and next_from is not null
    """,
}


@pytest.fixture
def new_database(pg_server) -> Iterator[Callable[[], str]]:
    """Makes empty databases, and gives their connection strings."""
    names: list[str] = []

    def make() -> str:
        names.append(pg_server.create_database())
        return pg_server.dsn(names[-1])

    yield make
    for name in names:
        pg_server.drop_database(name)


@pytest.fixture(scope="module")
def dsn(pg_server) -> Iterator[str]:
    """A world that no test changes."""
    name = pg_server.create_database()
    world.create_from(pg_server.dsn(name), PLAN)
    yield pg_server.dsn(name)
    pg_server.drop_database(name)


def rows(dsn: str, query: str, *parameters: object) -> list[tuple]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query, parameters or None).fetchall()


def end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), TEHRAN)


@pytest.mark.parametrize("query", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_holds_nothing_impossible(dsn, query):
    assert rows(dsn, query) == []


def test_shows_nothing_from_after_the_last_day(dsn):
    latest = rows(
        dsn,
        """
        select
            (select max(updated_at) from shop.accounts),
            (select max(modified_at) from shop.sales),
            (select max(attempted_at) from shop.payments),
            (select max(greatest(shipped_at, delivered_at)) from shop.shipments),
            (select max(greatest(requested_at, completed_at)) from shop.refunds),
            (select max(at) from shop.web_events),
            (select max(updated_at) from shop.surveys),
            (select max(updated_at) from shop.outreach_contacts),
            (select max(noted_at) from shop.exchange_rates),
            (select max(written_at) from shop.reviews),
            (select max(booked_at) from shop.marketing_costs),
            (select max(updated_at) from help_desk.tickets),
            (select max(created_at) from help_desk.ticket_events),
            (select max(greatest(created_at, edited_at)) from social.statuses)
        """,
    )[0]
    end = end_of(LAST_DAY)
    assert all(end - timedelta(days=9) < value < end for value in latest)


def test_is_about_as_large_as_asked(dsn):
    people = dict(
        rows(
            dsn,
            "select latent_kind = 'passer_by', count(*) from truth.people where arrived_at < %s"
            " group by 1",
            end_of(LAST_DAY),
        )
    )
    assert 540 <= people[False] <= 660
    assert 0.2 * people[False] < people[True] < people[False]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select distinct currency from shop.sales", {"IRR", "IRT"}),
        (
            "select distinct state from shop.sales",
            {"paid", "shipped", "delivered", "completed", "cancelled", "failed", "refunded"},
        ),
        ("select distinct kind from shop.refunds", {"return", "compensation", "correction"}),
        ("select distinct kind from shop.accounts", {"person", "company"}),
        ("select distinct satisfaction_score from help_desk.tickets where "
         "satisfaction_score is not null", {"offered", "good", "bad"}),
        ("select distinct language from social.statuses", {"fa", "en"}),
        ("select distinct label from truth.types_as_of('2025-06-01')", set(TYPES)),
        ("select distinct label from truth.phases_as_of('2025-06-01')", set(PHASES)),
        ("select distinct label from truth.steps_as_of('2025-06-01')", set(STEPS)),
        ("select distinct reason from truth.lapse_reasons_as_of('2025-06-01')", {
            "unresolved_complaint", "late_or_failed_delivery", "product_quality", "better_offer",
            "price", "unknown",
        }),
        ("select distinct kind from truth.texts", {
            "question", "complaint", "suggestion", "praise", "other",
        }),
        ("select distinct sentiment from truth.texts", {"negative", "neutral", "positive"}),
        ("select distinct action from shop.web_events", {
            "view", "search", "compare", "cart_add", "cart_remove", "checkout_start", "login",
            "ad_click", "signup", "review_read", "spec_read",
        }),
        ("select distinct direction from shop.sales", {"sale", "purchase"}),
        ("select distinct currency from shop.exchange_rates", {"AED", "EUR", "USD"}),
        ("select distinct purpose from shop.marketing_costs", {"acquisition", "retention"}),
        ("select distinct list_name from shop.outreach_contacts", {
            "onboarding", "happy_call", "dissatisfied", "at_risk", "win_back", "rewards", None,
        }),
        ("select distinct auto_renew from shop.memberships", {True, False}),
        ("select distinct scale from shop.surveys", {5, 10}),
        ("select distinct competitor_named from shop.surveys", {True, False, None}),
        ("select distinct stars from shop.reviews", {1, 2, 3, 4, 5, None}),
        ("select distinct country from shop.accounts", {"IR", None}),
        ("select distinct is_staff from shop.accounts", {True, False}),
    ],
)  # fmt: skip
def test_every_kind_of_row_is_there(dsn, query, expected):
    assert {row[0] for row in rows(dsn, query)} >= expected


def test_one_key_can_belong_to_several_people_and_one_person_to_several_forms(dsn):
    shared_phone = rows(
        dsn,
        """
        select right(translate(mobile, '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩ -', '01234567890123456789'), 10)
        from shop.accounts as a
        inner join truth.records as r
            on r.entity = 'customers' and r.record_id = a.id::text
        where mobile is not null
        group by 1 having count(distinct r.person_id) > 1
        """,
    )
    default_guest = rows(
        dsn,
        """
        select count(distinct r.person_id)
        from shop.sales as s
        inner join truth.records as r on r.entity = 'orders' and r.record_id = s.id::text
        where s.guest_email = 'guest@pishkhan.example'
        """,
    )
    guests_with_account = rows(
        dsn,
        """
        select count(*)
        from shop.sales as s
        inner join truth.records as r on r.entity = 'orders' and r.record_id = s.id::text
        inner join truth.records as a on a.entity = 'customers' and a.person_id = r.person_id
        where s.account_id is null
        """,
    )
    assert shared_phone
    assert default_guest[0][0] > 5
    assert guests_with_account[0][0] > 5


def test_the_same_plan_gives_the_same_world(dsn, new_database):
    other = new_database()
    world.create(other, 11, LAST_DAY, days=420, customers=600)
    assert world.fingerprint(other) == world.fingerprint(dsn)
    assert world.truth_as_of(other, LAST_DAY) == world.truth_as_of(dsn, LAST_DAY)


def test_creating_replaces_what_was_there(dsn, new_database):
    other = new_database()
    world.create(other, 12, LAST_DAY, days=100, customers=50)
    world.advance(other, LAST_DAY + timedelta(days=1))
    different = world.fingerprint(other)
    world.create_from(other, PLAN)
    assert different["shop.sales"] != world.fingerprint(dsn)["shop.sales"]
    assert world.fingerprint(other) == world.fingerprint(dsn)
    assert world.today(other) == LAST_DAY


def test_night_by_night_is_the_same_as_created_later(new_database):
    played, created = new_database(), new_database()
    later = LAST_DAY + timedelta(days=30)
    world.create_from(played, PLAN)
    for night in range(1, 31):
        world.advance(played, LAST_DAY + timedelta(days=night))
    world.create_from(created, replace(PLAN, last_day=later))
    assert world.today(played) == world.today(created) == later
    assert world.fingerprint(played) == world.fingerprint(created)
    assert world.truth_as_of(played, later) == world.truth_as_of(created, later)


def test_a_reader_that_looks_back_six_hours_misses_nothing_and_one_that_does_not_misses_rows(
    new_database,
):
    dsn = new_database()
    world.create_from(dsn, PLAN)
    tables = {
        "shop.sales": "modified_at",
        "shop.accounts": "updated_at",
        "shop.web_events": "at",
        "shop.surveys": "updated_at",
        "shop.memberships": "updated_at",
        "shop.outreach_contacts": "updated_at",
        "shop.reviews": "written_at",
        "shop.erasure_requests": "requested_at",
        "shop.marketing_costs": "booked_at",
        "shop.exchange_rates": "noted_at",
    }
    keys = {
        "shop.marketing_costs": "concat(cost_date, channel, purpose)",
        "shop.exchange_rates": "concat(rate_date, currency)",
    }

    def read(table: str, start: datetime | None, end: datetime) -> dict[object, str]:
        found = rows(
            dsn,
            f"select {keys.get(table, 'id')}, t::text from {table} as t where {tables[table]} < %s"
            f" and {tables[table]} >= coalesce(%s, '-infinity'::timestamptz)",
            end,
            start,
        )
        return dict(found)

    careful = {table: read(table, None, end_of(LAST_DAY)) for table in tables}
    naive = {table: dict(found) for table, found in careful.items()}
    for night in range(1, 31):
        day = LAST_DAY + timedelta(days=night)
        world.advance(dsn, day)
        start, end = end_of(day - timedelta(days=1)), end_of(day)
        for table in tables:
            careful[table] |= read(table, start - timedelta(hours=6), end)
            naive[table] |= read(table, start, end)
    for table in tables:
        held = read(table, None, end_of(LAST_DAY + timedelta(days=30)))
        assert careful[table] == held
    assert naive["shop.sales"] != careful["shop.sales"]
    assert naive["shop.web_events"] != careful["shop.web_events"]


def test_a_night_brings_new_rows_changed_rows_and_late_ones(new_database):
    dsn = new_database()
    world.create_from(dsn, PLAN)
    new = changed = late = 0
    for night in range(1, 21):
        before = dict(rows(dsn, "select id, modified_at from shop.sales"))
        day = LAST_DAY + timedelta(days=night)
        written = world.advance(dsn, day)
        after = dict(rows(dsn, "select id, modified_at from shop.sales"))
        moved = {key: at for key, at in after.items() if before.get(key) != at}
        assert written["shop.sales"] == len(moved)
        new += sum(key not in before for key in moved)
        changed += sum(key in before for key in moved)
        midnight = end_of(day - timedelta(days=1))
        late += sum(at < midnight for at in moved.values())
        assert min(moved.values()) >= midnight - timedelta(hours=6)
    assert new > 50
    assert changed > 50
    assert late > 0


def test_every_entity_lives_on_at_night(new_database):
    dsn = new_database()
    world.create_from(dsn, PLAN)
    written: Counter[str] = Counter()
    for night in range(1, 31):
        written.update(world.advance(dsn, LAST_DAY + timedelta(days=night)))
    # Products are there from the first day, and hardly anybody asks to be erased.
    assert {table for table in TABLES if not written[table]} <= {
        "shop.products",
        "shop.erasure_requests",
    }


def test_a_repeated_night_changes_nothing(new_database):
    dsn = new_database()
    world.create(dsn, 5, LAST_DAY, days=90, customers=60)
    tomorrow = LAST_DAY + timedelta(days=1)
    assert sum(world.advance(dsn, tomorrow).values()) > 0
    before = world.fingerprint(dsn)
    assert sum(world.advance(dsn, tomorrow).values()) == 0
    assert world.fingerprint(dsn) == before


@pytest.mark.parametrize(
    ("days_on", "message"),
    [
        (-1, "cannot go back to 2025-05-31; create it anew"),
        (2, "advance it to 2025-06-02 first"),
        (46, "ends with 2025-07-16, before 2025-07-17"),
    ],
)
def test_time_goes_forward_one_day_at_a_time(dsn, days_on, message):
    before = world.fingerprint(dsn)
    with pytest.raises(world.WorldError, match=message):
        world.advance(dsn, LAST_DAY + timedelta(days=days_on))
    assert world.fingerprint(dsn) == before


def test_an_empty_database_has_no_world(new_database):
    with pytest.raises(world.WorldError, match="create it first"):
        world.advance(new_database(), LAST_DAY)


def test_truth_of_a_person_does_not_contradict_itself(dsn):
    labels: dict[int, set[str]] = {}
    for entry in world.truth_as_of(dsn, LAST_DAY):
        if entry.axis == "type":
            labels.setdefault(entry.person_id, set()).add(entry.label)
    assert labels
    for held in labels.values():
        assert not {"lapsed", "at_risk"} <= held
        assert not {"lapsed", "active"} <= held
        assert not {"dissatisfied", "at_risk"} <= held
        assert not {"active", "at_risk"} <= held


def test_truth_follows_a_person_who_leaves(dsn):
    """Someone gone for good is at risk (or aggrieved) first and lapsed at last."""
    left = rows(
        dsn,
        """
        select p.person_id
        from truth.people as p
        inner join truth.purchases as b on p.person_id = b.person_id
        where p.latent_kind = 'steady' and p.dropped_out_at between %s and %s
        group by p.person_id
        having count(*) > 3
        """,
        end_of(date(2024, 9, 1)),
        end_of(date(2024, 12, 1)),
    )
    assert left
    final = {entry[:2] for entry in world.truth_as_of(dsn, LAST_DAY) if entry.axis == "type"}
    for (person_id,) in left:
        assert (person_id, "lapsed") in final
        assert (person_id, "at_risk") not in final


def test_the_demo_deployment_maps_the_shop_to_the_contract(dsn, monkeypatch):
    for name, value in {
        "DEMO_SHOP_DSN": dsn,
        "DEMO_HELP_DESK_URL": "http://127.0.0.1:8791",
        "DEMO_HELP_DESK_EMAIL": "warehouse@pishkhan.example",
        "DEMO_HELP_DESK_TOKEN": "a",
        "DEMO_SOCIAL_URL": "http://127.0.0.1:8792",
        "DEMO_SOCIAL_TOKEN": "b",
    }.items():
        monkeypatch.setenv(name, value)
    deployment = load_deployment(PACKAGE_ROOT / "demo" / "demo.yml")
    sources = {
        name: make_source(name, config, deployment) for name, config in deployment.sources.items()
    }
    assert sources["shop"].entities() == (
        "orders", "customers", "order_items", "payments", "refunds", "shipments", "mentions",
        "web_events", "subscriptions", "surveys", "contacts_made", "campaign_spend",
        "exchange_rates", "erasures",
    )  # fmt: skip
    assert [result for result in sources["shop"].check() if not result.ok] == []
    assert sources["help"].entities() == ("tickets", "ticket_events")
    assert sources["social"].entities() == ("mentions",)
