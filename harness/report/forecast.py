"""The forecast: what an outage comes to, in a few numbers, whether they were predicted or taken from a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.durations import format_duration, format_instant
from harness.expectations import Timelines
from harness.report.table import shorten
from harness.scenario import Scenario
from harness.trace import Status, Trace

if TYPE_CHECKING:
    from harness.prediction import Prediction

__all__ = ["Forecast", "Peak", "forecast_as_json", "forecast_lines", "predicted", "simulated"]

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Peak:
    """The greatest number of slots that were live after an instant, and the first such instant."""

    count: int
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What became of the nodes of one scenario under one reading.

    ``nodes`` has how many there are of each status at ``at_us``, the other numbers are about the whole run:
    ``lost_access_us`` is the time in which access is closed after a node's first registration, of all nodes together,
    and ``peak`` is ``None`` where nobody can tell. ``because`` says why it had to be simulated, if it had to.
    """

    scenario: Scenario
    reading: str
    at_us: int
    nodes: dict[str, int]
    lapses: int
    lost_access_us: int
    peak: Peak | None
    because: str | None = None


def predicted(scenario: Scenario, reading: str, prediction: Prediction, at_us: int) -> Forecast:
    """Return what the closed form says."""
    status = prediction.status_at(at_us)
    return Forecast(
        scenario=scenario,
        reading=reading,
        at_us=at_us,
        nodes={each.name.lower(): int((status == each).sum()) for each in Status},
        lapses=int(prediction.lapse_counts.sum()),
        lost_access_us=int(prediction.lost_access_us.sum()),
        peak=Peak(*prediction.peak_registered),
    )


def simulated(scenario: Scenario, reading: str, trace: Trace, at_us: int, because: str) -> Forecast:
    """Return what a simulation came to."""
    lines = Timelines(scenario, trace)
    status = [lines.of("status", node.name).at(at_us) for node in scenario.nodes]
    return Forecast(
        scenario=scenario,
        reading=reading,
        at_us=at_us,
        nodes={each.name.lower(): status.count(each.name.lower()) for each in Status},
        lapses=sum(change.after == Status.LAPSED for change in trace.transitions),
        lost_access_us=_lost_access_us(scenario, trace),
        peak=_peak(lines),
        because=because,
    )


def _lost_access_us(scenario: Scenario, trace: Trace) -> int:
    """Return how long access was closed in all, of each node from its first registration on."""
    since_us: dict[int, int] = {}
    opened: dict[int, int] = {}
    open_us = 0
    for change in trace.transitions:
        if change.after == Status.REGISTERED:
            since_us.setdefault(change.node, change.at_us)
    for access in trace.access:
        if access.opened:
            opened[access.node] = access.at_us
        else:
            open_us += access.at_us - opened.pop(access.node)
    open_us += sum(scenario.duration_us - at_us for at_us in opened.values())
    return sum(scenario.duration_us - at_us for at_us in since_us.values()) - open_us


def _peak(lines: Timelines) -> Peak | None:
    line = lines.of("registered", None)
    told = [(number, -at_us) for at_us, number in zip(line.times, line.values, strict=True) if type(number) is int]
    if not told:
        return None if line.initial is None else Peak(0, 0)
    count, before_us = max(told)
    return Peak(count, -before_us)


def forecast_lines(forecast: Forecast) -> list[str]:
    """Return a forecast for people."""
    how = "predicted" if forecast.because is None else f"simulated, since {forecast.because}"
    at_end = forecast.at_us == forecast.scenario.duration_us
    when = f"at the end, {format_duration(forecast.at_us)}" if at_end else f"at {format_duration(forecast.at_us)}"
    counts = ", ".join(f"{count:,} {status}" for status, count in forecast.nodes.items() if count)
    peak = forecast.peak
    most = "not known" if peak is None else f"{peak.count:,}"
    first = "" if peak is None or not peak.count else f", first at {format_instant(peak.at_us)}"
    hundredths = (forecast.lost_access_us * 100 + _HOUR_US // 2) // _HOUR_US
    rows = [
        (f"nodes {when}", counts or "none"),
        ("lapses", f"{forecast.lapses:,}"),
        ("lost access", f"{hundredths // 100:,}.{hundredths % 100:02} h"),
        ("slots at most", most + first),
    ]
    width = max(len(name) for name, _ in rows)
    title = f"{shorten(forecast.scenario.file)} [{forecast.reading}]: {how}"
    return [title, *(f"  {name:<{width}}  {value}" for name, value in rows)]


def forecast_as_json(forecast: Forecast) -> dict[str, Any]:
    """Return a forecast as plain data."""
    peak = forecast.peak
    return {
        "scenario": forecast.scenario.title,
        "file": forecast.scenario.file,
        "reading": forecast.reading,
        "how": "predicted" if forecast.because is None else "simulated",
        "because": forecast.because,
        "at_us": forecast.at_us,
        "nodes": forecast.nodes,
        "lapses": forecast.lapses,
        "lost_access_us": forecast.lost_access_us,
        "peak_registered": None if peak is None else {"count": peak.count, "at_us": peak.at_us},
    }
