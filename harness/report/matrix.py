"""Scenario by reading: how each ended, and which of its outcomes depend on the reading."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from harness.report.table import STYLES, shorten
from harness.runner import Result
from harness.trace import Status

__all__ = ["dependent_outcomes", "matrix"]


def matrix(results: Sequence[Result]) -> Table:
    """Return the matrix of ``results``: the outcome, and how many nodes end `registered`."""
    readings = list(dict.fromkeys(each.reading.name for each in results))
    table = Table(title="nodes that end registered, by reading", title_justify="left")
    table.add_column("scenario", overflow="fold")
    for reading in readings:
        table.add_column(reading, justify="right")
    rows: dict[str, dict[str, Result]] = {}
    for result in results:
        rows.setdefault(result.scenario.file, {})[result.reading.name] = result
    for file, by_reading in rows.items():
        cells = []
        for reading in readings:
            result = by_reading[reading]
            statuses = final_statuses(result)
            style = STYLES[result.outcome]
            cells.append(f"[{style}]{statuses.count(Status.REGISTERED)}/{len(statuses)}[/{style}]")
        table.add_row(shorten(file), *cells)
    return table


def final_statuses(result: Result) -> list[Status]:
    """Return the status of each node at the end."""
    statuses = [Status.UNREGISTERED] * len(result.trace.nodes)
    for change in result.trace.transitions:
        statuses[change.node] = Status(change.after)
    return statuses


def dependent_outcomes(results: Sequence[Result]) -> list[str]:
    """Return a line for each scenario and reading whose nodes end otherwise than in the first reading."""
    lines = []
    first: dict[str, Result] = {}
    for result in results:
        base = first.setdefault(result.scenario.file, result)
        names = result.trace.nodes
        pairs = zip(names, final_statuses(base), final_statuses(result), strict=True)
        differing = [(name, was.name.lower(), now.name.lower()) for name, was, now in pairs if was is not now]
        if differing:
            name, was, now = differing[0]
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            lines.append(
                f"{shorten(result.scenario.file)}: {name}{more} ends {now} in {result.reading.name}, "
                f"{was} in {base.reading.name}"
            )
    return lines
