"""What a process of its own answers when it meets what nobody expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from moshtari.sources import apart

BREAKS = """
import sys
import pyarrow as pa
from moshtari.sources import apart

schema = pa.schema([("a", pa.string())])
with apart.answering(schema, sys.stdout.buffer) as write:
    write(pa.RecordBatch.from_pylist([{"a": "1"}], schema), sys.stdin.buffer.read())
    raise ValueError("Ali's number")
"""


def test_a_defect_is_told_without_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks.py").write_text(BREAKS)
    monkeypatch.syspath_prepend(tmp_path)
    with apart.begun("breaks") as process:
        answers = process.answers(b"task")
        batch, beside = next(answers)
        assert (batch.to_pylist(), beside) == ([{"a": "1"}], b"task")
        with pytest.raises(RuntimeError) as caught:
            next(answers)
    assert str(caught.value) == "reading apart broke down with ValueError"
