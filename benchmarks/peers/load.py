"""dlt at the work of one benchmark, with the settings that were found to be its fastest.

    uv run --project benchmarks/peers --locked python benchmarks/peers/load.py SPECIFICATION

The specification is JSON: `kind` (of RESOURCES), `source` and `target` (URLs of
PostgreSQL), `home` (a folder to work in), and what the kind needs. Prints seconds, peak memory and
rows as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.update(
    {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
        # Files of this size go through the workers side by side.
        "DATA_WRITER__FILE_MAX_ITEMS": "400000",
        "NORMALIZE__WORKERS": str(os.cpu_count()),
        "LOAD__WORKERS": str(os.cpu_count()),
        # Without it, JSON is buffered in pieces of 5,000.
        "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
        "SCHEMA__NAMING": "direct",
    }
)

import connectorx
import dlt
import orjson
import pyarrow as pa
import pyarrow.json as pa_json
from dlt.destinations import postgres

_TICKET_TEXTS = (
    "ticket_id", "requester_email", "requester_phone", "requester_name", "channel", "subject",
    "body", "status", "priority", "order_id", "satisfaction_comment",
)  # fmt: skip
_ORDER_TEXTS = (
    "order_id", "customer_id", "guest_email", "status", "currency", "channel", "campaign",
    "direction",
)  # fmt: skip
_AMOUNTS = ("gross", "discount", "shipping", "tax", "total")


def main() -> None:
    given = json.loads(sys.argv[1])
    shutil.rmtree(given["home"], ignore_errors=True)
    began = perf_counter()
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=given["home"],
        destination=postgres(given["target"], create_indexes=given["kind"] == "increment"),
        dataset_name="peer",
    )
    info = pipeline.run(RESOURCES[given["kind"]](given), loader_file_format="parquet")
    info.raise_on_failed_jobs()
    seconds = perf_counter() - began
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(
        json.dumps(
            {
                "seconds": seconds,
                "rows": sum(n for name, n in counts.items() if not name.startswith("_dlt")),
                "peak_mib": _peak_mib(),
                "versions": f"dlt {dlt.__version__}, connectorx {version('connectorx')}",
            }
        )
    )


def _query(given: dict[str, Any]) -> Any:
    return dlt.resource(_batches(given), name="orders", write_disposition="append")


def _increment(given: dict[str, Any]) -> Any:
    return dlt.resource(
        _batches(given),
        name="orders",
        primary_key="order_id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )


def _batches(given: dict[str, Any]) -> Iterator[Any]:
    stream = connectorx.read_sql(
        given["source"],
        given["query"],
        return_type="arrow_stream",
        protocol="binary",
        batch_size=100_000,
    )
    for batch in stream:
        yield pa.Table.from_batches([batch])


def _tickets(given: dict[str, Any]) -> Any:
    types = dict.fromkeys(_TICKET_TEXTS, "text")
    types |= {"created_at": "timestamp", "updated_at": "timestamp"}
    types |= {"tags": "json", "satisfaction_score": "bigint"}
    return dlt.resource(
        _pages(given),
        name="tickets",
        write_disposition="append",
        columns={name: {"data_type": kind} for name, kind in types.items()},
        max_table_nesting=0,
    )


def _pages(given: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import HttpBasicAuth

    path = "/api/v2/incremental/tickets/cursor.json"
    client = RESTClient(given["url"], auth=HttpBasicAuth(given["user"], given["token"]))
    position: dict[str, Any] = {"start_time": 0}
    while True:
        query = {**position, "per_page": 1000, "include": "users"}
        page = orjson.loads(client.get(path, params=query).content)
        users = {user["id"]: user for user in page["users"]}
        yield [
            _ticket(ticket, users[ticket["requester_id"]], given["order_field"])
            for ticket in page["tickets"]
        ]
        if page["end_of_stream"]:
            return
        position = {"cursor": page["after_cursor"]}


def _ticket(ticket: dict[str, Any], user: dict[str, Any], field: int) -> dict[str, Any]:
    rating = ticket["satisfaction_rating"]
    return {
        "ticket_id": str(ticket["id"]),
        "requester_email": user["email"],
        "requester_phone": user["phone"],
        "requester_name": user["name"],
        "created_at": ticket["created_at"],
        "updated_at": ticket["updated_at"],
        "channel": ticket["via"]["channel"],
        "subject": ticket["subject"] or "",
        "body": ticket["description"],
        "status": ticket["status"],
        "priority": ticket["priority"],
        "tags": ticket["tags"],
        "order_id": next((f["value"] for f in ticket["custom_fields"] if f["id"] == field), None),
        "satisfaction_score": {"good": 1, "bad": 0}.get(rating["score"]),
        "satisfaction_comment": rating["comment"],
    }


def _lines(given: dict[str, Any]) -> Any:
    from dlt.sources.filesystem import filesystem, read_jsonl

    types = dict.fromkeys(_ORDER_TEXTS, "text")
    types |= {"ordered_at": "timestamp", "updated_at": "timestamp", "coupon_codes": "json"}
    types |= {f"{name}_amount": "decimal" for name in _AMOUNTS}
    found = filesystem(bucket_url=given["folder"], file_glob="*.jsonl.gz")
    return (
        (found | read_jsonl(chunksize=50_000))
        .with_name("orders")
        .apply_hints(
            write_disposition="append",
            columns={name: {"data_type": kind} for name, kind in types.items()},
        )
    )


def _tickets_from_arrow(given: dict[str, Any]) -> Any:
    return dlt.resource(_tables(given), name="tickets", write_disposition="append")


def _tables(given: dict[str, Any]) -> Iterator[pa.Table]:
    for page in _pages(given):
        table = _with_json(pa.Table.from_pylist(page), "tags")
        for name in ("created_at", "updated_at"):
            times = table[name].cast(pa.timestamp("us", "UTC"))
            table = table.set_column(table.schema.get_field_index(name), name, times)
        yield table


def _lines_from_arrow(given: dict[str, Any]) -> Any:
    return dlt.resource(_blocks(given), name="orders", write_disposition="append")


def _blocks(given: dict[str, Any]) -> Iterator[pa.Table]:
    fields = {name: pa.string() for name in _ORDER_TEXTS}
    fields |= dict.fromkeys(("order_id", "customer_id"), pa.int64())
    fields |= {f"{name}_amount": pa.decimal128(38, 18) for name in _AMOUNTS}
    fields |= dict.fromkeys(("ordered_at", "updated_at"), pa.timestamp("us", "UTC"))
    fields |= {"coupon_codes": pa.list_(pa.string())}
    options = pa_json.ParseOptions(explicit_schema=pa.schema(list(fields.items())))
    size = pa_json.ReadOptions(block_size=16 << 20)
    for file in sorted(Path(given["folder"]).glob("*.jsonl.gz")):
        with pa.input_stream(str(file), compression="gzip") as stream:
            for batch in pa_json.open_json(stream, size, options):
                yield _with_json(pa.Table.from_batches([batch]), "coupon_codes")


def _with_json(table: pa.Table, name: str) -> pa.Table:
    """The table with a column of lists as JSON: dlt has no type for lists in PostgreSQL."""
    texts = pa.array([orjson.dumps(value).decode() for value in table[name].to_pylist()])
    return table.set_column(table.schema.get_field_index(name), name, texts)


RESOURCES = {
    "query": _query,
    "increment": _increment,
    "tickets": _tickets,
    "tickets from arrow": _tickets_from_arrow,
    "lines": _lines,
    "lines from arrow": _lines_from_arrow,
}


def _peak_mib() -> float:
    """Of this process or the largest that it started."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(line.split()[1]), children) / 1024


if __name__ == "__main__":
    main()
