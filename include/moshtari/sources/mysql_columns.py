"""Which columns a table or query of a shop's MySQL has, and how those that are new are kept."""

# ruff: noqa: S608 - the deployment's own SQL is what is wrapped here

from __future__ import annotations

from collections import Counter

import pymysql
from pymysql.constants import FIELD_TYPE

from moshtari.sources.mysql_session import Connection
from moshtari.sources.mysql_values import Convert, converter

_NAMES = {
    FIELD_TYPE.TINY: "tinyint", FIELD_TYPE.SHORT: "smallint", FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int", FIELD_TYPE.LONGLONG: "bigint", FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double", FIELD_TYPE.DECIMAL: "decimal", FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.BIT: "bit", FIELD_TYPE.DATE: "date", FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.DATETIME: "datetime", FIELD_TYPE.TIMESTAMP: "timestamp", FIELD_TYPE.TIME: "time",
    FIELD_TYPE.YEAR: "year", FIELD_TYPE.JSON: "json", FIELD_TYPE.VARCHAR: "varchar",
    FIELD_TYPE.VAR_STRING: "varchar", FIELD_TYPE.STRING: "char", FIELD_TYPE.BLOB: "text",
}  # fmt: skip


def type_name(field_type: int) -> str:
    """A type as it is written in SQL; text and blob are one to the protocol."""
    return _NAMES.get(field_type, f"type {field_type}")


def columns_of(connection: Connection, relation: str) -> dict[str, int]:
    """Names and types, in their order; none where they cannot be read.

    That is so where the login may read some columns only. Of columns of one name none is told.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"select * from {relation} limit 0")
            found = [(str(column[0]), int(column[1])) for column in cursor.description or ()]
    except pymysql.Error:
        if not connection.open:
            raise
        return {}
    times = Counter(name for name, _ in found)
    return {name: kind for name, kind in found if times[name] == 1}


def quoted(name: str) -> str:
    """An SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def as_kept(field_type: int) -> Convert:
    """The conversion to text; of bytes that are no text their hexadecimal form."""
    plain = converter("text", field_type, None)

    def convert(value: bytes) -> str | None:
        try:
            return plain(value)
        except UnicodeDecodeError:
            return f"\\x{value.hex()}"

    return convert
