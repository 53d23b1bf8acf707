"""Two shops that keep their sales in a database: rows come, change, commit late, and go."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pymysql
from tests.file_servers import Line
from tests.servers.mariadb import PASSWORD, MariaDB
from tests.soak.world import MINUTE, Day, utc

_OLD_ENOUGH = 8
_STATES = ("paid", "sent", "returned", "بسته شد")


@dataclass
class _Sale:
    changed: datetime
    born: int
    bad: bool = False
    held: bool = False


class SqlShop(ABC):
    """What both have in common: one table of sales, and a transaction that is still open.

    A price that is none is quarantined, until the mapping or, ten days later, the shop mends it.
    Whoever reads the sales passes by the table `gate`, where a reader can be held.
    """

    family = "orders"
    entities: tuple[str, ...] = ("orders",)
    lookback_hours = 6

    def __init__(self, name: str, kind: str, bad_price: str) -> None:
        self.name, self.kind, self._bad_price = name, kind, bad_price
        self._sales: dict[int, _Sale] = {}
        self._next = 1

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """A statement that is seen at once."""

    @abstractmethod
    def run_late(self, statement: str, values: Sequence[Any]) -> None:
        """A statement of the transaction that stays open for a night."""

    @abstractmethod
    def commit_late(self) -> None: ...

    @abstractmethod
    def time(self, at: datetime) -> Any:
        """A time as the database takes it."""

    def step(self, day: Day) -> None:
        chance = day.chance
        self.commit_late()
        for sale in self._sales.values():
            sale.held = False
        if day.number == 40:
            self.run("alter table sales add column colour varchar(20)")
        for at in day.moments(10, 16):
            self._sell(day, at, bad=chance.random() < 0.04)
        # A clock that is fast: the row is there tonight, and belongs to tomorrow.
        self._sell(day, day.end + timedelta(seconds=chance.choice([0, 1, 170])))
        self._change(day, [key for key in self._free(day) if not self._sales[key].bad])
        for key, sale in self._sales.items():
            if sale.bad and day.number - sale.born >= 10:
                sale.bad = False
                self._touch(key, day.moment(), price="7.5")
        self._delete(day)
        self._be_late(day)

    def _sell(self, day: Day, at: datetime, *, bad: bool = False, late: bool = False) -> None:
        key, self._next = self._next, self._next + 1
        self._sales[key] = _Sale(at, day.number, bad, late)
        price = self._bad_price if bad else f"{day.chance.randrange(1, 10**6)}.50"
        values = [key, self.time(at - MINUTE), self.time(at), "paid", price, f"یادداشت {key}"]
        run = self.run_late if late else self.run
        run(
            "insert into sales (id, placed, changed, state, price, note)"
            " values (%s, %s, %s, %s, %s, %s)",
            values,
        )

    def _free(self, day: Day) -> list[int]:
        return [
            key for key, sale in self._sales.items() if not sale.held and sale.born < day.number
        ]

    def _change(self, day: Day, keys: list[int]) -> None:
        for key in day.chance.sample(keys, min(len(keys), 6)):
            for at in day.moments(1, 2):
                self._touch(key, at, state=day.chance.choice(_STATES))

    def _touch(self, key: int, at: datetime, *, late: bool = False, **values: Any) -> None:
        """Change a row, if it did not change later already."""
        if at <= self._sales[key].changed:
            return
        self._sales[key].changed, self._sales[key].held = at, late
        columns = "".join(f", {name} = %s" for name in values)
        run = self.run_late if late else self.run
        run(
            f"update sales set changed = %s{columns} where id = %s",
            [self.time(at), *values.values(), key],
        )

    def _delete(self, day: Day) -> None:
        if day.chance.random() < 0.5:
            old = [
                key
                for key in self._free(day)
                if not self._sales[key].bad and day.number - self._sales[key].born > _OLD_ENOUGH
            ]
            if old:
                gone = day.chance.choice(old)
                del self._sales[gone]
                self.run("delete from sales where id = %s", [gone])

    def _be_late(self, day: Day) -> None:
        """Shortly before midnight a transaction wrote, and it commits after the night's run."""
        chance = random.Random(day.chance.random())
        if chance.random() < 0.6:
            for _ in range(chance.randint(1, 3)):
                self._sell(day, day.end - chance.randint(1, 200) * MINUTE, late=True)
            keys = [key for key in self._free(day) if not self._sales[key].bad]
            if keys:
                at = day.end - chance.randint(1, 20) * MINUTE
                self._touch(chance.choice(keys), at, late=True, state="late")

    def _orders(self, price: str, state: str) -> dict[str, Any]:
        columns = {
            **dict.fromkeys(("discount_amount", "shipping_amount", "tax_amount"), "0"),
            "order_id": "id",
            "ordered_at": "placed",
            "updated_at": "changed",
            "status": state,
            "currency": "'IRR'",
            "campaign": "note",
            "gross_amount": price,
            "total_amount": price,
            "direction": "'sale'",
        }
        where = "exists (select 1 from gate)"
        orders = {"table": "sales", "where": where, "changed_at": "changed", "columns": columns}
        return {"orders": orders}


