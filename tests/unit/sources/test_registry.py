"""What reading a deployment's YAML imports: Airflow does it each time that it reads the DAGs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from moshtari.sources.registry import KINDS

IMPORTED = """
import sys
from moshtari.sources.registry import source_class
source_class(sys.argv[1])
print(*({"pandas", "pyarrow"} & set(sys.modules)))
"""


# Kinds that other tests register are known in their process alone.
OWN_KINDS = [kind for kind, place in KINDS.items() if place.startswith("moshtari.")]


@pytest.mark.parametrize("kind", OWN_KINDS)
def test_a_kind_is_found_without_heavy_imports(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, kind], capture_output=True, text=True, check=True
    )
    # What reads files needs Arrow to try the mapping's expressions.
    assert done.stdout.split() == (["pyarrow"] if kind in ("files", "telegram") else [])
