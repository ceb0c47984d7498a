"""Gates on raw and on marts, and a profile of each load."""

from include.quality.checks import Outcome
from include.quality.gates import GateFailed, GateReport, accept, gate_marts, gate_raw

__all__ = ["GateFailed", "GateReport", "Outcome", "accept", "gate_marts", "gate_raw"]
