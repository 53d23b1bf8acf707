"""What the documentation shows exists: links, settings of sources, commands and their options."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel

from moshtari.cli import app
from moshtari.landing.families import check_sources
from moshtari.settings import Deployment, Holds, Quarantine, load_deployment
from moshtari.sources.database_config import EntityConfig
from moshtari.sources.files_config import ColumnSpec, Delimited, EntityMapping, Xlsx
from moshtari.sources.http_config import HttpPolicy
from moshtari.sources.mysql_config import MysqlServer
from moshtari.sources.ranges import Parallel
from moshtari.sources.registry import KINDS, source_class

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")])
SOURCES = [DOCS / "sources.md", *sorted((DOCS / "sources").glob("*.md"))]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<body>.*?)^ *```$", re.M | re.S)
_LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.M)
_PLACEHOLDER = re.compile(r"\$\{(\w+)")
# A command stands in a code span or begins a line of a fence.
_COMMAND = re.compile(r"(?:`|^ *(?:\.venv/bin/)?)moshtari +([a-z][^`\n]*)", re.M)
# Written for people: what follows is prose, a placeholder or a comment.
_END_OF_COMMAND = re.compile(r" +#| *(?:&&|\|)|[;…]")
# Tests have kinds of their own, which no page tells of.
OWN_KINDS = [kind for kind, place in KINDS.items() if place.startswith("moshtari.")]


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, kind: str) -> list[str]:
    found = _FENCE.finditer(text_of(page))
    return [textwrap.dedent(fence["body"]) for fence in found if fence["kind"] == kind]


def anchors(page: Path) -> set[str]:
    """Names of the page's headings, as GitHub makes them."""
    prose = _FENCE.sub("", text_of(page))
    plain = (re.sub(r"\]\([^)]*\)|[`*\[\]]", "", title) for title in _HEADING.findall(prose))
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.finditer(_FENCE.sub("", text_of(page))):
        target = (page.parent / link["target"]).resolve() if link["target"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            broken.append(link[0])
    assert not broken


@pytest.mark.parametrize("page", SOURCES, ids=name_of)
def test_every_setting_shown_is_understood(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = blocks(page, "yaml")
    assert shown
    for text in shown:
        for name in _PLACEHOLDER.findall(text):
            monkeypatch.setenv(name, "host=shop")
        document = yaml.safe_load(text)
        if all(isinstance(part, dict) and "kind" in part for part in document.values()):
            document = {"sources": document}
        shop = {"kind": "postgres", "dsn": "", "entities": {}}
        file = tmp_path / "moshtari.yml"
        file.write_text(yaml.safe_dump({"name": "shown", "sources": {"shop": shop}} | document))
        deployment = load_deployment(file)
        if "sources" in document:
            check_sources(deployment)


def test_every_kind_has_a_page_and_every_page_a_kind() -> None:
    assert {page.stem for page in SOURCES[1:]} == set(OWN_KINDS)
    index = text_of(SOURCES[0])
    assert [kind for kind in OWN_KINDS if f"(sources/{kind}.md)" not in index] == []


SETTINGS: list[tuple[type[BaseModel], str]] = [
    *((source_class(kind).Config, f"sources/{kind}.md") for kind in OWN_KINDS),
    *((model, "sources.md") for model in (Deployment, Holds, Quarantine, HttpPolicy, Parallel)),
    (EntityConfig, "sources/postgres.md"),
    (MysqlServer, "sources/mysql.md"),
    *((model, "sources/files.md") for model in (EntityMapping, ColumnSpec, Delimited, Xlsx)),
]


@pytest.mark.parametrize(("model", "page"), SETTINGS)
def test_every_setting_is_on_its_page(model: type[BaseModel], page: str) -> None:
    text = text_of(DOCS / page)
    # Deployment.file is no setting: it is where the YAML was read from.
    names = [name for name in model.model_fields if name != "file"]
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_shown_is_there(page: Path) -> None:
    unknown = [line for line in _COMMAND.findall(text_of(page)) if not _exists(line)]
    assert not unknown


def _exists(line: str) -> bool:
    """Whether the command is there, with the options that are shown with it."""
    command: Any = typer.main.get_command(app)
    words = _END_OF_COMMAND.split(line)[0].split()
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    while (commands := getattr(command, "commands", None)) is not None:
        name = words.pop(0) if words else ""
        if name not in commands:
            return not name
        command = commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    # psql's options are psql's own.
    return command.name == "psql" or set(options) <= known
