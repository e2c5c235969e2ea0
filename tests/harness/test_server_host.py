"""What happens to the server's machine: crashes at the worst moments, full disks, snapshots, reboots, other hardware.

Node a registers at 0 and polls every two hours. A packet takes 5 ms each way, the node waits 30 s.
"""

from __future__ import annotations

import pytest

from harness.expectations import Timelines
from harness.rulebook import Ruling, judge
from harness.scenario import Event, Verb
from harness.trace import NEVER, EdgeKind, Outcome, SlotChange, Spoilt, Status, Trace, Verdict
from harness.wires import Memory
from harness.world import run
from reference_server.protocol import Code, Instant
from reference_server.readings import LITERAL, READINGS
from tests.harness.stage import LATENCY, a_world, broken, event, exchanges, play, turns
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, SECOND, node

#: The poll at 2 h is the first one after this.
BEFORE_2H = 2 * HOUR - SECOND
ROUND_TRIP = 2 * LATENCY


def edges(trace: Trace) -> list[tuple[int, EdgeKind, int]]:
    """Return what happened to the server after its first start: when, what, and whether it was done."""
    return [(edge.at_us, EdgeKind(edge.what), edge.done) for edge in trace.edges if edge.host == -1][1:]


def slots(trace: Trace) -> list[tuple[int, SlotChange, int]]:
    return [(slot.at_us, SlotChange(slot.change), slot.live) for slot in trace.slots]


# Crashes in the course of a request.


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("moment", ["received", "stored", "answered"])
def test_a_crash_at_a_moment_comes_with_the_next_request(moment: str, reading: str) -> None:
    faults = [event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment=moment), event(3 * HOUR, Verb.SERVER_START)]
    trace = play(*faults, reading=reading, duration_us=5 * HOUR)
    assert edges(trace) == [(2 * HOUR + LATENCY, EdgeKind.CRASHED, 1), (3 * HOUR, EdgeKind.STARTED, 1)]
    assert not broken(*faults, duration_us=5 * HOUR)


def test_before_it_is_stored_nothing_has_happened() -> None:
    # The node learns of the broken connection one latency after the crash. Its slot is as old as at 0: had the server
    # been started again just after 24 h, it would have been void.
    faults = [event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment="received"), event(DAY + MINUTE, Verb.SERVER_START)]
    trace = play(*faults, duration_us=27 * HOUR)
    poll = exchanges(trace)[1]
    assert (poll.verdict, poll.ended_us, poll.outcome) == (
        Verdict.CONNECTION_REFUSED,
        2 * HOUR + ROUND_TRIP,
        Outcome.UNANSWERED,
    )
    assert slots(trace)[1:] == [(DAY + LATENCY + 1, SlotChange.VOID, 0)]
    assert not broken(*faults, duration_us=27 * HOUR)


def test_after_it_is_stored_the_slot_lives_and_the_node_does_not_know() -> None:
    faults = [event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment="stored"), event(DAY + MINUTE, Verb.SERVER_START)]
    trace = play(*faults, duration_us=25 * HOUR)
    poll = exchanges(trace)[1]
    assert (poll.verdict, poll.spoilt) == (Verdict.GRANTED, Spoilt.BROKEN)
    assert (poll.ended_us, poll.outcome) == (2 * HOUR + ROUND_TRIP, Outcome.UNANSWERED)
    # At the server the last accepted request is that of 2 h; at the node it is the register at 0, so it lapses when its
    # twelfth miss, sent at exactly 24 h, fails.
    assert slots(trace) == [(LATENCY, SlotChange.TAKEN, 1)]
    assert turns(trace)[-1] == (DAY + ROUND_TRIP, Status.LAPSED)
    assert not broken(*faults, duration_us=25 * HOUR)


def test_after_the_answer_has_left_it_arrives() -> None:
    faults = [event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment="answered")]
    poll = exchanges(play(*faults))[1]
    assert (poll.verdict, poll.spoilt, poll.outcome) == (Verdict.GRANTED, Spoilt.NO, Outcome.POSITIVE)
    assert not broken(*faults)


