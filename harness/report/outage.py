"""What explains an outage, and how prediction and record differ: in sentences, as tables, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from harness.durations import format_utc
from harness.outage.case import Case
from harness.outage.causes import Cause, Kind, told
from harness.outage.comparing import Comparison, Predicted
from harness.outage.deciding import deciding
from harness.outage.diagnosing import Diagnosis, Simulated
from harness.outage.narrowing import Bounds, Narrowed, narrowed
from harness.outage.record import Observation, What
from reference_server.codes import Code

__all__ = [
    "comparison_lines",
    "deciding_line",
    "diagnosis_as_text",
    "diagnosis_lines",
    "line_numbers",
    "lines_of",
    "times_of",
]

_NOTED = 20


def line_numbers(observations: Sequence[Observation]) -> str:
    """Return where observations stand: ``line 3``, ``lines 3-7, 9``."""
    lines = sorted({each.line for each in observations})
    runs = []
    for _, run in groupby(enumerate(lines), lambda pair: pair[1] - pair[0]):
        numbers = [line for _, line in run]
        runs.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    more = f" and {len(runs) - _NOTED} more" if len(runs) > _NOTED else ""
    return f"line{'' if len(lines) == 1 else 's'} {', '.join(runs[:_NOTED])}{more}"


def diagnosis_lines(diagnosis: Diagnosis, *, most: int = 3) -> Iterator[str]:
    """Yield for people what explains a record: the explanations, what would decide, or that it cannot be told."""
    yield from lines_of(diagnosis.case)
    shown = diagnosis.explanations[:most]
    if not shown:
        yield "It cannot be told: nothing that was tried shows all of the record when it is simulated."
        yield from _left_open(diagnosis)
        return
    for place, explanation in enumerate(shown, start=1):
        yield ""
        yield from _explanation(diagnosis.case, place, explanation)
    yield ""
    if len(diagnosis.best) > 1:
        equal = [str(place) for place, each in enumerate(shown, start=1) if each in diagnosis.best]
        # Those that are not told are as good, too.
        equal += ["others"] if len(diagnosis.best) > len(equal) else []
        yield (
            f"{', '.join(equal[:-1])} and {equal[-1]} explain the record equally well: it cannot be told from it "
            "which it was. They stand in the order of how common they are."
        )
    if line := deciding_line(diagnosis):
        yield f"What would decide between 1 and 2: {line}."


def deciding_line(diagnosis: Diagnosis) -> str:
    """Return what would decide between the first two explanations, nothing if there are no two."""
    found = diagnosis.explanations[:2]
    return deciding(diagnosis.case, *found) if len(found) == 2 else ""


def lines_of(case: Case) -> Iterator[str]:
    """Yield what a record is about."""
    observations = case.record.observations
    nodes = len(case.nodes)
    first, last = (format_utc(each.at_us) for each in (observations[0], observations[-1]))
    yield (
        f"{case.record.file}: {len(observations)} line{'s' if len(observations) != 1 else ''}, "
        f"{nodes} node{'s' if nodes != 1 else ''}, {first} to {last}"
    )


def _explanation(case: Case, place: int, explanation: Simulated) -> Iterator[str]:
    if not explanation.causes:
        yield f"{place}  what was recorded explains everything; nothing else need have happened"
    for number, each in enumerate(narrowed(case, explanation)):
        yield f"{place if number == 0 else ' '}  {told(each.cause)}"
        for line in times_of(case, each):
            yield f"     {line}"
    failures = [seen for seen, _ in explanation.comparison.matched]
    if failures:
        yield f"     shows {_counted(len(failures), 'failure')}: {line_numbers(failures)}"
    for node, at_us in explanation.built.unrecorded:
        yield f"     takes it that {node} was asked to register at {_instant(case, at_us)}, which nobody wrote down"
    missing = explanation.comparison.surplus
    if missing:
        some = ", ".join(_row(case, row) for row in missing[:3])
        more = f", and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield f"     takes it that {_counted(len(missing), 'row')} of failure lists are not in the record: {some}{more}"


def times_of(case: Case, each: Narrowed) -> Iterator[str]:
    """Yield when a cause began and ended, as far as the record fixes it."""
    cause = each.cause
    if cause.kind is Kind.EXPIRED:
        yield f"at {_instant(case, cause.start_us)}, the end of the last licensed day"
    elif each.start is not None:
        verb = "began" if each.end is not None or cause.kind not in (Kind.STEP, Kind.RESTORED) else "happened"
        yield f"{verb} {_between(case, each.start)}"
    if each.end is not None:
        yield f"ended {_between(case, each.end)}"
    elif each.start is not None and cause.kind not in (Kind.STEP, Kind.RESTORED):
        yield "did not end before the record does"


def _between(case: Case, bounds: Bounds) -> str:
    if bounds.first_us is None and bounds.last_us is None:
        return "at any time"
    if bounds.first_us is None:
        return f"at {_instant(case, bounds.last_us)} or before"
    if bounds.last_us is None:
        return f"at {_instant(case, bounds.first_us)} or later"
    return f"between {_instant(case, bounds.first_us)} and {_instant(case, bounds.last_us)}"


def _instant(case: Case, at_us: int | None) -> str:
    """Return an instant to the nearest second."""
    return "" if at_us is None else format_utc(_rounded(case.start_us + at_us))


def _rounded(wall_us: int) -> int:
    return (wall_us + 500_000) // 1_000_000 * 1_000_000


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _row(case: Case, row: Predicted) -> str:
    return f"{row.node} at {_instant(case, row.wall_us)} ({_code(row.code)})"


def _code(code: Code | None) -> str:
    return "" if code is None else code.label or code.shown_name


def _left_open(diagnosis: Diagnosis) -> Iterator[str]:
    near = diagnosis.nearest.comparison
    if near.unexplained:
        count = _counted(len(near.unexplained), "line")
        yield f"What comes closest leaves {count} open: {line_numbers(near.unexplained)}."
    for seen, status in near.contradicted[:_NOTED]:
        yield f"It contradicts line {seen.line}: {seen.source} is {_seen(seen)} there, and {status} by it."


def _seen(each: Observation) -> str:
    if each.what is What.FAILED:
        return f"failed {_code(each.code)}"
    if each.what is What.STATUS and each.status is not None:
        return each.status.name.lower()
    return str(each.count) if each.count is not None else each.what.value


def comparison_lines(case: Case, comparison: Comparison, *, everything: bool = False) -> Iterator[str]:
    """Yield what was predicted beside what was observed, node by node; with ``everything`` also where they agree."""
    yield from lines_of(case)
    for node in case.nodes:
        matched = [pair for pair in comparison.matched if pair[0].source == node]
        rows: list[tuple[int, str, str, str]] = []
        for each, row in matched if everything else ():
            rows.append((each.at_us, _seen(each), f"failed {_code(row.code)}", f"line {each.line}"))
        for each in comparison.unexplained:
            if each.source == node:
                rows.append((each.at_us, _seen(each), "-", f"line {each.line}: not predicted"))
        for row in comparison.surplus:
            if row.node == node:
                rows.append(
                    (_rounded(case.start_us + row.wall_us), "-", f"failed {_code(row.code)}", "not in the record")
                )
        for each, status in comparison.contradicted:
            if each.source == node:
                rows.append((each.at_us, _seen(each), status, f"line {each.line}: differs"))
        yield f"{node}: {_counted(len(matched), 'failure')} as predicted" + (", nothing else" if not rows else "")
        yield from _columns([(format_utc(at_us), *cells) for at_us, *cells in sorted(rows)])
    for each, count in comparison.contradicted:
        if each.count is not None:
            yield f"{each.source}: line {each.line} counts {each.count} registered nodes, the simulation {count}"
    verdict = "The simulation shows all that was recorded" if comparison.reproduces else "The simulation differs"
    yield f"{verdict}: {_differences(comparison)}."


def _differences(comparison: Comparison) -> str:
    return (
        f"{_counted(len(comparison.matched), 'failure')} as predicted, "
        f"{_counted(len(comparison.unexplained), 'line')} not predicted, {len(comparison.contradicted)} that differ, "
        f"{_counted(len(comparison.surplus), 'predicted row')} not in the record"
    )


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        rows = [("time", "observed", "predicted", ""), *rows]
    widths = [max(len(row[place]) for row in rows) for place in range(4)] if rows else []
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def diagnosis_as_text(diagnosis: Diagnosis) -> str:
    """Return a diagnosis as JSON text, ending in a newline."""
    case, found = diagnosis.case, diagnosis.explanations
    data = {
        "record": case.record.file,
        "simulated": True,
        "lines": len(case.record.observations),
        "tried": diagnosis.tried,
        "explanations": [_as_json(case, each, each in diagnosis.best) for each in found],
        "decides": deciding(case, *found[:2]) if len(found) > 1 else None,
        "open": [each.line for each in diagnosis.nearest.comparison.unexplained] if not found else [],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _as_json(case: Case, explanation: Simulated, as_good: bool) -> dict[str, Any]:
    return {
        "as_good_as_the_first": as_good,
        "price": str(explanation.price),
        "causes": [_cause(case, each) for each in narrowed(case, explanation)],
        "shows": sorted(seen.line for seen, _ in explanation.comparison.matched),
        "unrecorded_registers": [
            {"node": node, "at": _instant(case, at_us)} for node, at_us in explanation.built.unrecorded
        ],
        "missing_rows": [
            {"node": row.node, "at": _instant(case, row.wall_us), "code": _code(row.code)}
            for row in explanation.comparison.surplus
        ],
    }


def _cause(case: Case, each: Narrowed) -> dict[str, Any]:
    cause: Cause = each.cause
    return {
        "kind": cause.kind.name.lower(),
        "says": told(cause),
        "nodes": list(cause.nodes),
        "host": cause.host,
        "start": _bounds(case, each.start),
        "end": _bounds(case, each.end),
    }


def _bounds(case: Case, bounds: Bounds | None) -> dict[str, str | None] | None:
    if bounds is None:
        return None
    return {
        "earliest": _instant(case, bounds.first_us) or None,
        "latest": _instant(case, bounds.last_us) or None,
    }
