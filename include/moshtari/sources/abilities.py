"""What a source may be able to do besides reading: landing asks whether it has these members.

None of them is needed; `base` has what every source does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from moshtari.sources.base import Batch, KeptRecord, Origin, SourceColumn, TextRows, Window


@runtime_checkable
class MarkingSource(Protocol):
    """A source that counts its changes: it says how far a reading came, and later ones go on there.

    The mark is kept in the ledger with the load, and comes back as `Window.mark` on later days.
    """

    def mark(self, entity: str) -> str | None:
        """Where the last reading of the entity ended; None where the source does not count it."""


@dataclass(frozen=True)
class KeyRange:
    """Rows whose first key column is in `[lower, upper)`, as the source compares; None: no end.

    Rows without a key belong to the range without a lower end.
    """

    lower: str | None
    upper: str | None


@runtime_checkable
class RangedSource(Protocol):
    """A source that can read a window in ranges of the key, which several workers share.

    Every row is in exactly one range, whatever is changed at the source between their readings. A
    row that is changed meanwhile is found by later windows, as after any reading.
    """

    def is_parallel(self) -> bool:
        """Whether the configuration wants large readings cut."""

    def bounds(self, entity: str, window: Window) -> list[str]:
        """Where the ranges meet, in the source's order; none where one reading is enough.

        A small window costs no more than an estimate. Of a `MarkingSource` the mark is then one
        that holds for all ranges that are read later.
        """

    def read_range(self, entity: str, window: Window, key_range: KeyRange) -> Iterator[Batch]:
        """The window's changes within one range, as `read` gives them."""


@runtime_checkable
class KeyedSource(Protocol):
    """A source that can list the keys of all rows it has, which tells what was deleted there."""

    def keys(self, entity: str, window: Window) -> Generator[TextRows]:
        """The key columns, in the contract's order, of every row that is there now.

        SourceError if they cannot be read whole. Rows changed after the window are among them.
        """


@runtime_checkable
class AskableSource(KeyedSource, Protocol):
    """One whose lists may leave out what is there: each row that seems gone is asked for by itself.

    Only what the source then says is gone counts as deleted.
    """

    def asked_by(self, entity: str) -> tuple[str, ...]:
        """The contract columns that it takes to ask for a row."""

    def are_gone(self, entity: str, rows: Iterable[Sequence[str | None]]) -> Generator[bool]:
        """Of each row, by those columns in the order of its key: whether it is gone for certain.

        SourceError where the source does not say.
        """


@runtime_checkable
class OriginSource(Protocol):
    """A source made of files: landing asks which there are, and reads those it has not yet landed.

    Landing keeps path, size and checksum of what it landed for (source, entity). A file with the
    checksum it had when it was last landed is not read again. A changed file replaces its own rows:
    rows it still has land as new versions if they differ, and keys that it no longer has get a
    tombstone, unless they have come from another file since. Every file lands in a transaction of
    its own. A file that has vanished takes nothing with it.
    """

    def origins(self, entity: str, window: Window) -> Sequence[Origin]:
        """The files of the entity, sorted by path; SourceError when there are none."""

    def read_origin(self, entity: str, origin: Origin, window: Window) -> Iterator[Batch]:
        """All rows of one file; batches and rejected records may leave `origin` out."""


@runtime_checkable
class DescribedSource(Protocol):
    """A source that says which columns it has, so that landing can tell what is new there."""

    def columns(
        self, entity: str, window: Window, origin: Origin | None = None
    ) -> Sequence[SourceColumn]:
        """The columns that the entity (or one file of it) has now.

        None of them where that is not to be known. Landing asks before it reads; where it learns
        nothing, afterwards again. A column that the mapping uses and that is gone is no error here,
        but of the reading. `window.keep` are those that are known to be new.
        """


@runtime_checkable
class ExplainedOrigins(OriginSource, Protocol):
    """Files of which the source can tell more: what its configuration left out, by name."""

    def details(self, entity: str, origin: Origin) -> dict[str, Any]:
        """For the ledger, after the file was read: counts by name, no row values."""


@runtime_checkable
class ReplayableSource(Protocol):
    """A source that can make rows of records in quarantine, by its present mapping."""

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """Rows (`TextRows` with `raw`) and records that are rejected still (with a new reason).

        Each has `position` and `raw` of the record it was made of: by the two landing knows what
        became of it. A record that gives neither is one that the mapping leaves out.
        """

    def replays_anew(self, entity: str) -> bool:
        """Whether the rows are read again, as they are at the source by the window's end.

        If not, they are as old as the records: what has landed since outranks them.
        """
