"""What one load is told, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from moshtari.landing.completing import Completion
from moshtari.landing.contract import Entity
from moshtari.landing.holding import HoldPolicy, RejectionPolicy
from moshtari.landing.ledger import Counts
from moshtari.landing.missing import KeyComparison
from moshtari.landing.parts import Part
from moshtari.landing.replay_load import ReplayLoad
from moshtari.sources.base import Origin, SourceColumn, Window


@dataclass(frozen=True)
class Load:
    """What is loaded, and for which day."""

    source: str
    entity: Entity
    business_date: date
    timezone: ZoneInfo
    lookback_hours: float = 0
    dag_run: str = ""
    hold: HoldPolicy = field(default_factory=HoldPolicy)
    rejection: RejectionPolicy = field(default_factory=RejectionPolicy)
    columns: Callable[[Window], Sequence[SourceColumn]] | None = None
    origin: Origin | None = None
    details: dict[str, Any] = field(default_factory=dict)
    explain: Callable[[], dict[str, Any]] = dict
    replay: ReplayLoad | None = None
    keys: KeyComparison | None = None
    part: Part | None = None
    completes: Completion | None = None


@dataclass(frozen=True)
class Landed:
    """A load that ended well; None as load_id: what it was for is there already."""

    load_id: int | None
    counts: Counts
