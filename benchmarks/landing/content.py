"""What a table says, as one number a column: the same query over every side's table.

Each value is hashed with its row's key, and the hashes are joined without regard to order. A
number counts as it is written (1.50 is not 1.5) and, apart from that, by what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from landing.server import Server
from moshtari.landing.contract import ENTITIES, Entity


@dataclass(frozen=True)
class Content:
    """Hashes by column and of whole rows; beside them the number of rows that no one should have.

    The hashes are of the others, so that they tell values apart even where those rows are.
    """

    rows: int
    unwanted: int
    written: Mapping[str, int]
    meant: Mapping[str, int]
    whole: str
    """All of the rows as they are written."""
    whole_meant: str

    def altered(self, truth: Content) -> list[str]:
        """Columns that do not mean what they do in the truth."""
        return [name for name in truth.meant if self.meant.get(name) != truth.meant[name]]

    def rewritten(self, truth: Content) -> list[str]:
        """Columns that mean the same, but are written in another way."""
        altered = self.altered(truth)
        other = [name for name in truth.written if self.written.get(name) != truth.written[name]]
        return [name for name in other if name not in altered]


def content(
    server: Server,
    database: str,
    relation: str,
    entity: str,
    columns: Mapping[str, str] | list[str],
    unwanted: str,
) -> Content:
    """The content of a relation (table or query in brackets).

    `columns` are the contract's, or SQL by their names where the relation has others; `unwanted`
    is a condition over the contract's columns.
    """
    contract = ENTITIES[entity]
    given = columns if isinstance(columns, Mapping) else {name: name for name in columns}
    casts = ", ".join(_typed(contract, name, sql) for name, sql in given.items())
    numbers = [name for name in given if contract.column(name).pg_type == "numeric"]
    hashes = [
        _hash_row([_written(contract, name) for name in given]),
        _hash_row([_meant(contract, name) for name in given]),
        *(_hash(contract, _written(contract, name)) for name in given),
        *(_hash(contract, _meant(contract, name)) for name in numbers),
    ]
    typed = f"(select {casts} from {relation} as given) as typed"
    found = server.rows(
        database,
        f"select count(*), {', '.join(f'bit_xor({sql})' for sql in hashes)}"
        f" from {typed} where ({unwanted}) is not true",
    )[0]
    others = server.rows(database, f"select count(*) from {typed} where {unwanted}")[0]
    rows, whole, whole_meant, *sums = (int(str(value or 0)) for value in found)
    written = dict(zip(given, sums, strict=False))
    meant = {**written, **dict(zip(numbers, sums[len(given) :], strict=True))}
    return Content(rows, int(str(others[0])), written, meant, _told(whole), _told(whole_meant))


def _typed(entity: Entity, name: str, sql: str) -> str:
    return f"({sql})::{entity.column(name).pg_type} as {name}"


def _written(entity: Entity, name: str) -> str:
    if entity.column(name).pg_type == "text[]":
        return f"to_jsonb({name})::text"
    return f"{name}::text"


def _meant(entity: Entity, name: str) -> str:
    if entity.column(name).pg_type == "numeric":
        return f"trim_scale({name})::text"
    return _written(entity, name)


def _hash_row(values: list[str]) -> str:
    return f"hashtextextended(row({', '.join(values)})::text, 0)"


def _hash(entity: Entity, value: str) -> str:
    key = f"{entity.key_sql()} || chr(31)"
    return f"hashtextextended({key} || coalesce('=' || {value}, ''), 0)"


def _told(value: int) -> str:
    return f"{value & (2**64 - 1):016x}"
