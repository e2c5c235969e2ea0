"""The plan: ends, ties, edges, and what is wrong with a timeline."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from fake_fdl_nodes.fleet import fleet
from harness.faults import Phase, plan, timeline_problems
from harness.network import Way
from harness.scenario import Event, LicenceSpec, Scenario, Verb

NODES = fleet("n", address=0x0A000001, application="r", count=3)


def scenario(*events: Event) -> Scenario:
    numbered = tuple(replace(event, index=index, line=10 * (index + 1)) for index, event in enumerate(events))
    return Scenario(
        title="faults",
        start_us=0,
        duration_us=1000,
        licence=LicenceSpec(ranges=()),
        nodes=NODES,
        events=numbered,
    )


def event(at_us: int, verb: Verb, *nodes: str, **more: Any) -> Event:
    return Event(index=0, at_us=at_us, verb=verb, nodes=nodes, **more)


def slew(at_us: int) -> Event:
    """A slew of n-1 that takes 50 us."""
    return event(at_us, Verb.CLOCK_SLEW, host="n-1", by_us=25, ppm=Fraction(500_000))


def thaw(at_us: int) -> Event:
    return event(at_us, Verb.CLOCK_THAW, host="n-1")


def test_an_instants_order_is_ends_starts_actions_and_the_fleet_before_the_events() -> None:
    happenings = plan(
        scenario(
            event(0, Verb.NODE_REGISTER, "n-1"),
            event(0, Verb.SERVER_STOP, until_us=5),
            event(5, Verb.NODE_CRASH, "n-2"),
            event(5, Verb.NODE_UNBIND, "n-1"),
            event(0, Verb.NODE_SUSPEND, "n-3", until_us=5),
        )
    ).happenings
    assert [(h.at_us, h.phase, h.verb) for h in happenings] == [
        (0, Phase.START, Verb.SERVER_STOP),
        (0, Phase.START, Verb.NODE_SUSPEND),
        (0, Phase.ACTION, Verb.NODE_REGISTER),  # the three of the fleet
        (0, Phase.ACTION, Verb.NODE_REGISTER),
        (0, Phase.ACTION, Verb.NODE_REGISTER),
        (0, Phase.ACTION, Verb.NODE_REGISTER),  # that of the event
        (5, Phase.END, Verb.SERVER_START),
        (5, Phase.END, Verb.NODE_RESUME),
        (5, Phase.START, Verb.NODE_CRASH),
        (5, Phase.ACTION, Verb.NODE_UNBIND),
    ]
    assert [h.event is None for h in happenings if h.verb is Verb.NODE_REGISTER] == [True, True, True, False]


def test_a_heal_lifts_what_matches_its_node_and_direction() -> None:
    network = plan(
        scenario(
            event(10, Verb.NETWORK_CUT, "n-1", "n-2"),
            event(20, Verb.NETWORK_HEAL, "n-1", direction="requests"),
        )
    ).network
    assert [network.cut(0, Way.UP, t) for t in (19, 20)] == [True, False]
    assert network.cut(0, Way.DOWN, 20)
    assert network.cut(1, Way.UP, 20)


def test_a_cut_ends_at_the_earlier_of_its_end_and_a_heal() -> None:
    network = plan(
        scenario(
            event(10, Verb.NETWORK_CUT, "n-1", until_us=30),
            event(40, Verb.NETWORK_HEAL, "n-1"),
            event(35, Verb.NETWORK_CUT, "n-1"),
        )
    ).network
    assert [network.cut(0, Way.UP, t) for t in (29, 30, 35, 39, 40)] == [True, False, True, True, False]


def test_a_heal_comes_before_a_cut_of_the_same_instant() -> None:
    # Ends come before starts, whatever the order in the file: the second cut is in force at 20 and after.
    network = plan(
        scenario(
            event(20, Verb.NETWORK_CUT, "n-1"),
            event(20, Verb.NETWORK_HEAL, "n-1"),
            event(10, Verb.NETWORK_CUT, "n-1"),
        )
    ).network
    assert network.cut(0, Way.UP, 20)
    assert network.cut(0, Way.UP, 900)


def test_edges_concern_the_nodes_that_they_name_and_the_server_everybody() -> None:
    made = plan(
        scenario(
            event(10, Verb.NETWORK_CUT, "n-1", until_us=30),
            event(20, Verb.SERVER_STOP, until_us=40),
            event(50, Verb.CLOCK_STEP, host="n-2", by_us=1),
            event(60, Verb.CLOCK_STEP, host="server", by_us=1),
        )
    )

    def edges(node: int) -> list[int]:
        found, at_us = [], 0
        while (edge := made.edge_after(node, at_us)) is not None:
            found.append(edge)
            at_us = edge
        return found

    assert edges(0) == [10, 20, 30, 40, 60]
    assert edges(1) == [20, 40, 50, 60]
    assert edges(2) == [20, 40, 60]


def test_the_registration_of_a_fleet_is_an_edge_for_a_node_that_was_registered_before() -> None:
    late = replace(NODES[0], register_us=500)
    made = plan(replace(scenario(event(10, Verb.NODE_REGISTER, "n-1")), nodes=(late, *NODES[1:])))
    assert made.edge_after(0, 10) == 500


def test_a_drift_ends_with_its_time_or_gives_way_to_the_next() -> None:
    ppm = Fraction(1_000_000)
    first = event(10, Verb.CLOCK_DRIFT, host="n-1", ppm=ppm, until_us=20)
    second = event(20, Verb.CLOCK_DRIFT, host="n-1", ppm=ppm)
    # 10, then twice as fast without a break, whichever is written first.
    for events in ((first, second), (second, first)):
        assert plan(scenario(*events)).node_clocks[0].boot_us(30) == 50
    assert plan(scenario(first)).node_clocks[0].boot_us(30) == 40


def test_a_slew_and_a_freeze_begin_and_end_at_edges() -> None:
    # 25 us at half of what passes take 50 us; the thaw comes before the freeze's own end.
    made = plan(
        scenario(
            event(100, Verb.CLOCK_SLEW, host="n-1", by_us=25, ppm=Fraction(500_000)),
            event(200, Verb.CLOCK_FREEZE, host="server", until_us=900),
            event(300, Verb.CLOCK_THAW, host="server"),
        )
    )
    edges = [edge for at_us in range(999) if (edge := made.edge_after(0, at_us)) == at_us + 1]
    assert edges == [100, 150, 200, 300]
    assert made.edge_after(1, 0) == 200
    assert [made.server_clock.wall_us(t) for t in (200, 299, 300, 301)] == [200, 200, 200, 201]
    assert [made.node_clocks[0].wall_us(t) for t in (100, 102, 150, 151)] == [100, 103, 175, 176]


def test_the_end_of_a_slew_depends_on_the_drift_of_its_host() -> None:
    # Twice as fast from the start: 50 us of the boot-time clock are 25 of true time.
    made = plan(
        scenario(
            event(100, Verb.CLOCK_SLEW, host="n-1", by_us=25, ppm=Fraction(500_000)),
            event(0, Verb.CLOCK_DRIFT, host="n-1", ppm=Fraction(1_000_000)),
        )
    )
    assert made.edge_after(0, 100) == 125


def test_a_heal_of_one_direction_leaves_the_other_and_other_cuts_of_it_end_too() -> None:
    network = plan(
        scenario(
            event(10, Verb.NETWORK_CUT, "n-1"),
            event(12, Verb.NETWORK_CUT, "n-1", direction="answers"),
            event(20, Verb.NETWORK_HEAL, "n-1", direction="answers"),
            event(30, Verb.NETWORK_HEAL, "n-1"),
        )
    ).network
    assert [network.cut(0, Way.DOWN, t) for t in (19, 20)] == [True, False]
    assert [network.cut(0, Way.UP, t) for t in (29, 30)] == [True, False]


def test_happenings_of_one_phase_go_by_file_order() -> None:
    # n-3 is named first in the file of events; within one event the nodes go by their own order.
    happenings = plan(
        replace(
            scenario(
                event(5, Verb.NODE_UNBIND, "n-3"),
                event(5, Verb.NODE_MOVE, "n-2", address=1),
                event(5, Verb.NODE_REGISTER, "n-1", "n-2"),
            ),
            nodes=tuple(replace(each, register_us=None) for each in NODES),
        )
    ).happenings
    assert [(h.verb, h.nodes) for h in happenings] == [
        (Verb.NODE_UNBIND, (2,)),
        (Verb.NODE_MOVE, (1,)),
        (Verb.NODE_REGISTER, (0, 1)),
    ]


def test_the_end_of_a_fault_is_the_verb_that_undoes_it() -> None:
    ends = {
        Verb.SERVER_STOP: Verb.SERVER_START,
        Verb.SERVER_CRASH: Verb.SERVER_START,
        Verb.SERVER_POWER_LOSS: Verb.SERVER_START,
        Verb.SERVER_SUSPEND: Verb.SERVER_RESUME,
        Verb.NODE_STOP: Verb.NODE_START,
        Verb.NODE_CRASH: Verb.NODE_START,
        Verb.NODE_SUSPEND: Verb.NODE_RESUME,
        Verb.LICENCE_SUSPEND: Verb.LICENCE_RESUME,
    }
    for verb, undone_by in ends.items():
        names = ("n-1",) if verb.value.startswith("node.") else ()
        found = [h for h in plan(scenario(event(10, verb, *names, until_us=20))).happenings if h.event is not None]
        assert [(h.at_us, h.phase, h.verb) for h in found] == [(10, Phase.START, verb), (20, Phase.END, undone_by)]


def test_problems_come_in_file_order_each_once() -> None:
    # One stop of two nodes that are down both is one mistake.
    problems = timeline_problems(
        scenario(
            event(50, Verb.NETWORK_HEAL, "n-3"),
            event(10, Verb.NODE_STOP, "n-1", "n-2"),
            event(20, Verb.NODE_STOP, "n-1", "n-2"),
        ).events
    )
    assert [(problem.event.index, problem.key) for problem in problems] == [(0, "do"), (2, "at")]
    assert "line 20" in problems[1].found


@pytest.mark.parametrize(
    ("events", "blamed", "found"),
    [
        ([event(10, Verb.SERVER_STOP), event(20, Verb.SERVER_CRASH)], 1, "server is already down"),
        ([event(20, Verb.SERVER_CRASH), event(10, Verb.SERVER_STOP)], 0, "server is already down"),
        ([event(10, Verb.SERVER_STOP, until_us=21), event(20, Verb.SERVER_SUSPEND)], 1, "already down"),
        ([event(10, Verb.SERVER_DESTROY), event(20, Verb.SERVER_STOP)], 1, "already down"),
        (
            # Ends come before starts, so the start of 10 ends the stop of 5 and not that of 10.
            [
                event(5, Verb.SERVER_STOP),
                event(10, Verb.SERVER_START),
                event(10, Verb.SERVER_STOP),
                event(20, Verb.SERVER_STOP),
            ],
            3,
            "server is already down",
        ),
        ([event(10, Verb.SERVER_SUSPEND, until_us=21), event(20, Verb.SERVER_DESTROY)], 1, "already down"),
        ([event(10, Verb.NODE_STOP, "n-1", "n-2"), event(20, Verb.NODE_CRASH, "n-2")], 1, "n-2 is already down"),
        ([event(10, Verb.SERVER_START)], 0, "nothing to undo"),
        ([event(10, Verb.SERVER_STOP), event(10, Verb.SERVER_START)], 1, "nothing to undo"),
        ([event(10, Verb.SERVER_STOP, until_us=20), event(30, Verb.SERVER_START)], 1, "nothing to undo"),
        ([event(10, Verb.SERVER_STOP), event(30, Verb.SERVER_RESUME)], 1, "nothing to undo"),
        ([event(10, Verb.NODE_STOP, "n-1"), event(30, Verb.NODE_START, "n-2")], 1, "nothing to undo"),
        ([event(10, Verb.NETWORK_HEAL, "n-1")], 0, "nothing to undo"),
        (
            [
                event(10, Verb.NETWORK_CUT, "n-1", direction="answers"),
                event(20, Verb.NETWORK_HEAL, "n-1", direction="requests"),
            ],
            1,
            "nothing to undo",
        ),
        ([event(10, Verb.LICENCE_RESUME)], 0, "nothing to undo"),
        (
            [event(10, Verb.CLOCK_DRIFT, host="n-1", until_us=30), event(20, Verb.CLOCK_DRIFT, host="n-1")],
            1,
            "while that of line 10 is in force",
        ),
        (
            # What ended before is not to blame, nor is a step.
            [
                event(10, Verb.CLOCK_DRIFT, host="n-1", until_us=50),
                event(10, Verb.CLOCK_STEP, host="n-1"),
                event(60, Verb.CLOCK_DRIFT, host="n-1", until_us=70),
                event(65, Verb.CLOCK_DRIFT, host="n-1"),
            ],
            3,
            "while that of line 30 is in force",
        ),
        (
            # 60,000 years forward each time.
            [event(at_us, Verb.CLOCK_STEP, host="n-1", by_us=60_000 * 365 * 86_400_000_000) for at_us in (10, 20, 30)],
            1,
            "more than 100000 years off",
        ),
        (
            [event(10, Verb.CLOCK_STEP, host="n-1"), event(10, Verb.CLOCK_STEP, host="n-1")],
            1,
            "while that of line 10 is in force",
        ),
        (
            # Each is within bounds, but not both.
            [
                event(10, Verb.CLOCK_STEP, host="n-1", by_us=-60_000 * 365 * 86_400_000_000),
                event(20, Verb.CLOCK_SLEW, host="n-1", by_us=-60_000 * 365 * 86_400_000_000, ppm=Fraction(500)),
            ],
            1,
            "more than 100000 years off",
        ),
        ([slew(10), event(59, Verb.CLOCK_FREEZE, host="n-1")], 1, "while the clock.slew of line 10 is in force"),
        ([slew(10), slew(59)], 1, "clock.slew of n-1 while the clock.slew"),
        ([event(10, Verb.CLOCK_FREEZE, host="n-1"), slew(900)], 1, "while the clock.freeze of line 10 is in force"),
        (
            # Half as fast, the slew takes twice as long.
            [slew(10), event(0, Verb.CLOCK_DRIFT, host="n-1", ppm=Fraction(-500_000)), slew(109)],
            2,
            "while the clock.slew of line 10 is in force",
        ),
        (
            # The longest of those before is to blame, not the last.
            [
                event(10, Verb.CLOCK_FREEZE, host="n-1", until_us=100),
                event(20, Verb.CLOCK_FREEZE, host="n-2", until_us=30),
                event(90, Verb.CLOCK_FREEZE, host="n-1", until_us=95),
            ],
            2,
            "while the clock.freeze of line 10 is in force",
        ),
        ([event(10, Verb.CLOCK_THAW, host="n-1")], 0, "nothing to undo"),
        ([event(10, Verb.CLOCK_FREEZE, host="n-1"), event(20, Verb.CLOCK_THAW, host="n-2")], 1, "nothing to undo"),
        ([event(10, Verb.CLOCK_FREEZE, host="n-1", until_us=20), thaw(21)], 1, "nothing to undo"),
    ],
)
def test_what_is_wrong_with_a_timeline(events: list[Event], blamed: int, found: str) -> None:
    (problem,) = timeline_problems(scenario(*events).events)
    assert problem.event.index == blamed
    assert found in problem.found


@pytest.mark.parametrize(
    "events",
    [
        [event(10, Verb.SERVER_STOP, until_us=20), event(20, Verb.SERVER_CRASH)],
        [event(10, Verb.SERVER_STOP, until_us=20), event(20, Verb.SERVER_START), event(20, Verb.SERVER_START)],
        [event(10, Verb.SERVER_STOP), event(20, Verb.SERVER_START), event(30, Verb.SERVER_STOP)],
        [event(10, Verb.SERVER_STOP), event(20, Verb.SERVER_DESTROY), event(30, Verb.SERVER_START)],
        [event(10, Verb.NODE_STOP, "n-1"), event(10, Verb.NODE_STOP, "n-2"), event(20, Verb.NODE_START, "n-1", "n-2")],
        [event(10, Verb.SERVER_SUSPEND, until_us=20), event(20, Verb.SERVER_DESTROY)],
        [event(10, Verb.NODE_STOP, "n-1", only="lapsed"), event(20, Verb.NODE_STOP, "n-1")],
        [
            # Whether the first start finds the node lapsed only the run can tell.
            event(10, Verb.NODE_STOP, "n-1"),
            event(20, Verb.NODE_START, "n-1", only="lapsed"),
            event(30, Verb.NODE_START, "n-1"),
        ],
        [event(10, Verb.NETWORK_CUT, "n-1"), event(15, Verb.NETWORK_CUT, "n-1"), event(20, Verb.NETWORK_HEAL, "n-1")],
        [event(10, Verb.CLOCK_DRIFT, host="n-1"), event(20, Verb.CLOCK_DRIFT, host="n-1")],
        [event(10, Verb.CLOCK_STEP, host="n-1"), event(10, Verb.CLOCK_STEP, host="n-2")],
        # 25 us at half of what passes take 50 us.
        [slew(10), slew(60), event(30, Verb.CLOCK_STEP, host="n-1", by_us=1)],
        [slew(10), event(30, Verb.CLOCK_FREEZE, host="n-2"), event(30, Verb.CLOCK_FREEZE, host="server")],
        [event(10, Verb.CLOCK_FREEZE, host="n-1"), thaw(20), slew(20), event(70, Verb.CLOCK_FREEZE, host="n-1")],
        [event(10, Verb.CLOCK_FREEZE, host="n-1", until_us=20), thaw(20)],
    ],
)
def test_what_is_right_with_a_timeline(events: list[Event]) -> None:
    assert timeline_problems(scenario(*events).events) == []


def test_a_thaw_of_several_hosts_needs_one_that_is_frozen() -> None:
    # One event of the file is one for each host, of one index.
    thaws = [Event(index=1, at_us=20, verb=Verb.CLOCK_THAW, host=f"n-{k}") for k in (1, 2, 3)]
    frozen = Event(index=0, at_us=10, verb=Verb.CLOCK_FREEZE, host="n-2")
    assert timeline_problems([frozen, *thaws]) == []
    (problem,) = timeline_problems([replace(frozen, host="server"), *thaws])
    assert (problem.event.index, problem.key) == (1, "do")
