"""A story as plain data, for the page's script and for whoever wants to keep one; and back.

Each text is written once, in ``texts``, and meant by its place there: of a large fleet most are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from harness.report.timeline.story import (
    Expected,
    Finding,
    Lane,
    LaneKind,
    Mark,
    MarkKind,
    Piece,
    Rule,
    Run,
    Span,
    Story,
    Strip,
)

__all__ = ["data_of", "script_text", "story_from"]


class _Texts:
    """Gives each text its place."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    def all(self) -> list[str]:
        return list(self._places)


def data_of(story: Story) -> dict[str, Any]:
    """Return ``story`` as data for JSON; `story_from` is the inverse."""
    texts = _Texts()
    place = texts.place
    lanes = [
        {
            "name": lane.name,
            "kind": lane.kind.value,
            "about": lane.about,
            "side": lane.side,
            "zone": lane.zone,
            "clock": [[*piece] for piece in lane.clock],
            "spans": [[*span[:2], place(span.status), place(span.because)] for span in lane.spans],
            "strips": [[*strip[:2], place(strip.what)] for strip in lane.strips],
            "marks": [[mark.at_us, place(mark.kind.value), place(mark.words)] for mark in lane.marks],
            "runs": [[*run[:3], place(run.kind.value), place(run.words)] for run in lane.runs],
        }
        for lane in story.lanes
    ]
    return {
        "format": 1,
        "title": story.title,
        "outcome": story.outcome,
        "simulated": story.simulated,
        "facts": [[*fact] for fact in story.facts],
        "start_us": story.start_us,
        "duration_us": story.duration_us,
        "texts": texts.all(),
        "lanes": lanes,
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "ruling": rule.ruling,
                "tested": rule.tested,
                "violations": rule.violations,
                "trouble": rule.trouble,
                "findings": _findings(rule.findings),
            }
            for rule in story.rules
        ],
        "expectations": [
            {"words": each.words, "met": each.met, "findings": _findings(each.findings)} for each in story.expectations
        ],
    }


def _findings(findings: Iterable[Finding]) -> list[list[Any]]:
    return [[each.at_us, each.lane, each.words, each.broken] for each in findings]


def story_from(data: dict[str, Any]) -> Story:
    """Return the story that `data_of` made ``data`` of."""
    texts: Sequence[str] = data["texts"]
    lanes = tuple(
        Lane(
            name=lane["name"],
            kind=LaneKind(lane["kind"]),
            about=lane["about"],
            side=lane["side"],
            zone=lane["zone"],
            clock=tuple(Piece(*piece) for piece in lane["clock"]),
            spans=tuple(Span(start, end, texts[status], texts[why]) for start, end, status, why in lane["spans"]),
            strips=tuple(Strip(start, end, texts[what]) for start, end, what in lane["strips"]),
            marks=tuple(Mark(at, MarkKind(texts[kind]), texts[words]) for at, kind, words in lane["marks"]),
            runs=tuple(
                Run(first, last, count, MarkKind(texts[kind]), texts[words])
                for first, last, count, kind, words in lane["runs"]
            ),
        )
        for lane in data["lanes"]
    )
    return Story(
        title=data["title"],
        outcome=data["outcome"],
        simulated=data["simulated"],
        facts=tuple((name, value) for name, value in data["facts"]),
        start_us=data["start_us"],
        duration_us=data["duration_us"],
        lanes=lanes,
        rules=tuple(Rule(**rule | {"findings": _findings_from(rule["findings"])}) for rule in data["rules"]),
        expectations=tuple(
            Expected(**each | {"findings": _findings_from(each["findings"])}) for each in data["expectations"]
        ),
    )


def _findings_from(data: Iterable[Sequence[Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(at_us=at, lane=lane, words=words, broken=broken) for at, lane, words, broken in data)


def script_text(data: object) -> str:
    """Return ``data`` as JSON that can stand inside a ``<script>``: nothing in it ends the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
