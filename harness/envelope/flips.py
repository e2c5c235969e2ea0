"""The exact values at which what a scenario comes to flips, under one phase of the polls.

A run at one value is observed: what became of each node, how each rule was ruled, whether each expectation was met.
A coarse grid of values is probed first. Between two neighbours that differ there is a flip; the stretch is halved until
its ends are one unit apart, so that a flip is exact whatever it is. Between two that do not differ nothing is taken to
happen: what flips and flips back there is not seen, and a finer grid may see it.

What flips in one phase often flips in another at the same value, or at one that is earlier or later by as much as the
polls are. So those places are tried first. That saves runs, and decides nothing: where it was wrong, halving goes on.

A phase is where in the two hours the polls fall. Phase *k* of *n* moves every registration of the file's nodes *k/n* of
the period later; all else, events and expectations, stays where it is. So each run is the file's own world, which
copies of its nodes in one world would not be: they would need names, addresses and slots of their own, and what the
file says about the number of registrations would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from fake_fdl_nodes.node import PERIOD_US
from harness.durations import format_duration, parse_duration
from harness.envelope.varied import Varied
from harness.expectations import own_reading
from harness.problems import Mistake, ScenarioError
from harness.runner import Result, jobs_for, run_jobs
from harness.scenario import Scenario
from harness.scenario_file import Document, scenario_of
from harness.trace import Status
from reference_server.readings import reading_named

__all__ = ["NODE_SURVIVES", "Flip", "Observation", "Phase", "Quantity", "Question", "Unplayable", "explore"]


class Unplayable(ValueError):  # noqa: N818 - a scenario that cannot be played at a value, not a mistake in the call
    """There is nothing to observe at a ``value`` (as the file writes it): ``why``, a line for each reason.

    ``later_us`` is by how much the phase of the polls moved registrations, if the value is right without that.
    """

    def __init__(self, path: str, value: str, why: str, later_us: int = 0) -> None:
        # All are arguments of the exception, so that it survives the way back from a worker.
        super().__init__(path, value, why, later_us)
        self.path = path
        self.value = value
        self.why = why
        self.later_us = later_us

    def __str__(self) -> str:
        return self.why


class Quantity(NamedTuple):
    """What is observed: a node by its name, a rule by its id, or an expectation by its place in the file's list.

    ``line`` is that of an expectation.
    """

    kind: str
    name: str
    line: int = 0


#: What each quantity came to, in words.
Observation: TypeAlias = dict[Quantity, str]

#: What a node comes to that never lapsed and is registered at the end.
NODE_SURVIVES = ("survives", "survives, ends interrupted")


class Flip(NamedTuple):
    """At ``below`` a quantity comes to ``before``, at ``above``, one unit more, to ``after``."""

    below: int
    above: int
    quantity: Quantity
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: a file (its text and name), what is varied in it, and how many phases and probes there are.

    ``reading`` is the name of one, ``None`` for the scenario's own.
    """

    text: str
    file: str
    varied: Varied
    phases: int = 24
    probes: int = 16
    reading: str | None = None
    seed: int = 0

    @property
    def steps(self) -> int:
        """How many steps there are between the values that are probed first."""
        return min(self.probes, self.varied.high - self.varied.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What was found under one phase: what was observed at the lowest value, and the flips from there on, in order.

    ``reading`` is the one that was run under, ``runs`` the number of runs that it took.
    """

    lowest: Observation
    flips: tuple[Flip, ...]
    reading: str
    runs: int


def explore(
    question: Question, phase: int, known: tuple[int, ...] = (), advance: Callable[[int], None] = lambda steps: None
) -> Phase:
    """Find every flip under one phase, from 0.

    :param known: the values below the flips of phase 0.
    :param advance: is told of each step between two probes that is done.
    :raises Unplayable: if the scenario cannot be played at a value that has to be probed.
    :raises InternalError: if the harness itself is at fault.
    """
    seen: dict[int, Observation] = {}
    probe = _Probe(question, phase)
    changed: list[tuple[int, int]] = []
    low, width = question.varied.low, question.varied.high - question.varied.low
    grid = [low + width * step // question.steps for step in range(question.steps + 1)]
    likely = _likely(question, phase, known)

    def observe(value: int) -> Observation:
        if value not in seen:
            seen[value] = probe(value)
        return seen[value]

    for first, last in pairwise(grid):
        stretches = [(first, last)]
        while stretches:
            below, above = stretches.pop()
            if observe(below) == observe(above):
                continue
            if above - below == 1:
                changed.append((below, above))
            else:
                middle = next((value for value in likely if below < value < above), (below + above) // 2)
                # The lower half is taken up first, so that flips are found in order.
                stretches += [(middle, above), (below, middle)]
        advance(1)
    flips = tuple(flip for below, above in changed for flip in _differences(below, above, seen))
    return Phase(lowest=seen[low], flips=flips, reading=probe.reading, runs=len(seen))


def _later_us(question: Question, phase: int) -> int:
    """Return how much later the polls of this phase are than those of the file."""
    return phase * PERIOD_US // max(question.phases, 1)


def _likely(question: Question, phase: int, known: tuple[int, ...]) -> list[int]:
    """Return values at both sides of where this phase may have its flips."""
    later_us = _later_us(question, phase)
    moves = [0]
    if question.varied.notation.is_duration:
        moves += [-later_us, later_us, PERIOD_US - later_us, later_us - PERIOD_US]
    return [below + move + side for below in known for move in moves for side in (0, 1)]


def _differences(below: int, above: int, seen: dict[int, Observation]) -> Iterator[Flip]:
    before, after = seen[below], seen[above]
    for quantity in dict.fromkeys([*before, *after]):
        was, then = before.get(quantity, "absent"), after.get(quantity, "absent")
        if was != then:
            yield Flip(below, above, quantity, was, then)


class _Probe:
    """Plays the scenario under one phase at a value, and observes what becomes of it."""

    def __init__(self, question: Question, phase: int) -> None:
        self._question = question
        self._document = Document(question.text, question.file)
        self._later_us = _later_us(question, phase)
        self.reading = question.reading or ""

    def __call__(self, value: int) -> Observation:
        question = self._question
        data = question.varied.put(self._document.data, value)
        try:
            scenario = self._scenario(data, self._later_us)
            self.reading = question.reading or own_reading(scenario)
            (result,) = run_jobs(jobs_for(scenario, [reading_named(self.reading)], seed=question.seed))
        except ScenarioError as error:
            raise self._unplayable(value, str(error), self._later_us if self._is_right(data) else 0) from None
        if fatal := [trouble.what for trouble in result.troubles if trouble.fatal]:
            raise self._unplayable(value, f"{question.file}: there was nothing to simulate: {fatal[0]}")
        return _observed(result)

    def _scenario(self, data: dict[str, Any], later_us: int) -> Scenario:
        return scenario_of(self._document.having(_moved(data, later_us)))

    def _is_right(self, data: dict[str, Any]) -> bool:
        """Return whether it is a scenario if no registration is moved."""
        try:
            self._scenario(data, 0)
        except ScenarioError:
            return False
        return True

    def _unplayable(self, value: int, why: str, later_us: int = 0) -> Unplayable:
        return Unplayable(self._question.varied.path, self._question.varied.notation.shown(value), why, later_us)


def _moved(data: dict[str, Any], later_us: int) -> dict[str, Any]:
    """Return a file's content with every registration of ``[[nodes]]`` so much later."""
    if not later_us or not isinstance(data.get("nodes"), list):
        return data
    return {**data, "nodes": [_registered_later(table, later_us) for table in data["nodes"]]}


def _registered_later(table: Any, later_us: int) -> Any:
    if not isinstance(table, dict) or "clone_of" in table:
        return table
    try:
        register_us = parse_duration(table.get("register", "0s"))
    except (Mistake, AttributeError):
        return table  # "never" stays so; what is wrong will be told when the file is read.
    return {**table, "register": format_duration(register_us + later_us)}


def _observed(result: Result) -> Observation:
    lapsed, status = _ends(result)
    seen: Observation = {
        Quantity("node", name): _fate(place in lapsed, status.get(place, Status.UNREGISTERED))
        for place, name in enumerate(result.trace.nodes)
    }
    for rule, judgement in result.judgements.items():
        seen[Quantity("rule", rule)] = judgement.ruling.value
    for met in result.expectations:
        # A pattern is stated of several nodes; the expectation is met if it is at each.
        quantity = Quantity("expectation", str(met.expect.index), met.expect.line)
        seen[quantity] = "met" if met.met and seen.get(quantity) != "not met" else "not met"
    return seen


def _ends(result: Result) -> tuple[set[int], dict[int, Status]]:
    """Return the nodes that ever lapsed, and the last status of those that had more than their first."""
    changes = result.trace.transitions
    lapsed: set[int] = set()
    status: dict[int, Status] = {}
    for node, after in zip(changes.column("node"), changes.column("after"), strict=True):
        status[node] = Status(after)
        if after == Status.LAPSED:
            lapsed.add(node)
    return lapsed, status


def _fate(lapsed: bool, status: Status) -> str:
    """Return what became of a node, in words."""
    ends = "" if status is Status.REGISTERED else f"ends {status.name.lower()}"
    if lapsed:
        return "lapses" if status is Status.LAPSED else f"lapses, ends {status.name.lower()}"
    if status in (Status.REGISTERED, Status.INTERRUPTED):
        return "survives" + (f", {ends}" if ends else "")
    return ends
