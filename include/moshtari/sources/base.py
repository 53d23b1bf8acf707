"""What a source is to the rest of Moshtari: batches of contract columns for one business day.

A reader yields, for one entity and one window, any mix of

- `TextRows`: values as PostgreSQL text input; landing casts and validates them row by row,
- `ArrowRows`: the same, a column at a time, of exact values only,
- `BinaryCopy`: a PGCOPY stream of already typed columns (PostgreSQL sources),
- `RejectedRecord`: a record that could not even be split into columns.

A reader never skips a record silently: it yields it, yields it as rejected, or raises
`SourceError`. It reads no clock; the window says which changes are wanted. What only some sources
can do is in `abilities`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Window:
    """The changes that one load is to bring: `[start, end)`, both zone-aware.

    `start` is None for a first load (all history up to `end`); else it already includes the
    source's lookback. A row changed at or after `end` belongs to a later day and is not yielded,
    except by files, which are taken whole.

    `needed_from` is where the changes begin that were not read before, lookback included, if it is
    later than `start`: between the two lie days that were found empty and are only asked again. A
    source that forgets may begin later than `start`, never later than `needed_from`.

    `mark` is where an earlier day's reading ended, in the source's own counting (`MarkingSource`).

    `keep` are columns of the source that are new (`DescribedSource`): of those that it has, the
    values are wanted as `_extra`, a JSON object of texts by name.
    """

    business_date: date
    start: datetime | None
    end: datetime
    timezone: ZoneInfo
    needed_from: datetime | None = None
    mark: str | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceColumn:
    """A column of the source's own, and whether the mapping uses it.

    `type` is in the source's words; '' where it has no types.
    """

    name: str
    type: str
    used: bool


@dataclass(frozen=True)
class Origin:
    """One file (or object) of a source: its path as configured or found, bytes, and checksum."""

    path: str
    size: int
    checksum: str


@dataclass(frozen=True)
class TextRows:
    """Some thousand rows of contract columns, as PostgreSQL text input.

    - `columns`: contract columns in any order, all of one entity; those left out are null (or the
      contract's default). `_changed_at` and `_is_deleted` may be supplied too; of a deleted row
      only the key is required.
    - `rows`: one tuple a row, as long as `columns`; None is null, and '' stays ''. Times carry an
      offset (`2026-03-20T08:00:00+03:30`, `...Z`): one without is rejected. Numbers are plain
      (`-12.50`, `1e3`); Persian and Arabic digits and separators are understood. Arrays are
      PostgreSQL literals (see `array_text`), booleans true/false, jsonb JSON text.
    - `positions`: where each row stands at the source (`line 17`, `ticket 42`): the same on every
      reading of the same content, and free of personal data.
    - `exact`: every value is spelt as its type is, with nothing to guess: the reader has decoded it
      and written it out (numbers in plain ASCII, times in ISO 8601 with an offset, no NaN, no empty
      text but in text columns, JSON as JSON). Judging values by their looks is then spared.
    - `raw`: the record as received, kept beside a rejected row; None: the row's columns as JSON.
    - `recall`: in place of `raw`, where records are cheaply found again: called when all is read,
      with positions of rejected rows, it yields (position, record as received) of those it finds.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str | None, ...]]
    positions: Sequence[str]
    raw: Sequence[bytes] | None = None
    origin: Origin | None = None
    recall: Recall | None = None
    exact: bool = False


@dataclass(frozen=True)
class ArrowRows:
    """Exact rows a column at a time: what else is said of `TextRows` holds here too.

    `values` has a column of strings for each column of the contract that is given; one of times may
    be of Arrow's timestamps with a zone (years 1 to 9999). `positions` is an array of strings.
    `raw` may be a sequence that finds the records when it is asked for one.
    """

    values: pa.RecordBatch
    positions: pa.Array
    raw: Sequence[bytes] | None = None
    origin: Origin | None = None
    recall: Recall | None = None


