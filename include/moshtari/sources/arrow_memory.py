"""How a process that reads or lands has Arrow: in little memory, and without pandas."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


def spare_memory() -> None:
    """To be called when the source's kind is imported, and before the first array is made.

    A kind that makes arrays of pandas' Series imports pandas with itself: then pyarrow knows it.
    """
    # pyarrow's own choice keeps 20 MB more of what short-lived arrays leave, and is no faster.
    pa.set_memory_pool(pa.system_memory_pool())
    if "pandas" not in sys.modules:
        _look_for_pandas_in_vain()


def _look_for_pandas_in_vain() -> None:
    """pyarrow imports pandas (40 MB, half a second) for the first array that it makes of Python's
    values, to see whether they are of it. It asks once; who converts from or to a DataFrame later
    has pandas all the same.
    """
    nowhere = _Nowhere()
    sys.meta_path.insert(0, nowhere)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(nowhere)


class _Nowhere(MetaPathFinder):
    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ImportError
