"""The deployment's corrections of identity: a CSV file that people keep, loaded before each build.

The file is the truth: a row that is no longer in it has no effect any more. It is read whole before
anything is written, so a wrong row leaves the corrections as they were.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.warehouse.connection import connect

COLUMNS = ("action", "left", "right", "reason", "decided_on")
ACTIONS = ("separate", "join")

_FORMS = {
    "account": (re.compile(r"[a-z][a-z0-9_]*/.*\S.*"), "account:<source>/<customer id>"),
    "visitor": (re.compile(r"[a-z][a-z0-9_]*/.*\S.*"), "visitor:<source>/<visitor id>"),
    "email": (re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+"), "email:<address>"),
    "phone": (re.compile(r"\D*(?:\d\D*){8,15}"), "phone:<number of 8 to 15 digits>"),
    "handle": (re.compile(r"[^\s:]+:@?[^\s:]+"), "handle:<network>:<name>"),
}


class CorrectionsError(ConfigError):
    """The corrections cannot be used. Names the file, the line and the remedy, and no key."""


@dataclass(frozen=True)
class Correction:
    """One row: two keys that are one person's (join), or two people's (separate)."""

    action: str
    left: tuple[str, str]
    right: tuple[str, str]
    reason: str
    decided_on: date
    line: int


def load_corrections(settings: Settings, deployment: Deployment) -> dict[str, int]:
    """Make the warehouse's corrections those of the deployment's file; safe to repeat.

    Returns how many are in force and how many were withdrawn by this call. Raises CorrectionsError
    for a file or a row that cannot be used; then nothing has changed.
    """
    file = deployment.corrections_file
    corrections = list(read_corrections(file)) if file is not None else []
    with connect(settings, role="moshtari_builder") as connection:
        # What one call withdraws another must not see half done.
        connection.execute("lock table ops.identity_corrections in share row exclusive mode")
        kept: list[int] = []
        for one in corrections:
            row = connection.execute(
                """
                insert into ops.identity_corrections as known (
                    action, left_kind, left_value, right_kind, right_value,
                    reason, decided_on, line
                )
                values (%s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (action, left_kind, left_value, right_kind, right_value)
                do update set reason = excluded.reason, decided_on = excluded.decided_on,
                    line = excluded.line, withdrawn_at = null
                returning correction_id
                """,
                [one.action, *one.left, *one.right, one.reason, one.decided_on, one.line],
            ).fetchone()
            assert row is not None
            kept.append(row[0])
        withdrawn = connection.execute(
            "update ops.identity_corrections set withdrawn_at = clock_timestamp()"
            " where withdrawn_at is null and correction_id <> all(%s)",
            [kept],
        ).rowcount
    return {"corrections": len(corrections), "withdrawn": withdrawn}


def read_corrections(file: Path) -> Iterator[Correction]:
    """The rows of a file, checked one by one and against each other. Raises CorrectionsError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise CorrectionsError(
            file, "", "there is no such file", f"Make it, with the header {','.join(COLUMNS)}"
        ) from error
    except UnicodeDecodeError as error:
        raise CorrectionsError(file, "", "it is not UTF-8", "Save it as CSV in UTF-8") from error
    reader = csv.reader(text.splitlines())
    header = next(reader, None)
    if header is None or tuple(name.strip() for name in header) != COLUMNS:
        raise CorrectionsError(
            file, "line 1", "the header is not right", f"Write {','.join(COLUMNS)} there"
        )
    decided: dict[frozenset[tuple[str, str]], Correction] = {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        one = _correction(file, reader.line_num, [cell.strip() for cell in cells])
        pair = frozenset((one.left, one.right))
        if pair in decided:
            raise CorrectionsError(
                file, f"line {one.line}",
                f"line {decided[pair].line} decides about the same two keys",
                "Keep the one that is right",
            )  # fmt: skip
        decided[pair] = one
        yield one


def _correction(file: Path, line: int, cells: list[str]) -> Correction:
    where = f"line {line}"
    if len(cells) != len(COLUMNS):
        raise CorrectionsError(
            file, where, f"it has {len(cells)} fields instead of {len(COLUMNS)}",
            "Put a field that holds a comma in double quotes",
        )  # fmt: skip
    action, left, right, reason, decided_on = cells
    if action not in ACTIONS:
        raise CorrectionsError(file, where, "the action is unknown", "Write separate or join")
    if not reason:
        raise CorrectionsError(file, where, "it gives no reason", "Say why it was decided")
    try:
        day = date.fromisoformat(decided_on)
    except ValueError as error:
        raise CorrectionsError(
            file, where, "decided_on is no date", "Write a Gregorian day as 2025-03-21"
        ) from error
    keys = _key(file, where, "left", left), _key(file, where, "right", right)
    if keys[0] == keys[1]:
        raise CorrectionsError(file, where, "both keys are the same", "Name two keys")
    return Correction(action, keys[0], keys[1], reason, day, line)


def _key(file: Path, where: str, side: str, text: str) -> tuple[str, str]:
    kind, _, value = text.partition(":")
    kind, value = kind.strip().lower(), value.strip()
    if kind not in _FORMS:
        forms = ", ".join(form for _, form in _FORMS.values())
        raise CorrectionsError(
            file, where, f"the {side} key names no kind of key", f"Write one of {forms}"
        )
    pattern, form = _FORMS[kind]
    if not pattern.fullmatch(value):
        raise CorrectionsError(
            file, where, f"the {side} key can be no {kind}", f"Write it as {form}"
        )
    return kind, value
