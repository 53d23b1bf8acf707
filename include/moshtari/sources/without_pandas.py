"""For a process of its own that must be ready soon."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class WithoutPandas(MetaPathFinder):
    """pyarrow imports pandas only to see whether what it is given is of it: never here."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ImportError


def refuse_pandas() -> None:
    """Act as if it were not installed, from now on."""
    sys.meta_path.insert(0, WithoutPandas())
