"""The corrections file: what is refused, and that the error names the line and no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from moshtari.identity import CorrectionsError
from moshtari.identity.corrections import read_corrections

HEADER = "action,left,right,reason,decided_on\n"
GOOD = "separate,account:shop/1,account:shop/2,two sisters,2025-06-01\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "corrections.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_are_read_with_their_lines(tmp_path: Path) -> None:
    text = (
        HEADER
        + GOOD
        + '\njoin,phone:۰۹۱۲ ۱۲۳ ۴۵۶۷,handle:net:@sara,"she said so, by phone",2025-06-02\n'
    )
    first, second = read_corrections(written(tmp_path, text))
    assert (first.action, first.left, first.line) == ("separate", ("account", "shop/1"), 2)
    assert (second.action, second.right) == ("join", ("handle", "net:@sara"))
    assert (second.reason, str(second.decided_on)) == ("she said so, by phone", "2025-06-02")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("merge,account:shop/1,account:shop/2,x,2025-06-01", "action"),
        ("join,account:shop/1,account:shop/2,,2025-06-01", "reason"),
        ("join,account:shop/1,account:shop/2,x,1404-13-01", "decided_on"),
        ("join,account:shop/1,account:shop/1,x,2025-06-01", "same"),
        ("join,secret,account:shop/1,x,2025-06-01", "left key names no kind"),
        ("join,account:shop/1,email:secret,x,2025-06-01", "right key can be no email"),
        ("join,account:shop/1,phone:0912,x,2025-06-01", "right key can be no phone"),
        ("join,account:10,phone:09121234567,x,2025-06-01", "left key can be no account"),
        ("join,handle:sara,phone:09121234567,x,2025-06-01", "left key can be no handle"),
        ("join,account:shop/1,account:shop/2,x", "4 fields"),
        ("join,account:shop/2,account:shop/1,x,2025-06-01", "line 2 decides"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, row: str, problem: str) -> None:
    file = written(tmp_path, HEADER + GOOD + row + "\n")
    with pytest.raises(CorrectionsError) as error:
        list(read_corrections(file))
    assert (error.value.file, error.value.key) == (str(file), "line 3")
    assert problem in str(error.value)
    assert error.value.remedy
    assert "secret" not in str(error.value), "no key belongs in an error"


def test_a_wrong_header_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorrectionsError, match="line 1"):
        list(read_corrections(written(tmp_path, "action;left;right\n")))
    with pytest.raises(CorrectionsError, match="no such file"):
        list(read_corrections(tmp_path / "none.csv"))