def test_the_first_of_several_requests_of_an_instant_is_the_last_that_is_served() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1))
    faults = [event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment="answered")]
    trace = play(*faults, nodes=nodes)
    assert [exchanges(trace, place)[1].verdict for place in (0, 1)] == [Verdict.GRANTED, Verdict.CONNECTION_REFUSED]
    assert not broken(*faults, nodes=nodes)


# A disk that is full.


def test_a_server_that_cannot_store_says_nothing_and_ends() -> None:
    faults = [
        event(BEFORE_2H, Verb.DISK_FILL, lasts_us=4 * HOUR),
        event(3 * HOUR, Verb.SERVER_START),
        event(7 * HOUR, Verb.SERVER_START),
    ]
    trace = play(*faults, duration_us=9 * HOUR)
    assert edges(trace) == [
        (BEFORE_2H, EdgeKind.DISK_FULL, 1),
        (2 * HOUR + LATENCY, EdgeKind.CRASHED, 1),
        (3 * HOUR, EdgeKind.STARTED, 0),
        (BEFORE_2H + 4 * HOUR, EdgeKind.DISK_CLEARED, 1),
        (7 * HOUR, EdgeKind.STARTED, 1),
    ]
    # An error of HTTP is no answer of the protocol, so the node waits for its 30 s; then the port refuses.
    polls = exchanges(trace)[1:]
    assert [each.ended_us - each.sent_us for each in polls] == [30 * SECOND, ROUND_TRIP, ROUND_TRIP, ROUND_TRIP]
    assert [each.outcome for each in polls][-2:] == [Outcome.UNANSWERED, Outcome.POSITIVE]
    assert not broken(*faults, duration_us=9 * HOUR)


def test_what_is_no_request_is_refused_on_a_full_disk_too() -> None:
    # a reports what is no address with its polls at 2 h and at 4 h: there is nothing to store of them. That of 6 h is
    # one again.
    faults = [
        event(HOUR, Verb.DISK_FILL),
        event(HOUR, Verb.NODE_REPORT, "a", text="x", lasts_us=4 * HOUR),
    ]
    trace = play(*faults, duration_us=7 * HOUR)
    assert [each.verdict for each in exchanges(trace)[1:]] == [10001, 10001, Verdict.NONE]
    assert edges(trace)[-1] == (6 * HOUR + LATENCY, EdgeKind.CRASHED, 1)
    assert not broken(*faults, duration_us=7 * HOUR)


def test_a_full_disk_that_nobody_writes_to_harms_nobody() -> None:
    assert play(event(HOUR, Verb.DISK_FILL, lasts_us=30 * MINUTE)).digest() == play().digest()


# Slow, hanging, rebooted, logged out.


def test_a_slow_server_answers_later() -> None:
    slow = event(HOUR, Verb.SERVER_SLOW, by_us=10 * SECOND, lasts_us=2 * HOUR)
    first, second = exchanges(play(slow, duration_us=5 * HOUR))[1:]
    assert (first.arrived_us, first.delivered_us) == (2 * HOUR + LATENCY, 2 * HOUR + 10 * SECOND + ROUND_TRIP)
    assert second.delivered_us == 4 * HOUR + ROUND_TRIP
    assert not broken(slow)


def test_one_that_is_slower_than_the_node_is_patient_loses_it_and_keeps_its_slot() -> None:
    slow = event(HOUR, Verb.SERVER_SLOW, by_us=31 * SECOND)
    trace = play(slow, duration_us=26 * HOUR)
    assert turns(trace)[-1] == (DAY + 30 * SECOND, Status.LAPSED)
    assert slots(trace) == [(LATENCY, SlotChange.TAKEN, 1)]
    assert not broken(slow, duration_us=26 * HOUR)


def test_a_slow_server_that_ends_takes_the_answers_that_it_owes_with_it() -> None:
    faults = [
        event(HOUR, Verb.SERVER_SLOW, by_us=10 * SECOND),
        event(2 * HOUR + 4 * SECOND, Verb.SERVER_STOP, lasts_us=HOUR),
    ]
    poll = exchanges(play(*faults))[1]
    assert (poll.verdict, poll.spoilt) == (Verdict.GRANTED, Spoilt.BROKEN)
    assert (poll.ended_us, poll.outcome) == (2 * HOUR + 4 * SECOND + LATENCY, Outcome.UNANSWERED)
    assert not broken(*faults)


