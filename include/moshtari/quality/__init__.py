"""The gate: what arrived and what would go out, checked before anything is published."""

from moshtari.quality.errors import GateShutError
from moshtari.quality.gate import run_gate
from moshtari.quality.verdict import Check, Verdict

__all__ = ["Check", "GateShutError", "Verdict", "run_gate"]
