"""pyarrow takes little memory: no pandas for our arrays, which it knows where it is wanted."""

from __future__ import annotations

import subprocess
import sys

SPARING = "import sys; from moshtari.sources.arrow_memory import spare_memory; "
FRAME = "import pandas as pd; import pyarrow as pa; series = pd.Series([1.5, float('nan')]); "


def told(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_arrays_need_no_pandas() -> None:
    make = "import pyarrow as pa; pa.array(['a', None]); pa.table({'a': [1]}); "
    code = f"{make} print('pandas' in sys.modules)"
    assert told(f"import sys; {code}") == "True"
    assert told(f"{SPARING} spare_memory(); {code}") == "False"


def test_who_wants_pandas_has_it() -> None:
    frame = (
        "frame = pd.DataFrame({'a': series}); print(pa.Table.from_pandas(frame)['a'].null_count)"
    )
    assert told(f"{SPARING} spare_memory(); {FRAME} {frame}") == "1"
    back = "print(type(pa.table({'a': [1]}).to_pandas()).__module__)"
    assert told(f"{SPARING} spare_memory(); import pyarrow as pa; {back}").startswith("pandas")


def test_who_imported_it_before_keeps_all_of_it() -> None:
    count = "spare_memory(); print(pa.array(series).null_count)"
    assert told(f"{SPARING} {FRAME} {count}") == "1"


def test_the_systems_own_memory_is_used() -> None:
    pool = "import pyarrow as pa; print(pa.default_memory_pool().backend_name)"
    assert told(f"{SPARING} spare_memory(); {pool}") == "system"