def test_a_server_that_hangs_answers_nothing_and_forgets_nothing() -> None:
    hang = event(HOUR, Verb.SERVER_HANG, lasts_us=2 * HOUR)
    trace = play(hang, duration_us=5 * HOUR)
    polls = exchanges(trace)[1:]
    assert [each.arrived_us for each in polls] == [NEVER, 4 * HOUR + LATENCY]
    assert turns(trace)[1:] == [
        (2 * HOUR + 30 * SECOND, Status.INTERRUPTED),
        (4 * HOUR + ROUND_TRIP, Status.REGISTERED),
    ]
    assert not broken(hang)


@pytest.mark.parametrize("verb", [Verb.SERVER_REBOOT, Verb.SERVER_POWER_LOSS])
def test_after_a_reboot_the_program_is_down_until_somebody_starts_it(verb: Verb) -> None:
    # Where the program starts with the machine, the scenario file gives the event an end (see test_scenario_file).
    for faults, outcome in (
        ([event(HOUR, verb)], Outcome.UNANSWERED),
        ([event(HOUR, verb, lasts_us=5 * MINUTE)], Outcome.POSITIVE),
        ([event(HOUR, verb), event(90 * MINUTE, Verb.SERVER_START)], Outcome.POSITIVE),
    ):
        assert exchanges(play(*faults))[1].outcome == outcome
        assert not broken(*faults)


def test_the_reference_server_loses_nothing_with_the_power_that_it_has_answered() -> None:
    # 1 us before the poll of 2 h arrives, and 1 us after: it is like a reboot then.
    for at_us in (2 * HOUR + LATENCY - 1, 2 * HOUR + LATENCY + 1):
        lost, rebooted = (
            play(event(at_us, verb, lasts_us=5 * MINUTE), duration_us=27 * HOUR)
            for verb in (Verb.SERVER_POWER_LOSS, Verb.SERVER_REBOOT)
        )
        assert [what for _, what, _ in edges(lost)] == [EdgeKind.POWER_LOST, EdgeKind.STARTED]
        assert lost.digest() == rebooted.digest()


def test_the_wire_is_told_of_a_lost_power_once_the_program_is_gone() -> None:
    told = []

    class Notes(Memory):
        def stop(self, now: Instant) -> None:
            super().stop(now)
            told.append("stopped")

        def lose_power(self) -> None:
            told.append("lost")

    def played(*events: Event) -> list[str]:
        told.clear()
        run(a_world(*events), LITERAL, wire=Notes)
        return told

    assert played(event(HOUR, Verb.SERVER_REBOOT)) == ["stopped"]
    assert played(event(HOUR, Verb.SERVER_POWER_LOSS)) == ["stopped", "lost"]
    # What a crashed program has written is the kernel's still.
    crash = event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment="received")
    assert played(crash, event(3 * HOUR, Verb.SERVER_POWER_LOSS)) == ["stopped", "lost"]
    assert played(crash, event(3 * HOUR, Verb.SERVER_REBOOT)) == ["stopped"]


def test_the_end_of_a_session_ends_a_program_that_was_not_started_with_nohup() -> None:
    ends = exchanges(play(event(HOUR, Verb.SERVER_LOGOUT)))[1]
    survives = exchanges(play(event(HOUR, Verb.SERVER_LOGOUT, idle=True)))[1]
    assert (ends.verdict, survives.verdict) == (Verdict.CONNECTION_REFUSED, Verdict.GRANTED)


# The machine itself.


def test_on_other_hardware_everything_is_refused_without_a_code() -> None:
    drift = event(HOUR, Verb.IDENTITY_DRIFT, lasts_us=2 * HOUR)
    trace = play(drift, duration_us=5 * HOUR)
    assert [each.verdict for each in exchanges(trace)[1:]] == [Code.INCORRECT_LICENSE_FORMAT, Verdict.GRANTED]
    assert not broken(drift)


