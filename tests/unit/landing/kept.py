"""A source whose records can be replayed: rows as JSON, read by a mapping that may be mended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import BaseModel
from tests.unit.landing.feeds import DAY, Feed, load, text_rows

from moshtari.landing.extract import LoadSummary
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import Replayed, replay
from moshtari.settings import Deployment, Settings
from moshtari.sources import registry
from moshtari.sources.base import Batch, KeptRecord, RejectedRecord, SourceContext, TextRows, Window

KIND = "kept"
registry.KINDS[KIND] = f"{__name__}:KeptFeed"
registry.KINDS["unkept"] = f"{__name__}:UnkeptFeed"


class KeptConfig(BaseModel):
    kind: Literal["kept"] = "kept"
    mended: bool = True
    leaves_out: bool = False


class UnkeptConfig(BaseModel):
    kind: Literal["unkept"] = "unkept"


class UnkeptFeed(Feed):
    """A kind that cannot replay."""

    kind: ClassVar[str] = "unkept"
    Config: ClassVar[type[BaseModel]] = UnkeptConfig

    def __init__(self, name: str, config: UnkeptConfig, context: SourceContext) -> None:
        super().__init__()


class KeptFeed(Feed):
    """Its mended mapping reads `free` as 0; unmended, it finds another fault in it."""

    kind: ClassVar[str] = KIND
    Config: ClassVar[type[BaseModel]] = KeptConfig

    def __init__(self, name: str, config: KeptConfig, context: SourceContext) -> None:
        super().__init__()
        self._config = config

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        if self._config.leaves_out:
            return
        for record in records:
            try:
                row = json.loads(record.raw)
            except ValueError:
                yield RejectedRecord(record.position, "no JSON still", record.raw)
                continue
            free = "0" if self._config.mended else "gratis"
            values = tuple(free if value == "free" else value for value in row.values())
            yield TextRows(tuple(row), [values], [record.position], [record.raw])

    def replays_anew(self, entity: str) -> bool:
        return False


def landed(
    settings: Settings, *rows: dict[str, Any], entity: str = "orders", day: date = DAY
) -> LoadSummary:
    """An ordinary load of these rows, which are kept as JSON where they are rejected."""
    raw = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    return load(settings, Feed(text_rows(rows, raw)), entity, day)


def deployment(**config: Any) -> Deployment:
    return Deployment(name="test", sources={"feed": {"kind": KIND, **config}})


def replayed(
    settings: Settings, *ids: int, day: date | None = None, **config: Any
) -> list[Replayed]:
    selection = Selection(ids)
    return replay(settings, deployment(**config), selection, business_date=day)
