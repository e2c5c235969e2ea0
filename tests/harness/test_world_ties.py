"""Ties: what comes first within one instant, worked out by hand from the order that the timing law gives."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from fake_fdl_nodes.fleet import fleet
from harness.scenario import Verb
from harness.trace import EdgeKind, Outcome, SlotChange, Status, Verdict
from tests.harness.stage import LATENCY, broken, event, exchanges, play, turns
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, MS, SECOND, START, node

FULL = 30007


def test_fifty_registrations_at_one_instant_for_ten_slots_go_by_file_order() -> None:
    # Every other node registers by an event, and the events come in reverse.
    nodes = fleet("n", address=FIRST, application="report1", count=50, register_us=HOUR)
    nodes = tuple(replace(each, register_us=None) if k % 2 else each for k, each in enumerate(nodes))
    events = [event(HOUR, Verb.NODE_REGISTER, each.name) for each in reversed(nodes) if each.register_us is None]
    trace = play(*events, nodes=nodes, capacity=10, duration_us=HOUR + MINUTE)
    verdicts = {each.node: each.verdict for each in trace.exchanges}
    assert [verdicts[k] for k in range(50)] == [Verdict.GRANTED] * 10 + [FULL] * 40


def test_a_stop_that_ends_where_the_next_begins_is_down_throughout() -> None:
    # The end comes before the start, in whatever order the file has them; the poll of 2 h is refused at 2 h + 5 ms.
    first, second = event(HOUR, Verb.SERVER_STOP, lasts_us=HOUR), event(2 * HOUR, Verb.SERVER_CRASH)
    for events in ((first, second), (second, first)):
        trace = play(*events, duration_us=3 * HOUR)
        told = [(edge.at_us, edge.what) for edge in trace.edges if edge.host == -1]
        assert told[1:] == [
            (HOUR, EdgeKind.STOPPED),
            (2 * HOUR, EdgeKind.STARTED),
            (2 * HOUR, EdgeKind.CRASHED),
        ]
        assert exchanges(trace)[1].verdict == Verdict.CONNECTION_REFUSED


def test_a_cut_that_ends_where_the_next_begins_loses_throughout() -> None:
    cuts = [event(HOUR, Verb.NETWORK_CUT, "a", lasts_us=HOUR), event(2 * HOUR, Verb.NETWORK_CUT, "a", lasts_us=1)]
    assert exchanges(play(*cuts, duration_us=3 * HOUR))[1].lost


@pytest.mark.parametrize("down", [Verb.NODE_STOP, Verb.NODE_CRASH, Verb.NODE_SUSPEND])
def test_starts_come_before_what_administrators_ask(down: Verb) -> None:
    # The file has the register first; the node is down when it comes to it.
    trace = play(event(HOUR, Verb.NODE_REGISTER, "a"), event(HOUR, down, "a"), duration_us=HOUR)
    assert len(exchanges(trace)) == 1
    assert [edge.done for edge in trace.edges if edge.what == EdgeKind.REGISTER_ASKED] == [1, 0]


def test_what_administrators_ask_comes_before_the_timers() -> None:
    # The poll of 2 h is put off by the register of 2 h, until 4 h.
    trace = play(event(2 * HOUR, Verb.NODE_REGISTER, "a"), duration_us=5 * HOUR)
    assert [(each.sent_us, each.kind) for each in exchanges(trace)] == [(0, 0), (2 * HOUR, 0), (4 * HOUR, 1)]


def test_a_move_comes_before_the_arrivals_of_its_instant() -> None:
    # The register arrives from the old address at the instant of the move; its answer finds nobody.
    trace = play(event(LATENCY, Verb.NODE_MOVE, "a", address=FIRST + 1), duration_us=HOUR)
    assert exchanges(trace)[0].answer_lost == 1


def test_what_has_been_sent_is_not_touched_by_a_move_or_a_cut() -> None:
    # The answer left at 5 ms, for the address that the node had then.
    for change in (
        event(LATENCY + 1, Verb.NODE_MOVE, "a", address=FIRST + 1),
        event(LATENCY + 1, Verb.NETWORK_CUT, "a"),
    ):
        trace = play(change, duration_us=HOUR)
        assert turns(trace) == [(10 * MS, Status.REGISTERED)]


@pytest.mark.parametrize(
    ("direction", "from_us", "until_us", "lost"),
    [
        ("requests", 0, 1, True),
        ("requests", 1, None, False),
        ("answers", 0, LATENCY, False),
        ("answers", LATENCY, LATENCY + 1, True),
        ("answers", LATENCY + 1, None, False),
    ],
)
def test_a_packet_is_lost_by_what_is_in_force_when_it_is_sent(
    direction: str, from_us: int, until_us: int | None, lost: bool
) -> None:
    # The request is sent at 0, the answer at 5 ms.
    lasts_us = None if until_us is None else until_us - from_us
    trace = play(event(from_us, Verb.NETWORK_CUT, "a", direction=direction, lasts_us=lasts_us), duration_us=HOUR)
    assert (turns(trace) == []) is lost
    # Only a lost request leaves the server without a slot.
    assert len(trace.slots) == (0 if lost and direction == "requests" else 1)


def test_arrivals_of_one_node_at_one_instant_go_by_request_number() -> None:
    # Asked in this order of the file; each request supersedes the one before, at the node.
    register, unbind = event(HOUR, Verb.NODE_REGISTER, "a"), event(HOUR, Verb.NODE_UNBIND, "a")
    fresh = (node("a", register_us=None),)

    trace = play(register, unbind, nodes=fresh, duration_us=2 * HOUR)
    assert [slot.change for slot in trace.slots] == [SlotChange.TAKEN, SlotChange.FREED]
    assert [each.outcome for each in exchanges(trace)] == [Outcome.ABANDONED, Outcome.POSITIVE]
    assert turns(trace) == []

    trace = play(unbind, register, nodes=fresh, duration_us=2 * HOUR)
    assert [slot.change for slot in trace.slots] == [SlotChange.TAKEN]
    assert [each.verdict for each in exchanges(trace)] == [20000, Verdict.GRANTED]
    assert turns(trace) == [(HOUR + 10 * MS, Status.REGISTERED)]
    # The abandoned unbind was refused, and adds no row.
    assert trace.final_lists == [()]


@pytest.mark.parametrize("leaver", ["a", "b"])
def test_without_latency_a_slot_changes_hands_within_one_instant(leaver: str) -> None:
    # Both are asked at 1 h and arrive at 1 h, in file order: a's unbind frees the slot for b, b's comes too late for a.
    nodes = tuple(
        node(name, address=FIRST + k, register_us=0 if name == leaver else None) for k, name in enumerate("ab")
    )
    other = "b" if leaver == "a" else "a"
    trace = play(
        event(HOUR, Verb.NODE_REGISTER, other),
        event(HOUR, Verb.NODE_UNBIND, leaver),
        nodes=nodes,
        capacity=1,
        latency_us=0,
        duration_us=HOUR,
    )
    changes = [SlotChange(slot.change) for slot in trace.slots if slot.at_us == HOUR]
    assert changes == [SlotChange.FREED] + [SlotChange.TAKEN] * (leaver == "a")
    assert (turns(trace, "ab".index(other)) == [(HOUR, Status.REGISTERED)]) is (leaver == "a")


def test_a_request_at_exactly_24_h_is_in_time_at_the_server() -> None:
    # Last contact at 0, arrived at 5 ms. Started again at exactly 24 h, the node polls at once, and in time.
    trace = play(event(HOUR, Verb.NODE_STOP, "a", lasts_us=23 * HOUR), duration_us=25 * HOUR)
    assert [(each.sent_us, each.verdict) for each in exchanges(trace)][1] == (DAY, Verdict.GRANTED)
    assert [slot.change for slot in trace.slots] == [SlotChange.TAKEN]
    assert turns(trace)[1:] == []

    trace = play(event(HOUR, Verb.NODE_STOP, "a", lasts_us=23 * HOUR + 1), duration_us=25 * HOUR)
    assert turns(trace)[1:] == [(DAY + 1, Status.LAPSED)]
    assert [(slot.at_us, slot.change) for slot in trace.slots][1:] == [(DAY + LATENCY + 1, SlotChange.VOID)]


@pytest.mark.parametrize(("sent_us", "told"), [(DAY, FULL), (DAY + 1, Verdict.GRANTED)])
def test_a_void_slot_is_free_for_what_arrives_at_that_instant(sent_us: int, told: int) -> None:
    # a arrived at 5 ms and fell silent: its slot is void at 24 h + 5 ms + 1 us, when the later register arrives.
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=sent_us))
    trace = play(event(HOUR, Verb.NODE_CRASH, "a"), nodes=nodes, capacity=1, duration_us=25 * HOUR)
    assert exchanges(trace, 1)[0].verdict == told


def test_a_licence_that_is_suspended_at_an_instant_refuses_what_arrives_at_it() -> None:
    trace = play(event(LATENCY, Verb.LICENCE_SUSPEND), duration_us=HOUR)
    assert exchanges(trace)[0].verdict == 30002
    trace = play(event(0, Verb.LICENCE_SUSPEND, lasts_us=LATENCY), duration_us=HOUR)
    assert exchanges(trace)[0].verdict == Verdict.GRANTED


def test_a_resumption_comes_before_the_arrivals_of_its_instant() -> None:
    # The answer arrives at 10 ms, just when the node wakes.
    trace = play(event(MS, Verb.NODE_SUSPEND, "a", lasts_us=9 * MS), duration_us=HOUR)
    assert turns(trace) == [(10 * MS, Status.REGISTERED)]
    trace = play(event(0, Verb.SERVER_SUSPEND, lasts_us=LATENCY), duration_us=HOUR)
    assert exchanges(trace)[0].verdict == Verdict.GRANTED


def test_an_answer_comes_before_the_expiry_of_its_instant() -> None:
    # The licence ends 2 h + 15 ms after the start. The grant of 5 ms was asked for at 0, so the node reckons with 2 h +
    # 10 ms: just when the answer to its poll of 2 h arrives. That one was granted at 2 h + 5 ms and is 10 ms old, so it
    # is over as well, and it is a failed attempt that says so.
    trace = play(duration_us=3 * HOUR, expires_us=START + 2 * HOUR + 15 * MS)
    assert turns(trace)[1:] == [(2 * HOUR + 10 * MS, Status.REJECTED)]
    assert [(row.code, row.number) for row in trace.failures] == [(30000, 2)]


def test_timers_of_one_tick_go_by_kind_though_the_clock_passed_them_in_another_order() -> None:
    # Twice as fast from 1 us on, the clock shows 2t - 1. So the tick after 1 h passes 2 h, when the poll is due, and
    # 2 h + 1 us, when an unbind is to be given up. The timeout comes first all the same, and the unbind has its row.
    fast = event(1, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    trace = play(
        fast,
        event(59 * MINUTE + 44 * SECOND, Verb.NETWORK_CUT, "a", lasts_us=30 * SECOND),
        event(59 * MINUTE + 45 * SECOND + 1, Verb.NODE_UNBIND, "a"),
        duration_us=2 * HOUR,
    )
    _, unbind, poll = exchanges(trace)
    assert unbind.sent_boot_us + 30 * SECOND == 2 * HOUR + 1
    assert (unbind.ended_us, poll.sent_us) == (HOUR + 1, HOUR + 1)
    assert (unbind.outcome, poll.sent_boot_us) == (Outcome.UNANSWERED, 2 * HOUR)
    assert [row.number for row in trace.failures] == [unbind.number, poll.number]


def test_a_poll_that_is_granted_in_the_tick_of_its_timeout_breaks_no_rule() -> None:
    # The clock shows 2t - 1 again, so it passes 2 h, when the poll is sent, and the end of its timeout of 1 us in one
    # tick. Without latency the answer is there in the next round of that tick, and the timers come after it.
    fast = event(1, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    assert broken(fast, latency_us=0, timeout_us=1) == []


def test_an_unbind_in_the_tick_of_the_deadline_does_not_keep_the_poll_that_is_due_there_from_being_sent() -> None:
    # The same clock shows 24 h + 1 us in the tick after 12 h. The cut ends just before, so the poll due at 24 h, the
    # last that is in time, reaches the server, though after the unbind of that tick, which has freed the slot.
    events = (
        event(1, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000)),
        event(30 * MINUTE, Verb.NETWORK_CUT, "a", lasts_us=11 * HOUR + 30 * MINUTE),
        event(12 * HOUR + 1, Verb.NODE_UNBIND, "a"),
    )
    trace = play(*events, duration_us=13 * HOUR)
    assert broken(*events, duration_us=13 * HOUR) == []
    poll = exchanges(trace)[-1]
    assert (poll.sent_us, poll.sent_boot_us, poll.verdict) == (12 * HOUR + 1, DAY, 0)
    assert turns(trace)[-1] == (12 * HOUR + 1 + 10 * MS, Status.LAPSED)


def test_a_timer_is_handled_as_if_at_its_due_instant() -> None:
    # The clock runs twice as fast from 1 us on, so at t it shows 2t - 1, which is always odd. The poll is due at 2 h on
    # it, an even number, and is sent at the first microsecond that shows more: (7,200,000,000 + 1 + 1) / 2.
    trace = play(event(1, Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000)), duration_us=3 * HOUR)
    sent = [(each.sent_us, each.sent_boot_us) for each in exchanges(trace)][:3]
    assert sent == [(0, 0), (3_600_000_001, 7_200_000_000), (7_200_000_001, 14_400_000_000)]


def test_the_rows_of_a_node_carry_its_own_wall_clock() -> None:
    trace = play(event(0, Verb.SERVER_STOP), event(0, Verb.CLOCK_STEP, host="a", by_us=-HOUR), duration_us=HOUR)
    assert [(row.at_us, row.wall_us) for row in trace.failures] == [(10 * MS, START - HOUR + 10 * MS)]


def test_the_server_counts_24_h_on_its_own_clock() -> None:
    # Twice as fast: the register arrives at 10 ms by it, so the slot is void at 24 h + 10 ms + 1 us by it, which it
    # shows first at (86,400,010,001 + 1) / 2 us.
    trace = play(
        event(0, Verb.CLOCK_DRIFT, host="server", ppm=Fraction(1_000_000)),
        event(HOUR, Verb.NODE_CRASH, "a"),
        duration_us=DAY,
    )
    assert [slot.at_us for slot in trace.slots] == [LATENCY, 43_200_005_001]


def test_slots_age_while_the_server_is_suspended() -> None:
    trace = play(event(HOUR, Verb.SERVER_SUSPEND, lasts_us=30 * HOUR), duration_us=2 * DAY)
    assert [(slot.at_us, slot.change) for slot in trace.slots][:2] == [
        (LATENCY, SlotChange.TAKEN),
        (DAY + LATENCY + 1, SlotChange.VOID),
    ]


def test_a_wall_clock_that_is_stepped_25_h_forward_voids_at_the_next_start() -> None:
    trace = play(
        event(HOUR, Verb.SERVER_STOP, lasts_us=HOUR),
        event(90 * MINUTE, Verb.CLOCK_STEP, host="server", by_us=25 * HOUR),
        duration_us=3 * HOUR,
    )
    assert [(slot.at_us, slot.change) for slot in trace.slots][1:] == [(2 * HOUR, SlotChange.VOID)]


def test_a_wall_clock_that_is_stepped_back_restores_at_the_next_start() -> None:
    # 25 h after the start the clock, 2 h behind, makes the slot 23 h - 5 ms old: it is void 1 h + 5 ms + 1 us later.
    trace = play(
        event(HOUR, Verb.SERVER_STOP, lasts_us=DAY),
        event(HOUR, Verb.NODE_CRASH, "a"),
        event(20 * HOUR, Verb.CLOCK_STEP, host="server", by_us=-2 * HOUR),
        duration_us=2 * DAY,
    )
    assert [(slot.at_us, slot.change) for slot in trace.slots][1:] == [
        (DAY + LATENCY + 1, SlotChange.VOID),
        (25 * HOUR, SlotChange.RESTORED),
        (26 * HOUR + LATENCY + 1, SlotChange.VOID),
    ]


def test_one_poll_on_resumption_however_many_fell_due() -> None:
    trace = play(event(HOUR, Verb.NODE_SUSPEND, "a", lasts_us=6 * HOUR), duration_us=10 * HOUR)
    assert [each.sent_us for each in exchanges(trace)] == [0, 7 * HOUR, 9 * HOUR]


def test_a_stop_of_the_server_ends_only_what_it_began() -> None:
    # Started early by hand; the first stop's own end at 3 h finds the second stop in force, and leaves it.
    trace = play(
        event(HOUR, Verb.SERVER_STOP, lasts_us=2 * HOUR),
        event(HOUR + MINUTE, Verb.SERVER_START),
        event(2 * HOUR + MINUTE, Verb.SERVER_STOP, lasts_us=3 * HOUR),
    )
    started = [edge.at_us for edge in trace.edges if edge.host == -1 and edge.what == EdgeKind.STARTED]
    assert started == [0, HOUR + MINUTE, 5 * HOUR + MINUTE]


def test_only_means_the_nodes_of_that_status_at_that_instant() -> None:
    # b is outside of the licensed range, so it stays unregistered and is the only one to be asked again.
    nodes = (node("a"), node("b", address=FIRST + 200))
    trace = play(event(HOUR, Verb.NODE_REGISTER, "a", "b", only="unregistered"), nodes=nodes, duration_us=HOUR + MINUTE)
    assert [[each.sent_us for each in exchanges(trace, place)] for place in (0, 1)] == [[0], [0, HOUR]]


def test_the_answer_to_a_superseded_request_changes_nothing_at_the_node() -> None:
    # Registered at 0 and again at 1 ms: the server grants both, one slot; the contact is the second.
    trace = play(event(MS, Verb.NODE_REGISTER, "a"), event(2 * HOUR, Verb.NODE_CRASH, "a"), duration_us=3 * HOUR)
    first, second = exchanges(trace)[:2]
    assert (first.verdict, first.outcome, second.outcome) == (Verdict.GRANTED, Outcome.ABANDONED, Outcome.POSITIVE)
    assert turns(trace) == [(11 * MS, Status.REGISTERED)]
    assert [slot.change for slot in trace.slots] == [SlotChange.TAKEN]


def test_a_cut_is_of_the_nodes_that_it_names() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1))
    trace = play(event(0, Verb.NETWORK_CUT, "b"), nodes=nodes, duration_us=HOUR)
    assert (turns(trace, 0), turns(trace, 1)) == ([(10 * MS, Status.REGISTERED)], [])
    assert [(row.node, row.at_us) for row in trace.failures] == [(1, 30 * SECOND)]
