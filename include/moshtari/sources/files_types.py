"""How a column's text becomes a value of its declared type: exactly, or not at all.

Each column compiles to two DuckDB expressions, the cleaned text and its value (null where the text
is not of the type). Nothing passes through a float, and a number that would have to be rounded to
fit its decimal type is no value of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import jdatetime

from moshtari.sources.files_config import ColumnSpec, FilesConfig, Parquet, Xlsx

_DIGITS = "۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩"
_LATIN = "01234567890123456789"
# Arabic decimal separator and minus; then what is dropped: thousands separator and invisible marks.
_SIGNS, _PLAIN = "\u066b\u2212", ".-"
_DROPPED = "\u066c\u200c\u200e\u200f\u061c\u2066\u2067\u2069\u00a0\u202f\ufeff"

_TO_LATIN = str.maketrans(_DIGITS, _LATIN)
_DAY = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)(.*)", re.DOTALL)
# Before a moment that the file holds as a date, not as text: neither pattern nor calendar are its.
REAL = "\x02"
# Stands for a date that is none; it is no date in any type either.
_NO_DATE = "no such day"

_DATE = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_OFFSET = r"( ?(Z|[+-]\d{2}(:?\d{2})?))?"
_TRUE = ("true", "t", "yes", "y", "1", "بله", "بلی")
_FALSE = ("false", "f", "no", "n", "0", "خیر")


@dataclass(frozen=True)
class TypedColumn:
    """`text` and `value` are SQL; `value` reads the cleaned text by the column's own name.

    `plain_text` does for a column of ASCII without white space, where there is little to clean.
    `written` is SQL of a decimal as it is spelt, for PostgreSQL to read: 1.50 is not 1.5 there.
    """

    name: str
    type: str
    text: str
    plain_text: str
    value: str
    prepare: Callable[[str | None], str | None] | None = None
    written: str | None = None


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def as_written(name: str) -> str:
    """The name under which a decimal column stands as it is spelt."""
    return f"__written_{name}"


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def reads_moments(spec: ColumnSpec, config: FilesConfig) -> bool:
    """Whether a real date of this column needs `REAL` before it, for its texts are read else."""
    jalali = (spec.calendar or config.calendar) == "jalali"
    return spec.type in ("date", "timestamp") and (jalali or spec.format is not None)


def typed_column(name: str, spec: ColumnSpec, config: FilesConfig) -> TypedColumn:
    """The expressions of one column, over a column of the same name that holds the file's text."""
    column = quoted(name)
    prepare = None
    if spec.type in ("date", "timestamp") and (spec.calendar or config.calendar) == "jalali":
        prepare = _from_jalali(spec.format)
    if spec.type in ("text", "json", "text[]"):
        text = _without_nulls(column, config.nulls)
        value = {
            "text": column,
            "json": f"try_cast({column} as json)",
            "text[]": _list(column),
        }[spec.type]
        return TypedColumn(name, spec.type, text, text, value, prepare)
    nulls = tuple({value.strip() for value in config.nulls} | {""})
    marks = (_DIGITS, _LATIN)
    if spec.type != "id":
        marks = (_DIGITS + _SIGNS + _DROPPED, _LATIN + _PLAIN)
    # Translating is dear, and seldom needed: not where a value has as many bytes as characters.
    latin = (
        f"case when strlen({column}) = length({column}) then {column} "
        f"else translate({column}, {literal(marks[0])}, {literal(marks[1])}) end"
    )
    return TypedColumn(
        name=name,
        type=spec.type,
        text=_without_nulls(f"trim({latin}, e' \\t\\r\\n')", nulls),
        plain_text=_without_nulls(column, nulls),
        value=_value(column, spec, config, prepared=prepare is not None),
        prepare=prepare,
        written=_number(column, config) if spec.decimal is not None else None,
    )


def _without_nulls(text: str, nulls: tuple[str, ...]) -> str:
    if not nulls:
        return text
    if len(nulls) == 1:
        return f"nullif({text}, {literal(nulls[0])})"
    listed = ", ".join(sorted(literal(value) for value in nulls))
    return f"case when {text} not in ({listed}) then {text} end"


