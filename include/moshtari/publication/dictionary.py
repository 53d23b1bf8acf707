"""The tables of docs/published.md, written from the descriptions that the marts carry.

    python -m moshtari.publication.dictionary        # `make docs`: bring the page up to date

What stands above the marker in the page is written by hand and stays.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from moshtari.publication.marts import PUBLISHED, Mart
from moshtari.settings import PROJECT_ROOT

PAGE = Path("docs/published.md")
MARKER = "<!-- From here on written by `make docs`, from the marts' own descriptions. -->\n"
_OF_EVERY_VIEW = ("run_id", "as_of_date")
_COMMENT = re.compile(
    r"comment on (view|column) bi\.publications(?:\.(\w+))? is\s+'((?:[^']|'')*)';", re.DOTALL
)


def page(project_root: Path = PROJECT_ROOT) -> str:
    """The whole page as it should be. Raises KeyError for a mart that nobody has described."""
    by_hand, _, _ = (project_root / PAGE).read_text(encoding="utf-8").partition(MARKER)
    described = _described(project_root)
    views = [_of_mart(mart, described[mart.table]) for mart in PUBLISHED]
    return by_hand + MARKER + "\n" + "\n".join([*views, _publications(project_root)])


def _described(project_root: Path) -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = {}
    for file in sorted((project_root / "dbt_project/models/marts").rglob("*__models.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]:
            models[model["name"]] = model
    return models


def _of_mart(mart: Mart, model: dict[str, Any]) -> str:
    columns = [
        (column["name"], column["data_type"], column["description"])
        for column in model["columns"]
        if column["name"] not in _OF_EVERY_VIEW
    ]
    return _section(mart.view_name, model["description"], columns)


def _publications(project_root: Path) -> str:
    text = (project_root / "include/moshtari/publication/publications.sql").read_text("utf-8")
    about, columns = "", []
    for kind, column, comment in _COMMENT.findall(text):
        said = comment.replace("''", "'")
        if kind == "view":
            about = said
        else:
            columns.append((column, "", said))
    return _section("bi.publications", about, columns)


def _section(view: str, about: str, columns: list[tuple[str, str, str]]) -> str:
    rows = [f"| `{name}` | {type_} | {_one_line(text)} |" for name, type_, text in columns]
    head = [
        f"## {view}",
        "",
        _one_line(about),
        "",
        "| column | type | meaning |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*head, *rows, ""])


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    (PROJECT_ROOT / PAGE).write_text(page(), encoding="utf-8")
