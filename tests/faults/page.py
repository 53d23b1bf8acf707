"""docs/fault-matrix.md, made of what the tests of faults say became of each fault.

    pytest tests/faults --junitxml=faults.xml && python -m tests.faults.page faults.xml

A test notes `kind|fault|what happened` (fixture `note`); pytest's junit report keeps it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "fault-matrix.md"


class Happened(NamedTuple):
    """What became of one fault at one kind of source."""

    kind: str
    fault: str
    what: str


GROUPS: dict[str, tuple[str, ...]] = {
    "Services behind HTTP": ("woocommerce", "zendesk", "freshdesk", "vtiger", "mastodon", "x"),
    "Databases": ("postgres", "mysql"),
    "Files and exports": ("csv", "tsv", "jsonl", "parquet", "xlsx", "s3", "sftp", "telegram"),
    "Moshtari itself": ("landing", "quarantine", "publication"),
}
# These stand first, in this order; whatever else the tests try follows by its name.
FIRST = (
    "429 with Retry-After",
    "429 without Retry-After",
    "429 that asks for an hour",
    "500 burst",
    "503",
    "hang",
    "answer that drips",
    "connection cut in the body",
    "connection cut before the body",
    "truncated JSON",
    "HTML with 200",
    "JSON of another type",
    "looping cursor",
    "page that shifts while read",
    "duplicate across pages",
    "token that expires half way",
    "empty day after a full one",
    "session killed half way",
    "connection cut half way",
    "silent half way, connection open",
    "server restarted half way",
    "locked for too long",
    "row that commits late",
    "equal times at the end of the day",
    "equal times across pages",
    "row that changes twice in a night",
    "clock that is fast",
)
_HEAD = """# The fault matrix

What became of each fault at each kind of source, as the tests in `tests/faults` say that it did.
Every cell is a test that ran against a server that behaves like the real one; `make fault-matrix`
runs them and writes this page, and a test holds that it says what they say.

- **all rows**: they are all read, each once, as without the fault.
- **tried again**: the request is sent again, with growing waits or as long as the server asks for,
  and then all rows are read, each once.
- **stopped**: the load fails with an error that names source, entity, what happened and what to do.
  Nothing of it is in `raw`, the ledger says `failed`, and the last publication stays. The next run
  that is not disturbed brings all rows.
- **quarantine**: the record is kept as received, with its place and the reason; all others land.
- **next night**: all rows are there, the missing ones with the next night.
- An empty cell: the fault cannot befall that kind, or has another name there.
"""


def page(found: Collection[Happened]) -> str:
    """The page in Markdown. Raises ValueError for a kind that no table has."""
    known = {kind for kinds in GROUPS.values() for kind in kinds}
    strangers = {happened.kind for happened in found} - known
    if strangers:
        raise ValueError(f"no table has a column for {', '.join(sorted(strangers))}")
    return "\n".join([_HEAD, *(_table(title, kinds, found) for title, kinds in GROUPS.items())])


def _table(title: str, kinds: tuple[str, ...], found: Iterable[Happened]) -> str:
    cells: dict[str, dict[str, set[str]]] = {}
    for kind, fault, what in found:
        if kind in kinds:
            cells.setdefault(fault, {}).setdefault(kind, set()).add(what)
    lines = [f"## {title}\n", _line("fault", *kinds), _line(*["---"] * (len(kinds) + 1))]
    for fault in sorted(cells, key=_place):
        row = cells[fault]
        lines.append(_line(fault, *(_cell(row.get(kind, ())) for kind in kinds)))
    return "\n".join(lines) + "\n"


def _cell(whats: Iterable[str]) -> str:
    """What happened, and then what does where it goes on."""
    return "; ".join(sorted(whats, key=lambda what: (what.startswith("if it lasts"), what)))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _place(fault: str) -> tuple[int, str]:
    return (FIRST.index(fault) if fault in FIRST else len(FIRST), fault.casefold())


def noted(properties: Iterable[tuple[str, object]]) -> set[Happened]:
    """What one test noted."""
    values = [str(value).split("|") for name, value in properties if name == "fault"]
    return {Happened(*value) for value in values}


def of_report(file: Path) -> set[Happened]:
    """What a run noted. Exits if it was no whole run: a page of half of it would be wrong."""
    found: set[Happened] = set()
    # The file is our own run's.
    for case in ElementTree.parse(file).iter("testcase"):
        if any(case.find(bad) is not None for bad in ("failure", "error", "skipped")):
            sys.exit(f"{case.get('classname')}.{case.get('name')} did not pass: no page is written")
        listed = case.iter("property")
        found |= noted((item.get("name", ""), item.get("value", "")) for item in listed)
    return found


if __name__ == "__main__":
    PAGE.write_text(page(of_report(Path(sys.argv[1]))), encoding="utf-8")
