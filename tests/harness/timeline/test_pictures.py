"""The picture for a ticket, and the trace for Perfetto."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.report.timeline.chrome_trace import chrome_trace
from harness.report.timeline.picture import PICTURES, drawn_lanes, write_picture
from harness.report.timeline.story import Lane, LaneKind, Mark, MarkKind, Story
from tests.harness.timeline.test_page import evil_story
from tests.harness.timeline.told import HOUR, LONG, told

# The trace.


def traced(story: Story) -> list[dict[str, Any]]:
    data = json.loads(chrome_trace(story))
    events: list[dict[str, Any]] = data["traceEvents"]
    return events


def test_a_span_is_a_complete_event_of_its_lane() -> None:
    spans = [event for event in traced(told()) if event["ph"] == "X" and event["pid"] == 3]
    assert [(event["name"], event["ts"], event["dur"]) for event in spans] == [
        ("unregistered", 0, 10_000),
        ("registered", 10_000, 26 * HOUR),
        ("interrupted", 26 * HOUR + 10_000, 2 * HOUR),
        ("registered", 28 * HOUR + 10_000, 20 * HOUR - 10_000),
    ]
    assert spans[2]["args"] == {"because": "a request got no answer"}


def test_each_kind_of_lane_is_a_process_and_each_lane_a_thread() -> None:
    names = {
        (event["pid"], event.get("tid")): event["args"]["name"]
        for event in traced(told())
        if "name" in event.get("args", {})
    }
    assert names == {
        (1, None): "server",
        (2, None): "network",
        (3, None): "nodes",
        (1, 1): "server",
        (2, 2): "network",
        (3, 3): "fdl",
    }


def test_each_poll_is_an_instant_event() -> None:
    polls = [event["ts"] for event in traced(told()) if event["ph"] == "i" and event["cat"] == "poll"]
    assert sorted(polls) == [2 * k * HOUR for k in range(1, 25)]


def test_what_may_overlap_begins_and_ends_by_itself() -> None:
    kinds = Counter(event["ph"] for event in traced(told()) if event.get("cat") == "besides")
    assert kinds == {"b": 1, "e": 1}


def test_a_trace_says_what_it_is_of_whatever_its_title() -> None:
    data = json.loads(chrome_trace(evil_story()))
    assert data["otherData"]["simulated"] is True
    assert data["otherData"]["title"] == evil_story().title


# The picture.


@pytest.mark.parametrize(("kind", "first"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_picture_is_the_same_file_each_time(tmp_path: Path, kind: str, first: bytes) -> None:
    assert kind in PICTURES
    one, other = tmp_path / f"one.{kind}", tmp_path / f"other.{kind}"
    for file in (one, other):
        write_picture(told(LONG), file)
    assert one.read_bytes().startswith(first)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("title", ["costs 5$ and 6$", "a_b^{", "two\nlines", "\\frac{"])
def test_a_title_is_no_formula(tmp_path: Path, title: str) -> None:
    write_picture(replace(told(), title=title), tmp_path / "a.svg")


def test_a_picture_of_markup_is_a_picture(tmp_path: Path) -> None:
    write_picture(evil_story(), tmp_path / "a.svg")
    assert "<script" not in (tmp_path / "a.svg").read_text(encoding="utf-8")


def node(name: str, *, failed: bool = False, side: str = "") -> Lane:
    marks = (Mark(5, MarkKind.FAILURE, "/"),) if failed else ()
    return Lane(name=name, kind=LaneKind.NODE, side=side, marks=marks)


def test_lanes_that_failed_come_before_those_that_did_not() -> None:
    server = Lane(name="server", kind=LaneKind.SERVER)
    lanes = (server, node("a"), node("b"), node("c", failed=True), node("d"))
    story = Story(title="x", start_us=0, duration_us=10, lanes=lanes)
    # There is room for two nodes: c, and the first of the others; in the order of the story.
    assert [lane.name for lane in drawn_lanes(story, 2)] == ["server", "a", "c"]
    assert drawn_lanes(story, 4) == list(lanes)


def test_both_sides_of_a_node_stay_together() -> None:
    sides = ("observed", "predicted")
    lanes = tuple(node(name, side=side, failed=name == "b") for name in "abc" for side in sides)
    story = Story(title="x", start_us=0, duration_us=10, lanes=lanes)
    assert [(lane.name, lane.side) for lane in drawn_lanes(story, 3)] == [("b", "observed"), ("b", "predicted")]
