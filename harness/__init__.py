"""fdl-harness: a simulation and test harness for FineDataLink's private-cloud licensing.

The public API. What it names is imported when it is first asked for, so that importing the package costs nothing.
Everything is simulated; nothing here can authorize a real product.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.builder import WorldBuilder
    from harness.rulebook import Ruling, judge
    from harness.runner import Job, Outcome, Result, run_one
    from harness.scenario import Scenario
    from harness.scenario_file import ScenarioError, load, loads
    from harness.trace import Trace
    from harness.world import run
    from reference_server.readings import READINGS, Reading

__all__ = [
    "READINGS",
    "Job",
    "Outcome",
    "Reading",
    "Result",
    "Ruling",
    "Scenario",
    "ScenarioError",
    "Trace",
    "WorldBuilder",
    "judge",
    "load",
    "loads",
    "run",
    "run_one",
]

_HOMES = {
    "READINGS": "reference_server.readings",
    "Job": "harness.runner",
    "Outcome": "harness.runner",
    "Reading": "reference_server.readings",
    "Result": "harness.runner",
    "Ruling": "harness.rulebook",
    "Scenario": "harness.scenario",
    "ScenarioError": "harness.scenario_file",
    "Trace": "harness.trace",
    "WorldBuilder": "harness.builder",
    "judge": "harness.rulebook",
    "load": "harness.scenario_file",
    "loads": "harness.scenario_file",
    "run": "harness.world",
    "run_one": "harness.runner",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