def test_and_no_program_starts() -> None:
    faults = [
        event(HOUR, Verb.SERVER_STOP, lasts_us=30 * MINUTE),
        event(HOUR, Verb.IDENTITY_DRIFT, lasts_us=2 * HOUR),
        event(3 * HOUR + MINUTE, Verb.SERVER_START),
    ]
    trace = play(*faults, duration_us=5 * HOUR)
    assert [(at_us, done) for at_us, what, done in edges(trace) if what is EdgeKind.STARTED] == [
        (90 * MINUTE, 0),
        (3 * HOUR + MINUTE, 1),
    ]
    assert not broken(*faults, duration_us=5 * HOUR)


def test_a_second_program_does_not_run_and_does_no_harm() -> None:
    second = event(HOUR, Verb.SERVER_SECOND)
    trace = play(second)
    assert edges(trace) == [(HOUR, EdgeKind.SECOND, 0)]
    assert trace.digest() == play().digest()


# Snapshots.

STOPPED = event(5 * HOUR, Verb.SERVER_STOP, lasts_us=HOUR)


def test_a_snapshot_knows_nothing_of_what_came_after_it() -> None:
    # At 3 h only a held a slot. b registered at 4 h, so its slot is lost, and its poll at 6 h is refused.
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=4 * HOUR))
    back = event(5 * HOUR + MINUTE, Verb.SERVER_ROLLBACK, to_us=3 * HOUR)
    trace = play(STOPPED, back, nodes=nodes, duration_us=7 * HOUR)
    assert slots(trace)[2:] == [(5 * HOUR + MINUTE, SlotChange.LOST, 1)]
    assert [each.verdict for each in exchanges(trace, 1)] == [Verdict.GRANTED, Code.INCORRECT_LICENSE_FORMAT]
    assert exchanges(trace)[-1].verdict == Verdict.GRANTED
    assert not broken(STOPPED, back, nodes=nodes, duration_us=7 * HOUR)


def test_a_snapshot_brings_back_what_was_given_back() -> None:
    # b unbound at 3 h 30 min. With the state of 3 h it holds a slot again, until that is 24 h old: at 1 d 2 h and 5 ms.
    nodes = (node("a"), node("b", address=FIRST + 1))
    events = [
        event(3 * HOUR + 30 * MINUTE, Verb.NODE_UNBIND, "b"),
        STOPPED,
        event(5 * HOUR + MINUTE, Verb.SERVER_ROLLBACK, to_us=3 * HOUR),
    ]
    trace = play(*events, nodes=nodes, duration_us=27 * HOUR)
    assert slots(trace)[3:] == [
        (5 * HOUR + MINUTE, SlotChange.FOUND, 2),
        (26 * HOUR + LATENCY + 1, SlotChange.VOID, 1),
    ]
    assert not broken(*events, nodes=nodes, duration_us=27 * HOUR)


def test_a_slot_in_a_snapshot_is_as_old_as_its_last_request_in_it() -> None:
    # The register at 0 and no poll is in the state of 1 h. Started again at 24 h and a minute, the server finds the
    # slot older than 24 h.
    events = [
        event(5 * HOUR, Verb.SERVER_STOP, lasts_us=19 * HOUR + MINUTE),
        event(6 * HOUR, Verb.SERVER_ROLLBACK, to_us=HOUR),
    ]
    trace = play(*events, duration_us=25 * HOUR)
    assert slots(trace)[1:] == [(DAY + MINUTE, SlotChange.VOID, 0)]
    assert not broken(*events, duration_us=25 * HOUR)


def test_an_image_is_of_the_state_before_anything_at_its_instant() -> None:
    # The poll of 2 h arrives at 2 h and 5 ms: an image of that very instant does not have it, one tick later does.
    for to_us, void_us in ((2 * HOUR + LATENCY, DAY), (2 * HOUR + LATENCY + 1, 26 * HOUR)):
        events = [
            event(3 * HOUR, Verb.SERVER_STOP, lasts_us=2 * HOUR),
            event(3 * HOUR, Verb.NODE_STOP, "a"),
            event(4 * HOUR, Verb.SERVER_ROLLBACK, to_us=to_us),
        ]
        assert slots(play(*events, duration_us=27 * HOUR))[1:] == [(void_us + LATENCY + 1, SlotChange.VOID, 0)]
        assert not broken(*events, duration_us=27 * HOUR)


