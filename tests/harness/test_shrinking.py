"""Shrinking: what a scenario's parts could be more simply, and the search for the smallest one that still breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

from fake_fdl_nodes.fleet import fleet
from harness.expectations import own_reading
from harness.library import find_scenarios, library_path
from harness.proof import Bug, Prover
from harness.rulebook import Ruling, judge
from harness.scenario import (
    SERVER,
    Between,
    Event,
    Expect,
    LicenceSpec,
    NetworkSpec,
    NodeUse,
    Scenario,
    ServerSpec,
    Verb,
)
from harness.scenario_file import Unprintable, load, loads, printed
from harness.shrinking import Shrunk, shrink
from harness.shrinking.parts import Pick, simpler
from harness.world import run
from reference_server.readings import LITERAL, Reading, reading_named
from tests.harness.worlds import quiet_scenarios, scenarios
from tests.planted_bugs import BUGS

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_772_323_200_000_000
FIRST = 0xC0A86419
RANGES = ((FIRST, FIRST + 15),)


def scene(*events: Event, count: int = 3, **more: object) -> Scenario:
    """Return a week of ``count`` nodes, fdl-1, fdl-2, ..., registered 17 minutes apart."""
    scenario = Scenario(
        title="a busy week",
        start_us=START,
        duration_us=7 * DAY,
        licence=LicenceSpec(capacity=count, ranges=((FIRST, FIRST + max(15, count)),)),
        nodes=fleet("fdl", count=count, address=FIRST, application="report1", spread_us=17 * SECOND),
        events=tuple(replace(event, index=index) for index, event in enumerate(events)),
    )
    return replace(scenario, **more)  # type: ignore[arg-type]


def stop(at_us: int, lasts_us: int | None = None) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.SERVER_STOP, until_us=None if lasts_us is None else at_us + lasts_us)


def crash(at_us: int, *nodes: str) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.NODE_CRASH, nodes=nodes)


def step(at_us: int, host: str, by_us: int) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host=host, by_us=by_us)


def when(condition: Callable[[Scenario], bool], at_us: int = HOUR) -> Callable[[Scenario], int | None]:
    """Return what tells that a scenario breaks at ``at_us`` if ``condition`` is so of it."""
    return lambda scenario: at_us if condition(scenario) else None


def smallest(scenario: Scenario, condition: Callable[[Scenario], bool]) -> Scenario:
    shrunk = shrink(scenario, when(condition))
    assert shrunk is not None
    assert shrunk.finished
    return shrunk.scenario


def verbs(scenario: Scenario) -> set[Verb]:
    return {event.verb for event in scenario.events}


# The parts.


def as_it_is(answers: int) -> int:
    return answers - 1


def simplest(answers: int) -> int:
    return 0


@given(scenarios() | quiet_scenarios(), st.integers(0, 4 * DAY))
def test_a_scenario_as_it_is_is_itself(scenario: Scenario, breaks_us: int) -> None:
    # No file has a registration after the end, and nothing that has is asked to be made smaller.
    assume(all((node.register_us or 0) <= scenario.duration_us for node in scenario.nodes))
    assert simpler(scenario, breaks_us, as_it_is) == scenario


def test_so_is_one_with_expectations_and_nodes_under_test() -> None:
    expects = (
        Expect(index=0, at_us=7 * DAY, nodes=("fdl-2",), status="registered"),
        Expect(index=1, between=Between(first_us=0, last_us=DAY, hold="ever"), registered=3),
    )
    uses = (NodeUse(index=1, nodes=("fdl-1", "fdl-2", "fdl-3"), use="shop:make"),)
    nodes = (*fleet("other", address=FIRST + 9, application="report1"), *scene().nodes)
    scenario = scene(nodes=nodes, expects=expects, node_uses=uses)
    assert simpler(scenario, HOUR, as_it_is) == scenario


def drawn(data: st.DataObject) -> Pick:
    return lambda answers: data.draw(st.integers(0, answers - 1))


@given(scenarios(), st.data())
def test_no_answer_makes_more_of_it(scenario: Scenario, data: st.DataObject) -> None:
    asked: list[int] = []
    pick = drawn(data)

    def noting(answers: int) -> int:
        asked.append(answers)
        return pick(answers)

    smaller = simpler(scenario, HOUR, noting)
    if smaller is not None:
        assert {node.name for node in smaller.nodes} <= {node.name for node in scenario.nodes}
        assert len(smaller.events) <= len(scenario.events)
        assert smaller.duration_us <= scenario.duration_us
        assert [event.index for event in smaller.events] == list(range(len(smaller.events)))
        assert all(event.at_us <= smaller.duration_us for event in smaller.events)
        assert {event.of for event in smaller.events} <= {None, *(node.name for node in smaller.nodes)}
    # The questions are the same whatever the answers are.
    again: list[int] = []

    def as_it_is_again(answers: int) -> int:
        again.append(answers)
        return as_it_is(answers)

    simpler(scenario, HOUR, as_it_is_again)
    assert asked == again


def test_nothing_is_left_of_the_simplest_answers() -> None:
    assert simpler(scene(stop(DAY)), HOUR, simplest) is None


def test_a_copy_goes_with_its_original() -> None:
    nodes = scene().nodes
    copy = replace(nodes[0], name="copy", address=FIRST + 9, register_us=None, clone_of="fdl-1")
    clone = Event(index=0, at_us=HOUR, verb=Verb.NODE_CLONE, nodes=("copy",), of="fdl-1")
    scenario = scene(clone, nodes=(*nodes, copy))
    left = smallest(scenario, lambda each: "fdl-2" in [node.name for node in each.nodes])
    assert [node.name for node in left.nodes] == ["fdl-2"]
    left = smallest(scenario, lambda each: Verb.NODE_CLONE in verbs(each))
    assert [node.name for node in left.nodes] == ["fdl-1", "copy"]


# The search, with conditions that are known to the last.


def test_what_the_condition_does_not_need_is_left_out() -> None:
    scenario = scene(stop(DAY, HOUR), crash(2 * DAY, "fdl-2"), step(3 * DAY, SERVER, HOUR), crash(4 * DAY, "fdl-1"))
    left = smallest(scenario, lambda each: any("fdl-2" in event.nodes for event in each.events))
    # It is said to break at 1 h, and needs to run no longer. A node dies as well at the start.
    assert printed(left) == (
        """\
