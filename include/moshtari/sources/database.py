"""What the readers of databases share: how they name a part of their YAML, find the expression that
is wrong, tell of a column that is gone, and check themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from moshtari.sources.base import CheckResult, SourceColumn, SourceError
from moshtari.sources.drift import now_called, remedy_for_lost

_Error = TypeVar("_Error", bound=Exception)
_OF_THE_ENTITY = ("where", "row_versions")


def key_of(source: str, entity: str | None, column: str | None = None) -> str:
    """The part of the YAML that has the SQL of an entity, or of one of its columns."""
    if entity is None:
        return f"sources.{source}"
    place = f"sources.{source}.entities.{entity}"
    if column is None:
        return place
    if column == "_changed_at":
        return f"{place}.changed_at"
    return f"{place}.{column}" if column in _OF_THE_ENTITY else f"{place}.columns.{column}"


def lost_column(
    source: str,
    entity: str,
    column: str,
    lost: str,
    there: Sequence[SourceColumn],
    new: Collection[str],
) -> SourceError:
    """A column that the mapping uses is gone: which, and what it may be called now."""
    # Where there are none, it is the query itself that cannot be read.
    key = key_of(source, entity, column if there else None)
    used = {found.name for found in there if found.used}
    hint = now_called(lost, [found.name for found in there], used, new)
    what = f"{key}: the source has no column {lost!r}"
    return SourceError(source, entity, what, remedy_for_lost(lost, hint, key))


def without_zone(source: str, entity: str, column: str, example: str = "") -> SourceError:
    """A time that the contract wants as an instant has no zone, and none is configured."""
    what = f"{key_of(source, entity, column)} is a time without a zone"
    remedy = f"Set sources.{source}.timezone to the zone that the shop writes its times in{example}"
    return SourceError(source, entity, what, remedy)


def types_of(
    expressions: Mapping[str, str],
    ask: Callable[[Mapping[str, str]], dict[str, int]],
    error: type[_Error],
    is_closed: Callable[[], bool],
    explain: Callable[[str, _Error], dict[str, int]],
) -> dict[str, int]:
    """Types of the expressions: ``ask`` for all at once, or one by one to find the wrong one.

    ``explain`` raises what is wrong with that one, or gives the type to go on with. Raises the
    driver's ``error`` where the connection is closed.
    """
    try:
        return ask(expressions)
    except error as refusal:
        if is_closed():
            raise
        if len(expressions) == 1:
            return explain(next(iter(expressions)), refusal)
    found: dict[str, int] = {}
    for name, expression in expressions.items():
        found |= types_of({name: expression}, ask, error, is_closed, explain)
    return found


def checked(
    source: str, answer: Callable[[], str], entities: Iterable[str], probe: Callable[[str], object]
) -> list[CheckResult]:
    """Connection, then each entity's table, columns and permission."""
    label = f"source {source}"
    try:
        results = [CheckResult(label, True, f"{answer()} answers")]
    except SourceError as error:
        return [CheckResult(label, False, error.what, error.remedy)]
    for entity in entities:
        try:
            probe(entity)
            results.append(CheckResult(f"{label}: {entity}", True, "can be read"))
        except SourceError as error:
            results.append(CheckResult(f"{label}: {entity}", False, error.what, error.remedy))
    return results
