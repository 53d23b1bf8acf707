"""The demo's help desk and social network over PostgreSQL, and what the sources read from them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from tests.conftest import TestServer, free_port
from tests.http_servers import EMAIL, TEHRAN, TOKEN, mastodon, read, zendesk

from moshtari.demo import world
from moshtari.demo.help_desk import ORDER_ID_FIELD
from moshtari.demo.help_desk import create_app as create_help_desk
from moshtari.demo.help_desk_store import PostgresHelpDesk
from moshtari.demo.serving import HOST, RateLimit, listen, serving
from moshtari.demo.social import PostgresSocial
from moshtari.demo.social import create_app as create_social
from moshtari.sources.base import Window

LAST_DAY = date(2026, 3, 20)
LONG_AFTER = LAST_DAY + timedelta(days=30)
TAG = "پیشخوان"


def window(day: date, *, first_load: bool = False) -> Window:
    start = datetime(day.year, day.month, day.day, tzinfo=TEHRAN).astimezone(UTC)
    return Window(day, None if first_load else start, start + timedelta(days=1), TEHRAN)


@pytest.fixture(scope="module")
def dsn(pg_server: TestServer) -> Iterator[str]:
    name = pg_server.create_database()
    dsn = pg_server.dsn(name)
    world.create(dsn, seed=7, last_day=LAST_DAY, days=200, customers=300)
    yield dsn
    pg_server.drop_database(name)


@pytest.fixture(scope="module")
def demo(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def help_desk(dsn: str) -> Iterator[str]:
    with serving(create_help_desk(PostgresHelpDesk(dsn), email=EMAIL, token=TOKEN)) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def social(dsn: str) -> Iterator[str]:
    with serving(create_social(PostgresSocial(dsn), token=TOKEN)) as base_url:
        yield base_url


def column(connection: psycopg.Connection, query: str, *values: Any) -> list[Any]:
    return [row[0] for row in connection.execute(query.encode(), values).fetchall()]


def desk_get(base_url: str, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{base_url}{path}", params=query, auth=(f"{EMAIL}/token", TOKEN))
    assert answer.status_code == 200, answer.text
    return answer.json()


def social_get(base_url: str, **query: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(f"{base_url}/api/v1/timelines/tag/{TAG}", params=query, headers=headers)


@pytest.mark.parametrize("size", [7, 1000])
def test_a_first_load_of_tickets_is_what_the_desk_holds(
    help_desk: str, demo: psycopg.Connection, size: int
) -> None:
    source = zendesk(help_desk, page_size=size, order_id_from=ORDER_ID_FIELD)
    reading = read(source, "tickets", window(LONG_AFTER, first_load=True))
    found = {
        (
            row["ticket_id"],
            row["status"],
            row["subject"],
            row["body"],
            row["requester_email"],
            row["requester_phone"],
            row["order_id"],
            row["satisfaction_score"],
        )
        for row in reading.rows
    }
    stored = demo.execute(
        """
        select
            tickets.id::text, tickets.status, tickets.subject, tickets.description, users.email,
            users.phone, tickets.custom_order_id,
            case tickets.satisfaction_score when 'good' then '1' when 'bad' then '0' end
        from help_desk.tickets as tickets
        inner join help_desk.users as users on tickets.requester_id = users.id
        """
    ).fetchall()
    assert len(stored) > 10
    assert found == set(stored)
    assert len(reading.rows) == len(stored)
    assert not reading.rejected


@pytest.mark.parametrize("size", [7, 1000])
def test_a_first_load_of_events_is_what_the_desk_holds(
    help_desk: str, demo: psycopg.Connection, size: int
) -> None:
    source = zendesk(help_desk, page_size=size)
    reading = read(source, "ticket_events", window(LONG_AFTER, first_load=True))
    columns = ("event_id", "ticket_id", "kind", "body", "from_status", "to_status", "author_role")
    found = {tuple(row[name] for name in columns) for row in reading.rows}
    stored = demo.execute(
        """
        select
            events.id::text, events.ticket_id::text, events.kind,
            case when events.kind = 'comment' then events.body end,
            events.from_status, events.to_status,
            case users.role when 'end-user' then 'customer' when 'agent' then 'agent'
                else 'system' end
        from help_desk.ticket_events as events
        left join help_desk.users as users on events.author_id = users.id
        """
    ).fetchall()
    assert len(stored) > 50
    assert found == set(stored)
    assert len(reading.rows) == len(stored)


def test_a_first_load_of_posts_is_what_the_network_shows(
    social: str, demo: psycopg.Connection
) -> None:
    source = mastodon(social, brand_handle="mastodon:pishkhan")
    rows = read(source, "mentions", window(LONG_AFTER, first_load=True)).by("mention_id")
    stored = column(demo, "select id::text from social.statuses where not deleted")
    assert len(stored) > 40
    assert set(rows) == set(stored)
    by_brand = column(
        demo,
        """
        select statuses.id::text
        from social.statuses as statuses
        inner join social.accounts as accounts on statuses.account_id = accounts.id
        where not statuses.deleted and accounts.acct = 'pishkhan'
        """,
    )
    assert {key for key, row in rows.items() if row["by_brand"] == "true"} == set(by_brand)
    assert all(
        "<" not in str(row["text"]) and f"#{TAG}" in str(row["text"]) for row in rows.values()
    )


def test_a_night_brings_what_happened_that_day(
    help_desk: str, social: str, demo: psycopg.Connection, dsn: str
) -> None:
    seen: set[str] = set()
    for offset in range(1, 4):
        day = LAST_DAY + timedelta(days=offset)
        world.advance(dsn, day)
        night = window(day)
        assert night.start is not None
        ids = {
            "tickets": column(
                demo,
                "select id::text from help_desk.tickets where updated_at >= %s and updated_at < %s",
                night.start,
                night.end,
            ),
            "ticket_events": column(
                demo,
                """
                select id::text from help_desk.ticket_events
                where created_at >= %s and created_at < %s
                """,
                night.start,
                night.end,
            ),
        }
        for entity, key in (("tickets", "ticket_id"), ("ticket_events", "event_id")):
            assert set(read(zendesk(help_desk), entity, night).by(key)) == set(ids[entity])
            seen |= {entity} if ids[entity] else set()
        posts = column(
            demo,
            """
            select id::text from social.statuses
            where not deleted and created_at >= %s and created_at < %s
            """,
            night.start,
            night.end,
        )
        assert set(read(mastodon(social), "mentions", night).by("mention_id")) == set(posts)
        assert seen == {"tickets", "ticket_events"}


def test_the_cursor_export_ends_and_can_be_taken_up_again(help_desk: str) -> None:
    path = "/api/v2/incremental/users/cursor.json"
    page = desk_get(help_desk, path, start_time=0, per_page=20)
    keys = [found["id"] for found in page["users"]]
    while not page["end_of_stream"]:
        page = desk_get(help_desk, path, cursor=page["after_cursor"], per_page=20)
        keys += [found["id"] for found in page["users"]]
    assert len(keys) == len(set(keys)) > 20
    again = desk_get(help_desk, path, cursor=page["after_cursor"])
    assert (again["users"], again["end_of_stream"]) == ([], True)


def test_the_desk_refuses_what_zendesk_refuses(help_desk: str) -> None:
    auth = (f"{EMAIL}/token", TOKEN)
    export = f"{help_desk}/api/v2/incremental/tickets/cursor.json"
    assert httpx.get(export, params={"start_time": 0}).status_code == 401
    assert httpx.get(export, params={"start_time": 0}, auth=(EMAIL, TOKEN)).status_code == 401
    for query in ({}, {"start_time": "today"}, {"cursor": "no cursor"}, {"cursor": "YWJj"}):
        assert httpx.get(export, params=query, auth=auth).status_code == 422
    many = ",".join(map(str, range(101)))
    users = f"{help_desk}/api/v2/users/show_many.json"
    assert httpx.get(users, params={"ids": many}, auth=auth).status_code == 422


def test_comments_are_side_loaded_only_when_asked_for(help_desk: str) -> None:
    path = "/api/v2/incremental/ticket_events.json"
    for include, key in (("", "comment_present"), ("comment_events", "body")):
        page = desk_get(help_desk, path, start_time=0, include=include)
        children = [child for audit in page["ticket_events"] for child in audit["child_events"]]
        comments = [child for child in children if child["event_type"] == "Comment"]
        assert comments
        assert all(key in child for child in comments)


def test_a_timeline_moves_in_mastodons_three_ways(social: str, demo: psycopg.Connection) -> None:
    newest_first = column(demo, "select id from social.statuses where not deleted order by id desc")

    def ids(**query: Any) -> list[int]:
        return [int(found["id"]) for found in social_get(social, **query).json()]

    assert ids() == newest_first[:20]
    assert ids(limit=100) == newest_first[:40]
    assert ids(limit=5, max_id=newest_first[9]) == newest_first[10:15]
    assert ids(limit=5, since_id=newest_first[9]) == newest_first[:5]
    assert ids(limit=5, min_id=newest_first[9]) == newest_first[4:9]
    assert ids(limit=5, min_id=newest_first[3], since_id=newest_first[9]) == newest_first[:3]
    assert ids(min_id=newest_first[0]) == []
    assert ids(limit=0) == newest_first[:1]


def test_the_link_header_leads_both_ways(social: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    first = social_get(social, limit=10)
    older = httpx.get(first.links["next"]["url"], headers=headers)
    back = httpx.get(older.links["prev"]["url"], headers=headers)
    assert [found["id"] for found in back.json()] == [found["id"] for found in first.json()]
    newest = httpx.get(first.links["prev"]["url"], headers=headers)
    assert (newest.json(), newest.links) == ([], {})


def test_a_deleted_post_is_gone(social: str, demo: psycopg.Connection) -> None:
    with demo.transaction(force_rollback=False):
        (gone,) = column(
            demo,
            """
            update social.statuses set deleted = true
            where id = (select max(id) from social.statuses where not deleted)
            returning id::text
            """,
        )
    try:
        assert gone not in {found["id"] for found in social_get(social).json()}
    finally:
        demo.execute("update social.statuses set deleted = false where id = %s", (gone,))
    assert gone in {found["id"] for found in social_get(social).json()}


def test_a_load_waits_out_the_rate_limit(dsn: str, demo: psycopg.Connection) -> None:
    """Real waits of a second, as in the demo's first load."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    limit = RateLimit(burst=3, per_second=4)
    app = create_help_desk(PostgresHelpDesk(dsn), email=EMAIL, token=TOKEN, limit=limit)
    with serving(app) as base_url:
        source = zendesk(base_url, page_size=10, sleep=sleep)
        reading = read(source, "tickets", window(LONG_AFTER, first_load=True))
    assert waits
    assert set(waits) == {1}
    assert len(reading.rows) == column(demo, "select count(*) from help_desk.tickets")[0]


