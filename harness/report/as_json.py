"""Results as one JSON object, for programs. Its shape is stable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.durations import format_local
from harness.expectations import Met
from harness.rulebook import Finding, Judgement
from harness.runner import Result
from harness.scenario_file import values
from harness.trace import Failure, Status, TransitionReason, Trouble
from reference_server.protocol import Code

__all__ = ["code_value", "local_date", "results_as_json", "results_as_text"]


def results_as_text(results: Sequence[Result]) -> str:
    """Return ``results`` as JSON text, ending in a newline."""
    return json.dumps(results_as_json(results), indent=1) + "\n"


def results_as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return ``results`` as plain data."""
    return {"results": [_result(each) for each in results]}


def _result(result: Result) -> dict[str, Any]:
    return {
        "scenario": result.scenario.title,
        "file": result.scenario.file,
        "reading": result.reading.name,
        "seed": result.seed,
        "systems": list(result.systems),
        "wire": result.wire,
        "outcome": result.outcome.value,
        "skipped": result.skipped,
        "digest": result.digest,
        "events": result.events,
        "simulated": True,
        "rules": {rule: _judgement(each) for rule, each in result.judgements.items()},
        "unjudged": result.unjudged,
        "expectations": [_expectation(each) for each in result.expectations],
        "troubles": [_trouble(result, each) for each in result.troubles],
        "nodes": _nodes(result),
    }


def _trouble(result: Result, trouble: Trouble) -> dict[str, Any]:
    host = result.trace.host(trouble.host)
    return {"at_us": trouble.at_us, "host": host, "what": trouble.what, "fatal": trouble.fatal}


def _judgement(judgement: Judgement) -> dict[str, Any]:
    data: dict[str, Any] = {
        "verdict": judgement.ruling.value,
        "tested": judgement.tested,
        "violations": judgement.violations,
        "first": _finding(judgement.first),
    }
    if judgement.notes:
        data["notes"] = [_finding(note) for note in judgement.notes]
    if judgement.trouble:
        data["trouble"] = judgement.trouble
    return data


def _finding(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    return {"at_us": finding.at_us, "node": finding.node, "message": finding.message}


def _expectation(met: Met) -> dict[str, Any]:
    expect = met.expect
    when: dict[str, Any] = {"at_us": expect.at_us}
    if expect.between is not None:
        between = expect.between
        when = {"between_us": [between.first_us, between.last_us], "hold": between.hold}
    return when | {
        "line": expect.line,
        "node": met.node,
        "stated": met.stated,
        "found": met.found,
        "decided_us": met.decided_us,
        "met": met.met,
    }


def _nodes(result: Result) -> dict[str, Any]:
    trace = result.trace
    nodes: dict[str, Any] = {
        name: {"status": "unregistered", "access": False, "transitions": [], "failures": []} for name in trace.nodes
    }
    for change in trace.transitions:
        node = nodes[trace.nodes[change.node]]
        node["status"] = Status(change.after).name.lower()
        node["transitions"].append(
            {
                "at_us": change.at_us,
                "from": Status(change.before).name.lower(),
                "to": node["status"],
                "reason": TransitionReason(change.reason).name.lower(),
            }
        )
    for access in trace.access:
        nodes[trace.nodes[access.node]]["access"] = bool(access.opened)
    for row in trace.failures:
        nodes[trace.nodes[row.node]]["failures"].append(
            {
                "at_us": row.at_us,
                "wall_us": row.wall_us,
                "local": local_date(result, row),
                "code": code_value(row.code),
                "name": Code(row.code).shown_name,
            }
        )
    return nodes


def local_date(result: Result, row: Failure) -> str:
    """Return the date of a failure as its node shows it: by its own wall clock, in its time zone."""
    return format_local(row.wall_us, values.zone(result.scenario.nodes[row.node].zone))


def code_value(code: int) -> int | str | None:
    """Return a code of the trace as reports write it: its number, ``"/"``, or ``None`` where there is none."""
    return code if code > 0 else (Code(code).label or None)
