"""WooCommerce's tables as it makes them (HPOS, version 8 and newer), and rows as it writes them."""

from __future__ import annotations

from typing import Any

SCHEMA = """
create table wp_wc_orders (
    id bigint(20) unsigned, status varchar(20) null, currency varchar(10) null,
    type varchar(20) null, tax_amount decimal(26,8) null, total_amount decimal(26,8) null,
    customer_id bigint(20) unsigned null, billing_email varchar(320) null,
    date_created_gmt datetime null, date_updated_gmt datetime null,
    parent_order_id bigint(20) unsigned null, payment_method varchar(100) null,
    payment_method_title text null, transaction_id varchar(100) null, ip_address varchar(100) null,
    user_agent text null, customer_note text null,
    primary key (id), key status (status), key date_created (date_created_gmt),
    key customer_id_billing_email (customer_id, billing_email(171)),
    key type_status_date (type, status, date_created_gmt), key parent_order_id (parent_order_id),
    key date_updated (date_updated_gmt)
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_wc_order_addresses (
    id bigint(20) unsigned auto_increment primary key, order_id bigint(20) unsigned not null,
    address_type varchar(20) null, first_name text null, last_name text null, company text null,
    address_1 text null, address_2 text null, city text null, state text null, postcode text null,
    country text null, email varchar(320) null, phone varchar(100) null,
    key order_id (order_id), unique key address_type_order_id (address_type, order_id),
    key email (email(191)), key phone (phone)
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_wc_order_operational_data (
    id bigint(20) unsigned auto_increment primary key, order_id bigint(20) unsigned null,
    created_via varchar(100) null, woocommerce_version varchar(20) null,
    prices_include_tax tinyint(1) null, coupon_usages_are_counted tinyint(1) null,
    download_permission_granted tinyint(1) null, cart_hash varchar(100) null,
    new_order_email_sent tinyint(1) null, order_key varchar(100) null,
    order_stock_reduced tinyint(1) null, date_paid_gmt datetime null,
    date_completed_gmt datetime null, shipping_tax_amount decimal(26,8) null,
    shipping_total_amount decimal(26,8) null, discount_tax_amount decimal(26,8) null,
    discount_total_amount decimal(26,8) null, recorded_sales tinyint(1) null,
    unique key order_id (order_id), key order_key (order_key)
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_wc_orders_meta (
    id bigint(20) unsigned auto_increment primary key, order_id bigint(20) unsigned null,
    meta_key varchar(255), meta_value text null,
    key order_id_meta_key_meta_value (order_id, meta_key(100), meta_value(82))
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_woocommerce_order_items (
    order_item_id bigint unsigned not null auto_increment, order_item_name text not null,
    order_item_type varchar(200) not null default '', order_id bigint unsigned not null,
    primary key (order_item_id), key order_id (order_id)
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_woocommerce_order_itemmeta (
    meta_id bigint unsigned not null auto_increment, order_item_id bigint unsigned not null,
    meta_key varchar(255) default null, meta_value longtext null,
    primary key (meta_id), key order_item_id (order_item_id), key meta_key (meta_key(32))
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_wc_product_meta_lookup (
    product_id bigint(20) not null, sku varchar(100) null default '',
    primary key (product_id), key sku (sku(50))
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_users (
    ID bigint(20) unsigned not null auto_increment, user_login varchar(60) not null default '',
    user_pass varchar(255) not null default '', user_nicename varchar(50) not null default '',
    user_email varchar(100) not null default '', user_url varchar(100) not null default '',
    user_registered datetime not null default '0000-00-00 00:00:00',
    user_activation_key varchar(255) not null default '', user_status int(11) not null default '0',
    display_name varchar(250) not null default '',
    primary key (ID), key user_login_key (user_login), key user_email (user_email)
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
create table wp_usermeta (
    umeta_id bigint(20) unsigned not null auto_increment, user_id bigint(20) unsigned not null
    default '0', meta_key varchar(255) default null, meta_value longtext,
    primary key (umeta_id), key user_id (user_id), key meta_key (meta_key(191))
) default charset=utf8mb4 collate=utf8mb4_unicode_520_ci;
"""


