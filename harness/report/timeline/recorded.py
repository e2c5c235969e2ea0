"""The story of a record: what was observed, and beside it what a simulation shows.

Where both are there, each host has two lanes of its name, one after the other. What was recorded is what the simulation
has to show, so every recorded failure and status is an expectation; a click on one that is not met goes to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version

from harness.durations import format_duration, format_utc
from harness.outage.case import EXACT, HOUR_US, Case, Clock
from harness.outage.comparing import Comparison
from harness.outage.diagnosing import Simulated
from harness.outage.record import NETWORK, Observation, What
from harness.report.timeline.lanes import lanes_of
from harness.report.timeline.story import Expected, Finding, Lane, LaneKind, Mark, MarkKind, Piece, Story
from harness.scenario import SERVER
from reference_server.addresses import format_address

__all__ = ["seen_words", "story_of_case"]

_KINDS = {SERVER: LaneKind.SERVER, NETWORK: LaneKind.NETWORK}
_MARKS = {
    What.FAILED: MarkKind.FAILURE,
    What.REGISTERED: MarkKind.REGISTER,
    What.UNBOUND: MarkKind.UNBIND,
    What.STATUS: MarkKind.SEEN,
    What.NOTE: MarkKind.NOTE,
}
#: What the simulation has to show, as it may be missing from it.
_SHOWN = (What.FAILED, What.REGISTERED, What.STATUS)


def story_of_case(
    case: Case, simulated: Simulated | None = None, *, facts: Sequence[tuple[str, str]] = (), title: str = ""
) -> Story:
    """Return what a page of ``case`` shows.

    :param simulated: what a simulation makes of it, in lanes beside what was observed.
    :param facts: more of the page's head.
    """
    if simulated is None:
        case = _begun_with_its_record(case)
    lanes = list(_lanes(case, simulated))
    places = {(lane.name, lane.side): place for place, lane in enumerate(lanes)}
    expectations = () if simulated is None else tuple(_expected(case, simulated, places))
    met = all(each.met for each in expectations)
    return Story(
        title=title or f"What {case.record.file} tells",
        start_us=case.start_us,
        duration_us=case.duration_us,
        outcome="" if simulated is None else ("reproduced" if met else "differs"),
        simulated=simulated is not None,
        facts=(*_facts(case, simulated), *facts),
        lanes=tuple(lanes),
        expectations=expectations,
    )


def _begun_with_its_record(case: Case) -> Case:
    """Return ``case`` without the time before its first line, which only a simulation needs."""
    early_us = case.wall_us(case.record.observations[0]) // HOUR_US * HOUR_US
    return replace(case, start_us=case.start_us + early_us, duration_us=case.duration_us - early_us)


def seen_words(each: Observation) -> str:
    """Return what was observed, in a few words."""
    if each.what is What.FAILED and each.code is not None:
        return f"failed: {each.code.label or each.code.shown_name}"
    if each.what is What.STATUS:
        return f"{each.count} registered" if each.status is None else f"seen {each.status.name.lower()}"
    if each.what is What.ADDRESS and each.address is not None:
        return f"address {format_address(each.address)}"
    if each.what is What.CLOCK and each.by_us is not None:
        return f"clock corrected by {format_duration(each.by_us)}"
    if each.what is What.NOTE:
        return each.text
    return f"{each.what.value} {', '.join(each.nodes)}".rstrip()


def _facts(case: Case, simulated: Simulated | None) -> Iterator[tuple[str, str]]:
    observations = case.record.observations
    yield "record", f"{case.record.file}, {len(observations)} lines"
    yield "from", format_utc(observations[0].at_us)
    yield "to", format_utc(observations[-1].at_us)
    if case.record.left_out:
        yield "left out", f"{len(case.record.left_out)} lines that cannot be read"
    if simulated is not None:
        yield "lanes", "observed: what was recorded; predicted: a simulation"
        yield "digest", simulated.trace.digest()[:12]
    yield "version", version("fdl-harness")


def _lanes(case: Case, simulated: Simulated | None) -> Iterator[Lane]:
    predicted: dict[str, Lane] = {}
    if simulated is not None:
        predicted = {lane.name: lane for lane in lanes_of(simulated.built.scenario, simulated.trace)}
    clocks = {} if simulated is None else simulated.built.clocks
    surplus: dict[str, list[Mark]] = {}
    for row in () if simulated is None else simulated.comparison.surplus:
        mark = Mark(_inside(case, row.wall_us), MarkKind.NOTE, "this failure is not in the record")
        surplus.setdefault(row.node, []).append(mark)
    open_lines = {} if simulated is None else _open(simulated.comparison)
    for name in dict.fromkeys((SERVER, NETWORK, *case.nodes, *predicted)):
        seen = case.by_source.get(name, [])
        if seen:
            clock = clocks.get(name) or case.clock(name)
            # A clock of which nothing else is known is taken to have been right.
            right = (Piece(0, case.duration_us, case.start_us, case.start_us + case.duration_us),)
            yield Lane(
                name=name,
                kind=_KINDS.get(name, LaneKind.NODE),
                side="observed",
                clock=right if clock == EXACT else (),
                marks=tuple(_marks(case, clock, seen, open_lines)),
            )
        if name in predicted:
            lane = predicted[name]
            marks = sorted([*lane.marks, *surplus.get(name, [])], key=lambda mark: mark.at_us)
            yield replace(lane, side="predicted", marks=tuple(marks))


def _open(comparison: Comparison) -> dict[int, str]:
    """Return by line what the simulation shows in place of what was observed there."""
    found = {each.line: "not predicted" for each in comparison.unexplained}
    return found | {each.line: f"predicted: {shown}" for each, shown in comparison.contradicted}


def _marks(case: Case, clock: Clock, seen: Sequence[Observation], open_lines: dict[int, str]) -> Iterator[Mark]:
    marks = []
    for each in seen:
        at_us = _inside(case, clock.true_us(case.wall_us(each)))
        # The kind of the mark says that it is a failure.
        words = seen_words(each).removeprefix("failed: ")
        marks.append(Mark(at_us, _MARKS.get(each.what, MarkKind.EVENT), f"{words} (line {each.line})"))
        if each.line in open_lines:
            marks.append(Mark(at_us, MarkKind.NOTE, open_lines[each.line]))
    yield from sorted(marks, key=lambda mark: mark.at_us)


def _inside(case: Case, at_us: int) -> int:
    return min(max(0, at_us), case.duration_us)


def _expected(case: Case, simulated: Simulated, places: dict[tuple[str, str], int]) -> Iterator[Expected]:
    open_lines = _open(simulated.comparison)
    for each in case.record.observations:
        if each.what not in _SHOWN:
            continue
        clock = simulated.built.clocks[each.source]
        at_us = _inside(case, clock.true_us(case.wall_us(each)))
        said = open_lines.get(each.line, "as predicted")
        found = Finding(at_us=at_us, lane=places[each.source, "observed"], words=said, broken=each.line in open_lines)
        yield Expected(
            words=f"line {each.line}: {each.source} {seen_words(each)}",
            met=each.line not in open_lines,
            findings=(found,),
        )
