"""The trace as JSON Lines: a header, then every record in order of time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.report.as_json import code_value, local_date
from harness.runner import Result
from harness.trace import (
    NEVER,
    EdgeKind,
    Outcome,
    SlotChange,
    Spoilt,
    Status,
    TransitionReason,
    Verdict,
)
from reference_server.protocol import Code, Kind, format_address

__all__ = ["trace_lines"]


def trace_lines(result: Result) -> Iterator[str]:
    """Yield the lines, each with its newline. Columns that do not apply are left out."""
    header = {
        "type": "run",
        "simulated": True,
        "scenario": result.scenario.title,
        "file": result.scenario.file,
        "reading": result.reading.name,
        "seed": result.seed,
        "systems": list(result.systems),
        "wire": result.wire,
        "digest": result.digest,
    }
    yield json.dumps(header) + "\n"
    records = [*_records(result)]
    records.sort(key=lambda record: record[0])
    for _, record in records:
        yield json.dumps(record) + "\n"


def _records(result: Result) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (when, record); at one instant, what happened to hosts comes first."""
    trace = result.trace
    for edge in trace.edges:
        record: dict[str, Any] = {
            "type": "edge",
            "at_us": edge.at_us,
            "host": trace.host(edge.host),
            "what": EdgeKind(edge.what).name.lower(),
            "done": bool(edge.done),
        }
        if edge.what in (EdgeKind.MOVED, EdgeKind.POINTED) and edge.value:
            record["address"] = format_address(edge.value)
        elif edge.what == EdgeKind.ROLLED_BACK:
            record["to_us"] = edge.value
        elif edge.what == EdgeKind.CLONED:
            record["of"] = "server" if edge.host < 0 else trace.nodes[edge.value]
        yield edge.at_us, record
    for trouble in trace.troubles:
        yield (
            trouble.at_us,
            {"type": "trouble", "at_us": trouble.at_us, "host": trace.host(trouble.host), "what": trouble.what},
        )
    for e in trace.exchanges:
        record = {
            "type": "request",
            "sent_us": e.sent_us,
            "node": trace.nodes[e.node],
            "kind": Kind(e.kind).name.lower(),
            "number": e.number,
            "sent_boot_us": e.sent_boot_us,
            "source": format_address(e.source),
            "reported": format_address(e.reported),
            "arrived_us": e.arrived_us,
            "verdict": e.verdict if e.verdict >= 0 else Verdict(e.verdict).name.lower(),
            "delivered_us": e.delivered_us,
            "ended_us": e.ended_us,
            "outcome": Outcome(e.outcome).name.lower(),
        }
        if e.lost or e.answer_lost:
            record["lost"] = "request" if e.lost else "answer"
        if e.server:
            record["server"] = "copy"
        if e.spoilt:
            record["spoilt"] = Spoilt(e.spoilt).name.lower()
        yield e.sent_us, {key: value for key, value in record.items() if value != NEVER}
    for copy in trace.copies:
        again = trace.exchanges[copy.place]
        verdict = copy.verdict if copy.verdict >= 0 else Verdict(copy.verdict).name.lower()
        record = {
            "type": "copy",
            "arrived_us": copy.arrived_us,
            "node": trace.nodes[again.node],
            "number": again.number,
            "verdict": verdict,
        }
        yield copy.arrived_us, record
    for beat in trace.beats:
        record = {
            "type": "beats",
            "first_sent_us": beat.first_sent_us,
            "last_sent_us": beat.last_sent_us,
            "node": trace.nodes[beat.node],
            "polls": beat.polls,
            "first_number": beat.first_number,
            "source": format_address(beat.address),
        }
        yield beat.first_sent_us, record
    for slot in trace.slots:
        record = {
            "type": "slot",
            "at_us": slot.at_us,
            "node": trace.nodes[slot.node],
            "change": SlotChange(slot.change).name.lower(),
            "address": format_address(slot.address),
            "live": slot.live,
        } | ({"server": "copy"} if slot.server else {})
        yield slot.at_us, record
    for count in trace.counts:
        record = {"type": "registered", "at_us": count.at_us, "live": None if count.live == NEVER else count.live}
        yield count.at_us, record | ({"server": "copy"} if count.server else {})
    for row in trace.failures:
        record = {
            "type": "failure",
            "at_us": row.at_us,
            "node": trace.nodes[row.node],
            "wall_us": row.wall_us,
            "local": local_date(result, row),
            "code": code_value(row.code),
            "name": Code(row.code).shown_name,
            "number": row.number,
        }
        yield row.at_us, {key: value for key, value in record.items() if value != NEVER}
    for change in trace.transitions:
        record = {
            "type": "transition",
            "at_us": change.at_us,
            "node": trace.nodes[change.node],
            "from": Status(change.before).name.lower(),
            "to": Status(change.after).name.lower(),
            "reason": TransitionReason(change.reason).name.lower(),
        }
        yield change.at_us, record
    for access in trace.access:
        opened = bool(access.opened)
        yield (
            access.at_us,
            {
                "type": "access",
                "at_us": access.at_us,
                "node": trace.nodes[access.node],
                "open": opened,
            },
        )
