"""One small shop in every kind of source that has columns of its own, written anew for each night.

So a column comes, goes or changes its type in all of them alike.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import openpyxl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from tests.servers.mariadb import PASSWORD, MariaDB

from moshtari.settings import Deployment, Settings

Rows: TypeAlias = list[dict[str, Any]]
AT = "2026-03-20 08:00:00"
ORDERS = {
    "order_id": "id",
    "ordered_at": "placed",
    "updated_at": "placed",
    "status": "state",
    "currency": "'IRR'",
    "gross_amount": "price",
    "discount_amount": "0",
    "shipping_amount": "0",
    "tax_amount": "0",
    "total_amount": "price",
    "direction": "'sale'",
    "campaign": "campaign",
}
TYPES = {"id": "text", "placed": "time", "state": "text", "price": "number", "campaign": "text"}


def sales(count: int = 40, **more: Any) -> Rows:
    """So many orders, of which each has the further columns."""
    return [
        {
            "id": str(n),
            "placed": AT,
            "state": "paid",
            "price": n,
            "campaign": "spring",
            **more,
        }
        for n in range(1, count + 1)
    ]


class Shop(ABC):
    """`words` are its types for those of `TYPES`; empty where it has none."""

    kind: ClassVar[str]
    words: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def write(self, rows: Rows, **types: str) -> None:
        """Have these rows and no others; columns are text unless `TYPES` or `types` say else."""

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """Its part of the YAML, but for the mapping."""

    def mapping(self, columns: dict[str, str]) -> dict[str, Any]:
        return {"entities": {"orders": {"table": "sales", "columns": columns}}}

    def deployment(self, columns: dict[str, str] | None = None, **more: Any) -> Deployment:
        mapping = self.mapping({**ORDERS, **(columns or {})})
        return Deployment(name="test", sources={"shop": {**self.source(), **mapping}}, **more)


def _types(rows: Rows, given: dict[str, str]) -> dict[str, str]:
    return {name: {**TYPES, **given}.get(name, "text") for name in rows[0]}


class Postgres(Shop):
    kind = "postgres"
    words: ClassVar[dict[str, str]] = {
        "text": "text",
        "time": "timestamp with time zone",
        "number": "numeric",
    }

    def __init__(self, settings: Settings, pg: psycopg.Connection) -> None:
        self.dsn = " ".join(f"{k}={v}" for k, v in settings.dsn(admin=True).items())
        self.pg = pg
        pg.execute("create schema shop")

    def write(self, rows: Rows, **types: str) -> None:
        found = _types(rows, types)
        columns = ", ".join(f'"{name}" {self.words[kind]}' for name, kind in found.items())
        self.pg.execute(f"drop table if exists shop.sales; create table shop.sales ({columns})")
        places = ", ".join(["%s"] * len(found))
        values = [tuple(row.values()) for row in rows]
        with self.pg.cursor() as cursor:
            cursor.executemany(f"insert into shop.sales values ({places})", values)

    def source(self) -> dict[str, Any]:
        return {"kind": "postgres", "dsn": self.dsn}

    def mapping(self, columns: dict[str, str]) -> dict[str, Any]:
        return {"entities": {"orders": {"table": "shop.sales", "columns": columns}}}


class Mysql(Shop):
    kind = "mysql"
    words: ClassVar[dict[str, str]] = {
        "text": "varchar",
        "time": "datetime",
        "number": "decimal",
    }
    _made: ClassVar[dict[str, str]] = {
        "text": "varchar(40)",
        "time": "datetime",
        "number": "decimal(20, 0)",
    }

    def __init__(self, server: MariaDB, database: str) -> None:
        self.server, self.database = server, database

    def write(self, rows: Rows, **types: str) -> None:
        found = _types(rows, types)
        columns = ", ".join(f"`{name}` {self._made[kind]}" for name, kind in found.items())
        self.server.run("drop table if exists sales", self.database)
        self.server.run(f"create table sales ({columns}) charset=utf8mb4", self.database)
        places = ", ".join(["%s"] * len(found))
        with self.server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.executemany(
                f"insert into sales values ({places})", [tuple(row.values()) for row in rows]
            )

    def source(self) -> dict[str, Any]:
        server = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": "moshtari",
            "password": PASSWORD,
            "database": self.database,
        }
        return {"kind": "mysql", "dsn": server, "timezone": "UTC"}


class File(Shop):
    """One file, which is written again."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.path, self.form = folder / "sales.any", kind
        self.kind = f"files ({kind})"  # type: ignore[misc]
        self._books: dict[str, bytes] = {}
        if kind == "parquet":
            self.words = {"text": "string", "time": "string", "number": "int64"}  # type: ignore[misc]

    def write(self, rows: Rows, **types: str) -> None:
        if self.form == "jsonl":
            self.path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        elif self.form == "parquet":
            kinds = {name: pa.int64() if kind == "number" else pa.string()
                     for name, kind in _types(rows, types).items()}  # fmt: skip
            texts = [
                {n: str(v) if v is not None and kinds[n] == pa.string() else v
                 for n, v in row.items()} for row in rows
            ]  # fmt: skip
            pq.write_table(pa.Table.from_pylist(texts, pa.schema(list(kinds.items()))), self.path)
        elif self.form == "xlsx":
            # A workbook holds the time of its making: the same rows are to be the same bytes.
            if (made := self._books.get(repr(rows))) is not None:
                self.path.write_bytes(made)
                return
            book = openpyxl.Workbook()
            book.active.append(list(rows[0]))
            for row in rows:
                book.active.append(list(row.values()))
            book.save(self.path)
            self._books[repr(rows)] = self.path.read_bytes()
        else:
            mark = "\t" if self.form == "tsv" else ","
            lines = [list(rows[0]), *([str(v or "") for v in row.values()] for row in rows)]
            self.path.write_text("".join(mark.join(line) + "\n" for line in lines))

    def source(self) -> dict[str, Any]:
        return {
            "kind": "files",
            "path": str(self.path),
            "format": {"type": self.form},
            "timezone": "UTC",
        }

    def mapping(self, columns: dict[str, str]) -> dict[str, Any]:
        types = {"id": "text", "placed": "timestamp", "state": "text", "price": "decimal(18,2)"}
        own = {name: "text" for name in columns.values() if name.isidentifier()}
        return {"columns": {**own, **types}, "entities": {"orders": {"columns": columns}}}
