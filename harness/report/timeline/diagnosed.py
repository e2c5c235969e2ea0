"""The stories of a diagnosis: one for each explanation, with its causes and bounds in the head and on the lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.outage.case import Case
from harness.outage.causes import told
from harness.outage.diagnosing import Diagnosis, Simulated
from harness.outage.narrowing import Narrowed, narrowed
from harness.report.outage import deciding_line, times_of
from harness.report.timeline.recorded import story_of_case
from harness.report.timeline.story import Lane, LaneKind, Mark, MarkKind, Story

__all__ = ["stories_of"]


def stories_of(diagnosis: Diagnosis, *, most: int) -> list[tuple[str, Story]]:
    """Return the stories of the first explanations, each with what its link is called.

    Where nothing explains the record there is one, of what comes closest.
    """
    case = diagnosis.case
    found = diagnosis.explanations[:most]
    if not found:
        fact = ("explained", "by nothing: this is what comes closest")
        return [("", story_of_case(case, diagnosis.nearest, facts=[fact]))]
    last = [("to decide", line)] if (line := deciding_line(diagnosis)) else []
    return [(f"Explanation {place}", _story(case, place, each, last)) for place, each in enumerate(found, start=1)]


def _story(case: Case, place: int, explanation: Simulated, last: list[tuple[str, str]]) -> Story:
    bounds = narrowed(case, explanation)
    facts = [("cause", "; ".join([told(each.cause), *times_of(case, each)])) for each in bounds]
    title = "; ".join(told(cause) for cause in explanation.causes) or "What was recorded explains everything"
    story = story_of_case(
        case,
        explanation,
        facts=[*facts, *last],
        title=f"{place}. {title[0].upper()}{title[1:]}",
    )
    return replace(story, lanes=tuple(_with_bounds(lane, list(_bounds(bounds))) for lane in story.lanes))


def _bounds(bounds: tuple[Narrowed, ...]) -> Iterator[tuple[tuple[str, ...], Mark]]:
    """Yield the bounds as marks, each with the nodes on whose lanes they are; nobody's are the server's."""
    for each in bounds:
        for verb, limits in (("began", each.start), ("ended", each.end)):
            if limits is None:
                continue
            for when, at_us in (("at the earliest", limits.first_us), ("at the latest", limits.last_us)):
                if at_us is not None:
                    yield each.cause.nodes, Mark(at_us, MarkKind.NOTE, f"{told(each.cause)}: {verb} here {when}")


def _with_bounds(lane: Lane, bounds: list[tuple[tuple[str, ...], Mark]]) -> Lane:
    if lane.side != "predicted":
        return lane
    server = lane.kind is LaneKind.SERVER
    own = [mark for nodes, mark in bounds if lane.name in nodes or (server and not nodes)]
    return replace(lane, marks=tuple(sorted([*lane.marks, *own], key=lambda mark: mark.at_us)))