@dataclass(frozen=True)
class BinaryCopy:
    """A whole PGCOPY binary stream, header and trailer included, in the contract's types.

    `blocks` may be cut anywhere; about 64 KB each is fastest. Where a value does not fit its
    type, at the source (`TypedReadError` from `blocks`) or on arrival, landing drops what it has of
    the stream and takes the batches of `as_text()` in its place: then only bad rows go to
    quarantine.

    `extended`, where a source can do that, gives the same rows with other columns: SQL expressions
    by name, over all columns of the contract and the system columns a source may supply; the second
    argument is a condition over them that holds for good rows. It takes the place of this stream,
    of which nothing has been read yet; a source that offers it yields no other rows in the load.
    `bad_rows` then tells, when all was read, of the rows for which the condition did not hold.
    """

    columns: tuple[str, ...]
    blocks: Iterator[bytes]
    as_text: Callable[[], Iterator[Batch]]
    extended: Callable[[Mapping[str, str], str], BinaryCopy] | None = None
    bad_rows: Callable[[], BadRows] | None = None


@dataclass(frozen=True)
class BadRows:
    """What became of a stream's bad rows.

    `left_out` are those it does not hold, one JSON array of objects; so many that this would be
    large, and `others_came` among its rows.
    """

    left_out: str
    others_came: bool


class TypedReadError(Exception):
    """Raised by a `BinaryCopy`'s blocks: the source holds values that are not of their type."""


@dataclass(frozen=True)
class RejectedRecord:
    """A record that is no row (broken, truncated). `reason` holds no personal data."""

    position: str
    reason: str
    raw: bytes
    origin: Origin | None = None


Batch: TypeAlias = TextRows | ArrowRows | BinaryCopy | RejectedRecord
Recall: TypeAlias = Callable[[Sequence[str]], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True)
class KeptRecord:
    """A record in quarantine: where it stood, its bytes as received, and the file it came from."""

    position: str
    raw: bytes
    origin: Origin | None = None


@dataclass(frozen=True)
class CheckResult:
    """One line of `moshtari doctor`: what was tried, whether it works, and the remedy if not."""

    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""


class SourceError(Exception):
    """A source could not be read.

    The message says which source and entity, what happened, and what to do about it; it holds no
    personal data and no secret.
    """

    def __init__(self, source: str, entity: str | None, what: str, remedy: str) -> None:
        self.source, self.entity, self.what, self.remedy = source, entity, what, remedy
        place = f"source {source}" + (f", {entity}" if entity else "")
        super().__init__(f"{place}: {what}. {remedy}")

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str | None, str, str]]:
        return type(self), (self.source, self.entity, self.what, self.remedy)


@dataclass(frozen=True)
class SourceContext:
    """What a reader may know of its deployment: its zone, its weekend, and where its YAML lies."""

    timezone: ZoneInfo
    base_currency: str
    directory: Path


class Source(Protocol):
    """One configured source. `Config` is the pydantic model of its part of the YAML.

    `lookback_hours` is how far before its day a window begins, for rows whose transaction committed
    late (or that the API shows late); 0 where the source cannot be late.
    """

    kind: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    name: str
    lookback_hours: float

    def __init__(self, name: str, config: Any, context: SourceContext) -> None: ...

    def entities(self) -> tuple[str, ...]:
        """Names of the contract's entities that this source supplies."""

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's changes of one entity, streamed; SourceError if it cannot be read whole."""

    def check(self) -> list[CheckResult]:
        """Tries connection and permissions without changing anything; never raises."""


def array_text(values: Sequence[str | None]) -> str:
    """A PostgreSQL array literal of text values, for `text[]` columns: `{"a","b\\"c",NULL}`."""
    if None not in values:
        # Nearly always there is nothing to escape.
        joined = '","'.join(cast(Sequence[str], values))
        if "\\" not in joined and joined.count('"') == 2 * max(len(values) - 1, 0):
            return f'{{"{joined}"}}' if values else "{}"
    quoted = (
        "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for value in values
    )
    return "{" + ",".join(quoted) + "}"
