"""Checks, and the verdict that severity gives: critical shuts, a warning goes out with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

Stage = Literal["arrivals", "candidate"]
Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True)
class Check:
    """One check's outcome. `observed` holds figures only, never values of rows."""

    suite: str
    name: str
    target: str
    severity: Severity
    success: bool
    observed: dict[str, Any]
    remedy: str

    def describe(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in self.observed.items())
        return f"{self.name} on {self.target} ({self.severity}; {figures}): {self.remedy}"


@dataclass(frozen=True)
class Verdict:
    """What the gate decided for one stage of one run.

    `problems` are reasons that are no check's failure: a suite that did not run or evaluated
    nothing, a check that broke. Each shuts the gate, whatever the severities say.
    """

    run_id: int
    stage: Stage
    business_date: date
    checks: tuple[Check, ...]
    problems: tuple[str, ...]
    figures: dict[str, Any]

    @property
    def is_open(self) -> bool:
        return not self.problems and not self.shut_by

    @property
    def shut_by(self) -> tuple[Check, ...]:
        return self._failed("critical")

    @property
    def warnings(self) -> tuple[Check, ...]:
        return self._failed("warning")

    def _failed(self, severity: Severity) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if not c.success and c.severity == severity)

    def as_json(self) -> dict[str, Any]:
        """The verdict as ops.runs keeps it under the stage's name."""
        return {
            "is_open": self.is_open,
            "checks": len(self.checks),
            "critical": [check.name for check in self.shut_by],
            "warnings": [check.name for check in self.warnings],
            "problems": list(self.problems),
            "figures": self.figures,
            "failed": [asdict(check) for check in self.checks if not check.success],
        }
