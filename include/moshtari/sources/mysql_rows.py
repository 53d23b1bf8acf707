"""Rows of a query as MySQL streams them, each value converted; what is no text is rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from moshtari.landing.contract import ENTITIES, EXTRA
from moshtari.sources.base import RejectedRecord, SourceError, TextRows
from moshtari.sources.database import key_of
from moshtari.sources.drift import extra_text
from moshtari.sources.mysql_errors import changed_values
from moshtari.sources.mysql_mapping import Reading
from moshtari.sources.mysql_session import Connection, streaming
from moshtari.sources.mysql_values import copy_line

_ROWS_A_BATCH = 2_000


def batches_of(
    source: str,
    entity: str,
    connection: Connection,
    readings: Mapping[str, Reading],
    select: str,
    values: Sequence[str] = (),
    extra: Mapping[str, Reading] | None = None,
) -> Iterator[TextRows | RejectedRecord]:
    """The rows of ``select``, which has a column for each reading, and then for each of ``extra``.

    Raises SourceError at the end when the server changed values on the way, and pymysql.Error.
    """
    names = (*readings, EXTRA) if extra else tuple(readings)
    width = len(readings)
    converts = [reading.convert for reading in readings.values()]
    exact = all(reading.is_exact for reading in readings.values())
    key = [names.index(name) for name in ENTITIES[entity].key]
    with streaming(connection, select, values) as cursor:
        while found := cursor.fetchmany(_ROWS_A_BATCH):
            rows: list[tuple[str | None, ...]] = []
            positions: list[str] = []
            for row in found:
                try:
                    texts = tuple(
                        None if value is None else convert(value)
                        for value, convert in zip(row[:width], converts, strict=True)
                    )
                    if extra:
                        texts += (_kept(extra, row[width:]),)
                except UnicodeDecodeError:
                    yield RejectedRecord(
                        _position([_lenient(row[index]) for index in key]),
                        "not UTF-8 text",
                        copy_line(row),
                    )
                    continue
                rows.append(texts)
                positions.append(_position([texts[index] for index in key]))
            if rows:
                yield TextRows(names, rows, positions, exact=exact)
        warnings = cursor.warning_count
    if warnings:
        _judge_warnings(source, entity, connection)


def _judge_warnings(source: str, entity: str, connection: Connection) -> None:
    """Give the load up when the server changed values on the way; it only warns of that."""
    with connection.cursor() as cursor:
        cursor.execute("show warnings")
        told = changed_values(int(row[1]) for row in cursor.fetchall())
    if told:
        raise SourceError(
            source,
            entity,
            f"{key_of(source, entity)}: the server changed values while it computed them ({told})",
            "Leave out the cast, so that landing quarantines what does not fit, or guard it "
            "(case when x regexp '^-?[0-9.]+$' then ... end)",
        )


def _kept(extra: Mapping[str, Reading], row: tuple[bytes | None, ...]) -> str:
    values = [
        None if value is None else reading.convert(value)
        for value, reading in zip(row, extra.values(), strict=True)
    ]
    return extra_text(tuple(extra), values)


def _position(key: list[str | None]) -> str:
    return "/".join(part or "" for part in key).strip("/") or "no key"


def _lenient(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
