"""What can keep a run from being published. Every message says what to do next."""

from __future__ import annotations


class PublicationError(Exception):
    """A run could not be published, rolled back or pruned; readers keep what they had."""


class FencedError(PublicationError):
    """A newer run has begun, so this one may change nothing any more."""

    def __init__(self, run_id: int, newest: int | None) -> None:
        self.run_id, self.newest = run_id, newest
        super().__init__(
            f"run {run_id} may not publish: run {newest} has begun since and holds the fence. "
            f"Nothing was changed. Let run {newest} finish, or begin a new run for this day"
        )


class GateNotPassedError(PublicationError):
    """The run has no open verdict of both stages of the gate."""

    def __init__(self, run_id: int, stages: list[str]) -> None:
        self.run_id, self.stages = run_id, stages
        super().__init__(
            f"run {run_id} may not publish: the gate is not open for {' and '.join(stages)}. "
            f"Run the gate for each (ops.checks shows what failed), then publish again"
        )


class CandidateMissingError(PublicationError):
    """A mart that is published has no candidate table for this run."""

    def __init__(self, run_id: int, tables: list[str]) -> None:
        self.run_id, self.tables = run_id, tables
        names = ", ".join(f"candidate.{table}" for table in tables)
        super().__init__(
            f"run {run_id} cannot be published: there is no {names}. Build the marts of run "
            f"{run_id} (dbt build), then publish again"
        )


class CandidateShapeError(PublicationError):
    """A candidate table breaks the contract of the published view: a column gone or retyped."""

    def __init__(self, table: str, view: str, problems: list[str]) -> None:
        self.table, self.problems = table, problems
        super().__init__(
            f"candidate.{table} cannot be published as {view}: {'; '.join(problems)}. Columns may "
            f"only be added: restore them in the model, or publish the change as a new mart and "
            f"view beside this one"
        )


class WrongRunError(PublicationError):
    """A candidate table holds rows of another run."""

    def __init__(self, run_id: int, table: str) -> None:
        self.run_id, self.table = run_id, table
        super().__init__(
            f"candidate.{table} holds rows of another run than {run_id}. Nothing of it was moved. "
            f"Build the marts again with run_id {run_id}, run the gate, then publish"
        )


class HistoryIncompleteError(PublicationError):
    """A mart's history was built as a change of something that is not there."""

    def __init__(self, table: str, run_id: int, because: str) -> None:
        self.table, self.run_id = table, run_id
        super().__init__(
            f"candidate.{table}_history of run {run_id} cannot be published: {because}. Nothing of "
            f"it was written. Begin a new run for this day: it sees that, and builds everything"
        )


class ReadersBusyError(PublicationError):
    """Sessions hold published tables for longer than the publication may wait."""

    def __init__(self, doing: str, seconds: float, sessions: list[str]) -> None:
        self.sessions = sessions
        held = "; ".join(sessions) or "no session is left now"
        super().__init__(
            f"{doing}: waited {seconds:.0f} s for transactions that were open before ({held}). "
            f"The pointer was not moved. End those sessions (select pg_terminate_backend(pid)) or "
            f"let them finish, then publish again: it goes on where it stopped"
        )


class NothingToRollBackToError(PublicationError):
    """There is no earlier publication left in the store, or the run asked for is not there."""
