"""What the gate says when it does not let a run through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moshtari.quality.verdict import Verdict


class GateShutError(Exception):
    """The gate is shut: nothing is published. Names each check with its figures and the remedy."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        causes = [*verdict.problems, *(check.describe() for check in verdict.shut_by)]
        super().__init__(
            f"the gate is shut for run {verdict.run_id} ({verdict.stage}, "
            f"{verdict.business_date}): {'; '.join(causes)}. Readers keep the last publication; "
            f"the candidate stays in schema candidate"
        )
