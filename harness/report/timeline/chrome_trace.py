"""A story as a Chrome trace, which Perfetto and chrome://tracing open: JSON in the Trace Event Format.

Each kind of lanes is a process and each lane a thread of it. A span is a complete event, with its reason as an
argument; a strip, which may overlap others, is an asynchronous one; a mark is an instant event. All times are
microseconds since the story's start, as the format wants them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.report.timeline.story import Lane, LaneKind, Story

__all__ = ["chrome_trace"]

_PROCESSES = {LaneKind.SERVER: (1, "server"), LaneKind.NETWORK: (2, "network"), LaneKind.NODE: (3, "nodes")}


def chrome_trace(story: Story) -> str:
    """Return ``story`` as a Chrome trace, ending in a newline. Each mark of a run is an event of its own."""
    events = [*_processes(story)]
    for place, lane in enumerate(story.lanes):
        events += _events(lane, place + 1)
    about = {"title": story.title, "simulated": story.simulated, **dict(story.facts)}
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    head = json.dumps(about, ensure_ascii=False)
    return f'{{"displayTimeUnit":"ms","otherData":{head},"traceEvents":[\n{lines}\n]}}\n'


def _processes(story: Story) -> Iterator[dict[str, Any]]:
    present = [lane.kind for lane in story.lanes]
    for kind, (process, name) in _PROCESSES.items():
        if kind in present:
            yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}
            yield {"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}


def _events(lane: Lane, thread: int) -> Iterator[dict[str, Any]]:
    where = {"pid": _PROCESSES[lane.kind][0], "tid": thread}
    name = f"{lane.name} ({lane.side})" if lane.side else lane.name
    yield {"ph": "M", "name": "thread_name", **where, "args": {"name": name}}
    yield {"ph": "M", "name": "thread_sort_index", **where, "args": {"sort_index": thread}}
    for span in lane.spans:
        yield _complete(span.status, "status", span.start_us, span.end_us, where, span.because)
    for mark in lane.marks:
        yield {"ph": "i", "s": "t", "name": mark.words, "cat": mark.kind.value, "ts": mark.at_us, **where}
    for run in lane.runs:
        for at_us in run.instants():
            yield {"ph": "i", "s": "t", "name": run.words, "cat": run.kind.value, "ts": at_us, **where}
    for number, strip in enumerate(lane.strips):
        common = {"name": strip.what, "cat": "besides", "id2": {"local": f"{thread}.{number}"}, **where}
        yield {"ph": "b", "ts": strip.start_us, **common}
        yield {"ph": "e", "ts": strip.end_us, **common}


def _complete(name: str, category: str, start_us: int, end_us: int, where: dict[str, int], why: str) -> dict[str, Any]:
    event = {"ph": "X", "name": name, "cat": category, "ts": start_us, "dur": end_us - start_us, **where}
    return event | ({"args": {"because": why}} if why else {})
