"""The assets that tie the DAGs of one business day together. Their partitions are days."""

from __future__ import annotations

from airflow.sdk import Asset

RAW = {family: Asset(f"raw_{family}") for family in ("orders", "tickets", "mentions")}
CUSTOMER_MARTS = Asset("customer_marts")