title = "a busy week"
start = 2026-03-01T00:00:00Z
duration = "1h"

[licence]
addresses = ["192.168.100.25 - 192.168.100.40"]

[[nodes]]
name = "fdl-2"
address = "192.168.100.26"
application = "report1"

[[events]]
at = "0s"
do = "node.crash"
node = "fdl-2"
"""
    )


def test_two_events_that_need_each_other_both_stay() -> None:
    scenario = scene(stop(DAY), crash(2 * DAY, "fdl-2"), step(3 * DAY, SERVER, HOUR), crash(4 * DAY, "fdl-1"))
    left = smallest(scenario, lambda each: {Verb.SERVER_STOP, Verb.CLOCK_STEP} <= verbs(each))
    assert [event.verb for event in left.events] == [Verb.SERVER_STOP, Verb.CLOCK_STEP]
    assert len(left.nodes) == 1


def test_of_nodes_that_are_alike_the_first_is_kept() -> None:
    assert [node.name for node in smallest(scene(), lambda each: bool(each.nodes)).nodes] == ["fdl-1"]


def lasts_us(scenario: Scenario) -> int:
    return max((event.until_us - event.at_us for event in scenario.events if event.until_us is not None), default=0)


@pytest.mark.parametrize(
    ("least_us", "found_us"),
    [
        # 25 h 17 min, and rounder: a day will do, as will an hour, a minute, a second.
        (22 * HOUR + 1, DAY),
        (HOUR, HOUR),
        (2, SECOND),
        (1, SECOND),
        # Nothing of one part is between 24 h and 25 h 17 min, and two days are far more; "1d 1h" has two parts.
        (DAY + 1, DAY + HOUR),
        # "1d 2h" has less parts than "1d 1h 17m", and is not much longer.
        (25 * HOUR + 1, DAY + 2 * HOUR),
    ],
)
def test_how_long_something_lasts_becomes_round(least_us: int, found_us: int) -> None:
    scenario = scene(stop(DAY, 25 * HOUR + 17 * MINUTE))
    assert lasts_us(smallest(scenario, lambda each: lasts_us(each) >= least_us)) == found_us


def test_numbers_and_settings_become_plain() -> None:
    drift = Event(index=0, at_us=5 * HOUR, verb=Verb.CLOCK_DRIFT, host="fdl-1", ppm=Fraction(-4321))
    loss = Event(
        index=0, at_us=5 * HOUR, verb=Verb.NETWORK_LOSS, nodes=("fdl-1",), direction="answers", percent=Fraction("12.5")
    )
    scenario = scene(
        drift,
        loss,
        step(DAY, "fdl-1", -90 * MINUTE),
        network=NetworkSpec(latency_us=1_234_567, timeout_us=MINUTE),
        server=ServerSpec(autostart=True, port=9000),
    )
    left = smallest(scenario, lambda each: len(each.events) == 3)
    assert (left.network, left.server) == (NetworkSpec(), ServerSpec())
    assert left.licence == LicenceSpec(ranges=RANGES)
    drifts, lost, stepped = left.events
    assert (drifts.ppm, stepped.by_us) == (Fraction(-1000), -SECOND)
    assert (lost.percent, lost.direction) == (Fraction(100), "both")


def test_a_new_licence_file_changes_no_more_than_it_has_to() -> None:
    # It takes a file that licenses at least 3: of 8, 8 // 2 = 4 will do, and of 4 it is 4 - 1 = 3.
    changes = (("capacity", 8), ("ranges", RANGES))
    change = Event(index=0, at_us=HOUR, verb=Verb.LICENCE_CHANGE, changes=changes)
    found = smallest(scene(change), lambda each: any(dict(e.changes).get("capacity", 0) >= 3 for e in each.events))
    assert [event.changes for event in found.events] == [(("capacity", 3),)]


def test_everything_is_moved_to_the_start_together() -> None:
    scenario = scene(stop(3 * DAY + 10 * HOUR, HOUR), crash(3 * DAY + 11 * HOUR, "fdl-1"))

    def apart(each: Scenario) -> bool:
        return len(each.events) == 2 and each.events[1].at_us - each.events[0].at_us == HOUR

    assert [event.at_us for event in smallest(scenario, apart).events] == [0, HOUR]


def test_one_of_very_many_nodes_is_found_in_few_runs() -> None:
    scenario = scene(count=3000, nodes=fleet("n", count=3000, address=FIRST, application="report1"))
    shrunk = shrink(scenario, when(lambda each: any(node.name == "n-1500" for node in each.nodes)))
    assert shrunk is not None
    assert [node.name for node in shrunk.scenario.nodes] == ["n-1500"]
    # 3000 nodes are 48 blocks of 63 at first, then 32 of 2, then 2.
    assert shrunk.runs < 150


def test_the_nodes_under_test_stay_under_test() -> None:
    uses = (NodeUse(index=0, nodes=("fdl-1", "fdl-2", "fdl-3"), use="shop:make"),)
    scenario = scene(crash(DAY, "fdl-1"), crash(DAY, "fdl-3"), node_uses=uses)
    left = smallest(scenario, lambda each: len(each.events) == 2)
    # What is left of the fleet are two tables.
    assert [(use.index, use.nodes) for use in left.node_uses] == [(0, ("fdl-1",)), (1, ("fdl-3",))]
    assert loads(printed(left)).node_uses[1].use == "shop:make"


# How it is searched.


def test_nothing_is_run_twice_and_nothing_that_makes_no_scenario() -> None:
    scenario = scene(stop(DAY, HOUR), stop(2 * DAY), crash(3 * DAY, "fdl-1", "fdl-2", "fdl-3"), count=3)
    asked: list[Scenario] = []

    def breaks(each: Scenario) -> int | None:
        asked.append(each)
        return HOUR if len(each.events) > 1 else None

    shrunk = shrink(scenario, breaks)
    assert shrunk is not None
    assert len(set(asked)) == len(asked) == shrunk.runs
    assert all(printed(each) for each in asked)


def test_the_same_is_found_again_in_as_many_runs() -> None:
    scenario = scene(stop(DAY, 25 * HOUR), crash(2 * DAY, "fdl-2"), step(3 * DAY, SERVER, HOUR))
    found = [shrink(scenario, when(lambda each: lasts_us(each) > 3 * HOUR)) for _ in range(2)]
    assert found[0] == found[1]


def test_what_does_not_break_is_not_shrunk() -> None:
    assert shrink(scene(), lambda each: None) is None


def test_what_no_file_can_express_cannot_be_shrunk() -> None:
    with pytest.raises(Unprintable, match=r"title: found .*"):
        shrink(scene(title="a\nb"), lambda each: HOUR)


def test_the_runs_are_limited() -> None:
    told: list[Shrunk] = []
    shrunk = shrink(scene(stop(DAY)), when(lambda each: bool(each.events)), most_runs=5, tell=told.append)
    assert shrunk is not None
    assert (shrunk.runs, shrunk.finished) == (5, False)
    assert [each.runs for each in told] == [2, 3, 4, 5]
    assert len(shrunk.scenario.events) == 1


def test_an_interrupt_leaves_the_smallest_so_far() -> None:
    runs: list[Scenario] = []

    def breaks(scenario: Scenario) -> int | None:
        runs.append(scenario)
        if len(runs) == 12:
            raise KeyboardInterrupt
        return HOUR if scenario.events else None

    shrunk = shrink(scene(stop(DAY), crash(DAY, "fdl-1")), breaks)
    assert shrunk is not None
    assert not shrunk.finished
    assert shrunk.runs == 11
    assert 1 <= len(shrunk.scenario.events) <= 2
    assert "fdl-harness-as-it-is" not in AVAILABLE_PROVIDERS


def test_what_the_condition_raises_is_raised() -> None:
    def breaks(scenario: Scenario) -> int | None:
        if len(scenario.nodes) == 1:
            raise OSError("the disk is full")
        return HOUR

    with pytest.raises(OSError, match="the disk is full"):
        shrink(scene(), breaks)


# Planted bugs.


def _violated_by(bug: Bug, rule: str, reading: Reading) -> Callable[[Scenario], int | None]:
    def breaks(scenario: Scenario) -> int | None:
        trace = run(scenario, reading, server=bug.server, node=bug.node, wire=bug.wire)
        judgement = judge(scenario, reading, trace)[rule]
        return judgement.first.at_us if judgement.ruling is Ruling.VIOLATED and judgement.first is not None else None

    return breaks


# Some of them, from the scenario of the library that catches each; it takes as long for the others.
@pytest.mark.parametrize("bug", BUGS[::23], ids=lambda bug: bug.name)
def test_a_planted_bug_is_shrunk_to_two_nodes_and_three_events(bug: Bug) -> None:
    rule, file = Prover(library()).prove(bug).caught[0]
    scenario = next(each for each in library() if each.file == file)
    breaks = _violated_by(bug, rule, reading_named(own_reading(scenario)))
    shrunk = shrink(scenario, breaks)
    assert shrunk is not None
    assert shrunk.finished
    assert len(shrunk.scenario.nodes) <= 2
    assert len({event.index for event in shrunk.scenario.events}) <= 3
    assert breaks(loads(printed(shrunk.scenario))) == shrunk.breaks_us


@cache
def library() -> list[Scenario]:
    return [load(file) for file in find_scenarios(library_path())]


def test_a_slot_that_is_void_a_tick_late() -> None:
    (bug,) = [bug for bug in BUGS if bug.name == "VoidsATickLate"]
    scenario = scene(stop(DAY, HOUR), crash(2 * DAY, "fdl-2"), step(3 * DAY, "fdl-1", HOUR))
    shrunk = shrink(scenario, _violated_by(bug, "R034", LITERAL))
    assert shrunk is not None
    # Registered at 0 s, known to the server at 5 ms; the node is gone before its first poll at 2 h. The slot should be
    # void at 24 h 5 ms 1 us, and is one tick later. A day would end before that, two are the next round number.
    assert shrunk.breaks_us == DAY + 5_001
    (node,) = shrunk.scenario.nodes
    (event,) = shrunk.scenario.events
    assert (node.name, node.register_us) == ("fdl-2", 0)
    assert (event.verb, event.at_us, event.until_us) == (Verb.NODE_CRASH, SECOND, None)
    assert shrunk.scenario.duration_us == 2 * DAY