class Hpos:
    """A shop's tables; each method writes what WooCommerce writes for it, in one transaction."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.lastrowid)

    def order(self, key: int, changed: str, **given: Any) -> None:
        row = {
            "status": "wc-processing",
            "total": "118.95",
            "tax": "9.45",
            "shipping": "20",
            "discount": "10.5",
            "customer_id": 7,
            "coupons": ["نوروز"],
            "campaign": "بهار 🌷",
            "lines": [(key * 10 + 1, "چای 🍵", "2", "100", "89.5")],
            "currency": "IRT",
            "email": "sara@example.com",
            "phone": "۰۹۱۲۰۰۰۰۰۰۰",
        } | given
        self._head(
            key, "shop_order", row["status"], row["currency"], row["tax"], row["total"],
            row["customer_id"], changed, 0,
        )  # fmt: skip
        self.run(
            "insert into wp_wc_order_operational_data (order_id, created_via, "
            "shipping_total_amount, discount_total_amount) values (%s, 'checkout', %s, %s)",
            (key, row["shipping"], row["discount"]),
        )
        for kind in ("billing", "shipping"):
            self.run(
                "insert into wp_wc_order_addresses (order_id, address_type, first_name, email, "
                "phone) values (%s, %s, 'سارا', %s, %s)",
                (key, kind, row["email"], row["phone"]),
            )
        if row["campaign"]:
            self.meta(key, "_wc_order_attribution_utm_campaign", row["campaign"])
        for code in row["coupons"]:
            self.run(
                "insert into wp_woocommerce_order_items (order_item_name, order_item_type, "
                "order_id) values (%s, 'coupon', %s)",
                (code, key),
            )
        for item, name, quantity, subtotal, total in row["lines"]:
            self.line(
                key, item, name,
                _product_id="5", _variation_id="0", _qty=quantity, _line_subtotal=subtotal,
                _line_total=total,
            )  # fmt: skip

    def touch(self, key: int, changed: str, status: str | None = None) -> None:
        self.run(
            "update wp_wc_orders set date_updated_gmt = %s, status = coalesce(%s, status) "
            "where id = %s",
            (changed, status, key),
        )

    def refund(self, key: int, parent: int, at: str, amount: str, **lines: str) -> None:
        """A refund of ``amount``, with a line of its own for each line named (`line_11="-1"`)."""
        self._head(
            key, "shop_order_refund", "wc-completed", "IRT", "0", f"-{amount}", 0, at, parent
        )
        self.meta(key, "_refund_amount", amount)
        self.meta(key, "_refund_reason", "شکسته بود")
        for number, (line, quantity) in enumerate(lines.items()):
            refunded = line.removeprefix("line_")
            self.line(key, key * 1000 + number, "چای", _qty=quantity, _refunded_item_id=refunded)
        self.run("update wp_wc_orders set date_updated_gmt = %s where id = %s", (at, parent))

    def line(self, order: int, item: int, name: str, **meta: str) -> None:
        self.run(
            "insert into wp_woocommerce_order_items values (%s, %s, 'line_item', %s)",
            (item, name, order),
        )
        for meta_key, value in meta.items():
            self.run(
                "insert into wp_woocommerce_order_itemmeta (order_item_id, meta_key, meta_value) "
                "values (%s, %s, %s)",
                (item, meta_key, value),
            )

    def meta(self, order: int, key: str, value: str) -> None:
        self.run(
            "insert into wp_wc_orders_meta (order_id, meta_key, meta_value) values (%s, %s, %s)",
            (order, key, value),
        )

    def user(self, key: int, registered: str, role: str = "customer", **meta: str) -> None:
        self.run(
            "insert into wp_users (ID, user_login, user_email, user_registered, display_name) "
            "values (%s, %s, %s, %s, %s)",
            (key, f"u{key}", f"u{key}@example.com", registered, f"کاربر {key}"),
        )
        capabilities = f'a:1:{{s:{len(role)}:"{role}";b:1;}}'
        for meta_key, value in {"wp_capabilities": capabilities, **meta}.items():
            self.run(
                "insert into wp_usermeta (user_id, meta_key, meta_value) values (%s, %s, %s)",
                (key, meta_key, value),
            )

    def _head(self, *values: Any) -> None:
        key, kind, status, currency, tax, total, customer, changed, parent = values
        self.run(
            "insert into wp_wc_orders (id, type, status, currency, tax_amount, total_amount, "
            "customer_id, date_created_gmt, date_updated_gmt, parent_order_id) "
            "values (%s, %s, %s, %s, %s, %s, %s, date_sub(%s, interval 1 hour), %s, %s)",
            (key, kind, status, currency, tax, total, customer, changed, changed, parent),
        )
