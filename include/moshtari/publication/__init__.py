"""Publication: attach a run's marts to the store, flip the pointer, roll back, prune.

What readers see is decided by one row, ``store.pointer``, on which every published view filters.
"""

from moshtari.publication.errors import (
    CandidateMissingError,
    CandidateShapeError,
    FencedError,
    GateNotPassedError,
    HistoryIncompleteError,
    NothingToRollBackToError,
    PublicationError,
    ReadersBusyError,
    WrongRunError,
)
from moshtari.publication.marts import PUBLISHED, Mart
from moshtari.publication.prune import PruneReport, prune
from moshtari.publication.publish import Publication, publish
from moshtari.publication.rollback import rollback
from moshtari.publication.runs import (
    Run,
    RunInfo,
    Status,
    begin_run,
    fail_run,
    published_run,
    status,
)

__all__ = [
    "PUBLISHED",
    "CandidateMissingError",
    "CandidateShapeError",
    "FencedError",
    "GateNotPassedError",
    "HistoryIncompleteError",
    "Mart",
    "NothingToRollBackToError",
    "PruneReport",
    "Publication",
    "PublicationError",
    "ReadersBusyError",
    "Run",
    "RunInfo",
    "Status",
    "WrongRunError",
    "begin_run",
    "fail_run",
    "prune",
    "publish",
    "published_run",
    "rollback",
    "status",
]
