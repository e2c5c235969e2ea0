"""The world: the order of ties within one instant, what becomes of packets, and what events do."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from harness.scenario import Verb
from harness.trace import NEVER, EdgeKind, Outcome, SlotChange, Status, Verdict
from reference_server.readings import READINGS
from tests.harness.stage import LATENCY, event, exchanges, play, turns
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, MS, SECOND, START, node

# Ties at one instant.


def test_arrivals_go_by_file_order_whatever_was_scheduled_first() -> None:
    # Two slots, three nodes at one instant; the last in the file registers by an event that comes first in it.
    nodes = (node("a", register_us=HOUR), node("b", address=FIRST + 1, register_us=HOUR), node("c", address=FIRST + 2))
    late = replace(nodes[2], register_us=None)
    trace = play(event(HOUR, Verb.NODE_REGISTER, "c"), nodes=(nodes[0], nodes[1], late), capacity=2)
    assert [each.verdict for each in trace.exchanges if each.kind == 0] == [Verdict.GRANTED, Verdict.GRANTED, 30007]


def test_a_later_sending_arrives_later_though_its_node_comes_first_in_the_file() -> None:
    # b sends a microsecond before a; with one slot left b gets it.
    nodes = (node("a", register_us=MINUTE + 1), node("b", address=FIRST + 1, register_us=MINUTE))
    trace = play(nodes=nodes, capacity=1)
    assert turns(trace, 0) == []
    assert turns(trace, 1) == [(MINUTE + 10 * MS, Status.REGISTERED)]


def test_a_stop_holds_from_its_start_up_to_its_end() -> None:
    # The register arrives at 5 ms: exactly at the start of the stop it is refused, exactly at its end it is served.
    assert exchanges(play(event(LATENCY, Verb.SERVER_STOP)))[0].verdict == Verdict.CONNECTION_REFUSED
    assert exchanges(play(event(0, Verb.SERVER_STOP, lasts_us=LATENCY)))[0].verdict == Verdict.GRANTED


def test_a_cut_holds_for_a_packet_sent_at_its_start_and_not_at_its_end() -> None:
    assert exchanges(play(event(0, Verb.NETWORK_CUT, "a")))[0].lost
    later = (node("a", register_us=MINUTE),)
    assert not exchanges(play(event(0, Verb.NETWORK_CUT, "a", lasts_us=MINUTE), nodes=later))[0].lost


def test_a_start_and_a_register_at_one_instant_the_start_comes_first() -> None:
    trace = play(
        event(HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(2 * HOUR, Verb.NODE_REGISTER, "a"),
        duration_us=2 * HOUR + MINUTE,
    )
    # The register is sent, and puts off the poll of the start, which is due at the same instant, by two hours.
    assert [each.kind for each in exchanges(trace)] == [0, 0]


def test_without_latency_a_round_is_done_before_the_next_begins() -> None:
    # At 2 h the poll is sent after all that the instant held so far; its answer comes in the next round of it.
    trace = play(latency_us=0, duration_us=2 * HOUR)
    assert [(e.sent_us, e.arrived_us, e.ended_us) for e in exchanges(trace)] == [(0, 0, 0), (2 * HOUR,) * 3]
    assert trace.final_lists == [()]


def test_an_answer_at_exactly_the_timeout_is_in_time() -> None:
    assert turns(play(timeout_us=10 * MS)) == [(10 * MS, Status.REGISTERED)]
    trace = play(timeout_us=10 * MS - 1, duration_us=HOUR)
    assert turns(trace) == []
    assert exchanges(trace)[0].outcome == Outcome.UNANSWERED
    # The server did what it did.
    assert [slot.change for slot in trace.slots] == [SlotChange.TAKEN]


def test_what_falls_on_the_last_instant_still_happens() -> None:
    assert turns(play(duration_us=10 * MS)) == [(10 * MS, Status.REGISTERED)]
    assert turns(play(duration_us=10 * MS - 1)) == []


# Packets.


def test_a_request_in_flight_over_a_restart_is_served() -> None:
    trace = play(event(MS, Verb.SERVER_STOP, lasts_us=2 * MS))
    assert exchanges(trace)[0].verdict == Verdict.GRANTED


def test_an_answer_once_sent_is_not_recalled_by_a_stop() -> None:
    assert turns(play(event(LATENCY + 1, Verb.SERVER_CRASH)))[0] == (10 * MS, Status.REGISTERED)


def test_a_refused_connection_is_known_one_round_trip_after_sending() -> None:
    trace = play(event(0, Verb.SERVER_STOP), duration_us=HOUR)
    assert [(row.at_us, row.code) for row in trace.failures] == [(10 * MS, -1)]


def test_a_cut_of_answers_loses_the_refusal_of_a_connection_too() -> None:
    trace = play(event(0, Verb.SERVER_STOP), event(0, Verb.NETWORK_CUT, "a", direction="answers"), duration_us=HOUR)
    assert [(row.at_us, row.code) for row in trace.failures] == [(30 * SECOND, -1)]


def test_what_arrives_at_a_suspended_server_is_lost() -> None:
    trace = play(event(0, Verb.SERVER_SUSPEND, lasts_us=10 * SECOND), duration_us=HOUR)
    (asked,) = exchanges(trace)
    assert (asked.arrived_us, asked.verdict) == (NEVER, Verdict.NONE)
    assert [row.at_us for row in trace.failures] == [30 * SECOND]


def test_what_arrives_at_a_suspended_node_is_lost() -> None:
    trace = play(event(6 * MS, Verb.NODE_SUSPEND, "a", lasts_us=10 * SECOND), duration_us=HOUR)
    (asked,) = exchanges(trace)
    assert (asked.verdict, asked.delivered_us) == (Verdict.GRANTED, NEVER)
    assert [row.at_us for row in trace.failures] == [30 * SECOND]


def test_a_timeout_that_passed_in_a_suspension_is_known_on_waking() -> None:
    trace = play(event(6 * MS, Verb.NODE_SUSPEND, "a", lasts_us=MINUTE), duration_us=HOUR)
    assert [row.at_us for row in trace.failures] == [MINUTE + 6 * MS]


def test_an_answer_that_comes_as_its_host_wakes_is_too_late_after_the_timeout() -> None:
    # Sent at 0, answered at 32 s, timed out at 30 s: the host sleeps from 10 s, and wakes just when the answer comes.
    sleep = event(10 * SECOND, Verb.NODE_SUSPEND, "a", lasts_us=22 * SECOND)
    trace = play(sleep, latency_us=16 * SECOND, duration_us=HOUR)
    assert turns(trace) == []
    assert [row.at_us for row in trace.failures] == [32 * SECOND]


def test_the_answer_to_a_node_that_has_moved_away_is_lost() -> None:
    trace = play(event(MS, Verb.NODE_MOVE, "a", address=FIRST + 1), duration_us=HOUR)
    (asked,) = exchanges(trace)
    assert (asked.source, asked.verdict, asked.answer_lost) == (FIRST, Verdict.GRANTED, 1)


# Events.


def test_only_is_evaluated_when_the_event_happens() -> None:
    nodes = (node("a"), node("b", address=FIRST + 200))  # b is refused and stays unregistered.
    trace = play(event(HOUR, Verb.NODE_STOP, "a", "b", only="registered", lasts_us=HOUR), nodes=nodes)
    stopped = [
        (edge.host, EdgeKind(edge.what)) for edge in trace.edges if edge.what in (EdgeKind.STOPPED, EdgeKind.STARTED)
    ]
    assert stopped == [(-1, EdgeKind.STARTED), (0, EdgeKind.STOPPED), (0, EdgeKind.STARTED)]


def test_an_event_ends_only_what_it_began() -> None:
    # The first stop takes a down, and a start brings it back early; the second one is not ended by the first one's end.
    trace = play(
        event(HOUR, Verb.NODE_STOP, "a", lasts_us=2 * HOUR),
        event(HOUR + MINUTE, Verb.NODE_START, "a"),
        event(2 * HOUR, Verb.NODE_STOP, "a", lasts_us=3 * HOUR),
    )
    started = [edge.at_us for edge in trace.edges if edge.host == 0 and edge.what == EdgeKind.STARTED]
    assert started == [HOUR + MINUTE, 5 * HOUR]


def test_a_stopped_program_does_not_do_what_is_asked_of_it() -> None:
    trace = play(
        event(HOUR, Verb.NODE_STOP, "a", lasts_us=4 * HOUR),
        event(2 * HOUR, Verb.NODE_REGISTER, "a"),
        event(3 * HOUR, Verb.NODE_UNBIND, "a"),
        duration_us=4 * HOUR,
    )
    assert len(exchanges(trace)) == 1
    assert [edge.done for edge in trace.edges if edge.what in (EdgeKind.REGISTER_ASKED, EdgeKind.UNBIND_ASKED)] == [
        1,
        0,
        0,
    ]
    assert trace.final_lists == [()]


def test_moved_nodes_get_addresses_one_above_the_other() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1))
    trace = play(event(HOUR, Verb.NODE_MOVE, "a", "b", address=FIRST + 10), nodes=nodes)
    assert [edge.value - FIRST for edge in trace.edges if edge.what == EdgeKind.MOVED] == [10, 11]


def test_a_destroyed_server_refuses_to_start() -> None:
    trace = play(event(HOUR, Verb.SERVER_DESTROY), event(90 * MINUTE, Verb.SERVER_START))
    assert [(edge.what, edge.done) for edge in trace.edges if edge.host == -1] == [
        (EdgeKind.STARTED, 1),
        (EdgeKind.DESTROYED, 1),
        (EdgeKind.STARTED, 0),
    ]
    assert exchanges(trace)[1].verdict == Verdict.CONNECTION_REFUSED


def test_two_suspensions_of_a_licence_both_have_to_end() -> None:
    trace = play(
        event(HOUR, Verb.LICENCE_SUSPEND, lasts_us=2 * HOUR),
        event(HOUR, Verb.LICENCE_SUSPEND, lasts_us=4 * HOUR),
        duration_us=6 * HOUR,
    )
    # Polls at 2, 4 and 6 h; the last one is sent at the very end.
    assert [each.verdict for each in exchanges(trace)][:3] == [Verdict.GRANTED, 30002, 30002]


def test_a_suspension_that_was_lifted_early_does_not_end_twice() -> None:
    trace = play(event(HOUR, Verb.LICENCE_SUSPEND, lasts_us=4 * HOUR), event(3 * HOUR, Verb.LICENCE_RESUME))
    assert [(edge.at_us, edge.what) for edge in trace.edges if edge.host == -1][1:] == [
        (HOUR, EdgeKind.LICENCE_SUSPENDED),
        (3 * HOUR, EdgeKind.LICENCE_RESUMED),
    ]


def test_a_start_at_the_instant_of_a_clock_step_reads_the_clock_before_it() -> None:
    # Ends come before starts: the server's return at 3 h sees a right clock, the step of 30 h comes after.
    trace = play(
        event(HOUR, Verb.SERVER_STOP, lasts_us=2 * HOUR),
        event(3 * HOUR, Verb.CLOCK_STEP, host="server", by_us=30 * HOUR),
    )
    assert [slot.change for slot in trace.slots] == [SlotChange.TAKEN]


def test_a_suspended_node_gives_no_access() -> None:
    trace = play(event(HOUR, Verb.NODE_SUSPEND, "a", lasts_us=HOUR))
    assert [(each.at_us, each.opened) for each in trace.access] == [(10 * MS, 1), (HOUR, 0), (2 * HOUR, 1)]


def test_slots_are_void_to_the_microsecond_though_the_server_is_down() -> None:
    trace = play(event(HOUR, Verb.SERVER_STOP), event(HOUR, Verb.NODE_CRASH, "a"), duration_us=2 * DAY)
    assert [(slot.at_us, slot.change) for slot in trace.slots][1:] == [(DAY + LATENCY + 1, SlotChange.VOID)]


@pytest.mark.parametrize(("late_us", "void_us"), [(0, DAY + LATENCY + 1), (1, 26 * HOUR + 2)])
def test_revive_voids_a_slot_at_the_instant_of_a_stop_but_not_in_it(late_us: int, void_us: int) -> None:
    # The crashed node's slot is 24 h and 1 us old as the server stops, or as much less as the slot is taken later.
    nodes = (node("a", register_us=late_us),)
    down = event(DAY + LATENCY + 1, Verb.SERVER_STOP, lasts_us=2 * HOUR - LATENCY)
    trace = play(event(HOUR, Verb.NODE_CRASH, "a"), down, nodes=nodes, duration_us=2 * DAY, reading="revive")
    assert [(slot.at_us, slot.change) for slot in trace.slots][1:] == [(void_us, SlotChange.VOID)]


def test_revive_measures_the_downtime_in_true_time() -> None:
    stop = event(HOUR, Verb.SERVER_STOP, lasts_us=DAY)
    kept = play(stop, duration_us=2 * DAY, reading="revive")
    assert [slot.change for slot in kept.slots] == [SlotChange.TAKEN]
    dropped = play(replace(stop, until_us=HOUR + DAY + 1), duration_us=2 * DAY, reading="revive")
    assert [slot.change for slot in dropped.slots] == [SlotChange.TAKEN, SlotChange.DROPPED]


def test_a_clock_stepped_at_the_start_was_wrong_from_the_start() -> None:
    # The server has never seen a later date, so its grants carry its own: a day behind.
    trace = play(event(0, Verb.CLOCK_STEP, host="server", by_us=-DAY))
    assert exchanges(trace)[0].server_time_us == START - DAY + LATENCY


# Cruising.

#: What may change while a grant is on its way from the server, sent at 5 ms, to the node, at 10 ms.
IN_FLIGHT = {
    "the server restarts": event(6 * MS, Verb.SERVER_STOP, lasts_us=MS),
    "the server goes down": event(6 * MS, Verb.SERVER_CRASH),
    "the server falls asleep": event(6 * MS, Verb.SERVER_SUSPEND, lasts_us=3 * HOUR),
    "the server is destroyed": event(6 * MS, Verb.SERVER_DESTROY),
    "the licence is suspended": event(6 * MS, Verb.LICENCE_SUSPEND, lasts_us=3 * HOUR),
    "the node moves": event(6 * MS, Verb.NODE_MOVE, "a", address=FIRST + 1),
    "the node moves out of range": event(6 * MS, Verb.NODE_MOVE, "a", address=FIRST + 500),
    "requests are cut off": event(6 * MS, Verb.NETWORK_CUT, "a", direction="requests", lasts_us=3 * HOUR),
    "answers are cut off": event(6 * MS, Verb.NETWORK_CUT, "a", direction="answers", lasts_us=3 * HOUR),
    "the server's clock is stepped": event(6 * MS, Verb.CLOCK_STEP, host="server", by_us=-HOUR),
    "the node is restarted": event(6 * MS, Verb.NODE_STOP, "a", lasts_us=MS),
}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("change", IN_FLIGHT)
def test_cruising_sees_what_changed_while_the_grant_was_on_its_way(change: str, reading: str) -> None:
    digests = {play(IN_FLIGHT[change], reading=reading, every_poll=every_poll).digest() for every_poll in (True, False)}
    assert len(digests) == 1


@pytest.mark.parametrize("every_poll", [True, False])
def test_a_poll_that_ends_at_the_instant_of_a_change_is_simulated(every_poll: bool) -> None:
    # The program ends just when the answer to its poll of 2 h arrives: starts come before arrivals, so the last contact
    # is the register of 0, and a start a microsecond past 24 h lapses.
    stop = event(2 * HOUR + 10 * MS, Verb.NODE_STOP, "a")
    trace = play(stop, event(DAY + 1, Verb.NODE_START, "a"), duration_us=2 * DAY, every_poll=every_poll)
    assert turns(trace)[1:] == [(DAY + 1, Status.LAPSED)]


@pytest.mark.parametrize("every_poll", [True, False])
def test_a_fast_clock_reckons_the_licence_over_between_its_polls(every_poll: bool) -> None:
    # Three times as fast: a poll every 40 minutes of true time, and what is left of a licence until 5 h passes in a
    # third of its time. The grant to a poll sent at t leaves 5 h - t - 5 ms, which is less than two hours from the poll
    # of 3:20 on. So it is over at t + (5 h - t - 5 ms) / 3, to be restored by the next poll, until that of 5:20.
    trace = play(
        event(0, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(2_000_000)),
        every_poll=every_poll,
        expires_us=START + 5 * HOUR,
    )
    expected = [(10 * MS, Status.REGISTERED)]
    for sent_us, left_us in ((12_000_000_000, 5_999_995_000), (14_400_000_000, 3_599_995_000)):
        expected.append((sent_us + left_us // 3 + 1, Status.REJECTED))
        expected.append((sent_us + 40 * MINUTE + 10 * MS, Status.REGISTERED))
    assert turns(trace) == [*expected, (16_800_000_000 + 1_199_995_000 // 3 + 1, Status.REJECTED)]
    assert [row.code for row in trace.failures][:4] == [30000] * 4


@pytest.mark.parametrize("every_poll", [True, False])
def test_a_slot_that_is_newer_than_a_cruising_ones_is_void_on_time(every_poll: bool) -> None:
    # `early` cruises from 0 on, its slot renewed days ahead. `late` registers at 30 h, its request arrives 5 ms later,
    # and it crashes at 31 h: its slot is void at 54 h and 5 ms and 1 us, whatever is known of the other one.
    nodes = (node("early"), node("late", address=FIRST + 1, register_us=30 * HOUR))
    crash = event(31 * HOUR, Verb.NODE_CRASH, "late")
    trace = play(crash, nodes=nodes, duration_us=60 * HOUR, every_poll=every_poll)
    voids = [(slot.at_us, slot.node) for slot in trace.slots if slot.change == SlotChange.VOID]
    assert voids == [(54 * HOUR + LATENCY + 1, 1)]


@pytest.mark.parametrize("every_poll", [True, False])
def test_a_licence_ends_by_a_servers_clock_that_is_slewed_forward(every_poll: bool) -> None:
    # From 1:00 on the server's wall clock gains half of what passes: at 24:20 it shows 36:00, where the licence ends.
    # The poll of 24:00 arrives when it shows 24:00:00.005 and half of 23:00:00.005 more, 35:30:00.007500: granted, and
    # what is left of the licence is counted from the sending on: 30 min less 7,500 us. The poll of 26:00 is refused.
    slew = event(HOUR, Verb.CLOCK_SLEW, host="server", by_us=25 * HOUR, ppm=Fraction(500_000))
    trace = play(slew, duration_us=30 * HOUR, every_poll=every_poll, expires_us=START + 36 * HOUR)
    assert turns(trace) == [(10 * MS, Status.REGISTERED), (DAY + 30 * MINUTE - 7_500, Status.REJECTED)]
    assert [(row.at_us, row.code) for row in trace.failures][1:] == [
        (hours * HOUR + 10 * MS, 30000) for hours in (26, 28)
    ]


@pytest.mark.parametrize("every_poll", [True, False])
def test_a_licence_outlives_its_end_by_as_long_as_the_servers_clock_stood_still(every_poll: bool) -> None:
    # Frozen at 1:00 for 4 h, so its 12:00 comes at 16:00. The poll of 14:00 gets 10:00:00.005: 2 h less 5 ms are left.
    freeze = event(HOUR, Verb.CLOCK_FREEZE, host="server", lasts_us=4 * HOUR)
    trace = play(freeze, duration_us=20 * HOUR, every_poll=every_poll, expires_us=START + 12 * HOUR)
    assert turns(trace) == [(10 * MS, Status.REGISTERED), (16 * HOUR - 5 * MS, Status.REJECTED)]


def test_failures_are_dated_by_a_wall_clock_that_is_slewed_or_frozen() -> None:
    # Both polls are refused at 2:00:00.010, a timer's row has its due instant: b is cut off and waits until 2:00:30.
    # a gains half of what passes since 1:00; b stands at 1:00.
    trace = play(
        event(HOUR, Verb.CLOCK_SLEW, host="a", by_us=HOUR, ppm=Fraction(500_000)),
        event(HOUR, Verb.CLOCK_FREEZE, host="b"),
        event(HOUR, Verb.SERVER_STOP),
        event(HOUR, Verb.NETWORK_CUT, "b"),
        nodes=(node("a"), node("b", address=FIRST + 1)),
        duration_us=3 * HOUR,
    )
    assert [(row.at_us, row.node, row.wall_us - START) for row in trace.failures] == [
        (2 * HOUR + 10 * MS, 0, 2 * HOUR + 30 * MINUTE + 15 * MS),
        (2 * HOUR + 30 * SECOND, 1, HOUR),
    ]


def test_what_was_due_within_a_tick_is_dated_within_it() -> None:
    # Twice as fast, and the wall clock gains half of what the boot-time clock counts. The poll that is due at 2 h on it
    # is sent at 1:00 and lost; its 30 s end at 1:00:15, when the wall clock shows 3:00:45. One tick later the boot-time
    # clock has counted two, and shows no odd microsecond, at which a timeout of 30 s and 1 us is due: the wall clock of
    # that instant is 3:00:45 and 1.5 us, of which it shows one.
    trace = play(
        event(0, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000)),
        event(0, Verb.CLOCK_SLEW, host="a", by_us=DAY, ppm=Fraction(500_000)),
        event(MINUTE, Verb.NETWORK_CUT, "a"),
        duration_us=HOUR + MINUTE,
        timeout_us=30 * SECOND + 1,
    )
    (row,) = trace.failures
    assert (row.at_us, row.wall_us - START) == (HOUR + 15 * SECOND + 1, 3 * HOUR + 45 * SECOND + 1)
