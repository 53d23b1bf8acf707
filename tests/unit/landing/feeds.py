"""Sources whose batches a test lays out, and what raw then holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import psycopg
from pydantic import BaseModel

from moshtari.landing.contract import ENTITIES
from moshtari.landing.extract import LoadSummary, extract_entity
from moshtari.landing.holding import RejectionPolicy
from moshtari.landing.load import Load
from moshtari.settings import Settings
from moshtari.sources.base import Batch, Origin, RejectedRecord, TextRows, Window

TEHRAN = ZoneInfo("Asia/Tehran")
DAY = date(2026, 3, 20)

ORDER = {
    "order_id": "1",
    "ordered_at": "2026-03-20T08:00:00+03:30",
    "updated_at": "2026-03-20T08:00:00+03:30",
    "status": "paid",
    "currency": "IRR",
    "gross_amount": "100",
    "discount_amount": "0",
    "shipping_amount": "0",
    "tax_amount": "0",
    "total_amount": "100",
    "direction": "sale",
}
ITEM = {
    "order_id": "1",
    "line_no": "1",
    "product_id": "p",
    "product_name": "چای",
    "quantity": "1",
    "unit_price": "100",
    "discount_amount": "0",
}


def order(**changes: str | None) -> dict[str, str | None]:
    return {**ORDER, **changes}


def item(**changes: str | None) -> dict[str, str | None]:
    return {**ITEM, **changes}


def text_rows(
    rows: Sequence[dict[str, str | None]], raw: Sequence[bytes] | None = None
) -> TextRows:
    """One batch; all rows have the columns of the first, in its order."""
    columns = tuple(rows[0]) if rows else tuple(ORDER)
    values = [tuple(row[name] for name in columns) for row in rows]
    return TextRows(columns, values, [f"line {n}" for n in range(1, len(rows) + 1)], raw)


class Feed:
    """A source that yields given batches, and remembers the window it was asked for."""

    kind: ClassVar[str] = "feed"
    Config: ClassVar[type[BaseModel]] = BaseModel
    name = "feed"
    lookback_hours = 0.0

    def __init__(self, *batches: Batch) -> None:
        self.batches = batches
        self.windows: list[Window] = []

    def entities(self) -> tuple[str, ...]:
        return tuple(ENTITIES)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        self.windows.append(window)
        yield from self.batches

    def check(self) -> list[Any]:
        return []


class Files(Feed):
    """A source of named files, each a list of batches."""

    def __init__(self, **files: Sequence[Batch]) -> None:
        super().__init__()
        self.files = files
        self.opened: list[str] = []

    def origins(self, entity: str, window: Window) -> list[Origin]:
        return [Origin(name, 1, str(hash(repr(self.files[name])))) for name in sorted(self.files)]

    def read_origin(self, entity: str, origin: Origin, window: Window) -> Iterator[Batch]:
        self.opened.append(origin.path)
        yield from self.files[origin.path]


def load(settings: Settings, source: Feed, entity: str = "orders", day: date = DAY) -> LoadSummary:
    # However many rows of a test are bad, it is not a source that has changed.
    given = Load(
        "feed",
        ENTITIES[entity],
        day,
        TEHRAN,
        source.lookback_hours,
        rejection=RejectionPolicy(above_share=1),
    )
    return extract_entity(settings, source, given)


def orders(settings: Settings, *rows: dict[str, str | None], day: date = DAY) -> LoadSummary:
    return load(settings, Feed(text_rows(rows)), day=day)


def counted(summary: LoadSummary) -> tuple[int, int, int, int]:
    return summary.read, summary.landed, summary.unchanged, summary.quarantined


def versions(pg: psycopg.Connection, columns: str, entity: str = "orders") -> list[tuple[Any, ...]]:
    return pg.execute(
        f"select {columns} from raw.{entity} order by _key, _changed_at nulls first, _load_id"
    ).fetchall()


def visible(
    pg: psycopg.Connection, columns: str, day: date, entity: str = "orders"
) -> list[tuple[Any, ...]]:
    """The versions that count as of a day, by the rule that staging follows."""
    return pg.execute(
        f"""
        select {columns}
        from (
            select distinct on (_source, _key) *
            from raw.{entity}
            where _known_from <= %s
            order by _source, _key, _changed_at desc nulls last, _load_id desc
        ) as latest
        where not _is_deleted
        order by _key
        """,
        [day],
    ).fetchall()


def reasons(pg: psycopg.Connection) -> list[str]:
    rows = pg.execute("select reason from quarantine.records order by quarantine_id").fetchall()
    return [row[0] for row in rows]


reject = partial(RejectedRecord, "line 9", "the line has 2 fields, not 3")
