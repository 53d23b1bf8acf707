"""What landing asks of a value, as SQL expressions over a column: its shape, type and presence."""

from __future__ import annotations

from moshtari.landing.contract import Column, Entity

# Persian and Arabic digits, decimal separator and minus become ASCII; thousands separators, marks
# of direction, joiners and hard spaces, which say nothing in a number or a time, are dropped.
_FROM = "۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩٫−٬" + "\u200e\u200f\u200c\u061c\u2066\u2067\u2069\u00a0\u202f\ufeff"
_TO = "01234567890123456789.-"

# What a type's text must look like, beside being valid PostgreSQL input. That input is laxer, and
# reads the clock ('now'), guesses ('3/4/2024') or takes the session's zone; these leave nothing to
# guess. They stay simple because they are most of what landing a text row costs.
_SHAPES = {
    "numeric": (r"{0} ~ '^[-+]?[0-9.]+([eE][-+]?[0-9]{{1,3}})?$'", "not a number"),
    "integer": (r"{0} ~ '^[-+]?[0-9]+$'", "not a whole number"),
    "bigint": (r"{0} ~ '^[-+]?[0-9]+$'", "not a whole number"),
    "date": (r"{0} ~ '^[0-9]{{4}}[-/]?[0-9]{{2}}[-/]?[0-9]{{2}}$'", "not a day (yyyy-mm-dd)"),
    # Beginning with the year; and behind the day, a sign or Z: an offset, or no valid input.
    "timestamptz": (
        r"{0} ~ '^[0-9]{{4}}[-/]?[0-9]{{2}}' and substr({0}, 9) ~ '[-+zZ]'",
        "not a time with an offset",
    ),
}
_NAMES = {"boolean": "not true or false", "text[]": "not an array of texts", "jsonb": "not JSON"}


def normalised(column: Column) -> str:
    """A text value as its column's type is to read it; no value is null. Not for text columns."""
    if column.pg_type in ("text[]", "jsonb"):
        return f"nullif(btrim({column.name}), '')"
    # Translating costs more than all else here, and most values are plain ASCII.
    cleaned = (
        f"case when octet_length({column.name}) = length({column.name}) then {column.name} "
        f"else translate({column.name}, '{_FROM}', '{_TO}') end"
    )
    return rf"nullif(btrim({cleaned}, E' \t\r\n'), '')"


def text_reason(entity: Entity, column: Column, supplied: set[str]) -> str:
    """Why a text value cannot be of its column, or null; over normalised values, `n_<column>`."""
    name = column.name
    value = name if column.is_text else f"n_{name}"
    cases = []
    if name in entity.key:
        empty = f" or {value} = ''" if column.is_text else ""
        cases.append(f"when {value} is null{empty} then '{name}: missing from the key'")
    elif column.required and column.default is None:
        alive = (
            " and lower(coalesce(n__is_deleted, 'f')) not in ('t', 'true', '1', 'yes', 'y', 'on')"
            if "_is_deleted" in supplied
            else ""
        )
        cases.append(f"when {value} is null{alive} then '{name}: missing'")
    if column.pg_type in _SHAPES:
        shape, complaint = _SHAPES[column.pg_type]
        cases.append(f"when not ({shape.format(value)}) then '{name}: {complaint}'")
    if not column.is_text:
        complaint = _NAMES.get(column.pg_type, "out of range")
        cases.append(
            f"when not pg_input_is_valid({value}, '{column.pg_type}') then '{name}: {complaint}'"
        )
    return f"case {' '.join(cases)} end" if cases else "null"


def typed_reasons(entity: Entity) -> list[str]:
    """Why a row that has its types breaks the contract: one expression, maybe null, a column."""
    reasons = []
    for column in entity.columns:
        name = column.name
        cases = []
        if name in entity.key:
            empty = f" or {name} = ''" if column.is_text else ""
            cases.append(f"when {name} is null{empty} then '{name}: missing from the key'")
        elif column.required and column.default is None:
            cases.append(f"when {name} is null and _is_deleted is not true then '{name}: missing'")
        infinite = _not_finite(column)
        if infinite:
            complaint = _SHAPES[column.pg_type][1]
            cases.append(f"when {infinite} then '{name}: {complaint}'")
        if cases:
            reasons.append(f"case {' '.join(cases)} end")
    return reasons


def is_good(entity: Entity) -> str:
    """A condition, never null, that holds for rows that keep the contract; cheap for most rows."""
    conditions = []
    needed = []
    for column in entity.columns:
        name = column.name
        if name in entity.key:
            conditions.append(f"{name} <> ''" if column.is_text else f"{name} is not null")
        elif column.required and column.default is None:
            needed.append(f"{name} is not null")
        if column.pg_type == "numeric":
            # A number that is not finite has no scale; to ask for it costs less than to compare.
            conditions.append(f"({name} is null or scale({name}) is not null)")
        elif column.pg_type in ("timestamptz", "date"):
            conditions.append(f"isfinite({name}) is not false")
    if needed:
        conditions.append(f"({' and '.join(needed)} or _is_deleted is true)")
    return f"({' and '.join(conditions)}) is true"


def _not_finite(column: Column) -> str | None:
    if column.pg_type == "numeric":
        return f"{column.name} in ('NaN', 'Infinity', '-Infinity')"
    if column.pg_type in ("timestamptz", "date"):
        return f"not isfinite({column.name})"
    return None


def as_json(entity: Entity, *, typed: bool = False) -> str:
    """The row as it is kept in quarantine where its source gave no raw record.

    Of typed rows without the contract's defaults: a row in raw has them already, one on its way
    there has not, and either way it is one record.
    """
    pairs = ", ".join(
        f"'{c.name}', nullif({c.name}, {c.default})::text"
        if typed and c.default
        else f"'{c.name}', {c.name}::text"
        for c in entity.columns
    )
    return f"jsonb_strip_nulls(jsonb_build_object({pairs}))::text"


def value(column: Column) -> str:
    """The column, or the contract's default."""
    return f"coalesce({column.name}, {column.default})" if column.default else column.name
