"""Nodes in rank: everything is as if each of them had been simulated, and who cannot stand in rank is.

Most of these tests hold a march against the world, which simulates every node by itself. They look at the trace table
by table, since a digest only says that something differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fake_fdl_nodes.fleet import fleet
from fake_fdl_nodes.node import Node
from harness.expectations import judge_expectations
from harness.ranks.fit import orders_for
from harness.ranks.mixed import MixedTrace
from harness.rulebook import judge
from harness.rulebook.judging import JUDGES
from harness.rulebook.ranks import judge_in_rank
from harness.runner import Job, run_one
from harness.scenario import Event, Expect, LicenceSpec, NetworkSpec, Scenario, Verb
from harness.scenario_file import load
from harness.trace import Outcome, SlotChange, Status, Trace
from harness.world import RANKS_FROM, run
from reference_server.readings import LITERAL, READINGS
from tests.harness.stage import LATENCY, a_world, event, turns
from tests.rulebook.hand import FIRST, HOUR, MINUTE, SECOND, START, node


class MyNode(Node):
    """Somebody else's node."""


LIBRARY = Path(__file__).parents[3] / "scenarios"
TABLES = ("transitions", "access", "failures", "slots", "edges")


def alone(scenario: Scenario) -> Trace:
    return run(scenario, LITERAL, ranks_from=len(scenario.nodes) + 1)


def in_rank(scenario: Scenario) -> Trace:
    trace = run(scenario, LITERAL, ranks_from=0)
    assert trace.in_rank
    return trace


def same(scenario: Scenario) -> Trace:
    """Hold a march against the world, and return its trace."""
    expected, trace = alone(scenario), in_rank(scenario)
    for table in TABLES:
        assert sorted(getattr(trace, table)) == sorted(getattr(expected, table)), table
    assert trace.requests == expected.requests
    assert trace.final_lists == expected.final_lists
    assert trace.contents == expected.contents or not expected.contents
    # Which polls are told one by one is not the same, but what is told of one is.
    told = {(each.node, each.number): each._replace(signature=0) for each in expected.exchanges}
    signatures = {(each.node, each.number): each.signature for each in expected.exchanges}
    for each in trace.exchanges:
        known = told.get((each.node, each.number))
        if known is not None:
            assert each._replace(signature=0) == known
            theirs = signatures[each.node, each.number]
            assert (each.signature < 0) == (theirs < 0)
            if theirs >= 0:
                assert trace.signatures[each.signature] == expected.signatures[theirs]
    assert sum(beat.polls for beat in trace.beats) + len(trace.exchanges) == sum(trace.requests)
    assert trace.events == expected.events
    assert trace.digest() == expected.digest()
    judged = judge(scenario, LITERAL, expected)
    lawful = judge_in_rank(scenario, LITERAL, trace, sorted(JUDGES), judge)
    assert lawful is not None
    for rule, by_rows in judged.items():
        assert (lawful[rule].ruling, lawful[rule].tested) == (by_rows.ruling, by_rows.tested), rule
        notes = sorted((note.at_us, note.node, note.message) for note in lawful[rule].notes)
        assert notes == sorted((note.at_us, note.node, note.message) for note in by_rows.notes), rule
    return trace


def fitting() -> list[Path]:
    files = sorted(LIBRARY.rglob("*.toml"))
    return [path for path in files if orders_for(load(path), LITERAL) is not None]


def test_many_files_of_the_library_fit() -> None:
    assert len(fitting()) >= 30


@pytest.mark.parametrize("path", fitting(), ids=lambda path: path.stem)
def test_the_library_is_the_same_in_rank(path: Path) -> None:
    same(load(path))


# Random worlds.

