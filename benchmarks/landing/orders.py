"""Orders of a made-up shop, most of them plain, some of them what loaders are known to change."""

from __future__ import annotations

from datetime import date

from moshtari.landing.contract import ENTITIES

DAY = date(2026, 3, 20)
# The contract's columns as SQL over shop.orders: what all sides load.
COLUMNS = {
    "order_id": "id",
    "customer_id": "customer_id",
    "guest_email": "guest_email",
    "ordered_at": "placed_at",
    "updated_at": "updated_at",
    "status": "status",
    "currency": "currency",
    "gross_amount": "gross",
    "discount_amount": "discount",
    "shipping_amount": "shipping",
    "tax_amount": "tax",
    "total_amount": "gross - discount + shipping + tax",
    "coupon_codes": "coupons",
    "channel": "channel",
    "campaign": "campaign",
    "direction": "'sale'",
}
BAD = 20
"""Rows that break the contract; the last ones of the first load."""

# Of as many rows each, the first ones of the table: what is set in them, and what it is.
ODD = {
    "empty text beside null": "guest_email = '', coupons = array['']",
    "trailing zeros": "gross = 1500.50000, tax = 0.0",
    "many digits": "gross = 12345678901234567890.123456789012345678",
    "Persian text with ZWNJ": "campaign = 'نیم‌بها برای مشتری‌ها ـ ۱۴۰۳'",
    "control characters": r"campaign = e'\x01\x02\t\r\n\x1b\x7f\u0085\u2028'",
    "year 1": "placed_at = '0001-01-01 00:00:00.000001+00'",
    "microseconds and a zone": "placed_at = '1908-03-21 10:11:12.123456+03:25:44'",
    "array of quotes and nulls": """coupons = array['a,b', 'c"d', null, 'NULL', '', e'\\\\']""",
    "composed and decomposed": r"campaign = e'caf\u00e9 cafe\u0301 \U0001F6D2'",
    "blanks around a text": "guest_email = ' a '",
    "what COPY means by null": r"campaign = e'\\N', guest_email = 'NULL'",
    "year 9999": "placed_at = '9999-12-31 23:59:59.999999+00'",
}
_BREACHES = (
    "status = null",
    "gross = 'NaN'",
    "gross = 'Infinity'",
    "placed_at = 'infinity'",
)


def odd_rows(rows: int) -> int:
    """How many rows there are of each kind in `ODD`."""
    return max(rows // 20_000, 1)


def unwanted(rows: int) -> str:
    """A condition over the contract's columns: rows that break it."""
    return f"order_id::bigint between {rows - BAD + 1} and {rows} or order_id::bigint < 0"


def create_shop(rows: int) -> list[str]:
    """Statements that make shop.orders: `rows` orders of 700 days that end with the day before."""
    each = odd_rows(rows)
    odd = [
        f"update shop.orders set {change} where id between {n * each + 1} and {(n + 1) * each}"
        for n, change in enumerate(ODD.values())
    ]
    bad = [
        f"update shop.orders set {change} where id > {rows - BAD} and id % {len(_BREACHES)} = {n}"
        for n, change in enumerate(_BREACHES)
    ]
    return [
        "create schema shop",
        f"""
        create table shop.orders as
        select
            n::bigint as id,
            (n * 7919 % {max(rows // 8, 1)})::bigint as customer_id,
            null::text as guest_email,
            timestamptz '2024-04-18' + n * (interval '700 days' / {rows}) as placed_at,
            timestamptz '2024-04-18 12:00' + n * (interval '700 days' / {rows}) as updated_at,
            (array['paid', 'shipped', 'delivered', 'cancelled'])[1 + (n % 4)::integer] as status,
            'IRR'::text as currency,
            (100000 + n * 37 % 9000000)::numeric(14, 2)::numeric as gross,
            (n % 3 * 10000)::numeric(14, 2)::numeric as discount,
            35000::numeric(14, 2)::numeric as shipping,
            (n * 11 % 90000)::numeric(14, 2)::numeric as tax,
            case when n % 3 = 0 then array['NOWRUZ'] else '{{}}' end::text[] as coupons,
            case when n % 2 = 0 then 'web' else 'app' end as channel,
            null::text as campaign
        from generate_series(1::bigint, {rows}) as n
        """,
        *odd,
        *bad,
        "vacuum analyze shop.orders",
    ]


def change(rows: int, night: int, day: date) -> list[str]:
    """Statements for one day: of `rows` one in a hundred, a fifth of them new, and a few bad."""
    changed, new = rows // 125, rows // 500
    first_new = rows + (night - 1) * new
    at = f"timestamptz '{day}' + n * (interval '24 hours' / {changed + new})"
    return [
        # Spread over the whole table, and others every night.
        f"""
        update shop.orders
        set status = 'returned', tax = tax + 1, updated_at = {at}
        from generate_series(0, {changed - 1}) as n
        where id = 1 + n * 125 + {night}
        """,
        f"""
        insert into shop.orders
        select
            {first_new} + n, n, null, {at}, {at}, 'paid', 'IRR', 250000.00, 0.00, 35000.00,
            n, array['YALDA'], 'app', 'شب یلدا'
        from generate_series(1, {new}) as n
        """,
        f"""
        insert into shop.orders
        select
            -10 * {night} - n, n, null, {at}, {at}, null, 'IRR', 0, 0, 0, 0, '{{}}', 'app', null
        from generate_series(1, {BAD // 4}) as n
        """,
        "vacuum analyze shop.orders",
    ]


def typed_columns() -> str:
    """The select list of COLUMNS, each in the contract's type."""
    types = ENTITIES["orders"]
    return ", ".join(
        f"({sql})::{types.column(name).pg_type} as {name}" for name, sql in COLUMNS.items()
    )


def source(dsn: str) -> dict[str, object]:
    """The shop as a source of a deployment's YAML."""
    entity = {"table": "shop.orders", "changed_at": "updated_at", "columns": COLUMNS}
    return {"kind": "postgres", "dsn": dsn, "entities": {"orders": entity}}


UNREADABLE_TO_PEER = "NaN, infinite numbers, and numbers of more than some 28 digits"


def readable_to_peer(rows: int) -> str:
    """A condition that leaves out what ConnectorX panics at."""
    each = odd_rows(rows)
    at = list(ODD).index("many digits")
    return (
        f"id not between {at * each + 1} and {(at + 1) * each} and gross not in ('NaN', 'Infinity')"
    )


def peer_query(rows: int, where: str = "true") -> str:
    """COLUMNS in types that ConnectorX knows; it has none for an array of texts."""
    casts = {"order_id": "id::text", "customer_id": "customer_id::text"}
    casts["coupon_codes"] = "to_json(coupons)::text"
    select = ", ".join(f"{casts.get(name, sql)} as {name}" for name, sql in COLUMNS.items())
    return f"select {select} from shop.orders where {readable_to_peer(rows)} and {where}"


def texts_of_json(column: str) -> str:
    """An array of texts of a column with a JSON array, for comparing."""
    elements = f"jsonb_array_elements_text({column}::jsonb) with ordinality as e (text, place)"
    return f"array(select e.text from {elements} order by e.place)"


PEER_COLUMNS = {
    **{name: name for name in COLUMNS},
    "coupon_codes": texts_of_json("coupon_codes"),
}
