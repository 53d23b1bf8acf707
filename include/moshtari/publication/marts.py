"""Which marts are published, under which names, and what the catalogue says about them."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Mart:
    """One published mart: ``candidate.<table>`` becomes a partition of ``store.<table>``.

    A mart with a ``scope`` has a history beside it, ``store.<table>_history``, of rows that are not
    copied every night. ``scope`` is the column by which they are replaced: all rows of a key in
    ``candidate.<table>_history_scope`` by those in ``candidate.<table>_history``.
    """

    table: str
    schema: str
    view: str
    reader: str
    scope: str | None = None

    @property
    def parent(self) -> sql.Identifier:
        return sql.Identifier("store", self.table)

    @property
    def candidate(self) -> sql.Identifier:
        return sql.Identifier("candidate", self.table)

    @property
    def history_table(self) -> str:
        return f"{self.table}_history"

    @property
    def history(self) -> sql.Identifier:
        return sql.Identifier("store", self.history_table)

    @property
    def scope_table(self) -> str:
        return f"{self.table}_history_scope"

    @property
    def view_identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.view)

    @property
    def view_name(self) -> str:
        return f"{self.schema}.{self.view}"

    def partition_name(self, run_id: int) -> str:
        return f"{self.table}_r{run_id}"

    def partition(self, run_id: int) -> sql.Identifier:
        return sql.Identifier("store", self.partition_name(run_id))


def _bi(table: str, scope: str | None = None) -> Mart:
    return Mart(table, "bi", table, "bi_reader", scope)


def _outreach(table: str, view: str) -> Mart:
    return Mart(table, "outreach", view, "outreach_reader")


PUBLISHED: tuple[Mart, ...] = (
    _bi("customers"),
    _bi("customer_types", scope="customer_key"),
    _bi("types_measurable"),
    _bi("customer_life_cycle", scope="customer_key"),
    _bi("segments_daily"),
    _bi("segment_membership", scope="customer_key"),
    _bi("orders", scope="order_key"),
    _bi("calendar"),
    _bi("score_models"),
    _bi("voice_of_customer"),
    _bi("cohorts"),
    _bi("retention_monthly"),
    _bi("retention_economics"),
    _bi("loyalty_accounts", scope="customer_key"),
    _bi("service_daily"),
    _bi("delivery_daily"),
    _bi("satisfaction_daily"),
    _bi("complaint_recovery"),
    _bi("compensation_daily"),
    _bi("outreach_assignments", scope="customer_key"),
    _bi("outreach_effects"),
    _outreach("outreach_lists", "lists"),
    _outreach("outreach_omissions", "omissions"),
    _outreach("outreach_list_changes", "list_changes"),
)


@dataclass(frozen=True)
class Column:
    """One column as the catalogue has it; `type` with its modifier, such as numeric(18,2)."""

    name: str
    type: str
    comment: str | None


def columns_of(connection: psycopg.Connection, schema: str, relation: str) -> list[Column]:
    """Columns of a table or view in their order; empty when there is no such relation."""
    rows = connection.execute(
        """
        select a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = to_regnamespace(%s) and c.relname = %s
            and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        [schema, relation],
    )
    return [Column(*row) for row in rows]


def comment_of(connection: psycopg.Connection, schema: str, relation: str) -> str | None:
    """Comment of a table or view; null when it has none, or there is no such relation."""
    row = connection.execute(
        """
        select obj_description(oid, 'pg_class') from pg_class
        where relnamespace = to_regnamespace(%s) and relname = %s
        """,
        [schema, relation],
    ).fetchone()
    return row[0] if row else None


def attached_to(connection: psycopg.Connection, mart: Mart) -> dict[str, bool]:
    """Partitions of the mart in the store, each with whether its detachment is half done."""
    rows = connection.execute(
        """
        select c.relname, i.inhdetachpending
        from pg_inherits as i
        inner join pg_class as c on c.oid = i.inhrelid
        where i.inhparent = to_regclass(%s)
        """,
        [f"store.{mart.table}"],
    )
    return {row[0]: row[1] for row in rows}
