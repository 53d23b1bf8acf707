"""docs/fault-matrix.md says what the tests of faults say: no more and no less."""

from __future__ import annotations

from tests.faults.page import PAGE, Happened, page


def test_the_fault_matrix_says_what_the_tests_found(found: tuple[set[Happened], bool]) -> None:
    happened, is_whole = found
    told = PAGE.read_text(encoding="utf-8")
    if is_whole:
        assert told == page(happened), "make fault-matrix writes it anew"
        return
    # Of a part of the tests it can be told only that the page has what they found.
    lines = told.splitlines()
    for kind, fault, what in sorted(happened):
        rows = [line for line in lines if line.startswith(f"| {fault} |")]
        assert any(what in row for row in rows), f"{kind}, {fault}: make fault-matrix"
