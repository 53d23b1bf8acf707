"""From versions of rows to tables: what is visible now, and the script of the nights to come.

A life is told as versions of rows, each with the day at whose end it is visible. The latest visible
ones go to the demo's own tables; later ones wait in schema `script`, one table for each, until
`play` makes their day happen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import psycopg
from psycopg import sql

TABLES: dict[str, tuple[str, ...]] = {
    "shop.products": ("id",),
    "shop.accounts": ("id",),
    "shop.sales": ("id",),
    "shop.sale_lines": ("sale_id", "line_no"),
    "shop.payments": ("id",),
    "shop.shipments": ("id",),
    "shop.refunds": ("id",),
    "shop.exchange_rates": ("rate_date", "currency"),
    "shop.web_events": ("id",),
    "shop.memberships": ("id",),
    "shop.surveys": ("id",),
    "shop.reviews": ("id",),
    "shop.outreach_contacts": ("id",),
    "shop.marketing_costs": ("cost_date", "channel", "purpose"),
    "shop.erasure_requests": ("id",),
    "help_desk.users": ("id",),
    "help_desk.tickets": ("id",),
    "help_desk.ticket_events": ("id",),
    "social.accounts": ("id",),
    "social.statuses": ("id",),
}
"""The tables that have a script, with their keys, parents before children."""

TRUTH_TABLES = (
    "truth.people",
    "truth.phases",
    "truth.purchases",
    "truth.grievances",
    "truth.records",
    "truth.intents",
    "truth.departures",
    "truth.recommendations",
    "truth.texts",
)

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def script_table(table: str) -> str:
    """The name, within schema `script`, of the table that holds `table`'s versions to come."""
    return table.replace(".", "_")


def field(value: str | int | None) -> str:
    """A value as COPY reads it; None is null."""
    if value is None:
        return "\\N"
    if not isinstance(value, str):
        return str(value)
    # Hardly any value holds what COPY would misread: looking is ten times quicker than translating.
    if "\t" in value or "\n" in value or "\\" in value or "\r" in value:
        return value.translate(_ESCAPES)
    return value


class Stage:
    """Lines for COPY by table: `now` for the end of day `today`, `script` for days up to `last`."""

    def __init__(self, today: int, last: int, day_text: Callable[[int], str]) -> None:
        self.today, self.last = today, last
        self._day_text = day_text
        self.now: dict[str, list[str]] = {table: [] for table in (*TABLES, *TRUTH_TABLES)}
        self.script: dict[str, list[str]] = {table: [] for table in TABLES}

    def put(self, table: str, day: int, line: str) -> None:
        """A row that never changes, visible from the end of `day`."""
        if day <= self.today:
            self.now[table].append(line)
        elif day <= self.last:
            self.script[table].append(f"{self._day_text(day)}\t{line}")

    def put_versions(self, table: str, days: Sequence[int], line: Callable[[int], str]) -> None:
        """A row that changes: version `i` is visible from the end of `days[i]` (ascending)."""
        shown = bisect_right(days, self.today) - 1
        if shown >= 0:
            self.now[table].append(line(shown))
        for position in range(shown + 1, len(days)):
            day = days[position]
            if day > self.last:
                break
            if position + 1 == len(days) or days[position + 1] != day:
                self.script[table].append(f"{self._day_text(day)}\t{line(position)}")

    def put_truth(self, table: str, line: str) -> None:
        """A row of schema `truth`, where the whole life is known at once."""
        self.now[table].append(line)

    def load(self, connection: psycopg.Connection) -> dict[str, int]:
        """COPY everything into the (empty) tables. Rows visible now, by table."""
        with connection.cursor() as cursor:
            for table, lines in self.now.items():
                _copy(cursor, table, lines)
            for table, lines in self.script.items():
                _copy(cursor, f"script.{script_table(table)}", lines)
        return {table: len(lines) for table, lines in self.now.items()}


def create_script_tables(connection: psycopg.Connection) -> None:
    """One table in schema `script` for each of TABLES, with the day before its columns."""
    for table in TABLES:
        schema, name = table.split(".")
        query = sql.SQL(
            "create table script.{} as select date '2000-01-01' as day, t.* from {} t with no data"
        )
        target = sql.Identifier(script_table(table))
        connection.execute(query.format(target, sql.Identifier(schema, name)))


def play(connection: psycopg.Connection, day: str) -> dict[str, int]:
    """Make the versions of `day` (a date) visible. Rows written, by table."""
    written: dict[str, int] = {}
    for table, key in TABLES.items():
        schema, name = table.split(".")
        columns = [
            row[0]
            for row in connection.execute(
                """
                select attname from pg_attribute
                where attrelid = %s::regclass and attnum > 0 and not attisdropped
                order by attnum
                """,
                [table],
            )
        ]
        names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
        changes = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column))
            for column in columns
            if column not in key
        )
        statement = sql.SQL(
            "insert into {target} ({names}) select {names} from script.{script} where day = %s"
            " on conflict ({key}) do update set {changes}"
        ).format(
            target=sql.Identifier(schema, name),
            names=names,
            script=sql.Identifier(script_table(table)),
            key=sql.SQL(", ").join(sql.Identifier(column) for column in key),
            changes=changes,
        )
        written[table] = connection.execute(statement, [day]).rowcount
    return written


def _copy(cursor: psycopg.Cursor, table: str, lines: list[str]) -> None:
    schema, name = table.split(".")
    if lines:
        statement = sql.SQL("copy {} from stdin").format(sql.Identifier(schema, name))
        with cursor.copy(statement) as copy:
            for start in range(0, len(lines), 5000):
                copy.write("\n".join(lines[start : start + 5000]) + "\n")
