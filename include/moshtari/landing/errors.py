"""What can go wrong while landing, told without the data that was being landed."""

from __future__ import annotations

import psycopg


class LandingError(Exception):
    """A load was given up; nothing of it is in raw.

    The message names source and entity, what happened, and the remedy; it holds no row values.
    """

    def __init__(self, source: str, entity: str, what: str, remedy: str) -> None:
        self.source, self.entity, self.what, self.remedy = source, entity, what, remedy
        super().__init__(f"source {source}, {entity}: {what}. {remedy}")

    def __reduce__(self) -> tuple[type[LandingError], tuple[str, str, str, str]]:
        return type(self), (self.source, self.entity, self.what, self.remedy)


class ExtractError(Exception):
    """One or more entities of a source could not be loaded; the others are in.

    The message names every failure, one a line.
    """

    def __init__(self, source: str, failures: list[str]) -> None:
        self.source, self.failures = source, failures
        count = f"{len(failures)} of its entities" if len(failures) > 1 else "one entity"
        super().__init__(f"source {source}: {count} failed:\n" + "\n".join(failures))

    def __reduce__(self) -> tuple[type[ExtractError], tuple[str, list[str]]]:
        return type(self), (self.source, self.failures)


def describe(error: psycopg.Error) -> str:
    """A database error in one line.

    PostgreSQL quotes values in what it says about data (classes 22 and 23), and rows in DETAIL and
    CONTEXT: of those only the kind of error is told.
    """
    state = error.sqlstate
    kind = type(error).__name__
    if state is None:
        return f"{kind}: {' '.join(str(error).split())}"
    if state[:2] in ("22", "23"):
        return f"{kind} ({state})"
    return f"{error.diag.message_primary} ({state})"


def warehouse_error(source: str, entity: str, error: psycopg.Error) -> LandingError:
    """The warehouse's own failure, told as one of landing."""
    return LandingError(
        source,
        entity,
        f"the warehouse gave up: {describe(error)}",
        "Run the same day again; if it happens again, see `moshtari doctor` and the server's log",
    )
