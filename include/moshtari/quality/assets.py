"""What each suite is shown: a query of the auditor, with figures and unpersonal columns only."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from moshtari.publication.marts import PUBLISHED, Mart

# Wherever there is a customer, these have rows. All others may rightly be empty: a shop can do
# without a help desk, parcels or points, and nothing has come of its lists on the first night.
_ALWAYS_HAVE_ROWS = {"customers", "types_measurable", "segments_daily", "calendar"}

_PERSONAL_COLUMNS = [
    "full_name", "first_name", "last_name", "name", "email", "guest_email", "requester_email",
    "phone", "guest_phone", "requester_phone", "mobile", "address", "birth_date", "subject",
    "body", "text", "comment", "social_handles", "author_handle", "author_name",
]  # fmt: skip

_EMAIL = r"""[^\s@,"(]+@[^\s@,"(]+[.][a-zA-Z]{2,}"""
# An Iranian mobile number as people write it, or any number with its country's prefix; apart from
# longer words, ids and amounts, which have no leading zero.
_PHONE = (
    r"(?<![-\w.])([+]98|0098|[0۰٠])[ -]?[9۹٩][0-9۰-۹٠-٩]{2}[ -]?[0-9۰-۹٠-٩]{3}"
    r"[ -]?[0-9۰-۹٠-٩]{4}(?![-\w])|[+][1-9][0-9 -]{9,14}[0-9]"
)
# What every such number has in it. It is found many times faster, and nearly all rows lack it.
_PHONE_HINT = "[0۰٠8][ -]?[9۹٩][0-9۰-۹٠-٩]{2}|[+][1-9]"

# Each row is written out once, as what `written` unnests: an expression would be computed anew for
# each use.
_MART = """
    select
        {name} as mart,
        count(*) as row_count,
        {may_be_empty} or count(*) > 0 as has_rows_if_needed,
        count(*) filter (
            where t.run_id is distinct from current_setting('moshtari.run_id')::bigint
        ) as rows_of_other_runs,
        count(*) filter (
            where t.as_of_date is distinct from current_setting('moshtari.business_date')::date
        ) as rows_of_other_days,
        count(*) filter (
            where strpos(written.line, '@') > 0 and written.line ~ {email}
        ) as emails_in_bi,
        count(*) filter (
            where written.line ~ {phone_hint} and written.line ~ {phone}
        ) as phones_in_bi,
        (
            select count(*)
            from pg_attribute as a
            where {in_bi} and a.attrelid = to_regclass({qualified}) and a.attnum > 0
                and not a.attisdropped and a.attname = any({personal})
        ) as personal_columns_in_bi
    from {table} as t
    cross join lateral unnest(array[case when {in_bi} then t::text end]) as written (line)
"""


def asset_query(folder: Path, suite: str) -> str:
    """The query whose rows the suite is run on. Raises FileNotFoundError when it has none."""
    if suite == "candidate_marts":
        query = " union all ".join(
            _mart_query(mart, table)
            for mart in PUBLISHED
            for table in (mart.table, *([mart.history_table] if mart.scope else []))
        )
    else:
        query = (folder / "assets" / f"{suite}.sql").read_text(encoding="utf-8")
    # Great Expectations takes a query only if "select" is its first word.
    return "\n".join(["select * from (", query, ") as batch"])


def _mart_query(mart: Mart, table: str) -> str:
    return (
        sql.SQL(_MART)
        .format(
            name=sql.Literal(table),
            may_be_empty=sql.Literal(table not in _ALWAYS_HAVE_ROWS),
            in_bi=sql.Literal(mart.schema == "bi"),
            email=sql.Literal(_EMAIL),
            phone=sql.Literal(_PHONE),
            phone_hint=sql.Literal(_PHONE_HINT),
            qualified=sql.Literal(f"candidate.{table}"),
            personal=sql.Literal(_PERSONAL_COLUMNS),
            table=sql.Identifier("candidate", table),
        )
        .as_string()
    )
