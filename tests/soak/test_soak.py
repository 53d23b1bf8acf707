"""A few nights of the soak, so that it runs whenever the tests do; `make soak` runs hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import TestServer
from tests.soak.run import soak

NIGHTS, FAULTS = 7, 24


@pytest.mark.slow
def test_nights_under_faults_end_as_nights_without(pg_server: TestServer, tmp_path: Path) -> None:
    result = soak(pg_server, tmp_path, seed=20260320, nights=NIGHTS, faults=FAULTS)
    assert result.unexplained == []
    assert result.verdict.differences == []
    # The strikes are chance, and some come too late; most do not.
    assert result.faults.total() >= FAULTS // 2
    for attacked, twin, items in result.verdict.checksums.values():
        assert attacked == twin
        assert items > 0
    assert result.loads["failed"] > 0
