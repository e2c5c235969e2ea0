"""The closed form: each clause of it by hand, and everything of it against the simulation."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.expectations import own_reading
from harness.library import find_scenarios, library_path
from harness.prediction import Prediction, Unpredictable, predict, why_not
from harness.report.forecast import predicted, simulated
from harness.scenario import Direction, Event, LicenceSpec, NetworkSpec, NodeUse, Scenario, ServerSpec, Verb
from harness.scenario_file import load
from harness.trace import SlotChange, Status, Trace, Verdict
from harness.world import run
from reference_server.readings import LITERAL, READINGS
from tests.harness.stage import a_world, event
from tests.harness.worlds import without_problems
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, MS, SECOND, START, node

U, R, I, L = Status.UNREGISTERED, Status.REGISTERED, Status.INTERRUPTED, Status.LAPSED  # noqa: E741
TAKEN, VOID = SlotChange.TAKEN, SlotChange.VOID
STOP, CRASH, CUT, HEAL, REGISTER = (
    Verb.SERVER_STOP,
    Verb.SERVER_CRASH,
    Verb.NETWORK_CUT,
    Verb.NETWORK_HEAL,
    Verb.NODE_REGISTER,
)
#: The latency is 5 ms, so what is heard is known 10 ms after the sending; silence is known after 30 s.
ONE_WAY, ROUND, TIMEOUT = 5 * MS, 10 * MS, 30 * SECOND


def foretold(*events: Event, **world: Any) -> Prediction:
    """Predict a world made by `a_world`: without ``nodes`` there is `a`, registered at 0."""
    return predict(a_world(*events, **world), LITERAL)


def turns(prediction: Prediction, place: int = 0) -> list[tuple[int, Status]]:
    """Return when the node at ``place`` came to have which status."""
    changes = prediction.transitions
    of_it = changes.node == place
    return [(at, Status(after)) for at, after in zip(changes.at_us[of_it].tolist(), changes.after[of_it], strict=True)]


def slots(prediction: Prediction, place: int = 0) -> list[tuple[int, SlotChange]]:
    changes = prediction.slots
    of_it = changes.node == place
    return [
        (at, SlotChange(what)) for at, what in zip(changes.at_us[of_it].tolist(), changes.change[of_it], strict=True)
    ]


# Polls, and the end of the run.


def test_a_node_at_rest() -> None:
    found = foretold(duration_us=5 * HOUR)
    # Sent at 0, 2 h and 4 h.
    assert (found.requests.tolist(), found.granted.tolist(), found.failures.tolist()) == ([3], [3], [0])
    assert turns(found) == [(ROUND, R)]
    assert slots(found) == [(ONE_WAY, TAKEN)]


@pytest.mark.parametrize(
    ("duration_us", "requests", "granted"),
    [
        # The poll of 4 h is sent at the end itself; it is granted once it has arrived.
        (4 * HOUR - 1, 2, 2),
        (4 * HOUR, 3, 2),
        (4 * HOUR + ONE_WAY - 1, 3, 2),
        (4 * HOUR + ONE_WAY, 3, 3),
    ],
)
def test_the_run_ends_in_the_midst_of_a_poll(duration_us: int, requests: int, granted: int) -> None:
    found = foretold(duration_us=duration_us)
    assert (found.requests.tolist(), found.granted.tolist()) == ([requests], [granted])


@pytest.mark.parametrize(
    ("duration_us", "status", "taken", "granted"),
    [
        (ONE_WAY - 1, U, 0, 0),
        (ONE_WAY, U, 1, 1),
        (ROUND - 1, U, 1, 1),
        (ROUND, R, 1, 1),
    ],
)
def test_the_run_ends_in_the_midst_of_a_register(duration_us: int, status: Status, taken: int, granted: int) -> None:
    found = foretold(duration_us=duration_us)
    assert found.status_at(duration_us).tolist() == [status]
    assert len(slots(found)) == taken
    assert (found.requests.tolist(), found.granted.tolist(), found.failures.tolist()) == ([1], [granted], [0])


@pytest.mark.parametrize(
    ("known_us", "failures", "status"), [(ROUND - 1, 0, R), (ROUND, 1, I)], ids=["before", "when it is known"]
)
def test_the_run_ends_in_the_midst_of_a_missed_poll(known_us: int, failures: int, status: Status) -> None:
    found = foretold(event(HOUR, STOP), duration_us=2 * HOUR + known_us)
    assert found.failures.tolist() == [failures]
    assert found.status_at(found.duration_us).tolist() == [status]


def test_nothing_happens_to_a_node_that_nobody_registers() -> None:
    found = foretold(nodes=(node("a", register_us=None), node("b", address=FIRST + 1, register_us=7 * HOUR)))
    assert (found.requests.tolist(), found.status_at(0).tolist()) == ([0, 0], [U, U])
    assert (len(found.transitions.at_us), len(found.slots.at_us), found.peak_registered) == (0, 0, (0, 0))


def test_there_is_no_status_outside_of_the_run() -> None:
    found = foretold(duration_us=HOUR)
    for true_us in (-1, HOUR + 1):
        with pytest.raises(ValueError, match="a status from 0s to 1h"):
            found.status_at(true_us)


# Outages. The last contact before those that begin at 25 h is the poll of 24 h, so the deadline is 48 h.


def test_a_stop_of_22_hours_is_survived() -> None:
    found = foretold(event(25 * HOUR, STOP, lasts_us=22 * HOUR), duration_us=3 * DAY)
    # The polls of 26 h to 46 h are refused, eleven of them; that of 48 h is heard.
    assert turns(found) == [(ROUND, R), (26 * HOUR + ROUND, I), (48 * HOUR + ROUND, R)]
    assert found.failures.tolist() == [11]
    assert slots(found) == [(ONE_WAY, TAKEN)]


@pytest.mark.parametrize("verb", [STOP, CRASH])
def test_the_poll_at_the_deadline_decides(verb: Verb) -> None:
    # It arrives at 48 h + 5 ms, and the port is open from the end of the stop on.
    survived = foretold(event(25 * HOUR, verb, lasts_us=23 * HOUR + ONE_WAY), duration_us=3 * DAY)
    assert turns(survived)[-1] == (48 * HOUR + ROUND, R)
    lost = foretold(event(25 * HOUR, verb, lasts_us=23 * HOUR + ONE_WAY + 1), duration_us=3 * DAY)
    assert turns(lost)[-1] == (48 * HOUR + ROUND, L)
    # The twelve polls of 26 h to 48 h failed, and there is none after it.
    assert (lost.failures.tolist(), lost.requests.tolist()) == ([12], [25])
    # The slot outlives the last request that arrived, at 24 h + 5 ms, by 24 h.
    assert slots(lost) == [(ONE_WAY, TAKEN), (48 * HOUR + ONE_WAY + 1, VOID)]


def test_a_stop_begins_with_what_arrives_at_it() -> None:
    # The poll of 2 h arrives at 2 h + 5 ms.
    assert foretold(event(2 * HOUR + ONE_WAY, STOP, lasts_us=1)).failures.tolist() == [1]
    assert foretold(event(2 * HOUR + ONE_WAY + 1, STOP, lasts_us=1)).failures.tolist() == [0]


def test_a_stop_lasts_until_the_server_is_started() -> None:
    stopped = event(HOUR, STOP)
    found = foretold(stopped, event(5 * HOUR, Verb.SERVER_START), duration_us=8 * HOUR)
    # Missed are the polls of 2 h and 4 h.
    assert (found.failures.tolist(), turns(found)[-1]) == ([2], (6 * HOUR + ROUND, R))
    assert foretold(stopped, duration_us=8 * HOUR).failures.tolist() == [3]


def test_requests_are_lost() -> None:
    found = foretold(event(25 * HOUR, CUT, "a", direction="requests"), duration_us=3 * DAY)
    # Silence is known after the timeout, also at the end.
    assert turns(found) == [(ROUND, R), (26 * HOUR + TIMEOUT, I), (48 * HOUR + TIMEOUT, L)]
    assert slots(found)[-1] == (48 * HOUR + ONE_WAY + 1, VOID)
    assert found.granted.tolist() == [13]


def test_answers_are_lost() -> None:
    found = foretold(event(25 * HOUR, CUT, "a", direction="answers"), duration_us=4 * DAY)
    assert turns(found) == [(ROUND, R), (26 * HOUR + TIMEOUT, I), (48 * HOUR + TIMEOUT, L)]
    # The server granted them all the same, the last one that arrived at 48 h + 5 ms.
    assert (found.granted.tolist(), found.failures.tolist()) == ([25], [12])
    assert slots(found)[-1] == (72 * HOUR + ONE_WAY + 1, VOID)


@pytest.mark.parametrize(
    ("direction", "at_us", "failures"),
    [
        # A request leaves at 2 h, its answer at 2 h + 5 ms.
        ("requests", 2 * HOUR, 1),
        ("requests", 2 * HOUR + 1, 0),
        ("answers", 2 * HOUR + ONE_WAY, 1),
        ("answers", 2 * HOUR + ONE_WAY + 1, 0),
        ("both", 2 * HOUR - 1, 0),
    ],
)
def test_a_cut_loses_what_is_sent_in_it(direction: str, at_us: int, failures: int) -> None:
    found = foretold(event(at_us, CUT, "a", direction=direction, lasts_us=1))
    assert found.failures.tolist() == [failures]


def test_the_news_of_a_refused_connection_can_be_lost() -> None:
    found = foretold(
        event(HOUR, STOP, lasts_us=2 * HOUR), event(HOUR, CUT, "a", direction="answers", lasts_us=2 * HOUR)
    )
    assert turns(found)[1] == (2 * HOUR + TIMEOUT, I)
    # Granted are those of 0 and 4 h; that of 6 h is sent as the run ends.
    assert found.granted.tolist() == [2]


def test_cuts_are_of_the_nodes_that_they_name_and_healed_by_direction() -> None:
    nodes = tuple(node(name, address=FIRST + k) for k, name in enumerate("abcd"))
    found = foretold(
        event(HOUR, CUT, "a", "b", "c", "d"),
        event(HOUR, CUT, "b", lasts_us=4 * HOUR),
        event(3 * HOUR, HEAL, "a", "b"),
        event(3 * HOUR, HEAL, "c", direction="requests"),
        event(5 * HOUR, HEAL, "c", direction="answers"),
        nodes=nodes,
        duration_us=7 * HOUR,
    )
    # a misses the poll of 2 h only; so does b, whose other cut is healed too. c misses those of 2 h and 4 h, of which
    # the server grants the latter; d misses all three.
    assert found.failures.tolist() == [1, 1, 2, 3]
    assert found.granted.tolist() == [3, 3, 3, 1]
    assert found.status_at(5 * HOUR).tolist() == [R, R, I, I]


@pytest.mark.parametrize(("timeout_us", "status"), [(ROUND, R), (ROUND - 1, U)])
def test_an_answer_at_the_timeout_is_in_time(timeout_us: int, status: Status) -> None:
    found = foretold(timeout_us=timeout_us)
    assert found.status_at(6 * HOUR).tolist() == [status]
    # The server grants the register either way.
    assert slots(found) == [(ONE_WAY, TAKEN)]


# Registered again.


def test_only_the_lapsed_are_registered_again() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=90 * MINUTE))
    found = foretold(
        event(25 * HOUR, STOP, lasts_us=23 * HOUR + ONE_WAY + 1),
        event(50 * HOUR, REGISTER, "a", "b", only="lapsed"),
        nodes=nodes,
        duration_us=3 * DAY,
    )
    # a had its last contact at 24 h, b at 23 h 30 min; so b's deadline is in the stop, too.
    assert [turns(found, place)[-2:] for place in (0, 1)] == [
        [(48 * HOUR + ROUND, L), (50 * HOUR + ROUND, R)],
        [(47 * HOUR + 30 * MINUTE + ROUND, L), (50 * HOUR + ROUND, R)],
    ]
    assert slots(found) == [(ONE_WAY, TAKEN), (48 * HOUR + ONE_WAY + 1, VOID), (50 * HOUR + ONE_WAY, TAKEN)]
    assert found.lapse_counts.tolist() == [1, 1]
    assert [column.tolist() for column in found.lapses] == [
        [48 * HOUR + ROUND, 47 * HOUR + 30 * MINUTE + ROUND],
        [0, 1],
    ]
    # From the lapse to the next registration.
    assert found.lost_access_us.tolist() == [2 * HOUR, 2 * HOUR + 30 * MINUTE]
    # From then on it polls in the new rhythm: 13 requests up to 24 h, 12 missed, then those of 50 h to 72 h.
    assert found.requests.tolist() == [37, 36]


def test_a_node_is_lapsed_only_after_the_instant_at_which_it_lapses() -> None:
    stop = event(25 * HOUR, STOP, lasts_us=30 * HOUR)
    for late_us, requests in ((0, 25), (1, 26)):
        again = event(48 * HOUR + ROUND + late_us, REGISTER, "a", only="lapsed")
        assert foretold(stop, again, duration_us=3 * DAY).requests.tolist() == [requests]


def test_a_register_refreshes_a_slot_that_is_still_live() -> None:
    found = foretold(
        event(25 * HOUR, CUT, "a", direction="answers", lasts_us=24 * HOUR),
        event(50 * HOUR, REGISTER, "a", only="lapsed"),
        duration_us=3 * DAY,
    )
    # It lapsed at 48 h; the server granted the poll of then, and keeps the slot up to 72 h.
    assert turns(found)[-2:] == [(48 * HOUR + TIMEOUT, L), (50 * HOUR + ROUND, R)]
    assert slots(found) == [(ONE_WAY, TAKEN)]


def test_a_slot_becomes_void_before_what_arrives_at_that_instant() -> None:
    # Its register is granted, but not heard; so there are no polls, and the slot is live up to 24 h + 5 ms.
    lost = event(0, CUT, "a", direction="answers", lasts_us=HOUR)
    for late_us, expected in (
        (0, [(ONE_WAY, TAKEN)]),
        (1, [(ONE_WAY, TAKEN), (DAY + ONE_WAY + 1, VOID), (DAY + ONE_WAY + 1, TAKEN)]),
    ):
        again = event(DAY + late_us, REGISTER, "a", only="unregistered")
        assert slots(foretold(lost, again, duration_us=30 * HOUR)) == expected


def test_a_register_may_fail_and_be_tried_again() -> None:
    found = foretold(
        event(0, STOP, lasts_us=HOUR),
        event(30 * MINUTE, REGISTER, "a", only="unregistered"),
        event(2 * HOUR, REGISTER, "a"),
        event(3 * HOUR, REGISTER, "a", only="unregistered"),
        duration_us=5 * HOUR,
    )
    # Refused at 0 and 0:30, granted at 2 h; the last one finds it registered. Its poll is at 4 h.
    assert turns(found) == [(2 * HOUR + ROUND, R)]
    assert (found.requests.tolist(), found.failures.tolist()) == ([4], [2])


# The licence, and its slots.


@pytest.mark.parametrize(
    ("setup", "licence"),
    [
        ({"address": FIRST + 100}, {}),
        ({"application": "other"}, {"applications": ("report1",)}),
        ({"domain": None}, {"domains": ("a.example",)}),
        ({"port": 1}, {"ports": (2, 3)}),
        ({"version": "other"}, {}),
    ],
    ids=["address", "application", "domain", "port", "version"],
)
def test_a_node_that_the_licence_does_not_cover_is_refused(setup: dict[str, Any], licence: dict[str, Any]) -> None:
    again = event(HOUR, REGISTER, "a", only="unregistered")
    found = foretold(again, nodes=(replace(node("a"), **setup),), **licence)
    assert (found.requests.tolist(), found.failures.tolist(), found.granted.tolist()) == ([2], [2], [0])
    assert found.status_at(6 * HOUR).tolist() == [U]
    assert slots(found) == []


def test_slots_go_to_whose_register_arrives_first_then_to_the_first_in_the_file() -> None:
    nodes = (
        node("a", register_us=2),
        node("b", address=FIRST + 1, register_us=1),
        node("c", address=FIRST + 2, register_us=1),
        node("d", address=FIRST + 3, register_us=1),
    )
    found = foretold(nodes=nodes, capacity=2)
    assert found.status_at(6 * HOUR).tolist() == [U, R, R, U]
    assert found.failures.tolist() == [1, 0, 0, 1]


def test_events_and_fleets_compete_in_the_order_of_the_nodes() -> None:
    nodes = (node("a", register_us=None), node("b", address=FIRST + 1, register_us=HOUR))
    found = foretold(event(HOUR, REGISTER, "a"), nodes=nodes, capacity=1)
    assert found.status_at(6 * HOUR).tolist() == [R, U]


@pytest.mark.parametrize(("register_us", "status"), [(DAY, U), (DAY + 1, R)])
def test_a_slot_is_free_at_the_first_microsecond_beyond_24_hours(register_us: int, status: Status) -> None:
    # That of a was taken at 5 ms, and is never renewed.
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=register_us))
    found = foretold(event(0, CUT, "a", direction="answers"), nodes=nodes, capacity=1, duration_us=2 * DAY)
    assert found.status_at(2 * DAY).tolist() == [U, status]


def test_a_slot_that_is_renewed_is_not_free() -> None:
    nodes = (
        node("a"),
        node("b", address=FIRST + 1, register_us=30 * HOUR),
        node("c", address=FIRST + 2, register_us=49 * HOUR),
    )
    found = foretold(event(25 * HOUR, CUT, "a"), nodes=nodes, capacity=1, duration_us=3 * DAY)
    # The last poll of a arrived at 24 h + 5 ms, so its slot is free from 48 h + 5 ms on.
    assert found.status_at(3 * DAY).tolist() == [L, U, R]
    assert found.peak_registered == (1, ONE_WAY)


def test_a_slot_that_is_refreshed_is_not_free_when_it_would_have_been() -> None:
    # Taken at 5 ms without being heard, it would be void just beyond 24 h; at 23 h it is refreshed.
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=25 * HOUR))
    found = foretold(
        event(0, CUT, "a", direction="answers", lasts_us=HOUR),
        event(23 * HOUR, REGISTER, "a", only="unregistered"),
        nodes=nodes,
        capacity=1,
        duration_us=30 * HOUR,
    )
    assert found.status_at(30 * HOUR).tolist() == [R, U]


def test_who_lapsed_keeps_its_slot_from_others_as_long_as_the_server_thinks() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=60 * HOUR))
    found = foretold(
        event(25 * HOUR, CUT, "a", direction="answers", lasts_us=24 * HOUR),
        # Both at one instant: a has its slot still, and b has none.
        event(60 * HOUR, REGISTER, "a", only="lapsed"),
        nodes=nodes,
        capacity=1,
        duration_us=3 * DAY,
    )
    assert found.status_at(3 * DAY).tolist() == [R, U]


def test_the_peak_is_what_is_live_after_an_instant() -> None:
    # The slot of a is void at the very instant at which b takes one; c comes later.
    nodes = (
        node("a"),
        node("b", address=FIRST + 1, register_us=DAY + 1),
        node("c", address=FIRST + 2, register_us=25 * HOUR),
    )
    found = foretold(event(0, CUT, "a", direction="answers"), nodes=nodes, duration_us=2 * DAY)
    assert found.peak_registered == (2, 25 * HOUR + ONE_WAY)


def test_access_is_lost_from_the_lapse_to_the_end_but_not_before_the_first_registration() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=60 * HOUR))
    found = foretold(event(25 * HOUR, CUT, "a"), nodes=nodes, duration_us=3 * DAY)
    assert found.lost_access_us.tolist() == [24 * HOUR - TIMEOUT, 0]


def test_many_nodes_walk_in_parts() -> None:
    # More than walk together. Those registered in the first half hour poll from 2 h to 2:30 and from 4 h to 4:30, the
    # others from 2:30 to 3 h, in the stop, and from 4:30 to 5 h. Only the last one is cut off then.
    count = 150_000
    nodes = fleet("n", address=FIRST, application="report1", count=count, spread_over_us=HOUR)
    world = a_world(
        event(2 * HOUR + 30 * MINUTE, STOP, lasts_us=HOUR),
        event(HOUR + 30 * MINUTE, CUT, nodes[-1].name),
        nodes=nodes,
        capacity=count,
        duration_us=5 * HOUR + MINUTE,
    )
    world = replace(world, licence=replace(world.licence, ranges=((FIRST, FIRST + count),)))
    found = predict(world, LITERAL)
    half = count // 2
    # A poll that is sent at 2:30 - 5 ms arrives as the stop begins. 24 ms lie between two nodes.
    assert found.failures.tolist() == [0] * half + [1] * (half - 1) + [2]
    assert int(found.transitions.node[-1]) == count - 1
    assert (np.diff(found.transitions.node) >= 0).all()
    assert found.status_at(3 * HOUR + 20 * MINUTE).tolist()[half - 1 : half + 2] == [R, I, I]
    assert found.peak_registered == (count, nodes[-1].register_us + ONE_WAY)  # type: ignore[operator]


# What it does not express.


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (a_world(event(0, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1))), "clock.drift (events[0]) is nothing that"),
        (a_world(event(0, Verb.SERVER_SUSPEND, lasts_us=1, line=12)), "server.suspend (line 12) is nothing that"),
        (a_world(function_points=("other",)), "does not cover FineDataLink"),
        # The node, which reckons from the sending of the request, is early by one latency.
        (a_world(expires_us=START + 6 * HOUR + ONE_WAY), "the licence expires within the run"),
        (a_world(timeout_us=2 * HOUR), "a timeout of 2h is not below 2h"),
        (a_world(nodes=(node("a"), replace(node("b"), clone_of="a"))), "b is a copy of a"),
        (replace(a_world(), server=ServerSpec(use="m:f")), "system under test"),
        (replace(a_world(), node_uses=(NodeUse(index=0, nodes=("a",), use="m:f"),)), "system under test"),
        (a_world(event(HOUR, REGISTER, "a", only="registered")), "of nodes that are registered, whose polls it moves"),
        (
            a_world(event(HOUR, REGISTER, "a"), nodes=(node("a", register_us=HOUR),)),
            "node.register (events[0]) registers a before its own registration at 0d 01:00:00",
        ),
        (a_world(event(HOUR, REGISTER, "a")), "comes to a at 0d 01:00:00 while it is registered"),
        # The answer comes at 10 ms, and the administrator is there before it.
        (a_world(event(ROUND, REGISTER, "a", only="unregistered")), "while it waits for the answer to a register"),
        (
            a_world(
                event(25 * HOUR, STOP),
                event(50 * HOUR, REGISTER, "a", only="lapsed"),
                event(50 * HOUR, REGISTER, "a", only="lapsed"),
                duration_us=3 * DAY,
            ),
            "node.register (events[2]) comes to a at 2d 02:00:00 while it waits",
        ),
    ],
)
def test_a_precondition_fails(world: Scenario, reason: str) -> None:
    found = why_not(world, LITERAL)
    assert found is not None
    assert reason in found
    with pytest.raises(Unpredictable) as raised:
        predict(world, LITERAL)
    assert str(raised.value) == found


def test_it_is_the_closed_form_of_one_reading() -> None:
    assert [name for name, reading in READINGS.items() if why_not(a_world(), reading) is None] == ["literal"]
    assert (
        why_not(a_world(), READINGS["revive"]) == "the closed form is that of the reading literal, and this is revive"
    )


def test_just_within_the_preconditions() -> None:
    assert why_not(a_world(expires_us=START + 6 * HOUR + ONE_WAY + 1), LITERAL) is None
    assert why_not(a_world(event(ROUND + 1, REGISTER, "a", only="unregistered")), LITERAL) is None
    # A logout with nohup does nothing.
    assert why_not(a_world(event(HOUR, Verb.SERVER_LOGOUT, idle=True)), LITERAL) is None


# Simulation and prediction agree.


class History(NamedTuple):
    """All that both can tell of a run."""

    transitions: list[tuple[int, ...]]
    slots: list[tuple[int, ...]]
    lapses: list[tuple[int, ...]]
    requests: list[int]
    failures: list[int]
    granted: list[int]


def simulation(trace: Trace) -> History:
    def ordered(rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        return sorted(rows, key=lambda row: (row[1], row[0]))

    failed: list[int] = [row.node for row in trace.failures]
    granted: list[int] = [row.node for row in trace.exchanges if row.verdict == Verdict.GRANTED]
    granted += [row.node for row in trace.beats for _ in range(row.polls)]
    return History(
        transitions=ordered([(row.at_us, row.node, row.before, row.after) for row in trace.transitions]),
        slots=ordered([(row.at_us, row.node, row.change) for row in trace.slots]),
        lapses=ordered([(row.at_us, row.node) for row in trace.transitions if row.after == Status.LAPSED]),
        requests=trace.requests,
        failures=np.bincount(failed, minlength=len(trace.nodes)).tolist(),
        granted=np.bincount(granted, minlength=len(trace.nodes)).tolist(),
    )


def prediction(found: Prediction) -> History:
    def rows(columns: tuple[np.ndarray[Any, Any], ...]) -> list[tuple[int, ...]]:
        return list(zip(*(column.tolist() for column in columns), strict=True))

    return History(
        transitions=rows(found.transitions),
        slots=rows(found.slots),
        lapses=rows(found.lapses),
        requests=found.requests.tolist(),
        failures=found.failures.tolist(),
        granted=found.granted.tolist(),
    )


def assert_they_agree(scenario: Scenario, *, every_poll: bool) -> None:
    found, trace = predict(scenario, LITERAL), run(scenario, LITERAL, every_poll=every_poll)
    assert prediction(found) == simulation(trace), scenario.file
    # A grid of instants, and where most happens: around the changes.
    end_us = scenario.duration_us
    grid = [k * end_us // 20 for k in range(21)]
    changes = found.transitions.at_us.tolist()[:: 1 + len(found.transitions.at_us) // 6]
    for at_us in sorted({*grid, *changes, *(at_us - 1 for at_us in changes if at_us)}):
        status = [int(Status.UNREGISTERED)] * len(scenario.nodes)
        for row in trace.transitions:
            if row.at_us <= at_us:
                status[row.node] = row.after
        assert found.status_at(at_us).tolist() == status, (scenario.file, at_us)
    # So do the numbers that people see: lapses, lost access, and the most slots.
    why = "to compare"
    assert simulated(scenario, "literal", trace, end_us, why) == replace(
        predicted(scenario, "literal", found, end_us), because=why
    )
    assert found.lapse_counts.sum() == len(found.lapses[0])


def test_they_agree_on_the_library() -> None:
    library = [load(file) for file in find_scenarios(library_path())]
    expressed = [each for each in library if own_reading(each) == "literal" and why_not(each, LITERAL) is None]
    assert len(expressed) >= 40
    for scenario in expressed:
        assert_they_agree(scenario, every_poll=False)


#: Distances that decide: a tick, a latency, a round trip, a timeout, give or take one.
ticks = st.sampled_from([0, 0, 1, -1, ONE_WAY, -ONE_WAY, ONE_WAY + 1, -ONE_WAY - 1, ROUND, ROUND + 1, -ROUND, TIMEOUT])


@st.composite
def events_of(draw: st.DrawFn, nodes: tuple[NodeSetup, ...], duration_us: int) -> Event:
    """An event at a poll of some node, or near."""
    verb = draw(st.sampled_from([STOP, STOP, CRASH, CUT, CUT, CUT, HEAL, Verb.SERVER_START, REGISTER, REGISTER]))
    poll_us = (draw(st.sampled_from(nodes)).register_us or 0) + draw(st.integers(0, duration_us // HOUR)) * HOUR
    at_us = min(max(0, poll_us + draw(ticks)), duration_us)
    keys: dict[str, Any] = {}
    names = tuple(each.name for each in nodes)
    some = draw(st.sampled_from([names, *((name,) for name in names), names[1:] or names]))
    if verb in (CUT, HEAL):
        keys |= {"nodes": some, "direction": draw(st.sampled_from(["both", "requests", "answers"]))}
    if verb is REGISTER:
        only = draw(st.sampled_from(["lapsed", "lapsed", "unregistered", "unregistered", None]))
        keys |= {"nodes": some, "only": only}
    if verb in (STOP, CRASH, CUT) and draw(st.integers(0, 4)):
        hours = draw(st.sampled_from([0, 1, 2, 5, 20, 22, 23, 24, 26, 30]))
        keys["until_us"] = max(at_us + 1, at_us + hours * HOUR + draw(ticks))
    return Event(index=0, at_us=at_us, verb=verb, **keys)


@st.composite
def losses(draw: st.DrawFn, names: tuple[str, ...]) -> list[Event]:
    """An outage around the deadline of most nodes, and the register that brings the lapsed ones back."""
    verb = draw(st.sampled_from([STOP, CUT]))
    direction: Direction = draw(st.sampled_from(["both", "requests", "answers"]))
    at_us = draw(st.integers(0, 3)) * HOUR + draw(st.sampled_from([1, HOUR // 2, ROUND + 1]))
    until_us = at_us + draw(st.sampled_from([22, 23, 24, 26, 47])) * HOUR + draw(ticks)
    back_us = until_us + draw(st.sampled_from([-HOUR, 0, ROUND, HOUR, 3 * HOUR, 20 * HOUR]))
    nodes = names if verb is CUT else ()
    return [
        Event(index=0, at_us=at_us, verb=verb, until_us=until_us, nodes=nodes, direction=direction),
        Event(index=0, at_us=back_us, verb=REGISTER, nodes=names, only="lapsed"),
    ]


@st.composite
def predictable(draw: st.DrawFn) -> Scenario:
    """A world of one to five nodes for two to five days that the closed form may express."""
    duration_us = draw(st.integers(2, 5)) * DAY + draw(st.sampled_from([0, ONE_WAY, ROUND - 1, ROUND, TIMEOUT - 1]))
    latency_us = draw(st.sampled_from([ONE_WAY, ONE_WAY, ONE_WAY, 0, 1, 15 * SECOND, 16 * SECOND]))
    count = draw(st.integers(1, 5))
    spread_us = draw(st.sampled_from([0, 0, 1, 30 * MINUTE, HOUR, 13 * HOUR, 25 * HOUR]))
    nodes = fleet("n", address=FIRST, application="report1", count=count, spread_us=spread_us)
    if draw(st.booleans()):
        nodes = (*nodes[:-1], replace(nodes[-1], register_us=draw(st.sampled_from([None, 0, DAY, DAY + 1, 49 * HOUR]))))
    drawn = draw(st.lists(events_of(nodes, duration_us), max_size=6))
    if draw(st.booleans()):
        drawn += draw(losses(tuple(each.name for each in nodes)))
    scenario = Scenario(
        title="a random world",
        file="<random>",
        start_us=START,
        duration_us=duration_us,
        licence=LicenceSpec(
            capacity=draw(st.integers(1, 5)), ranges=((FIRST, FIRST + draw(st.sampled_from([9, 9, 1]))),)
        ),
        network=NetworkSpec(latency_us=latency_us, timeout_us=draw(st.sampled_from([TIMEOUT, TIMEOUT, ROUND]))),
        nodes=nodes,
        events=tuple(replace(each, index=index) for index, each in enumerate(drawn)),
    )
    return _expressible(without_problems(scenario))


def _expressible(scenario: Scenario) -> Scenario:
    """Leave out the latest register that stands against it, until none does."""
    while why_not(scenario, LITERAL) is not None:
        registers = [each for each in scenario.events if each.verb is REGISTER]
        last = max(registers, key=lambda each: (each.at_us, each.index))
        scenario = replace(scenario, events=tuple(each for each in scenario.events if each is not last))
    return scenario


@settings(max_examples=200, deadline=None)
@given(predictable(), st.sampled_from([1, 2, 1 << 16]))
def test_they_agree_on_random_worlds(scenario: Scenario, together: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # How many nodes walk together makes no difference.
        patch.setattr("harness.prediction.predicting._TOGETHER", together)
        assert_they_agree(scenario, every_poll=True)