_EDGE = st.builds(
    lambda half_hours, off_us: max(0, half_hours * HOUR // 2 + off_us),
    st.integers(0, 160),
    st.sampled_from((0, 0, 1, -1, LATENCY, -LATENCY, LATENCY - 1, LATENCY + 1, 2 * LATENCY, 30 * SECOND, -30 * SECOND)),
)
_LENGTH = st.sampled_from(
    (
        1,
        LATENCY,
        HOUR // 2,
        2 * HOUR,
        5 * HOUR,
        22 * HOUR,
        24 * HOUR - 1,
        24 * HOUR,
        24 * HOUR + 1,
        27 * HOUR,
        49 * HOUR,
    )
)


@st.composite
def _lasting(draw: st.DrawFn, verb: Verb, names: Sequence[str] = ()) -> Event:
    made = event(draw(_EDGE), verb, *names)
    ends = draw(st.booleans()) or verb is not Verb.NETWORK_CUT
    return replace(made, until_us=made.at_us + draw(_LENGTH) if ends else None)


@st.composite
def marches(draw: st.DrawFn) -> Scenario:
    """Draw a world whose nodes may stand in rank, with the instants that matter and those beside them."""
    count = draw(st.integers(1, 5))
    whens = st.none() | st.builds(
        lambda half_hours, off_us: max(0, half_hours * HOUR // 2 + off_us), st.integers(0, 8), st.integers(-1, 1)
    )
    # The order of the names is not that of the nodes.
    nodes = tuple(node(f"n{i * 7 % 10}", address=FIRST + i, register_us=draw(whens)) for i in range(count))
    names = [each.name for each in nodes]
    groups = st.sampled_from((names, names[:1], names[-1:], names[::2]))
    events = [draw(_lasting(Verb.SERVER_STOP)) for _ in range(draw(st.integers(0, 3)))]
    for _ in range(draw(st.integers(0, 3))):
        cut = draw(_lasting(Verb.NETWORK_CUT, draw(groups)))
        events.append(replace(cut, direction=draw(st.sampled_from(("both", "requests", "answers")))))
    for _ in range(draw(st.integers(0, 3))):
        only = draw(st.sampled_from(("lapsed", "unregistered", None)))
        events.append(event(draw(_EDGE), Verb.NODE_REGISTER, *draw(groups), only=only))
    if draw(st.booleans()):
        events.append(event(draw(_EDGE), Verb.NETWORK_HEAL, *names))
    return a_world(
        *sorted(events, key=lambda each: each.at_us),
        nodes=nodes,
        capacity=draw(st.integers(1, count)),
        duration_us=draw(st.sampled_from((80 * HOUR, 80 * HOUR + LATENCY, 60 * HOUR + 1))),
        latency_us=draw(st.sampled_from((LATENCY, LATENCY, 0, SECOND))),
    )


@given(marches())
def test_random_worlds_are_the_same_in_rank(scenario: Scenario) -> None:
    # Who falls out of step is simulated alone, and may be all there are.
    assume(run(scenario, LITERAL, ranks_from=0).in_rank)
    same(scenario)


# By hand.


def test_a_stop_of_a_day_lapses_who_has_to_in_each_phase() -> None:
    # The server is away from 3 h to 27 h. The first node polls at 2 h and next at 4 h, ..., 26 h: that twelfth miss is
    # at 24 h after 2 h, and known two latencies later. The second one is half an hour behind: its last contact is at
    # 2 h 30 min, its deadline at 26 h 30 min. The third one polls at 2 h 59 min, 59.994 s: its poll arrives just in
    # time, and its deadline is at 26 h 59 min 59.994 s. The fourth one comes a millisecond too late at 3 h: its last
    # contact is at 1 h, its deadline at 25 h.
    late_us = 59 * MINUTE + 59 * SECOND + 994_000
    phases = (0, 30 * MINUTE, HOUR - 6_000, HOUR - 4_000)
    nodes = tuple(node(f"n{i}", address=FIRST + i, register_us=at_us) for i, at_us in enumerate(phases))
    stop = event(3 * HOUR, Verb.SERVER_STOP, lasts_us=24 * HOUR)
    trace = same(a_world(stop, nodes=nodes, duration_us=30 * HOUR))
    lapses = [[at_us for at_us, status in turns(trace, place) if status is Status.LAPSED] for place in range(4)]
    assert lapses == [
        [26 * HOUR + 2 * LATENCY],
        [26 * HOUR + 30 * MINUTE + 2 * LATENCY],
        [26 * HOUR + late_us + 2 * LATENCY],
        [24 * HOUR + HOUR - 4_000 + 2 * LATENCY],
    ]


def test_who_is_registered_anyway_polls_two_hours_later() -> None:
    # All three are registered at 3 h, whatever they are. The first polls at 2 h and next at 5 h, so its silence from
    # 10 h on is judged from 9 h: its polls at 11 h, ..., 33 h are the twelve misses. The second one registers for the
    # first time. The third one is in the midst of a poll: that is abandoned, and it is simulated by itself.
    phases = (0, None, HOUR - LATENCY)
    nodes = tuple(node(f"n{i}", address=FIRST + i, register_us=at_us) for i, at_us in enumerate(phases))
    events = (
        event(3 * HOUR, Verb.NODE_REGISTER, "n0", "n1", "n2"),
        event(10 * HOUR, Verb.SERVER_STOP, lasts_us=30 * HOUR),
    )
    trace = same(a_world(*events, nodes=nodes, duration_us=34 * HOUR))
    assert isinstance(trace, MixedTrace)
    assert trace.others.places.tolist() == [2]
    lapses = [[at_us for at_us, status in turns(trace, place) if status is Status.LAPSED] for place in range(3)]
    assert lapses == [[33 * HOUR + 2 * LATENCY]] * 3
    (abandoned,) = [each for each in trace.exchanges if each.outcome == Outcome.ABANDONED]
    assert (abandoned.node, abandoned.ended_us) == (2, 3 * HOUR)


def test_slots_go_to_who_comes_first() -> None:
    # Two slots, three nodes. The first two take them; the third one is refused, and so is a second try an hour later.
    # From 2 h 30 min on the first one is cut off: its last request arrived at 2 h, so its slot is void at 26 h, and
    # from then on there is room for the third one, which is registered at 27 h.
    nodes = tuple(node(f"n{i}", address=FIRST + i, register_us=i * SECOND) for i in range(3))
    events = (
        event(HOUR, Verb.NODE_REGISTER, "n2", only="unregistered"),
        event(2 * HOUR + 30 * MINUTE, Verb.NETWORK_CUT, "n0"),
        event(27 * HOUR, Verb.NODE_REGISTER, "n2", only="unregistered"),
    )
    trace = same(a_world(*events, nodes=nodes, capacity=2, duration_us=28 * HOUR))
    assert [(row.at_us, row.code) for row in trace.failures if row.node == 2] == [
        (2 * SECOND + 2 * LATENCY, 30007),
        (HOUR + 2 * LATENCY, 30007),
    ]
    assert [(slot.at_us, slot.node, SlotChange(slot.change), slot.live) for slot in trace.slots] == [
        (LATENCY, 0, SlotChange.TAKEN, 1),
        (SECOND + LATENCY, 1, SlotChange.TAKEN, 2),
        (26 * HOUR + LATENCY + 1, 0, SlotChange.VOID, 1),
        (27 * HOUR + LATENCY, 2, SlotChange.TAKEN, 2),
    ]


def test_more_than_march_together_are_the_same() -> None:
    # Just above the number of nodes that march together, so that there are two parts.
    count = (1 << 12) + 3
    nodes = fleet("fdl", address=FIRST, application="report1", count=count, spread_over_us=2 * HOUR)
    stop = event(3 * HOUR, Verb.SERVER_STOP, lasts_us=26 * HOUR)
    again = event(30 * HOUR, Verb.NODE_REGISTER, *(each.name for each in nodes), only="lapsed")
    cut = event(20 * MINUTE, Verb.NETWORK_CUT, nodes[-1].name, nodes[0].name, lasts_us=2 * HOUR)
    scenario = a_world(stop, again, cut, nodes=nodes, capacity=count, duration_us=31 * HOUR)
    scenario = replace(scenario, licence=replace(scenario.licence, ranges=((FIRST, FIRST + count),)))
    trace = in_rank(scenario)
    assert len(trace.parts) == 2
    judged = judge(scenario, LITERAL, trace)
    # The register of the last one is lost to the cut, and nobody registers it anew. All others are registered twice,
    # since a stop of 26 h is more than anybody outlives.
    assert judged["R092"].tested == 2 * count - 1
    assert judged["R026"].tested == count - 1
    few = replace(scenario, nodes=nodes[-3:], events=(stop, replace(again, nodes=again.nodes[-3:]), cut))
    few = replace(few, events=tuple(replace(each, index=i, nodes=each.nodes[-3:]) for i, each in enumerate(few.events)))
    few = replace(few, events=(*few.events[:2], replace(few.events[2], nodes=(nodes[-1].name,))))
    expected = alone(few)
    offset = count - 3
    for table in ("transitions", "failures"):
        theirs = Counter(row._replace(node=row.node + offset) for row in getattr(expected, table))
        assert Counter(row for row in getattr(trace, table) if row.node >= offset) == theirs


def test_a_fleet_is_in_rank_from_a_number_of_nodes_on_and_never_poll_by_poll() -> None:
    def of(count: int) -> Scenario:
        nodes = fleet("fdl", address=FIRST, application="report1", count=count)
        licence = LicenceSpec(capacity=count, ranges=((FIRST, FIRST + count),))
        return Scenario(title="many", start_us=START, duration_us=HOUR, licence=licence, nodes=nodes)

    assert run(of(RANKS_FROM), LITERAL).in_rank
    # So does whoever runs scenarios, as long as nobody else's code is under test.
    assert run_one(Job(scenario=of(RANKS_FROM), reading=LITERAL)).trace.in_rank
    assert not run_one(Job(scenario=of(RANKS_FROM), reading=LITERAL), node=MyNode).trace.in_rank
    assert not run(of(RANKS_FROM - 1), LITERAL).in_rank
    assert not run(of(RANKS_FROM), LITERAL, every_poll=True).in_rank
    assert not run(of(RANKS_FROM), READINGS["revive"]).in_rank


def test_expectations_of_single_nodes_are_judged() -> None:
    nodes = fleet("fdl", address=FIRST, application="report1", count=3)
    scenario = a_world(event(HOUR, Verb.SERVER_STOP), nodes=nodes, duration_us=3 * HOUR)
    expects = (
        Expect(index=0, at_us=30 * MINUTE, nodes=("fdl-2",), status="registered", access=True, failure="none"),
        Expect(index=1, at_us=3 * HOUR, nodes=("fdl-2",), status="interrupted", failure="/"),
        Expect(index=2, at_us=3 * HOUR, registered=3),
        Expect(index=3, at_us=3 * HOUR, nodes=("fdl-3",), status="registered"),
    )
    scenario = replace(scenario, expects=expects)
    assert [met.met for met in judge_expectations(scenario, LITERAL, in_rank(scenario))] == [True, True, True, False]


# Who cannot stand in rank.

_PLAIN = a_world(event(HOUR, Verb.SERVER_STOP, lasts_us=HOUR))


def _with(**changes: object) -> Scenario:
    return replace(_PLAIN, **changes)  # type: ignore[arg-type]


def _event(verb: Verb, *nodes: str, **more: object) -> Scenario:
    return _with(events=(event(HOUR, verb, *nodes, **more),))  # type: ignore[arg-type]


def _setup(**changes: object) -> Scenario:
    return _with(nodes=(node("a"), replace(node("b"), **changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "scenario",
    [
        _event(Verb.SERVER_SUSPEND, lasts_us=HOUR),
        _event(Verb.NODE_STOP, "a"),
        _event(Verb.NODE_REGISTER, "a", only="interrupted"),
        _event(Verb.CLOCK_STEP, host="server", by_us=1),
        _event(Verb.NETWORK_LOSS, "a"),
        _with(events=(event(30 * SECOND, Verb.NODE_REGISTER, "a", only="unregistered"),)),
        _with(
            events=tuple(event(HOUR + k * 30 * SECOND, Verb.NODE_REGISTER, "a", only="unregistered") for k in range(2))
        ),
        _with(events=(event(HOUR, Verb.SERVER_STOP), event(2 * HOUR, Verb.SERVER_STOP))),
        _with(network=NetworkSpec(latency_us=15 * SECOND, timeout_us=30 * SECOND)),
        _with(licence=replace(_PLAIN.licence, expires_us=START + _PLAIN.duration_us + HOUR)),
        _with(licence=replace(_PLAIN.licence, applications=("other",))),
        _with(licence=replace(_PLAIN.licence, domains=("other",))),
        _with(licence=replace(_PLAIN.licence, ports=(1,))),
        _with(licence=replace(_PLAIN.licence, version="other")),
        _with(licence=replace(_PLAIN.licence, function_points=())),
        _setup(address=FIRST - 1),
        _setup(clone_of="a"),
    ],
    ids=lambda scenario: str([each.verb.value for each in scenario.events]),
)
def test_who_is_not_like_that_stays_in_the_world(scenario: Scenario) -> None:
    assert orders_for(_PLAIN, LITERAL) is not None
    assert orders_for(scenario, LITERAL) is None


def test_a_licence_that_ends_later_is_none_that_ends() -> None:
    later = replace(_PLAIN.licence, expires_us=START + _PLAIN.duration_us + HOUR + 1)
    same(_with(licence=later))
