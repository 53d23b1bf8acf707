"""What MySQL and MariaDB say when something is wrong, told without the data, and with a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pymysql
from pymysql.constants import CR, ER

from moshtari.sources.base import SourceError
from moshtari.sources.database import key_of

_READ_ONLY = 1792
# Errors about names, rights and connections quote the configuration; all others may quote data.
_ABOUT_CONFIGURATION = {
    ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.PARSE_ERROR,
    ER.NON_UNIQ_ERROR, ER.SP_DOES_NOT_EXIST, ER.CON_COUNT_ERROR, ER.HOST_IS_BLOCKED,
    ER.HOST_NOT_PRIVILEGED, _READ_ONLY, ER.WRONG_FIELD_WITH_GROUP,
    CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_UNKNOWN_HOST, CR.CR_SERVER_GONE_ERROR,
    CR.CR_SERVER_LOST,
}  # fmt: skip
_ACCESS_DENIED_NO_PASSWORD = 1698
_CONNECTION_KILLED = 1927
_STATEMENT_TIMEOUTS = (1969, 3024)
_LOGIN = (
    ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, _ACCESS_DENIED_NO_PASSWORD,
)  # fmt: skip
_RIGHTS = (ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR)
_CHANGED = {
    1260: "a group_concat was cut",
    1264: "a number out of range",
    1265: "data truncated",
    1292: "a text that is no number or time",
    1301: "a result longer than max_allowed_packet",
    1365: "a division by zero",
    1366: "a text that is no number",
    1406: "data too long",
    1411: "a text that is no time",
    1918: "a value that its type cannot hold",
}


def describe(error: pymysql.Error) -> str:
    """The error in one line; what it says about data is left out."""
    code, text = code_of(error), str(error.args[1] if len(error.args) > 1 else error)
    if code in _ABOUT_CONFIGURATION:
        return f"{' '.join(text.split())} ({code})"
    if code == _CONNECTION_KILLED:
        return f"the server ended the connection ({code})"
    if code in _STATEMENT_TIMEOUTS:
        return f"statement timeout ({code})"
    return f"{type(error).__name__} ({code})"


def error_of(
    source: str, entity: str | None, column: str | None, error: pymysql.Error
) -> SourceError:
    """The driver's error as the user is told of it: which part of the YAML, and the remedy."""
    key = key_of(source, entity, column)
    where = f"{key}: " if column else ""
    return SourceError(source, entity, f"{where}{describe(error)}", remedy_for(error, key))


def remedy_for(error: pymysql.Error, key: str) -> str:
    """What the user can do about it; ``key`` is the part of the YAML that it happened in."""
    code = code_of(error)
    if code in _LOGIN:
        return "Mend user, password and database in the source's dsn"
    if code in _RIGHTS:
        return "Grant select on it to the login of the source's dsn"
    if code == ER.NO_SUCH_TABLE:
        return f"Mend `table` or `query` of {key}, or the database in the source's dsn"
    if code in _STATEMENT_TIMEOUTS:
        return "Raise statement_timeout_seconds of the source, or give changed_at an index"
    if code == CR.CR_SERVER_LOST and "timed out" in str(error):
        return (
            "Raise read_timeout_seconds of the source if the query is slow; else see that the "
            "server works, then run the day again"
        )
    if isinstance(error, pymysql.err.ProgrammingError) or code in _ABOUT_CONFIGURATION - {
        CR.CR_CONNECTION_ERROR,
        CR.CR_CONN_HOST_ERROR,
        CR.CR_UNKNOWN_HOST,
        CR.CR_SERVER_GONE_ERROR,
        CR.CR_SERVER_LOST,
        ER.CON_COUNT_ERROR,
        ER.HOST_IS_BLOCKED,
        ER.HOST_NOT_PRIVILEGED,
    }:
        return f"Mend the SQL of {key}"
    return "See that the server runs and the source's dsn is right, then run the day again"


def unknown_column(error: pymysql.Error) -> str:
    """The name in "Unknown column 'o.total' in 'SELECT'", whatever language the server speaks."""
    match = re.search("['`«„\"]([^'`»“\"]+)", str(error.args[1]) if len(error.args) > 1 else "")
    return match[1].rpartition(".")[2] if match else "that it asks for"


def changed_values(warnings: Iterable[int]) -> str:
    """What the warnings say was changed, or '' for those that change nothing."""
    codes = sorted({code for code in warnings if code in _CHANGED})
    return ", ".join(f"{_CHANGED[code]} ({code})" for code in codes)


def code_of(error: pymysql.Error) -> int:
    """The error's number; 0 for one without."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
