"""What a simulation predicts beside what was observed: node by node, row by row, each difference.

A simulation has to show everything that was observed: each failure at its time, each status when it was looked up, each
registration as it succeeded. What it shows beyond that may be a row that did not find its way into the record.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from harness.outage.case import SLACK_US, Built, Case
from harness.outage.record import Observation, What
from harness.scenario import SERVER
from harness.trace import NEVER, Failure, Status, Trace, Transition, TransitionReason
from reference_server.codes import Code

__all__ = ["Comparison", "Predicted", "compare", "paired"]

_Row = TypeVar("_Row", Failure, Transition)


@dataclass(frozen=True, slots=True)
class Predicted:
    """A row of a failure list that the simulation has. ``wall_us`` is the node's own, since the start of the case."""

    node: str
    wall_us: int
    code: Code
    number: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How prediction and record differ.

    ``matched`` pairs what was observed with the row that shows it. ``unexplained`` are failures and registrations that
    the simulation does not have, ``surplus`` rows that only the simulation has, ``contradicted`` statuses that it shows
    differently, each with what it shows.
    """

    matched: tuple[tuple[Observation, Predicted], ...]
    unexplained: tuple[Observation, ...]
    surplus: tuple[Predicted, ...]
    contradicted: tuple[tuple[Observation, str], ...]

    @property
    def reproduces(self) -> bool:
        """Whether the simulation shows all that was observed."""
        return not self.unexplained and not self.contradicted


def compare(case: Case, built: Built, trace: Trace) -> Comparison:
    """Compare what was observed with what was simulated."""
    shown = _Shown(case, built, trace)
    matched: list[tuple[Observation, Predicted]] = []
    unexplained: list[Observation] = []
    surplus: list[Predicted] = []
    contradicted: list[tuple[Observation, str]] = []
    for place, node in enumerate(case.nodes):
        seen = case.by_source[node]
        pairs, missing, more = paired(seen, shown.rows(place), case.start_us)
        matched += pairs
        unexplained += missing
        surplus += more
        for each in seen:
            if each.what is What.STATUS and each.status is not None:
                statuses = shown.statuses(place, each)
                if each.status not in statuses:
                    contradicted.append((each, " or ".join(status.name.lower() for status in statuses)))
            elif each.what is What.REGISTERED and not shown.was_registered(place, each):
                unexplained.append(each)
    for each in case.by_source[SERVER]:
        if each.what is What.STATUS and each.count is not None:
            counts = shown.counts(each)
            if each.count not in counts:
                contradicted.append((each, " or ".join(map(str, sorted(dict.fromkeys(counts))))))
    surplus.sort(key=lambda row: row.wall_us)
    return Comparison(
        matched=tuple(matched),
        unexplained=tuple(sorted(unexplained, key=lambda each: (each.at_us, each.line))),
        surplus=tuple(surplus),
        contradicted=tuple(contradicted),
    )


def paired(
    seen: Sequence[Observation], rows: Sequence[Predicted], start_us: int
) -> tuple[list[tuple[Observation, Predicted]], list[Observation], list[Predicted]]:
    """Return which observed failures are which predicted rows, those that are none, and the rows that are left.

    ``start_us`` is the wall-clock instant from which those of ``rows`` count; both are in order of time. Of rows with
    one code, the earliest that is near enough is taken; since what is observed twice is observed within its unit, no
    other pairing has more pairs.
    """
    by_code: dict[Code, list[int]] = {}
    for index, row in enumerate(rows):
        by_code.setdefault(row.code, []).append(index)
    pairs, missing = [], []
    next_: dict[Code, int] = {}
    taken: set[int] = set()
    for each in seen:
        if each.what is not What.FAILED or each.code is None:
            continue
        candidates = by_code.get(each.code, [])
        at_us, allowed_us = each.at_us - start_us, each.unit_us + SLACK_US
        place = next_.get(each.code, 0)
        while place < len(candidates) and rows[candidates[place]].wall_us < at_us - allowed_us:
            place += 1
        if place < len(candidates) and rows[candidates[place]].wall_us <= at_us + allowed_us:
            pairs.append((each, rows[candidates[place]]))
            taken.add(candidates[place])
            place += 1
        else:
            missing.append(each)
        next_[each.code] = place
    return pairs, missing, [row for index, row in enumerate(rows) if index not in taken]


class _Shown:
    """What the simulation shows, by node and instant."""

    def __init__(self, case: Case, built: Built, trace: Trace) -> None:
        self._case = case
        self._clocks = built.clocks
        self._trace = trace
        self._timeout_us = case.installation.network.timeout_us

    @cached_property
    def _failures(self) -> list[list[Failure]]:
        return _by_node(self._trace.failures, len(self._trace.nodes))

    @cached_property
    def _transitions(self) -> list[list[Transition]]:
        return _by_node(self._trace.transitions, len(self._trace.nodes))

    @cached_property
    def _live(self) -> tuple[list[int], list[int]]:
        slots = [slot for slot in self._trace.slots if slot.server == 0]
        return [NEVER, *(slot.at_us for slot in slots)], [0, *(slot.live for slot in slots)]

    def rows(self, place: int) -> list[Predicted]:
        name, start_us = self._trace.nodes[place], self._case.start_us
        rows = [Predicted(name, row.wall_us - start_us, Code(row.code), row.number) for row in self._failures[place]]
        return sorted(rows, key=lambda row: row.wall_us)

    def statuses(self, place: int, seen: Observation) -> list[Status]:
        """Return the statuses that the node had around the time at which one was seen."""
        return list(dict.fromkeys(map(Status, self._around(self._status(place), seen, seen.unit_us + SLACK_US))))

    def counts(self, seen: Observation) -> list[int]:
        """Return how many slots were live around the time at which they were counted."""
        return self._around(self._live, seen, seen.unit_us + self._case.clock_error_us)

    def _status(self, place: int) -> tuple[list[int], list[int]]:
        rows = self._transitions[place]
        return [NEVER, *(row.at_us for row in rows)], [int(Status.UNREGISTERED), *(row.after for row in rows)]

    def _around(self, steps: tuple[list[int], list[int]], seen: Observation, within_us: int) -> list[int]:
        at_us = self._clocks[seen.source].true_us(self._case.wall_us(seen))
        instants, values = steps
        first = max(0, bisect_right(instants, at_us - within_us) - 1)
        return values[first : bisect_right(instants, at_us + within_us)]

    def was_registered(self, place: int, seen: Observation) -> bool:
        """Tell whether a grant made the node registered at about that time, or found it so."""
        allowed_us = seen.unit_us + SLACK_US
        at_us = self._clocks[seen.source].true_us(self._case.wall_us(seen))
        granted = any(
            at_us - allowed_us <= row.at_us <= at_us + allowed_us + self._timeout_us
            for row in self._transitions[place]
            if row.after == Status.REGISTERED and row.reason == TransitionReason.GRANTED
        )
        # A register of a node that is registered changes no status.
        return granted or self.statuses(place, seen) == [Status.REGISTERED]


def _by_node(rows: Iterable[_Row], count: int) -> list[list[_Row]]:
    found: list[list[_Row]] = [[] for _ in range(count)]
    for row in rows:
        found[row.node].append(row)
    return found
