"""States that come back or are copied at nodes: reboots, snapshots and cloned machines.

Node a registers at 0 and polls every two hours. A packet takes 5 ms each way, the node waits 30 s.
"""

from __future__ import annotations

from dataclasses import replace

from harness.rulebook import Ruling, judge
from harness.scenario import Certificate, Verb
from harness.trace import EdgeKind, Outcome, Status, TransitionReason, Verdict
from harness.world import run
from reference_server.protocol import Code
from reference_server.readings import READINGS
from tests.harness.stage import LATENCY, a_world, broken, event, exchanges, play, turns
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, SECOND, node

ROUND_TRIP = 2 * LATENCY

# Reboots: the time away is what passed on the wall clock.


def test_a_reboot_with_a_right_clock_is_like_a_stop() -> None:
    rebooted = play(event(HOUR, Verb.NODE_REBOOT, "a", lasts_us=25 * HOUR), duration_us=27 * HOUR)
    stopped = play(event(HOUR, Verb.NODE_STOP, "a", lasts_us=25 * HOUR), duration_us=27 * HOUR)
    assert rebooted.digest() == stopped.digest()
    assert turns(rebooted)[-1] == (26 * HOUR, Status.LAPSED)


def test_a_clock_set_forward_in_a_reboot_lapses_the_node() -> None:
    # Away for ten minutes, which the wall clock takes for 24 h and ten minutes: last contact is older than 24 h.
    events = [
        event(3 * HOUR, Verb.NODE_REBOOT, "a", lasts_us=10 * MINUTE),
        event(3 * HOUR + MINUTE, Verb.CLOCK_STEP, host="a", by_us=DAY),
    ]
    trace = play(*events)
    assert turns(trace)[1:] == [(3 * HOUR + 10 * MINUTE, Status.LAPSED)]
    # A stop measures the same time on the boot-time clock, which nobody can set.
    stop = replace(events[0], verb=Verb.NODE_STOP)
    assert turns(play(stop, events[1])) == [(ROUND_TRIP, Status.REGISTERED)]
    assert not broken(*events)


def test_the_time_away_is_never_negative() -> None:
    # Away from 3 h to 30 h, with the clock set back by two days: no time has passed. Last contact was at 2 h, so at
    # 30 h it is one hour old, and the node polls at once.
    events = [
        event(3 * HOUR, Verb.NODE_REBOOT, "a", lasts_us=27 * HOUR),
        event(4 * HOUR, Verb.CLOCK_STEP, host="a", by_us=-2 * DAY),
    ]
    trace = play(*events, duration_us=31 * HOUR)
    # The server knows better: the slot is void, and the poll is refused.
    assert exchanges(trace)[-1].verdict == Code.INCORRECT_LICENSE_FORMAT
    assert turns(trace)[1:] == [(30 * HOUR + ROUND_TRIP, Status.REJECTED)]
    assert not broken(*events, duration_us=31 * HOUR)


# Snapshots.


