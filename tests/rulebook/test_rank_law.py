"""The law in columns finds whatever is wrong in a fleet in rank, and then the rules say by rows what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from harness.ranks.fit import orders_for
from harness.ranks.history import RankTrace
from harness.ranks.legs import LAPSES, REGISTER, Columns, Fate, Part, Slots
from harness.ranks.march import march
from harness.rulebook import JUDGES, Ruling, judge
from harness.rulebook.ranks import judge_ranks
from harness.scenario import Scenario, Verb
from harness.trace import Status
from reference_server.readings import LITERAL
from tests.harness.stage import a_world, event
from tests.rulebook.hand import FIRST, HOUR, MINUTE, node

#: Three nodes an hour apart, two slots; a stop of 26 h, after which the lapsed register again; then one is cut off.
SCENARIO = a_world(
    event(5 * HOUR, Verb.SERVER_STOP, lasts_us=26 * HOUR),
    event(32 * HOUR, Verb.NODE_REGISTER, "n0", "n1", "n2", only="lapsed"),
    event(40 * HOUR + MINUTE, Verb.NETWORK_CUT, "n1", lasts_us=3 * HOUR),
    nodes=tuple(node(f"n{i}", address=FIRST + i, register_us=i * HOUR) for i in range(3)),
    capacity=2,
    duration_us=50 * HOUR,
)


def marched() -> tuple[Scenario, RankTrace]:
    return SCENARIO, trace_of(SCENARIO)


def trace_of(scenario: Scenario) -> RankTrace:
    orders = orders_for(scenario, LITERAL)
    assert orders is not None
    trace = march(scenario, orders)
    assert isinstance(trace, RankTrace)
    return trace


def test_the_legs_are_these() -> None:
    _, trace = marched()
    legs = trace.legs
    # n0 registers at 0 and polls at 2 h and 4 h; its polls from 6 h to 28 h fail, and it lapses. It is registered at
    # 32 h and polls up to 50 h. n1 is an hour later at first and lapses at 27 h (its last contact is at 3 h), is
    # registered at 32 h with the others, and its poll at 42 h is lost. n2 finds no slot at 2 h, and is no lapsed node.
    assert [tuple(map(int, row)) for row in zip(*legs, strict=True)] == [
        (0, 0, 1, REGISTER, Status.UNREGISTERED),
        (0, 2 * HOUR, 2, Fate.GRANTED, Status.REGISTERED),
        (0, 6 * HOUR, 12, Fate.PORT + LAPSES, Status.REGISTERED),
        (0, 32 * HOUR, 1, REGISTER, Status.LAPSED),
        (0, 34 * HOUR, 9, Fate.GRANTED, Status.REGISTERED),
        (1, HOUR, 1, REGISTER, Status.UNREGISTERED),
        (1, 3 * HOUR, 1, Fate.GRANTED, Status.REGISTERED),
        (1, 5 * HOUR, 12, Fate.PORT + LAPSES, Status.REGISTERED),
        (1, 32 * HOUR, 1, REGISTER, Status.LAPSED),
        (1, 34 * HOUR, 4, Fate.GRANTED, Status.REGISTERED),
        (1, 42 * HOUR, 1, Fate.LOST, Status.REGISTERED),
        (1, 44 * HOUR, 4, Fate.GRANTED, Status.INTERRUPTED),
        (2, 2 * HOUR, 1, Fate.FULL + REGISTER, Status.UNREGISTERED),
    ]


def test_what_is_lawful_holds() -> None:
    scenario, trace = marched()
    found = judge_ranks(scenario, trace.parts, sorted(JUDGES))
    assert found is not None
    assert {each.ruling for each in found.values()} == {Ruling.HELD, Ruling.UNKNOWN}


def _leg(row: int, **changes: int) -> Callable[[Part], Part]:
    """Change one leg."""

    def change(part: Part) -> Part:
        columns = {name: column.copy() for name, column in part.legs._asdict().items()}
        for name, value in changes.items():
            columns[name][row] = value
        return part._replace(legs=Columns(**columns))

    return change


def _without(*rows: int) -> Callable[[Part], Part]:
    return lambda part: part._replace(legs=part.legs.of(np.setdiff1d(np.arange(len(part.legs.node)), rows)))


def _moved(slots: Slots, row: int, by_us: int | None) -> Slots:
    """Move a change of a slot, or leave it out."""
    if by_us is None:
        return Slots(np.delete(slots.at_us, row), np.delete(slots.node, row))
    at_us = slots.at_us.copy()
    at_us[row] += by_us
    return Slots(at_us, slots.node)


def _taken(row: int, by_us: int | None) -> Callable[[Part], Part]:
    return lambda part: part._replace(taken=_moved(part.taken, row, by_us))


def _voided(row: int, by_us: int | None) -> Callable[[Part], Part]:
    return lambda part: part._replace(voided=_moved(part.voided, row, by_us))


BUGS = {
    "a poll a microsecond late": _leg(1, first_us=2 * HOUR + 1),
    "a poll too few": _leg(1, polls=1),
    "a poll too many at the end": _leg(4, polls=10),
    "a poll too few at the end": _leg(4, polls=8),
    "a poll of a lapsed node": _leg(2, polls=13),
    "granted by a stopped server": _leg(2, what=Fate.GRANTED),
    "refused by a running server": _leg(1, what=Fate.PORT),
    "lost without a cut": _leg(1, what=Fate.LOST),
    "granted through a cut": _leg(10, what=Fate.GRANTED),
    "answered through a cut": _leg(10, what=Fate.DEAF),
    "no lapse": _leg(2, what=Fate.PORT),
    "a lapse of a node in contact": _leg(10, what=Fate.LOST + LAPSES),
    "found in another status": _leg(4, found=Status.INTERRUPTED),
    "nobody registers the lapsed": _without(3, 4),
    "registered at another instant": _leg(3, first_us=32 * HOUR + 1),
    "one missed leg is missing": _without(10),
    "a node is forgotten": _without(12),
    "a first node is forgotten": _without(0, 1, 2, 3, 4),
    "a middle node is forgotten": _without(5, 6, 7, 8, 9, 10, 11),
    "no slot although one is free": _leg(5, what=Fate.FULL + REGISTER),
    "a slot too many": _leg(12, what=Fate.GRANTED + REGISTER),
    "a poll is refused a slot": _leg(1, what=Fate.FULL),
    "a slot is not taken": _taken(0, None),
    "a slot is taken late": _taken(0, 1),
    "a slot is void early": _voided(0, -1),
    "a slot is not void": _voided(1, None),
}


@pytest.mark.parametrize("bug", BUGS)
def test_what_is_not_is_found(bug: str) -> None:
    scenario, trace = marched()
    (part,) = trace.parts
    assert judge_ranks(scenario, [BUGS[bug](part)], sorted(JUDGES)) is None


@pytest.mark.parametrize(
    ("bug", "rule"),
    [
        ("a poll a microsecond late", "R031"),
        ("refused by a running server", "R032"),
        ("no slot although one is free", "R118"),
        ("a slot is void early", "R034"),
        ("no lapse", "R033"),
        ("granted through a cut", "R013"),
        ("granted by a stopped server", "R032"),
    ],
)
def test_the_rules_say_what_it_is(bug: str, rule: str) -> None:
    scenario, trace = marched()
    orders = orders_for(scenario, LITERAL)
    assert orders is not None
    (part,) = trace.parts
    found = judge(scenario, LITERAL, RankTrace(scenario, orders, [BUGS[bug](part)]))
    assert found[rule].ruling is Ruling.VIOLATED


def test_more_slots_than_licensed_are_found_between_all_parts() -> None:
    scenario, trace = marched()
    (part,) = trace.parts
    fewer = replace(scenario, licence=replace(scenario.licence, capacity=1))
    more = replace(scenario, licence=replace(scenario.licence, capacity=3))
    assert judge_ranks(fewer, [part], sorted(JUDGES)) is None
    assert judge_ranks(more, [part], sorted(JUDGES)) is None


def test_a_poll_that_two_cuts_lose_does_not_speak_for_the_next_one() -> None:
    # Both nodes are cut off from 3 h to 5 h, and n0 by itself from 3 h 30 min to 4 h 30 min as well: its poll at 4 h is
    # lost, once, and that at 6 h is not. (Counting one twice made two of it.)
    scenario = a_world(
        event(3 * HOUR, Verb.NETWORK_CUT, "n0", "n1", lasts_us=2 * HOUR),
        event(3 * HOUR + 30 * MINUTE, Verb.NETWORK_CUT, "n0", lasts_us=HOUR),
        nodes=tuple(node(f"n{i}", address=FIRST + i, register_us=0) for i in range(2)),
        duration_us=7 * HOUR,
    )
    (part,) = trace_of(scenario).parts
    assert judge_ranks(scenario, [part], sorted(JUDGES)) is not None
    # n0: register, polls at 2 h, at 4 h (lost) and at 6 h.
    both_lost = _leg(2, polls=2)(part)
    without_the_last = both_lost._replace(legs=both_lost.legs.of(np.array([0, 1, 2, 4, 5, 6, 7])))
    assert judge_ranks(scenario, [without_the_last], sorted(JUDGES)) is None
