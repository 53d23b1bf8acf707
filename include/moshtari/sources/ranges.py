"""One large reading in several: half-open ranges of a key, cut where the source says.

The source alone compares keys: to it belong type and collation, and no order of Python's is like
every server's. It gives the bounds in its own order, and reads a range by comparing with them, so
that every row lies in exactly one, however often a key occurs. Rows without a key are in the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field

from moshtari.landing.contract import Entity
from moshtari.sources.abilities import KeyRange


class Parallel(BaseModel):
    """How a source's large readings are cut; each part is a connection to it.

    What is not expected to make two parts of `rows_a_part` rows is read in one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: int = Field(default=8, ge=2, le=64)
    rows_a_part: int = Field(default=250_000, ge=1)

    def parts_of(self, rows: float) -> int:
        """Into how many parts so many rows are cut; 1: not at all."""
        return max(1, min(self.parts, int(rows // self.rows_a_part)))


def can_be_cut(entity: Entity) -> bool:
    """Whether rows of one key can lie in one range only.

    They might not where landing makes one key of different values: it normalises all but text.
    """
    return entity.column(entity.key[0]).pg_type == "text"


def fractions(parts: int) -> list[float]:
    """Where so many equal parts meet."""
    return [number / parts for number in range(1, parts)]


def bounds_of(values: Sequence[str | None]) -> list[str]:
    """The source's quantiles as bounds: in its order, each once."""
    return list(dict.fromkeys(value for value in values if value is not None))


def ranges_between(bounds: Sequence[str]) -> list[KeyRange]:
    """All ranges: open at both ends, and each begins where the last one ended."""
    return [KeyRange(lower, upper) for lower, upper in pairwise((None, *bounds, None))]


def condition(key: str, lower: str | None, upper: str | None) -> str:
    """SQL that is true for the rows of a range; the bounds are SQL too."""
    if lower is None and upper is None:
        return "true"
    if lower is None:
        return f"({key} < {upper} or {key} is null)"
    from_lower = f"{key} >= {lower}"
    return from_lower if upper is None else f"({from_lower} and {key} < {upper})"
