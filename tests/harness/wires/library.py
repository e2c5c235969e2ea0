"""The scenario library, as what compares wires needs it."""

from __future__ import annotations

from pathlib import Path

from harness.library import find_scenarios, library_path
from harness.rulebook import Ruling
from harness.runner import Result
from harness.trace import Trace

FILES = find_scenarios(library_path())
#: With a hundred nodes and more: thousands of requests, or tens of thousands.
LARGE = ("shares/", "server_stops/three_thousand_")


def named(file: Path) -> str:
    """Return the name of a file within the library."""
    return str(file.relative_to(library_path()))


def rulings(result: Result) -> dict[str, Ruling]:
    """Return what became of each rule."""
    return {rule: judgement.ruling for rule, judgement in result.judgements.items()}


def seen_at_nodes(trace: Trace) -> object:
    """Return everything that nodes show: requests, changes of status and of access, failure rows."""
    return trace.requests, sorted(trace.transitions), sorted(trace.access), sorted(trace.failures), trace.final_lists
