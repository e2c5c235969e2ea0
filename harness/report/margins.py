"""The safety margins of a scenario: in sentences, as a table of flips, and as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from harness.envelope import Flip, Margins, Quantity, Step
from harness.report.table import shorten

__all__ = ["flip_lines", "margins_as_text", "margins_lines"]


def margins_lines(margins: Margins) -> list[str]:
    """Return for people what was asked, and what came of it, in sentences."""
    question = margins.question
    varied = question.varied
    low, high = varied.notation.shown(varied.low), varied.notation.shown(varied.high)
    phases = f"{len(margins.phases)} phases" if len(margins.phases) > 1 else "the phases of the file"
    title = f"{shorten(question.file)} [{margins.reading}]: {varied.path} from {low} to {high}, {phases}"
    return [title, *(f"  {line}" for line in _sentences(margins))]


class _Words(NamedTuple):
    """How a sentence tells that something is so always, in half of all cases, never, and so many times of so many."""

    always: str
    half: str
    never: str
    sometimes: str

    def amount(self, step: Step) -> str:
        if step.holding == step.total:
            return self.always
        return self.sometimes.format(step.holding, step.total) if step.holding else self.never


_NODES = _Words("every node survives", "half", "none", "{} of {} survive")
_IN_PHASES = _Words("met in every phase", "in half of them", "in none", "met in {} of {} phases")
_ALONE = _Words("met", "", "not met", "")


def _sentences(margins: Margins) -> Iterator[str]:
    shown = margins.question.varied.notation.shown
    yield _sentence(margins.survivors(), shown, _NODES)
    for quantity in margins.quantities("expectation"):
        words = _IN_PHASES if len(margins.phases) > 1 else _ALONE
        yield f"{_called(quantity)}: {_sentence(margins.of(quantity, ('met',)), shown, words)}"
    violated = False
    for quantity in margins.quantities("rule"):
        steps = [step for step in margins.of(quantity, ("violated",)) if step.holding]
        if steps:
            violated = True
            yield f"{quantity.name} is violated {', '.join(_stretch(step, shown) for step in steps)}"
    if not violated:
        yield "no rule is violated"


def _sentence(steps: Sequence[Step], shown: Callable[[int], str], words: _Words) -> str:
    """Return how often something is so, by the value: up to where always, up to where in half, from where never."""
    steps = _by_share(steps)
    first, last = steps[0], steps[-1]
    if first is last:
        return f"{words.amount(first)} {_stretch(first, shown)}"
    rises = [_compared(before, after) < 0 for before, after in pairwise(steps)]
    if any(rises) and not all(rises):
        return "; ".join(_spans(steps, shown, words))
    parts = [f"{words.amount(first)} up to {shown(first.last)}", f"{words.amount(last)} from {shown(last.first)}"]
    halves = [step for step in steps[1:-1] if step.holding * 2 >= step.total]
    fewest = first if all(rises) else last
    # Where at least half hold over the whole range, there is nowhere that it ends.
    if halves and fewest.holding * 2 < fewest.total:
        edge = f"from {shown(halves[0].first)}" if all(rises) else f"up to {shown(halves[-1].last)}"
        parts.insert(1, f"{words.half} {edge}")
    return ", ".join(parts)


def _spans(steps: Sequence[Step], shown: Callable[[int], str], words: _Words) -> Iterator[str]:
    """Yield from where to where something is so always, never, or now more and now less often."""
    for _, group in groupby(steps, key=lambda step: (step.holding == step.total, step.holding > 0)):
        span = list(group)
        amounts = sorted({step.holding for step in span})
        amount = words.amount(span[0])
        if len(amounts) > 1:
            amount = words.sometimes.format(f"{amounts[0]} to {amounts[-1]}", span[0].total)
        yield f"{amount} {_stretch(replace(span[0], last=span[-1].last), shown)}"


def _stretch(step: Step, shown: Callable[[int], str]) -> str:
    if step.first == step.last:
        return f"at {shown(step.first)}"
    return f"from {shown(step.first)} to {shown(step.last)}"


def _compared(one: Step, other: Step) -> int:
    """Return how the share of ``one`` compares with that of ``other``: below, at or above zero."""
    # Shares are compared without dividing: a/b with c/d as ad with cb.
    return one.holding * other.total - other.holding * one.total


def _by_share(steps: Sequence[Step]) -> list[Step]:
    """Return ``steps`` with neighbours of the same share joined."""
    joined = [steps[0]]
    for step in steps[1:]:
        if _compared(joined[-1], step) == 0:
            joined[-1] = replace(joined[-1], last=step.last)
        else:
            joined.append(step)
    return joined


def _called(quantity: Quantity) -> str:
    """Return how a quantity is called in sentences and in the table."""
    if quantity.kind == "expectation":
        return f"line {quantity.line}" if quantity.line else f"expect[{quantity.name}]"
    return quantity.name


def flip_lines(margins: Margins) -> list[str]:
    """Return the table of flips: two neighbouring values, in which phases, and what changes between them."""
    shown = margins.question.varied.notation.shown
    many = len(margins.phases) > 1
    # What changes at the same value in the same phases is one row.
    changes: dict[tuple[int, tuple[int, ...]], list[Flip]] = {}
    for flip, phases in margins.rows():
        changes.setdefault((flip.below, phases), []).append(flip)
    if not changes:
        return []
    rows = [["up to", "from", "phases", "what changes"]] + [
        [
            shown(below),
            shown(below + 1),
            _numbers(phases, len(margins.phases)),
            ", ".join(f"{_called(flip.quantity)}: {flip.before} -> {flip.after}" for flip in flips),
        ]
        for (below, phases), flips in changes.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    columns = [place for place in range(len(widths)) if many or place != 2]
    return ["  ".join(f"{row[place]:<{widths[place]}}" for place in columns).rstrip() for row in rows]


def _numbers(phases: Sequence[int], count: int) -> str:
    """Return the numbers of phases, such as "0-3, 7"."""
    if len(phases) == count:
        return "all"
    spans: list[list[int]] = []
    for phase in phases:
        if spans and phase == spans[-1][-1] + 1:
            spans[-1].append(phase)
        else:
            spans.append([phase])
    return ", ".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)


def margins_as_text(margins: Margins, title: str) -> str:
    """Return what was found as JSON text, ending in a newline. Values are whole numbers of ``unit``.

    :param title: the scenario's.
    """
    question = margins.question
    varied = question.varied
    data: dict[str, Any] = {
        "scenario": title,
        "file": question.file,
        "reading": margins.reading,
        "seed": question.seed,
        "simulated": True,
        "vary": {"path": varied.path, "low": varied.low, "high": varied.high, "unit": varied.notation.unit},
        "phases": len(margins.phases),
        "runs": margins.runs,
        "summary": list(_sentences(margins)),
        "survivors": [
            {"from": step.first, "to": step.last, "surviving": step.holding, "of": step.total}
            for step in margins.survivors()
        ],
        "flips": [
            {
                "below": flip.below,
                "above": flip.above,
                "kind": flip.quantity.kind,
                "name": _called(flip.quantity),
                "before": flip.before,
                "after": flip.after,
                "phases": list(phases),
            }
            for flip, phases in margins.rows()
        ],
    }
    return json.dumps(data, indent=1) + "\n"
