"""A stand-in for dbt's adapter: a dispatched macro becomes a plain expression."""

from collections.abc import Callable


def dispatch(name: str) -> Callable[..., str]:
    """A macro of that name, whatever its arguments."""
    if name == "unnested":
        return lambda array, alias, column: (
            f"cross join lateral unnest({array}) as {alias} ({column})"
        )
    if name == "computed_once":
        return lambda: "materialized"
    if name == "computed_where_used":
        return lambda: "not materialized"
    return lambda *arguments: "dispatched"
