"""The entity contract: which columns a source can supply, with their PostgreSQL types and keys.

`ENTITIES` holds one `Entity` for every entity of the input contract, in the contract's own order,
and the columns of each in theirs. The raw tables are generated from it (`raw_table_ddl`), landing
validates against it, and every reader checks its configured mapping against it: nothing else in
the project lists these columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, TypeVar

from moshtari.landing._entities import SPECIFICATION

Family = Literal["orders", "tickets", "mentions"]
FAMILIES: tuple[Family, ...] = ("orders", "tickets", "mentions")

# A source may supply these two beside the contract's columns: the time of the change where the
# contract has none (order lines), and that the row is gone at the source.
SUPPLIED_SYSTEM_COLUMNS = {"_changed_at": "timestamptz", "_is_deleted": "boolean"}

# Values of columns that are new at the source, which a reader supplies when it is asked to.
EXTRA = "_extra"

SYSTEM_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("_source", "text not null", "Name of the source in the deployment's YAML."),
    ("_key", "text not null", "Key columns of the row, joined by '/'; unique within a source."),
    ("_load_id", "bigint not null", "The load that brought this version (ops.loads)."),
    (
        "_known_from",
        "date not null",
        "Business day from which the warehouse knows this version; '-infinity' for a first load.",
    ),
    (
        "_changed_at",
        "timestamptz",
        "When the source changed the row; versions of a key are ordered by it, then by _load_id.",
    ),
    (
        "_is_deleted",
        "boolean not null default false",
        "Tombstone: the source says that this row is gone; other columns may be null.",
    ),
    ("_origin", "text", "Path of the file that the row was read from; null unless a file."),
    (
        EXTRA,
        "jsonb",
        "Columns that were new at the source when the row was read: texts by name; null for none.",
    ),
)


@dataclass(frozen=True)
class Column:
    """One contract column. `allowed` documents values, for checks too; landing keeps others."""

    name: str
    pg_type: str
    required: bool
    description: str
    default: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether an empty string is a value of the column's type."""
        return self.pg_type == "text"


@dataclass(frozen=True)
class Entity:
    """One entity of the contract.

    `changed_at` is an SQL expression over the contract columns (null: the contract has no such
    time). `changed_at_orders_versions` says whether that time moves with every change
    (`updated_at`), so that it outranks the order of arrival; an event's own time does not.
    """

    name: str
    description: str
    family: Family
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    changed_at: str | None
    changed_at_orders_versions: bool = False
    starred: bool = False
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names of the contract columns, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def required_columns(self) -> tuple[str, ...]:
        """Columns that every mapping must supply: required, and without a default."""
        return tuple(c.name for c in self.columns if c.required and c.default is None)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where the contract has none."""
        return self._by_name[name]

    def type_of(self, name: str) -> str:
        """PostgreSQL type of a column that a source may supply; KeyError where it may not."""
        return SUPPLIED_SYSTEM_COLUMNS.get(name) or self.column(name).pg_type

    def key_sql(self, prefix: str = "") -> str:
        """SQL expression of `_key` over (optionally prefixed) contract columns.

        Where two text columns share a key, a '/' inside them is escaped, so that no two keys meet.
        """
        texts = [name for name in self.key if self.column(name).pg_type == "text"]
        parts = []
        for name in self.key:
            reference = f"{prefix}{name}"
            if name not in texts:
                parts.append(f"{reference}::text")
            elif len(texts) > 1:
                parts.append(rf"replace(replace({reference}, '\', '\\'), '/', '\/')")
            else:
                parts.append(reference)
        return " || '/' || ".join(parts)

    def mapping_problems(self, columns: Iterable[str]) -> list[str]:
        """What is wrong with a mapping that supplies these columns; empty when nothing is."""
        given = set(columns)
        known = set(self.column_names) | set(SUPPLIED_SYSTEM_COLUMNS)
        problems = [
            f"{self.name} has no column {name!r} (it has: {', '.join(self.column_names)})"
            for name in sorted(given - known)
        ]
        problems += [
            f"{self.name} needs the column {name!r}, which the mapping leaves out"
            for name in self.required_columns
            if name not in given
        ]
        return problems


def _build() -> dict[str, Entity]:
    entities = {}
    for name, spec in SPECIFICATION.items():
        columns = tuple(Column(*row) for row in spec["columns"])
        entities[name] = Entity(
            name=name,
            description=spec["description"],
            family=spec.get("family", "orders"),
            key=spec["key"],
            columns=columns,
            changed_at=spec.get("changed_at"),
            changed_at_orders_versions=spec.get("changed_at_orders_versions", False),
            starred=spec.get("starred", False),
        )
    return entities


ENTITIES: dict[str, Entity] = _build()


def entities_of(family: str) -> tuple[Entity, ...]:
    """The family's entities in contract order; ValueError for an unknown family."""
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; it is one of {', '.join(FAMILIES)}")
    return tuple(entity for entity in ENTITIES.values() if entity.family == family)


class Mapped(Protocol):
    """What the YAML says of an entity."""

    @property
    def columns(self) -> Iterable[str]:
        """The contract's columns that the source supplies."""


_Mapped = TypeVar("_Mapped", bound=Mapped)


def in_the_contract(entities: dict[str, _Mapped]) -> dict[str, _Mapped]:
    """The same, if the contract knows the entities and what it needs of each is mapped.

    Raises ValueError for what does not fit.
    """
    for name, mapped in entities.items():
        if name not in ENTITIES:
            raise ValueError(f"{name!r} is no entity; use one of: {', '.join(ENTITIES)}")
        problems = ENTITIES[name].mapping_problems(mapped.columns)
        if problems:
            raise ValueError("; ".join(problems))
    return entities


def raw_table_ddl(entity: Entity | str) -> str:
    """Statements that create `raw.<entity>` with its index and the comments on all of it.

    Safe to run again: existing tables are left as they are, and comments are set anew. Contract
    columns are nullable here because landing checks them, and a tombstone may know only its key.
    """
    found = ENTITIES[entity] if isinstance(entity, str) else entity
    table = f"raw.{found.name}"
    # In front, where PostgreSQL finds them without going through the contract's: it orders and
    # compares by them.
    lines = [f"    {name} {declaration}" for name, declaration, _ in SYSTEM_COLUMNS]
    lines += [f"    {column.name} {column.pg_type}" for column in found.columns]
    statements = [
        f"create table if not exists {table} (\n" + ",\n".join(lines) + "\n)",
        # The key first: the source is the same in nearly every row. A load brings a key once, and a
        # first load is indexed when it is in (ops.end_founding makes the same index).
        f"create unique index if not exists {found.name}_key_source_load_id"
        f"\n    on {table} (_key, _source, _load_id)",
        # Rows come in the order of their loads, so a block range index of a few pages finds a load.
        f"create index if not exists {found.name}_load_id on {table} using brin (_load_id)",
        f"comment on table {table} is {_literal(_table_comment(found))}",
    ]
    described = [(column.name, _column_comment(column)) for column in found.columns]
    described += [(name, text) for name, _, text in SYSTEM_COLUMNS]
    statements += [
        f"comment on column {table}.{name} is {_literal(text)}" for name, text in described
    ]
    return ";\n".join(statements) + ";\n"


def _table_comment(entity: Entity) -> str:
    return (
        f"{entity.description} Append-only, as received: one row per source, key "
        f"({', '.join(entity.key)}) and version."
    )


def _column_comment(column: Column) -> str:
    parts = [column.description]
    if column.allowed:
        parts.append("One of: " + ", ".join(column.allowed) + ".")
    if not column.required:
        parts.append("May be null.")
    return " ".join(parts)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