class PostgresShop(SqlShop):
    """The shop in PostgreSQL. `NaN` is what it has for a price that it does not know."""

    def __init__(self, dsn: str, port: int) -> None:
        super().__init__("shop", "postgres", "NaN")
        self._dsn, self._port = dsn, port
        name = {"application_name": "the shop itself"}
        self.admin = psycopg.connect(dsn, autocommit=True, **name)
        self._late = psycopg.connect(dsn, **name)
        self.run(
            "create table sales (id bigint primary key, placed timestamptz, changed timestamptz,"
            " state text, price numeric, note text)"
        )
        self.run("create index on sales (changed)")
        self.run("create table gate as select 1 as open")

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self.admin.execute(statement.encode(), values)

    def run_late(self, statement: str, values: Sequence[Any]) -> None:
        self._late.execute(statement.encode(), values)

    def commit_late(self) -> None:
        self._late.commit()

    def time(self, at: datetime) -> datetime:
        return at

    def config(self, line: Line | None = None, price: str = "price") -> dict[str, Any]:
        dsn = psycopg.conninfo.make_conninfo(self._dsn, port=line.port if line else self._port)
        entities = self._orders(price, "state")
        given = {"lookback_hours": self.lookback_hours, "entities": entities}
        return {"kind": "postgres", "dsn": dsn, **given}

    def mended(self) -> dict[str, Any]:
        return self.config(price="coalesce(nullif(price, 'NaN'), 0)")

    def close(self) -> None:
        self._late.close()
        self.admin.close()


class MysqlShop(SqlShop):
    """The shop in MariaDB, which keeps its times in UTC and its prices as text."""

    def __init__(self, server: MariaDB) -> None:
        super().__init__("store", "mysql", "ده")
        self._server = server
        server.run("create database if not exists soak character set utf8mb4")
        server.run("grant select on soak.* to moshtari@'127.0.0.1'")
        self._now, self._late = server.connect("soak"), server.connect("soak")
        self._late.autocommit(False)
        self.run(
            "create table sales (id bigint primary key, placed datetime, changed datetime,"
            " state varchar(40), price varchar(40), note varchar(80), index (changed))"
        )
        self.run("create table gate as select 1 as open")

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._execute(self._now, statement, values)

    def run_late(self, statement: str, values: Sequence[Any]) -> None:
        self._execute(self._late, statement, values)

    @staticmethod
    def _execute(
        connection: pymysql.Connection[Any], statement: str, values: Sequence[Any]
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)

    def commit_late(self) -> None:
        self._late.commit()

    def time(self, at: datetime) -> str:
        return utc(at)

    def config(self, line: Line | None = None, price: str = "price") -> dict[str, Any]:
        login = {"user": "moshtari", "password": PASSWORD, "database": "soak"}
        port = line.port if line else self._server.port
        return {
            "kind": "mysql",
            "dsn": {"host": "127.0.0.1", "port": port, **login},
            "timezone": "UTC",
            "lookback_hours": self.lookback_hours,
            "entities": self._orders(price, "state"),
        }

    def mended(self) -> dict[str, Any]:
        return self.config(price="replace(price, 'ده', '10')")

    def close(self) -> None:
        self._late.close()
        self._now.close()