def test_an_earlier_state_of_a_node_comes_back() -> None:
    # The server is gone from 1 h on, and the node lapses at 24 h. The state of 2 h is put back at 25 h: registered,
    # last contact at 0. Past its deadline it lapses again as it starts.
    events = [
        event(HOUR, Verb.SERVER_STOP),
        event(DAY + 30 * MINUTE, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(25 * HOUR, Verb.NODE_ROLLBACK, "a", to_us=2 * HOUR),
    ]
    trace = play(*events, duration_us=26 * HOUR)
    copied = [change for change in trace.transitions if change.reason == TransitionReason.COPIED]
    assert [(change.at_us, change.before, change.after) for change in copied] == [
        (25 * HOUR, Status.LAPSED, Status.REGISTERED)
    ]
    assert turns(trace)[-1] == (25 * HOUR + 30 * MINUTE, Status.LAPSED)
    # Of the rows since then nothing is left but the one that this lapse adds.
    assert len(trace.final_lists[0]) == 1
    assert not broken(*events, duration_us=26 * HOUR)


def test_a_node_that_counts_on_from_an_earlier_number_gets_its_old_answer_again() -> None:
    # The state of 3 h has two requests behind it (0 h, 2 h), so the poll at the start is number 3, like that of 4 h:
    # the server takes it for the same, and renews nothing. The slot is void 24 h after 4 h.
    events = [
        event(5 * HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(5 * HOUR + MINUTE, Verb.NODE_ROLLBACK, "a", to_us=3 * HOUR),
        event(7 * HOUR, Verb.NODE_STOP, "a"),
    ]
    trace = play(*events, duration_us=30 * HOUR)
    fourth, again = exchanges(trace)[2:4]
    assert (again.number, again.sent_us) == (fourth.number, 6 * HOUR)
    assert again.server_time_us == fourth.server_time_us
    assert again.outcome == Outcome.POSITIVE
    assert [slot.at_us for slot in trace.slots][1:] == [28 * HOUR + LATENCY + 1]
    assert not broken(*events, duration_us=30 * HOUR)


def test_a_running_program_keeps_its_state() -> None:
    events = [event(3 * HOUR, Verb.NODE_ROLLBACK, "a", to_us=HOUR)]
    assert play(*events).digest() == play().digest()


# Cloned machines.

PAIR = (node("a"), node("copy", address=FIRST + 1, register_us=None, clone_of="a"))


def test_a_copy_is_off_until_it_is_made() -> None:
    trace = play(nodes=PAIR)
    assert not exchanges(trace, 1)
    assert [edge.what for edge in trace.edges if edge.host == 1] == []


def test_a_copy_polls_at_once_and_is_told_apart_by_its_address() -> None:
    # The last accepted request is that of 2 h. A poll from another address at 3 h 30 min comes from a clone, since it
    # is less than 1 h 45 min old.
    made = event(3 * HOUR + 30 * MINUTE, Verb.NODE_CLONE, "copy", of="a")
    trace = play(made, nodes=PAIR, duration_us=4 * HOUR)
    (poll,) = exchanges(trace, 1)
    assert (poll.sent_us, poll.verdict) == (3 * HOUR + 30 * MINUTE, Code.INCORRECT_LICENSE_FORMAT)
    assert turns(trace, 1) == [
        (3 * HOUR + 30 * MINUTE, Status.REGISTERED),
        (3 * HOUR + 30 * MINUTE + ROUND_TRIP, Status.REJECTED),
    ]
    assert not broken(made, nodes=PAIR, duration_us=4 * HOUR)


def test_one_that_comes_late_enough_takes_the_slot_over() -> None:
    # At 3 h 45 min and 5 ms the last accepted request is exactly 1 h 45 min old: that is a move.
    made = event(3 * HOUR + 45 * MINUTE, Verb.NODE_CLONE, "copy", of="a")
    trace = play(made, nodes=PAIR, duration_us=7 * HOUR)
    assert exchanges(trace, 1)[0].verdict == Verdict.GRANTED
    # The original's polls at 4 h and 6 h, and the copy's at 5 h 45 min, each find the other's request: at 4 h it is 15
    # minutes old (a clone); at 5 h 45 min the copy holds the slot itself; at 6 h it is 15 minutes old again.
    refused, granted = Code.INCORRECT_LICENSE_FORMAT, Verdict.GRANTED
    assert [each.verdict for each in exchanges(trace)] == [granted, granted, refused, refused]
    assert [each.verdict for each in exchanges(trace, 1)] == [granted, granted]
    assert {slot.live for slot in trace.slots} == {1}
    assert not broken(made, nodes=PAIR, duration_us=7 * HOUR)


def test_two_that_alternate_keep_one_slot_alive_for_two() -> None:
    # From 4 h on a is stopped. The copy, made at 6 h, holds the slot on: one slot, never two.
    events = [
        event(4 * HOUR + MINUTE, Verb.NODE_STOP, "a"),
        event(6 * HOUR, Verb.NODE_CLONE, "copy", of="a"),
    ]
    trace = play(*events, nodes=PAIR, duration_us=41 * HOUR)
    assert {each.verdict for each in exchanges(trace, 1)} == {Verdict.GRANTED}
    assert {slot.live for slot in trace.slots} == {1}
    assert not broken(*events, nodes=PAIR, duration_us=41 * HOUR)


def test_a_copy_has_the_clock_of_its_own_machine() -> None:
    # The copy's wall clock is a day ahead: its last contact at 2 h is 25 h old by it at 3 h. It lapses as it starts.
    events = [
        event(0, Verb.CLOCK_STEP, host="copy", by_us=DAY),
        event(3 * HOUR, Verb.NODE_CLONE, "copy", of="a"),
    ]
    trace = play(*events, nodes=PAIR, duration_us=4 * HOUR)
    assert turns(trace, 1) == [(3 * HOUR, Status.REGISTERED), (3 * HOUR, Status.LAPSED)]
    assert [edge.what for edge in trace.edges if edge.host == 1] == [EdgeKind.CLONED, EdgeKind.STARTED]
    assert not broken(*events, nodes=PAIR, duration_us=4 * HOUR)


def test_a_copy_brings_the_failures_of_its_original() -> None:
    events = [
        event(2 * HOUR - SECOND, Verb.NETWORK_CUT, "a", lasts_us=2 * SECOND),
        event(3 * HOUR, Verb.NODE_CLONE, "copy", of="a"),
    ]
    trace = play(*events, nodes=PAIR, duration_us=7 * HOUR)
    assert trace.final_lists[1][:1] == trace.final_lists[0][:1]
    assert not broken(*events, nodes=PAIR, duration_us=7 * HOUR)


def test_a_node_that_counts_on_from_an_earlier_number_is_simulated_poll_by_poll() -> None:
    events = [
        event(13 * HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(13 * HOUR + MINUTE, Verb.NODE_ROLLBACK, "a", to_us=3 * HOUR),
        event(15 * HOUR, Verb.NODE_CRASH, "a"),
    ]
    cruised, simulated = (play(*events, duration_us=60 * HOUR, every_poll=each) for each in (False, True))
    # The poll at 14 h is number 3 again, which the server has long forgotten: the slot lives until 24 h after it.
    assert [slot.at_us for slot in simulated.slots][1:] == [38 * HOUR + LATENCY + 1]
    assert cruised.digest() == simulated.digest()


def test_what_is_put_back_or_copied_is_the_whole_disk() -> None:
    # Pointed elsewhere at 3 h: the copy made at 4 h is, too, and the state of 2 h and a minute is not.
    elsewhere = event(3 * HOUR, Verb.NODE_POINT, "a", address=1 << 24)
    made = event(4 * HOUR + 30 * MINUTE, Verb.NODE_CLONE, "copy", of="a")
    assert exchanges(play(elsewhere, made, nodes=PAIR), 1)[0].lost
    back = [
        event(5 * HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(5 * HOUR + MINUTE, Verb.NODE_ROLLBACK, "a", to_us=2 * HOUR + MINUTE),
    ]
    assert exchanges(play(elsewhere, *back, duration_us=7 * HOUR))[-1].outcome == Outcome.POSITIVE
    # So it is with whom the node trusts.
    trust = event(HOUR, Verb.TLS_TRUST, "a", ca="new")
    use = event(HOUR, Verb.TLS_USE, certificate=Certificate(ca="new"))
    assert exchanges(play(trust, use, made, nodes=PAIR), 1)[0].verdict != Verdict.UNTRUSTED


def test_a_copy_that_is_not_made_yet_can_neither_be_started_nor_put_back() -> None:
    events = [
        event(HOUR, Verb.NODE_STOP, "a", "copy"),
        event(2 * HOUR, Verb.NODE_START, "a", "copy"),
        event(3 * HOUR, Verb.NODE_ROLLBACK, "copy", to_us=HOUR),
        event(5 * HOUR, Verb.NODE_CLONE, "copy", of="a"),
    ]
    trace = play(*events, nodes=PAIR, duration_us=9 * HOUR)
    assert [(edge.at_us, edge.what, edge.done) for edge in trace.edges if edge.host == 1] == [
        (3 * HOUR, EdgeKind.ROLLED_BACK, 0),
        (5 * HOUR, EdgeKind.CLONED, 1),
        (5 * HOUR, EdgeKind.STARTED, 1),
    ]
    assert not broken(*events, nodes=PAIR, duration_us=9 * HOUR)


def test_a_state_of_an_earlier_boot_is_reckoned_on_the_wall_clock() -> None:
    # Rebooted at 3 h, with the clock set forward by 20 h. The state of 1 h has its contact at 0 by the old boot's
    # clock; put back at 5 h and started at 6 h, 26 h have passed since 0 by the wall clock.
    events = [
        event(3 * HOUR, Verb.NODE_REBOOT, "a", lasts_us=10 * MINUTE),
        event(3 * HOUR + MINUTE, Verb.CLOCK_STEP, host="a", by_us=20 * HOUR),
        event(5 * HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(5 * HOUR + MINUTE, Verb.NODE_ROLLBACK, "a", to_us=HOUR),
    ]
    assert turns(play(*events, duration_us=7 * HOUR))[-1] == (6 * HOUR, Status.LAPSED)
    assert not broken(*events, duration_us=7 * HOUR)


def test_the_disk_of_a_host_that_is_off_has_the_time_at_which_it_went_down() -> None:
    # Off from 3 h on. Both clocks are set forward by a day meanwhile, so at 4 h the copy reckons 25 h since 3 h.
    events = [
        event(3 * HOUR, Verb.NODE_REBOOT, "a"),
        event(3 * HOUR + MINUTE, Verb.CLOCK_STEP, host="a", by_us=DAY),
        event(3 * HOUR + MINUTE, Verb.CLOCK_STEP, host="copy", by_us=DAY),
        event(4 * HOUR, Verb.NODE_CLONE, "copy", of="a"),
    ]
    trace = play(*events, nodes=PAIR, duration_us=5 * HOUR)
    assert turns(trace, 1)[-1] == (4 * HOUR, Status.LAPSED)
    assert not broken(*events, nodes=PAIR, duration_us=5 * HOUR)


def test_a_first_poll_that_fails_at_once_registers_nobody() -> None:
    # Without latency a copy turns `registered`, polls and fails at one instant.
    events = [
        event(0, Verb.TLS_TRUST, "copy", ca="another"),
        event(3 * HOUR, Verb.NODE_CLONE, "copy", of="a"),
        event(3 * HOUR, Verb.TLS_TRUST, "copy", ca="another"),
    ]
    assert not broken(*events, nodes=PAIR, duration_us=4 * HOUR, latency_us=0)


def test_a_copy_shows_the_first_failure_that_its_original_showed() -> None:
    # Interrupted at 2 h, copied at 3 h 30 min; the copy's poll is refused, and the first failure in time is still "/".
    events = [
        event(2 * HOUR - SECOND, Verb.NETWORK_CUT, "a", lasts_us=2 * SECOND),
        event(3 * HOUR + 30 * MINUTE, Verb.NODE_CLONE, "copy", of="a"),
        event(3 * HOUR + 30 * MINUTE, Verb.NODE_MOVE, "copy", address=1 << 24),
    ]
    world = a_world(*events, nodes=PAIR, duration_us=4 * HOUR)
    reading = READINGS["first-in-time"]
    trace = run(world, reading, every_poll=True)
    assert [(row.code, row.shown) for row in trace.failures if row.node == 1] == [
        (Code.LICENSE_IP_ERROR, Code.NO_CONNECTION)
    ]
    assert judge(world, reading, trace)["R108"].ruling is not Ruling.VIOLATED
