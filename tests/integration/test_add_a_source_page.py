"""The kind of source that docs/add-a-source.md adds, taken from the page and run.

The page's modules are made under the names that it gives them, its line of the registry is
registered, and its tests are collected here as if they stood in this file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from moshtari.landing.families import sources_of
from moshtari.settings import load_deployment
from moshtari.sources.registry import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "add-a-source.md"
TEXT = PAGE.read_text(encoding="utf-8")


def block(after: str, language: str = "python") -> str:
    """The first fence after some words, on the lines on which it stands in the page."""
    found = re.compile(rf"```{language}\n(.*?)^```$", re.M | re.S).search(TEXT, TEXT.index(after))
    assert found is not None
    return "\n" * TEXT.count("\n", 0, found.start(1)) + found[1]


def run(code: str, names: dict[str, object]) -> None:
    # Tracebacks name the page and its lines.
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102


def make_module(name: str, code: str) -> None:
    module = ModuleType(name)
    sys.modules[name] = module
    run(code, module.__dict__)


make_module("moshtari.sources.pollbox", block("`include/moshtari/sources/pollbox.py`:"))
make_module("tests.servers.pollbox", block("`tests/servers/pollbox.py`:"))
run(block("`tests/faults/test_pollbox.py`"), globals())


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = re.findall(r'"(\w+)": "([\w.:]+)",', block("One line in `KINDS`"))
    monkeypatch.setitem(KINDS, *line)


@pytest.fixture
def note() -> object:
    """An example has no column in the fault matrix."""
    return lambda *_: None


def test_the_deployment_shown_gets_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLLBOX_TOKEN", "secret")
    sources = yaml.safe_load(block("Now this works", "yaml"))
    file = tmp_path / "moshtari.yml"
    file.write_text(yaml.safe_dump({"name": "shop", "sources": sources}))
    deployment = load_deployment(file)
    assert sources_of(deployment, "orders") == ["polls"]
    assert sources_of(deployment, "tickets") == []


def test_every_member_named_is_in_the_contract() -> None:
    from moshtari.sources import abilities

    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| `(\w+)` \|", TEXT, re.M)
    assert len(rows) == 7
    for members, protocol in rows:
        named = set(re.findall(r"\w+", members))
        assert named <= set(dir(getattr(abilities, protocol)))
