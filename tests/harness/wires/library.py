"""The scenario library, as what compares wires needs it: each file with how many requests it takes."""

from __future__ import annotations

from pathlib import Path

from harness.library import find_scenarios, library_path
from harness.rulebook import Ruling
from harness.runner import Job, Result, run_one
from harness.scenario_file import load
from harness.trace import Trace
from reference_server.readings import READINGS

FILES = find_scenarios(library_path())


def named(file: Path) -> str:
    """Return the name of a file within the library."""
    return str(file.relative_to(library_path()))


def over(file: Path, wire: str, reading: str = "literal") -> Result:
    """Run a file over a wire."""
    return run_one(Job(scenario=load(file), reading=READINGS[reading], wire=wire))


def rulings(result: Result) -> dict[str, Ruling]:
    """Return what became of each rule."""
    return {rule: judgement.ruling for rule, judgement in result.judgements.items()}


def seen_at_nodes(trace: Trace) -> object:
    """Return everything that nodes show: requests, changes of status and of access, failure rows."""
    return trace.requests, sorted(trace.transitions), sorted(trace.access), sorted(trace.failures), trace.final_lists