def test_a_destroyed_server_stays_destroyed() -> None:
    events = [
        event(3 * HOUR, Verb.SERVER_DESTROY),
        event(4 * HOUR, Verb.SERVER_ROLLBACK, to_us=HOUR),
        event(5 * HOUR, Verb.SERVER_START),
    ]
    trace = play(*events, duration_us=7 * HOUR)
    assert edges(trace) == [
        (3 * HOUR, EdgeKind.DESTROYED, 1),
        (4 * HOUR, EdgeKind.ROLLED_BACK, 0),
        (5 * HOUR, EdgeKind.STARTED, 0),
    ]
    assert not broken(*events, duration_us=7 * HOUR)


# A copy of the machine.

COPY = 0xAC103F90


def test_a_copy_of_the_machine_serves_on_its_own() -> None:
    # Copied at 3 h with the slot of a, whose age is that of its poll at 2 h. c is pointed to the copy at 5 h and
    # registers there at 6 h.
    nodes = (node("a"), node("c", address=FIRST + 2, register_us=6 * HOUR))
    events = [
        event(3 * HOUR, Verb.SERVER_CLONE, address=COPY),
        event(5 * HOUR, Verb.NODE_POINT, "c", address=COPY),
    ]
    trace = play(*events, nodes=nodes, capacity=2, duration_us=27 * HOUR)
    assert [(slot.at_us, slot.change, slot.live, slot.server) for slot in trace.slots] == [
        (LATENCY, SlotChange.TAKEN, 1, 0),
        (3 * HOUR, SlotChange.FOUND, 1, 1),
        (6 * HOUR + LATENCY, SlotChange.TAKEN, 2, 1),
        # Nobody renews the copied slot of a, so it is void 24 h after its poll at 2 h.
        (26 * HOUR + LATENCY + 1, SlotChange.VOID, 1, 1),
    ]
    assert {each.server for each in exchanges(trace)} == {0}
    assert {each.server for each in exchanges(trace, 1)} == {1}
    assert not broken(*events, nodes=nodes, capacity=2, duration_us=27 * HOUR)


def test_two_machines_hold_twice_the_capacity_and_that_is_noted() -> None:
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=6 * HOUR))
    events = [
        event(3 * HOUR, Verb.NODE_UNBIND, "a"),
        event(4 * HOUR, Verb.SERVER_CLONE, address=COPY),
        event(5 * HOUR, Verb.NODE_POINT, "b", address=COPY),
        event(7 * HOUR, Verb.NODE_REGISTER, "a"),
    ]
    world = a_world(*events, nodes=nodes, capacity=1, duration_us=9 * HOUR)
    trace = run(world, LITERAL)
    assert [each.verdict for each in exchanges(trace, 1)] == [Verdict.GRANTED, Verdict.GRANTED]
    assert turns(trace)[-1] == (7 * HOUR + ROUND_TRIP, Status.REGISTERED)
    judged = judge(world, LITERAL, trace)["R018"]
    # Each of them grants what it may, and between them they hold two slots from 7 h and 5 ms on.
    assert judged.ruling is Ruling.HELD
    (note,) = judged.notes
    assert (note.at_us, note.message) == (7 * HOUR + LATENCY, "two machines with one licence hold 2 slots of 1")
    assert Timelines(world, trace).of("registered", None).at(8 * HOUR) == 2


