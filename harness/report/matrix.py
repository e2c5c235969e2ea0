"""Scenario by reading: how each ended, and which of its outcomes depend on the reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from harness.durations import format_instant
from harness.expectations import Timelines
from harness.report.table import STYLES, shorten
from harness.runner import Result
from harness.trace import Status

__all__ = ["dependent_outcomes", "matrix"]


def matrix(results: Sequence[Result]) -> Iterator[Text]:
    """Yield the lines of the matrix: a legend of the readings, then how many nodes end `registered` under each."""
    readings = list(dict.fromkeys(each.reading.name for each in results))
    rows: dict[str, dict[str, Result]] = {}
    for result in results:
        rows.setdefault(result.scenario.file, {})[result.reading.name] = result
    yield Text("nodes that end registered, of all, by reading:", style="bold")
    yield Text("  ".join(f"({k}) {name}" for k, name in enumerate(readings, start=1)))
    width = max(len(shorten(file)) for file in rows)
    yield Text(" " * width + "".join(f"{f'({k})':>10}" for k in range(1, len(readings) + 1)), style="bold")
    for file, by_reading in rows.items():
        line = Text(f"{shorten(file):<{width}}")
        for reading in readings:
            result = by_reading[reading]
            statuses = _final_statuses(result)
            cell = "-" if result.skipped else f"{statuses.count(Status.REGISTERED)}/{len(statuses)}"
            line.append(f"{cell:>10}", style=STYLES[result.outcome])
        yield line


def _final_statuses(result: Result) -> list[Status]:
    statuses = [Status.UNREGISTERED] * len(result.trace.nodes)
    for change in result.trace.transitions:
        statuses[change.node] = Status(change.after)
    return statuses


def dependent_outcomes(results: Sequence[Result]) -> Iterator[str]:
    """Yield a line for each scenario and reading under which a node fares otherwise than under the first one.

    It names the first instant at which the two part, and how many nodes they part for.
    """
    first: dict[str, Result] = {}
    for result in results:
        if result.skipped:
            continue
        base = first.setdefault(result.scenario.file, result)
        partings = [] if base is result else sorted(_partings(base, result))
        if not partings:
            continue
        at_us, place, rank, was, now = partings[0]
        node = result.trace.nodes[place]
        others = len({parting[1] for parting in partings}) - 1
        more = f", and {others} more fare{'s' if others == 1 else ''} otherwise" if others else ""
        yield (
            f"{shorten(result.scenario.file)}: under {result.reading.name}, {_RESPECTS[rank]} of {node} is {now} at "
            f"{format_instant(at_us)}, where it is {was} under {base.reading.name}{more}"
        )


_RESPECTS = ("status", "access", "failure")


def _partings(base: Result, other: Result) -> Iterator[tuple[int, int, int, str, str]]:
    """Yield (instant, node, respect, value, other value) for the first difference in each respect at each node."""
    lines, other_lines = Timelines(base.scenario, base.trace), Timelines(other.scenario, other.trace)
    for place, node in enumerate(base.trace.nodes):
        for rank, what in enumerate(_RESPECTS):
            line, other_line = lines.of(what, node), other_lines.of(what, node)
            for at_us in sorted({*line.times, *other_line.times}):
                was, now = line.at(at_us), other_line.at(at_us)
                if was != now:
                    yield at_us, place, rank, _shown(was), _shown(now)
                    break


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "open" if value else "closed"
    return str(value)