def test_a_restarted_database_is_found_again(help_desk: str, demo: psycopg.Connection) -> None:
    query = {"start_time": 0, "per_page": 1}
    before = desk_get(help_desk, "/api/v2/incremental/tickets/cursor.json", **query)
    ended = column(
        demo,
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'moshtari-demo' and datname = current_database()
        """,
    )
    assert any(ended)
    assert desk_get(help_desk, "/api/v2/incremental/tickets/cursor.json", **query) == before


def test_a_database_that_is_away_is_a_passing_failure() -> None:
    store = PostgresHelpDesk(f"host={HOST} port={free_port()} dbname=none user=nobody")
    with serving(create_help_desk(store, email=EMAIL, token=TOKEN)) as base_url:
        answer = httpx.get(
            f"{base_url}/api/v2/incremental/tickets/cursor.json?start_time=0",
            auth=(f"{EMAIL}/token", TOKEN),
        )
        assert answer.status_code == 503
        assert httpx.get(f"{base_url}/health").text == "ok"


COMMANDS = {
    "help_desk": ("/api/v2/incremental/tickets/cursor.json?start_time=0", "help desk"),
    "social": (f"/api/v1/timelines/tag/{TAG}", "social network"),
}


@pytest.mark.parametrize("module", COMMANDS)
def test_the_command_serves_on_loopback_until_it_is_stopped(module: str, dsn: str) -> None:
    path, _ = COMMANDS[module]
    port = free_port()
    environment = os.environ | {
        "DEMO_DSN": dsn,
        "DEMO_HELP_DESK_EMAIL": EMAIL,
        "DEMO_HELP_DESK_TOKEN": TOKEN,
        "DEMO_SOCIAL_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", f"moshtari.demo.{module}", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().endswith(f"http://{HOST}:{port}\n")
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(base_url=f"http://{HOST}:{port}", transport=transport) as client:
            assert client.get("/health").text == "ok"
            assert client.get(path).status_code == 401
            if module == "help_desk":
                answer = client.get(path, auth=(f"{EMAIL}/token", TOKEN))
            else:
                answer = client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == 200
    finally:
        server.terminate()
        assert server.wait(timeout=30) in (0, -15)


@pytest.mark.parametrize("module", COMMANDS)
def test_the_command_says_when_its_port_is_taken(module: str) -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", f"moshtari.demo.{module}", "--port", str(port)]
        ended = subprocess.run(
            [*command, "--dsn", "dbname=unused"], capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert f"Port {port}" in ended.stderr
    assert COMMANDS[module][1] in ended.stderr
    assert "--port" in ended.stderr


@pytest.mark.parametrize("module", COMMANDS)
def test_the_command_needs_a_database(module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DEMO_DSN"}
    ended = subprocess.run(
        [sys.executable, "-m", f"moshtari.demo.{module}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "DEMO_DSN" in ended.stderr