def test_a_copy_goes_on_when_the_server_is_down_and_is_gone_when_it_is_switched_off() -> None:
    events = [
        event(3 * HOUR, Verb.SERVER_CLONE, address=COPY, lasts_us=4 * HOUR),
        event(3 * HOUR, Verb.NODE_POINT, "a", address=COPY),
        event(3 * HOUR, Verb.SERVER_STOP),
    ]
    trace = play(*events, duration_us=9 * HOUR)
    polls = exchanges(trace)[2:]
    assert [each.outcome for each in polls] == [Outcome.POSITIVE, Outcome.POSITIVE, Outcome.UNANSWERED]
    assert (polls[-1].arrived_us, polls[-1].lost) == (NEVER, 1)
    assert not broken(*events, duration_us=9 * HOUR)


# What happens at one instant: ends before starts.


@pytest.mark.parametrize("verb", [Verb.IDENTITY_DRIFT, Verb.SERVER_DESTROY])
def test_a_start_comes_before_what_begins_at_its_instant(verb: Verb) -> None:
    faults = [event(3 * HOUR, Verb.SERVER_STOP, lasts_us=HOUR), event(4 * HOUR, verb)]
    trace = play(*faults)
    assert (4 * HOUR, EdgeKind.STARTED, 1) in edges(trace)
    assert not broken(*faults)


def test_a_machine_that_was_wrong_from_the_start_has_started_its_program() -> None:
    drift = event(0, Verb.IDENTITY_DRIFT)
    assert exchanges(play(drift))[0].verdict == Code.INCORRECT_LICENSE_FORMAT
    assert not broken(drift)


@pytest.mark.parametrize(
    ("verb", "edge"),
    [(Verb.SERVER_REBOOT, EdgeKind.REBOOTED), (Verb.SERVER_POWER_LOSS, EdgeKind.POWER_LOST)],
)
def test_a_reboot_brings_a_crashed_program_back_that_starts_with_the_machine(verb: Verb, edge: EdgeKind) -> None:
    faults = [
        event(BEFORE_2H, Verb.SERVER_CRASH_AT, moment="received"),
        event(3 * HOUR, verb, lasts_us=5 * MINUTE),
    ]
    trace = play(*faults)
    assert [what for _, what, _ in edges(trace)] == [EdgeKind.CRASHED, edge, EdgeKind.STARTED]
    assert exchanges(trace)[2].outcome == Outcome.POSITIVE
    assert not broken(*faults)


def test_an_answer_that_is_owed_when_the_machine_freezes_is_lost() -> None:
    faults = [
        event(HOUR, Verb.SERVER_SLOW, by_us=10 * SECOND),
        event(2 * HOUR + 8 * SECOND, Verb.SERVER_SUSPEND, lasts_us=4 * SECOND),
    ]
    poll = exchanges(play(*faults, duration_us=3 * HOUR))[1]
    assert (poll.verdict, poll.answer_lost, poll.outcome) == (Verdict.GRANTED, 1, Outcome.UNANSWERED)
    assert not broken(*faults)


def test_a_copy_is_made_before_a_clock_is_stepped_at_that_instant() -> None:
    # The slot is 26 h old by a clock that was set forward by 25 h, had the copy's start seen that.
    events = [
        event(26 * HOUR, Verb.SERVER_CLONE, address=COPY),
        event(26 * HOUR, Verb.CLOCK_STEP, host="server", by_us=25 * HOUR),
    ]
    trace = play(*events, duration_us=27 * HOUR)
    assert [(slot.change, slot.server) for slot in trace.slots] == [(SlotChange.TAKEN, 0), (SlotChange.FOUND, 1)]
    assert not broken(*events, duration_us=27 * HOUR)


def test_a_copy_of_a_destroyed_server_has_its_tombstone() -> None:
    events = [
        event(2 * HOUR + MINUTE, Verb.SERVER_DESTROY),
        event(3 * HOUR, Verb.SERVER_CLONE, address=COPY),
        event(3 * HOUR, Verb.NODE_POINT, "a", address=COPY),
    ]
    trace = play(*events, duration_us=5 * HOUR)
    assert [(edge.what, edge.done) for edge in trace.edges if edge.host == -2] == [
        (EdgeKind.CLONED, 1),
        (EdgeKind.STARTED, 0),
    ]
    assert exchanges(trace)[-1].verdict == Verdict.CONNECTION_REFUSED
    assert not broken(*events, duration_us=5 * HOUR)
