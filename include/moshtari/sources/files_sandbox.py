"""The DuckDB in which records are typed, and the SQL that types them.

It runs in memory, spills to a folder of its own above `memory_limit`, and is shut off from the file
system, the network and Python's variables before an expression of the YAML reaches it.
"""

# ruff: noqa: S608 - the queries are the YAML's own, in a DuckDB that holds nothing else

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import pyarrow as pa

from moshtari.sources.columnar import is_plain
from moshtari.sources.files_config import Exclusion, FilesConfig
from moshtari.sources.files_pieces import OWN
from moshtari.sources.files_types import TypedColumn, as_written, literal, quoted


def excluded(rules: Sequence[Exclusion]) -> str:
    """SQL of the first exclusion that a record falls under; null when there is none."""
    if not rules:
        return "cast(null as varchar)"
    # A condition that is null excludes nothing: what is unknown stays in.
    whens = " ".join(f"when (\n{rule.where}\n) then {literal(rule.name)}" for rule in rules)
    return f"case {whens} end"


def plain(columns: list[TypedColumn], rows: pa.Table) -> set[str]:
    """The columns that hold nothing but ASCII, and no white space."""
    return {c.name for c in columns if all(map(is_plain, rows.column(c.name).chunks))}


def typing(columns: list[TypedColumn], plain: Collection[str]) -> str:
    """SQL of the typed columns of `incoming`, with the reason where a text is not of its type."""
    names = [quoted(column.name) for column in columns]
    texts = [
        f"{column.plain_text if column.name in plain else column.text} as {name}"
        for column, name in zip(columns, names, strict=True)
    ]
    values = [f"{column.value} as v{i}" for i, column in enumerate(columns)]
    reasons = [
        f"when {name} is not null and v{i} is null then "
        + literal(f"column {column.name!r} is not of type {column.type}")
        for i, (column, name) in enumerate(zip(columns, names, strict=True))
        if column.type not in ("text", "id")
    ]
    reason = f"case {' '.join(reasons)} end" if reasons else "cast(null as varchar)"
    own = ", ".join(OWN)
    results = [f"v{i} as {name}" for i, name in enumerate(names)]
    results += [
        f"{column.written} as {quoted(as_written(column.name))}"
        for column in columns
        if column.written is not None
    ]
    return (
        f"select {', '.join(results)}, {own}, {reason} as __reason from ("
        f"select *, {', '.join(values)} from ("
        f"select {', '.join(texts)}, {own} from incoming))"
    )


def sandbox(config: FilesConfig, timezone: str, folder: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory whose expressions reach nothing else."""
    db = duckdb.connect(":memory:")
    for setting in (
        f"set global TimeZone = {literal(timezone)}",
        f"set memory_limit = {literal(config.memory_limit)}",
        f"set threads = {config.threads}",
        f"set temp_directory = {literal(folder)}",
        "set python_enable_replacements = false",
        "set autoinstall_known_extensions = false",
        "set autoload_known_extensions = false",
        "set allow_community_extensions = false",
        "set enable_external_access = false",
        # Rows are read in the order of the file without sorting them.
        "set preserve_insertion_order = true",
        "set lock_configuration = true",
    ):
        db.execute(setting)
    return db