def _value(column: str, spec: ColumnSpec, config: FilesConfig, *, prepared: bool) -> str:
    if spec.type == "id":
        # Spreadsheets and data frames write ids as floats.
        return (
            f"case when contains({column}, '.') "
            rf"then regexp_replace({column}, '^(-?\d+)\.0+$', '\1') else {column} end"
        )
    if spec.type == "boolean":
        true, false = (", ".join(map(literal, words)) for words in (_TRUE, _FALSE))
        return (
            f"case when lower({column}) in ({true}) then true "
            f"when lower({column}) in ({false}) then false end"
        )
    if spec.type in ("date", "timestamp"):
        form = _date if spec.type == "date" else _timestamp
        if prepared or spec.format is None:
            return form(column, None)
        if not isinstance(config.format, Parquet | Xlsx):
            return form(column, spec.format)
        real = form(f"substr({column}, 2)", None)
        return (
            f"case when starts_with({column}, {literal(REAL)}) then {real} "
            f"else {form(column, spec.format)} end"
        )
    number = _number(column, config)
    if spec.decimal is None:
        whole = rf"regexp_full_match({number}, '[+-]?\d+(\.0*)?')"
        return f"case when {whole} then try_cast(split_part({number}, '.', 1) as bigint) end"
    width, scale = spec.decimal
    fraction = rf"\.\d{{0,{scale}}}0*"
    exact = rf"regexp_full_match({number}, '[+-]?(\d+({fraction})?|{fraction})')"
    return (
        f"case when {exact} and {number} not in ('.', '+.', '-.') "
        f"then try_cast({number} as decimal({width},{scale})) end"
    )


def _number(column: str, config: FilesConfig) -> str:
    """The text with the separators that numbers have everywhere."""
    if config.thousands_separator:
        column = f"replace({column}, {literal(config.thousands_separator)}, '')"
    if config.decimal_separator != ".":
        column = f"replace({column}, {literal(config.decimal_separator)}, '.')"
    return column


def _list(column: str) -> str:
    """A JSON array of texts; a number or flag in it is taken as it is written."""
    return (
        f"case when json_valid({column}) and json_type({column}) = 'ARRAY' "
        f"then try_cast(try_cast({column} as json) as varchar[]) end"
    )


def _date(column: str, pattern: str | None) -> str:
    if pattern is not None:
        return f"cast(try_strptime({column}, {literal(pattern)}) as date)"
    midnight = r"([T ]00:00(:00(\.0+)?)?)?"
    return (
        f"case when regexp_full_match({column}, '{_DATE}{midnight}') "
        rf"then try_cast(regexp_extract({column}, '^[\d/-]+') as date) end"
    )


def _timestamp(column: str, pattern: str | None) -> str:
    """A naive time is one in the session's zone, which is the source's."""
    if pattern is not None:
        return f"cast(try_strptime({column}, {literal(pattern)}) as timestamptz)"
    # DuckDB wants no space before the offset.
    joined = (
        rf"case when contains({column}, ' ') then regexp_replace({column}, ' (Z|[+-]\d\d)', '\1') "
        f"else {column} end"
    )
    return (
        f"case when regexp_full_match({column}, '{_DATE}([T ]{_CLOCK}{_OFFSET})?') "
        f"then try_cast({joined} as timestamptz) end"
    )


def _from_jalali(pattern: str | None) -> Callable[[str | None], str | None]:
    """A function from Jalali text to the same moment in ISO's calendar; null and blank stay so."""

    def convert(value: str | None) -> str | None:
        if value is None or not value.strip():
            return value
        if value.startswith(REAL):
            return value[1:]
        text = value.translate(_TO_LATIN)
        if pattern is not None:
            return _parsed_jalali(text.strip(), pattern)
        match = _DAY.fullmatch(text)
        # A null value such as "-" is none of ours to judge.
        return _gregorian(match[1], match[2], match[3]) + match[4] if match else text

    return convert


@lru_cache(maxsize=65536)
def _gregorian(year: str, month: str, day: str) -> str:
    try:
        found = jdatetime.date(int(year), int(month), int(day)).togregorian()
    except ValueError:
        return _NO_DATE
    return str(found.isoformat())


@lru_cache(maxsize=65536)
def _parsed_jalali(text: str, pattern: str) -> str:
    try:
        return str(jdatetime.datetime.strptime(text, pattern).togregorian().isoformat(" "))
    except ValueError:
        return text if not text[:1].isdigit() else _NO_DATE
