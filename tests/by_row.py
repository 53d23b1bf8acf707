"""A reader's batches for tests that look at rows, whichever way round the reader gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from moshtari.sources.base import ArrowRows, Batch
from moshtari.sources.columnar import in_rows


def by_row(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches, those of columns as rows."""
    for batch in batches:
        yield in_rows(batch) if isinstance(batch, ArrowRows) else batch
