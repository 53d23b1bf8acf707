"""Every test of a fault notes what became of it; what all of them noted is docs/fault-matrix.md."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from tests.faults.matrix import Note
from tests.faults.page import Happened, noted

_PASSED = pytest.StashKey[bool]()
_LEFT_OUT = pytest.StashKey[bool]()
_LAST = "test_page.py"


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Says, when all that a test asserts is so, what became of a fault."""

    def noted(kind: str, fault: str, what: str) -> None:
        record_property("fault", "|".join(Happened(kind, fault, what)))

    return noted


@pytest.fixture
def found(request: pytest.FixtureRequest) -> tuple[set[Happened], bool]:
    """What this session's tests have noted so far, and whether those are all tests of faults."""
    here = request.path.parent
    items = [item for item in request.session.items if item.path.parent == here]
    before = [item for item in items if item.path.name != _LAST]
    passed = [item for item in before if item.stash.get(_PASSED, False)]
    modules = {path.name for path in here.glob("test_*.py")} - {_LAST}
    is_whole = (
        len(passed) == len(before)
        and {item.path.name for item in before} == modules
        and not request.config.stash.get(_LEFT_OUT, False)
        and not any("::" in argument for argument in request.config.args)
    )
    return {each for item in passed for each in noted(item.user_properties)}, is_whole


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test of the page comes last: it judges what the others noted."""
    items.sort(key=lambda item: item.path.name == _LAST)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_LEFT_OUT] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report
