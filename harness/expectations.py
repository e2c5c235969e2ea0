"""Expectations: what a scenario says must hold, compared with what the trace shows.

A status, an access, a failure and a number of registrations are piecewise-constant functions of true time. An
expectation at an instant sees the world after everything at that instant; one over a stretch looks at both ends and
at every change between them.

An expectation that names readings is stated for those; one that names none is stated for the scenario's own reading
(its ``reading`` key, else ``literal``). Under any other reading it is not judged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from harness.scenario import Expect, Scenario
from harness.trace import NEVER, Status, Trace
from reference_server.protocol import Code
from reference_server.readings import Reading

__all__ = ["Met", "Timeline", "Timelines", "Value", "failure_value", "judge_expectations", "own_reading", "untold"]

#: What can be stated and found: a status, whether access is open, a failure's code or text, a number of slots.
Value: TypeAlias = int | str | bool | None


def own_reading(scenario: Scenario) -> str:
    """Return the name of the reading that the scenario itself asks for."""
    return scenario.reading or "literal"


@dataclass(frozen=True, slots=True)
class Timeline:
    """A piecewise-constant value: from ``times[k]`` on it is ``values[k]``, before that ``initial``."""

    initial: Value
    times: list[int]
    values: list[Value]

    def at(self, true_us: int) -> Value:
        """Return the value after everything at ``true_us``."""
        place = bisect_right(self.times, true_us)
        return self.values[place - 1] if place else self.initial

    def between(self, first_us: int, last_us: int) -> Iterator[tuple[int, Value]]:
        """Yield (since when, value) for each value that is held in the closed stretch."""
        yield first_us, self.at(first_us)
        for place in range(bisect_right(self.times, first_us), bisect_right(self.times, last_us)):
            yield self.times[place], self.values[place]


#: What is so before anything has happened.
_INITIAL: dict[str, Value] = {"status": "unregistered", "access": False, "failure": "none"}


class Timelines:
    """The timelines of one run, by what an expectation can state."""

    def __init__(self, scenario: Scenario, trace: Trace) -> None:
        self._place = {node.name: i for i, node in enumerate(scenario.nodes)}
        #: By node, where anything changed.
        self._status: dict[int, Timeline] = {}
        self._access: dict[int, Timeline] = {}
        self._failure: dict[int, Timeline] = {}
        self._registered = Timeline(0, [], [])
        for change in trace.transitions:
            _append(
                _line(self._status, change.node, _INITIAL["status"]), change.at_us, Status(change.after).name.lower()
            )
        for access in trace.access:
            _append(_line(self._access, access.node, _INITIAL["access"]), access.at_us, bool(access.opened))
        for row in trace.failures:
            _append(_line(self._failure, row.node, _INITIAL["failure"]), row.at_us, failure_value(row.shown))
        live = [0, 0]
        for slot in trace.slots:
            live[slot.server] = slot.live
            _append(self._registered, slot.at_us, sum(live))
        if not trace.sees_slots:
            # What the servers tell of them; ``None`` where one tells nothing.
            self._registered = Timeline(None, [], [])
            told: list[int | None] = [None, 0]
            for at_us, number, server in trace.counts:
                told[server] = None if number == NEVER else number
                known = [each for each in told if each is not None]
                _append(self._registered, at_us, sum(known) if len(known) == len(told) else None)

    def of(self, what: str, node: str | None) -> Timeline:
        """Return the timeline of ``status``, ``access`` or ``failure`` of ``node``, or of ``registered``."""
        if what == "registered":
            return self._registered
        assert node is not None, "only the number of registrations is of no node"
        lines: dict[int, Timeline] = getattr(self, f"_{what}")
        return _line(lines, self._place[node], _INITIAL[what])


def failure_value(code: int) -> Value:
    """Return a code of the trace as an expectation writes it."""
    return code if code > 0 else Code(code).shown_name


def _line(lines: dict[int, Timeline], node: int, initial: Value) -> Timeline:
    line = lines.get(node)
    if line is None:
        line = lines[node] = Timeline(initial, [], [])
    return line


def _append(line: Timeline, at_us: int, value: Value) -> None:
    if line.times and line.times[-1] == at_us:
        line.values[-1] = value
    else:
        line.times.append(at_us)
        line.values.append(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What became of one expectation at one node (``None``: the number of registrations).

    ``found`` has, for each thing stated, the value that decided; ``decided_us`` is the instant of it.
    """

    expect: Expect
    node: str | None
    stated: dict[str, Value]
    found: dict[str, Value]
    decided_us: int
    met: bool


def judge_expectations(scenario: Scenario, reading: Reading, trace: Trace) -> list[Met]:
    """Return what became of every expectation that is stated for ``reading``, in file order.

    A number of live slots that a server does not tell is not expected of it.
    """
    if not scenario.expects:
        return []
    names = {name for expect in scenario.expects for name in expect.nodes}
    meant = [place for place, node in enumerate(scenario.nodes) if node.name in names]
    lines = Timelines(scenario, trace.about(meant))
    judged = [
        _judge(expect, node, lines)
        for expect in scenario.expects
        if reading.name in (expect.readings or (own_reading(scenario),))
        for node in expect.nodes or (None,)
    ]
    return [met for met in judged if met.stated]


def untold(scenario: Scenario, trace: Trace) -> Expect | None:
    """Return the first expectation of a number of live slots for an instant at which nobody could tell it, if any."""
    line = Timelines(scenario, trace).of("registered", None)
    for expect in scenario.expects:
        if expect.registered is None:
            continue
        between = expect.between
        first_us, last_us = (expect.at_us, expect.at_us) if between is None else (between.first_us, between.last_us)
        assert first_us is not None, "an expectation has an instant or a stretch"
        assert last_us is not None, "an expectation has an instant or a stretch"
        if any(value is None for _, value in line.between(first_us, last_us)):
            return expect
    return None


def _judge(expect: Expect, node: str | None, lines: Timelines) -> Met:
    stated: dict[str, Value] = {
        what: value
        for what in ("status", "access", "failure", "registered")
        if (value := getattr(expect, what)) is not None
    }

    def state_at(true_us: int) -> dict[str, Value]:
        return {what: lines.of(what, node).at(true_us) for what in stated}

    def is_told(true_us: int) -> bool:
        return "registered" not in stated or lines.of("registered", node).at(true_us) is not None

    if expect.between is None:
        assert expect.at_us is not None, "an expectation has an instant or a stretch"
        instants = [expect.at_us]
        always = True
    else:
        first_us, last_us = expect.between.first_us, expect.between.last_us
        changes = {at for what in stated for at, _ in lines.of(what, node).between(first_us, last_us)}
        instants = sorted(changes)
        always = expect.between.hold == "always"
    if not all(map(is_told, instants)):
        instants = list(filter(is_told, instants)) or instants[-1:]
        if not is_told(instants[-1]):
            del stated["registered"]
    decided_us = instants[-1]
    for at_us in instants:
        # "Always" is decided by the first instant at which it fails, "ever" by the first at which it holds.
        if (state_at(at_us) == stated) != always:
            decided_us = at_us
            break
    found = state_at(decided_us)
    return Met(expect=expect, node=node, stated=stated, found=found, decided_us=decided_us, met=found == stated)
