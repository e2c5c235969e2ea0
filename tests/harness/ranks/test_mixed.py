"""Some nodes in rank and others by themselves: both together are as if each had been simulated in one world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.ranks.mixed import MixedTrace
from harness.rulebook import Ruling, judge
from harness.scenario import SERVER, Scenario, Verb
from harness.scenario_file import load
from harness.trace import SlotChange, Status, Trace
from harness.world import run
from reference_server.readings import LITERAL
from tests.harness.stage import LATENCY, a_world, event, turns
from tests.harness.worlds import scenarios
from tests.rulebook.hand import FIRST, HOUR, MINUTE, node

LIBRARY = Path(__file__).parents[3] / "scenarios"
TABLES = ("transitions", "access", "failures", "slots", "edges")
_OF_SERVER = (Verb.SERVER_STOP, Verb.SERVER_CRASH, Verb.SERVER_START)


def with_plain_nodes(scenario: Scenario) -> Scenario:
    """Return the scenario with nodes that can stand in rank before and after its own, and slots for all."""
    licence = scenario.licence
    setup = NodeSetup(
        name="plain",
        address=licence.ranges[0][0],
        application=licence.applications[0] if licence.applications else "x",
        domain=licence.domains[0] if licence.domains else None,
        port=licence.ports[0] if licence.ports else None,
    )
    plain = [
        replace(setup, name=name, register_us=at_us)
        for name, at_us in (("a-plain", 0), ("plain", 5_000_000), ("z-plain", HOUR))
    ]
    nodes = (plain[0], *scenario.nodes, *plain[1:])
    events = tuple(
        each for each in scenario.events if each.nodes or each.host not in (None, SERVER) or each.verb in _OF_SERVER
    )
    licence = replace(licence, capacity=len(nodes), expires_us=None)
    return replace(scenario, nodes=nodes, licence=licence, events=events, expects=())


def mixed(scenario: Scenario) -> MixedTrace | None:
    """Hold a run in which some are in rank against one in which nobody is, and return it if it is one."""
    trace = run(scenario, LITERAL, ranks_from=1)
    if not isinstance(trace, MixedTrace):
        return None
    expected = run(scenario, LITERAL, ranks_from=len(scenario.nodes) + 1)
    for table in TABLES:
        assert sorted(getattr(trace, table)) == sorted(getattr(expected, table)), table
    assert trace.requests == expected.requests
    assert trace.final_lists == expected.final_lists
    assert trace.events == expected.events
    assert trace.digest() == expected.digest()
    judged, by_rows = judge(scenario, LITERAL, trace), judge(scenario, LITERAL, expected)
    for rule, each in by_rows.items():
        found = judged[rule]
        assert (found.ruling, found.tested, found.violations) == (each.ruling, each.tested, each.violations), rule
        told = sorted((note.at_us, str(note.node), note.message) for note in found.notes)
        assert told == sorted((note.at_us, str(note.node), note.message) for note in each.notes), rule
    return trace


def test_the_library_with_more_nodes_is_the_same_in_rank() -> None:
    files = [load(path) for path in sorted(LIBRARY.rglob("*.toml"))]
    found = [mixed(with_plain_nodes(scenario)) for scenario in files if len(scenario.nodes) < 200]
    assert sum(trace is not None for trace in found) >= 60


@given(scenarios())
def test_random_worlds_with_more_nodes_are_the_same_in_rank(scenario: Scenario) -> None:
    assume(mixed(with_plain_nodes(scenario)) is not None)


def test_the_number_of_live_slots_counts_both() -> None:
    # a and c march; b is stopped for an hour, so it is by itself. All three register at the same instant, in order of
    # the nodes, and are cut off for good after half an hour: their slots are void 24 h after the requests arrived, at
    # one instant, in order of the installations.
    nodes = tuple(node(name, address=FIRST + i, register_us=0) for i, name in enumerate("cba"))
    events = (
        event(10 * MINUTE, Verb.NODE_STOP, "b", lasts_us=MINUTE),
        event(9 * MINUTE, Verb.NETWORK_CUT, "a", "b", "c"),
    )
    trace = mixed(a_world(*events, nodes=nodes, duration_us=26 * HOUR))
    assert trace is not None
    assert [(slot.at_us, slot.node, SlotChange(slot.change), slot.live) for slot in trace.slots] == [
        (LATENCY, 0, SlotChange.TAKEN, 1),
        (LATENCY, 1, SlotChange.TAKEN, 2),
        (LATENCY, 2, SlotChange.TAKEN, 3),
        (24 * HOUR + LATENCY + 1, 2, SlotChange.VOID, 2),
        (24 * HOUR + LATENCY + 1, 1, SlotChange.VOID, 1),
        (24 * HOUR + LATENCY + 1, 0, SlotChange.VOID, 0),
    ]


def test_one_odd_node_keeps_nobody_from_marching() -> None:
    nodes = fleet("fdl", address=FIRST, application="report1", count=50, spread_us=MINUTE)
    stop = event(3 * HOUR, Verb.NODE_STOP, "fdl-7", lasts_us=HOUR)
    trace = mixed(a_world(stop, nodes=nodes, capacity=50, duration_us=5 * HOUR))
    assert trace is not None
    assert len(trace.others.places) == 1
    assert turns(trace, 6) == [(6 * MINUTE + 2 * LATENCY, Status.REGISTERED)]


def test_chance_is_that_of_the_whole() -> None:
    # Two thirds of the packets of the last node are lost. What it draws must not depend on who marches beside it.
    nodes = tuple(node(name, address=FIRST + i, register_us=0) for i, name in enumerate("abcd"))
    loss = event(0, Verb.NETWORK_LOSS, "d", percent=66)
    assert mixed(a_world(loss, nodes=nodes, duration_us=24 * HOUR)) is not None


@pytest.mark.parametrize("capacity", [2, 3])
def test_who_shares_slots_is_not_parted(capacity: int) -> None:
    nodes = tuple(node(name, address=FIRST + i, register_us=0) for i, name in enumerate("abc"))
    stop = event(HOUR, Verb.NODE_STOP, "b", lasts_us=MINUTE)
    trace = run(a_world(stop, nodes=nodes, capacity=capacity), LITERAL, ranks_from=1)
    assert isinstance(trace, MixedTrace) == (capacity == 3)


def test_what_the_others_break_is_found_beside_a_lawful_march() -> None:
    nodes = tuple(node(name, address=FIRST + i, register_us=0) for i, name in enumerate("abc"))
    stop = event(HOUR, Verb.NODE_STOP, "b", lasts_us=MINUTE)
    scenario = a_world(stop, nodes=nodes)
    trace: Trace = run(scenario, LITERAL, ranks_from=1)
    assert isinstance(trace, MixedTrace)
    # A row that nothing explains, of the node that is stopped.
    trace.others.trace.failures.add(2 * HOUR, 0, 0, 30000, 1, 30000)
    judged = judge(scenario, LITERAL, trace)
    assert judged["R036"].ruling is Ruling.VIOLATED
    first = judged["R036"].first
    assert first is not None
    assert first.node == "b"
