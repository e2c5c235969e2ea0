"""What a record says, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.durations import format_utc
from harness.outage.record import Observation, Record
from harness.outage.words import detail_of
from harness.outage.writing import written_time
from harness.problems import Problem
from reference_server.addresses import format_address

__all__ = ["record_as_text", "record_lines"]


def record_lines(record: Record) -> Iterator[str]:
    """Yield a line for each observation, in order of time, and one that says what they are of."""
    rows = [("line", "time", "source", "event", "detail")]
    rows += [
        (str(each.line), written_time(each), each.source, each.what.value, detail_of(each))
        for each in record.observations
    ]
    width = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line, *others = row
        cells = [line.rjust(width[0]), *(cell.ljust(size) for cell, size in zip(others, width[1:], strict=True))]
        yield "  ".join(cells).rstrip()
    first, last = record.observations[0].at_us, record.observations[-1].at_us
    yield ""
    yield (
        f"{_counted(len(record.observations), 'observation')} of {_counted(len(record.nodes), 'node')}, "
        f"{format_utc(first)} to {format_utc(last)}"
    )


def record_as_text(record: Record) -> str:
    """Return all of a record as JSON."""
    content = {
        "file": record.file,
        "observations": [_observation(each) for each in record.observations],
        "left_out": [_problem(each) for each in record.left_out],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _observation(each: Observation) -> dict[str, Any]:
    content: dict[str, Any] = {
        "line": each.line,
        "time": format_utc(each.at_us),
        "unit_us": each.unit_us,
        "source": each.source,
        "event": each.what.value,
    }
    values = {
        "code": None if each.code is None else int(each.code) if each.code > 0 else each.code.shown_name,
        "status": None if each.status is None else each.status.name.lower(),
        "registered": each.count,
        "address": None if each.address is None else format_address(each.address),
        "by_us": each.by_us,
        "nodes": list(each.nodes) or None,
        "text": each.text or None,
    }
    return content | {key: value for key, value in values.items() if value is not None}


def _problem(each: Problem) -> dict[str, Any]:
    return {"line": each.line, "column": each.column, "key": each.key, "found": each.found, "expected": each.expected}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
