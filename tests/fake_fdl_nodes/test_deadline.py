"""The 24-hour law at the node, to the microsecond: deadlines, starts, resumptions and expiry (R033).

Last contact is at 0 throughout, so the deadline is at 24 h, and a node left alone polls at the even hours.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_fdl_nodes.node import Changed, Ended, Ending, Failed, Reason, Send, Status, Timer
from tests.fake_fdl_nodes.bench import (
    DAY,
    DETAILS,
    EPOCH,
    HOUR,
    INTERRUPTED,
    LAPSED,
    MINUTE,
    MS,
    REGISTERED,
    REJECTED,
    SECOND,
    UNREGISTERED,
    Bench,
)


def odd(reading: str = "literal") -> Bench:
    """A node whose last contact is at 0 and whose polls, all unanswered, are at the odd hours: its last is at 23 h."""
    bench = Bench(reading).registered()
    bench.register(HOUR)
    bench.silent_until(DAY - 1)
    return bench


# Which outcome comes in time.


@pytest.mark.parametrize(("early_us", "status"), [(1, REJECTED), (0, LAPSED)])
def test_a_refusal_at_the_deadline_or_later_lapses(early_us: int, status: Status) -> None:
    bench = odd()
    bench.register(DAY - 20 * SECOND)
    bench.refused(DAY - early_us)
    assert bench.node.status is status
    # The refusal is the failed attempt, and its row the only one.
    assert bench.rows()[-1] == (DAY - early_us, "30002")


@pytest.mark.parametrize(("early_us", "status"), [(1, INTERRUPTED), (0, LAPSED)])
def test_a_missing_answer_at_the_deadline_or_later_lapses(early_us: int, status: Status) -> None:
    bench = odd()
    bench.register(DAY - 30 * SECOND - early_us)
    assert bench.fire() is Timer.TIMEOUT
    assert bench.node.status is status
    assert bench.rows()[-1] == (DAY - early_us, "/")
    assert isinstance(bench.effects[1], Failed)
    assert bench.effects[1].number == bench.node.number


def test_a_refused_node_lapses_too() -> None:
    # Answers that are negative are no contact: a node that is refused for 24 h lapses.
    bench = Bench().registered()
    while bench.due() != (DAY, Timer.POLL):
        assert bench.fire() is Timer.POLL
        bench.refused(bench.now_us + 10 * MS)
        assert bench.node.status is REJECTED
    bench.fire()
    bench.refused(DAY + 10 * MS)
    assert bench.effects[-1] == Changed(REJECTED, LAPSED, Reason.SILENCE)
    assert len(bench.rows()) == 12


def test_a_register_at_exactly_the_deadline_is_in_time() -> None:
    bench = odd()
    bench.register(DAY)
    assert bench.node.status is INTERRUPTED
    bench.answered(DAY + 20 * SECOND)
    assert (bench.node.status, bench.node.contact_us) == (REGISTERED, DAY)


def test_no_poll_is_sent_after_the_deadline() -> None:
    # A poll due a microsecond beyond it is never sent: the node lapses at the deadline.
    bench = Bench().registered()
    bench.register(HOUR + 1)
    bench.silent_until(22 * HOUR)
    bench.register(22 * HOUR + 1)
    bench.fire()
    assert bench.due() == (DAY, Timer.DEADLINE)


def test_a_deadline_waits_for_a_poll_that_is_due_at_it() -> None:
    bench = Bench().registered()
    bench.register(20 * HOUR)
    bench.silent_until(22 * HOUR)
    assert bench.fire() is Timer.TIMEOUT
    assert bench.fire() is Timer.POLL
    assert (bench.now_us, bench.node.status) == (DAY, INTERRUPTED)


def test_an_unbind_past_the_deadline_leaves_a_poll_that_was_due_by_then_its_turn() -> None:
    # The clock passes 24 h within a tick, and the unbind is asked for in it, before the timers.
    bench = Bench().registered()
    bench.silent_until(DAY - 1)
    bench.unbind(DAY + 1)
    assert (bench.node.status, bench.due()) == (INTERRUPTED, (DAY, Timer.POLL))


def test_an_unbind_that_supersedes_the_last_poll_delays_nothing() -> None:
    bench = Bench().registered()
    bench.silent_until(DAY)
    assert bench.node.status is INTERRUPTED
    number, rows = bench.node.number, len(bench.rows())
    bench.unbind(DAY + SECOND)
    assert bench.effects[0] == Ended(number, Ending.ABANDONED)
    assert bench.effects[-1] == Changed(INTERRUPTED, LAPSED, Reason.SILENCE)
    # The abandoned poll adds no row; the lapse, while no attempt ends, adds one.
    assert bench.rows()[rows:] == [(DAY + SECOND, "/")]
    bench.answered(DAY + 2 * SECOND, bench.release())
    assert bench.node.status is UNREGISTERED


def test_a_lapsed_node_is_lapsed_once() -> None:
    bench = odd()
    bench.fire()
    assert bench.node.status is LAPSED
    rows = len(bench.rows())
    bench.node.stop()
    bench.start(3 * DAY)
    assert bench.effects == []
    bench.resume(4 * DAY)
    assert bench.effects == []
    assert (len(bench.rows()), bench.due()) == (rows, None)


def test_the_deadline_is_counted_from_the_sending_not_from_the_answer() -> None:
    bench = Bench()
    bench.register(0)
    bench.answered(20 * SECOND)
    assert bench.node.deadline_us == DAY


# Starts and resumptions.


@pytest.mark.parametrize(("late_us", "status"), [(0, REJECTED), (1, LAPSED)])
def test_a_rejected_node_is_judged_at_its_start_too(late_us: int, status: Status) -> None:
    bench = Bench().in_status(REJECTED)
    bench.node.stop()
    bench.start(DAY + late_us)
    assert bench.node.status is status
    assert bench.due() == ((DAY, Timer.POLL) if status is REJECTED else None)


def test_a_start_polls_at_once_and_keeps_the_new_rhythm() -> None:
    bench = Bench().in_status(INTERRUPTED)
    bench.node.stop()
    bench.start(3 * HOUR)
    assert bench.node.status is INTERRUPTED
    bench.fire()
    assert isinstance(bench.effects[0], Send)
    assert bench.effects[0].sent_us == 3 * HOUR
    bench.fire()
    assert bench.due() == (5 * HOUR, Timer.POLL)


@pytest.mark.parametrize("status", [UNREGISTERED, LAPSED])
def test_who_holds_no_registration_does_not_poll_at_a_start(status: Status) -> None:
    bench = Bench().in_status(status)
    bench.node.stop()
    bench.start(2 * DAY)
    assert bench.due() is None


def test_a_program_that_ends_while_its_last_poll_is_outstanding_lapses_at_its_start() -> None:
    bench = Bench().registered()
    bench.silent_until(DAY)
    rows = len(bench.rows())
    assert bench.node.stop() == [Ended(bench.node.number, Ending.ABANDONED)]
    assert bench.node.status is INTERRUPTED
    bench.start(DAY + SECOND)
    assert bench.node.status is LAPSED
    assert bench.rows()[rows:] == [(DAY + SECOND, "/")]


def test_a_resumption_at_exactly_the_deadline_sends_the_poll_that_fell_due() -> None:
    bench = Bench().registered()
    bench.resume(DAY)
    assert (bench.node.status, bench.due()) == (REGISTERED, (DAY, Timer.POLL))


def test_a_resumption_at_exactly_the_deadline_lapses_if_no_poll_is_due() -> None:
    bench = odd()
    bench.resume(DAY)
    assert bench.due() == (DAY, Timer.DEADLINE)


@pytest.mark.parametrize(("late_us", "status"), [(0, REGISTERED), (1, INTERRUPTED)])
def test_an_answer_at_a_resumption_is_in_time_up_to_the_timeout(late_us: int, status: Status) -> None:
    # The poll of 2 h waits until 2 h 30 s. The host sleeps meanwhile, and the answer is there just when it wakes.
    bench = Bench().registered()
    bench.silent_until(2 * HOUR)
    answer = bench.grant()
    bench.resume(2 * HOUR + 30 * SECOND + late_us)
    bench.answered(2 * HOUR + 30 * SECOND + late_us, answer)
    assert bench.node.status is status
    assert bench.rows() == ([(2 * HOUR + 30 * SECOND + 1, "/")] if late_us else [])


def test_a_request_whose_time_was_up_in_the_sleep_fails_before_the_clock_is_judged() -> None:
    # The last poll, of 24 h, is unanswered when the host wakes at 25 h, where the licence has run out too. The failed
    # attempt lapses the node, so the lapse adds no row of its own, and a lapsed node does not expire.
    bench = licensed(Bench(), DAY + MINUTE)
    bench.silent_until(DAY)
    number, rows = bench.node.number, len(bench.rows())
    bench.resume(25 * HOUR)
    assert bench.effects[0] == Ended(number, Ending.UNANSWERED)
    assert bench.effects[-1] == Changed(INTERRUPTED, LAPSED, Reason.SILENCE)
    assert bench.rows()[rows:] == [(25 * HOUR, "/")]
    assert bench.due() is None


def test_a_node_may_wake_to_a_failed_request_and_an_expired_licence() -> None:
    # Two rows at one instant, each shown in its turn.
    bench = licensed(Bench(), 3 * HOUR)
    bench.silent_until(2 * HOUR)
    number = bench.node.number
    bench.resume(4 * HOUR)
    failed = [effect for effect in bench.effects if isinstance(effect, Failed)]
    assert [(each.row.code.label, each.number, each.shown.label) for each in failed] == [
        ("/", number, "/"),
        ("30000", 0, "30000"),
    ]
    assert (bench.node.status, bench.due()) == (REJECTED, (4 * HOUR, Timer.POLL))


def test_a_poll_due_at_the_deadline_is_sent_although_another_failed_in_the_sleep() -> None:
    # The host sleeps from just after the poll of 22 h until 24 h sharp: that one's time is up, the next one is due.
    bench = Bench().registered()
    bench.silent_until(22 * HOUR)
    bench.resume(DAY)
    assert (bench.node.status, bench.due()) == (INTERRUPTED, (DAY, Timer.POLL))
    bench.fire()
    bench.answered(DAY + 10 * MS)
    assert (bench.node.status, bench.node.contact_us) == (REGISTERED, DAY)


def test_a_poll_due_at_the_instant_of_a_resumption_is_sent_once() -> None:
    bench = Bench().registered()
    bench.resume(2 * HOUR)
    assert bench.fire() is Timer.POLL
    bench.answered(2 * HOUR + 10 * MS)
    assert bench.due() == (4 * HOUR, Timer.POLL)


def test_a_resumption_finds_a_refused_node_polling() -> None:
    bench = Bench().in_status(REJECTED)
    bench.resume(9 * HOUR)
    assert (bench.node.status, bench.due()) == (REJECTED, (9 * HOUR, Timer.POLL))


# Expiry.


def licensed(bench: Bench, in_us: int, at_us: int = 0) -> Bench:
    """Register at ``at_us`` with a licence that ends ``in_us`` later by the server's date."""
    bench.register(at_us)
    bench.answered(at_us + 10 * MS, bench.grant(details=replace(DETAILS, expires_us=EPOCH + in_us)))
    return bench


def test_an_interrupted_node_expires_and_adds_its_row() -> None:
    bench = licensed(Bench(), 3 * HOUR)
    bench.silent_until(3 * HOUR)
    assert bench.node.status is REJECTED
    assert bench.rows() == [(2 * HOUR + 30 * SECOND, "/"), (3 * HOUR, "30000")]
    assert not bench.node.access


def test_a_rejected_node_expires_without_a_row() -> None:
    # Only a registered or interrupted node becomes rejected at expiry.
    bench = licensed(Bench(), 3 * HOUR)
    bench.fire()
    bench.refused(2 * HOUR + 10 * MS)
    assert bench.due() == (4 * HOUR, Timer.POLL)
    bench.silent_until(4 * HOUR - 1)
    assert len(bench.rows()) == 1


def test_an_unanswered_poll_leaves_an_expired_node_rejected() -> None:
    bench = licensed(Bench(), HOUR)
    bench.silent_until(2 * HOUR + 30 * SECOND)
    assert bench.node.status is REJECTED
    assert [label for _, label in bench.rows()] == ["30000", "/"]


def test_a_grant_without_a_date_restores_an_expired_node_for_good() -> None:
    bench = licensed(Bench(), HOUR)
    bench.silent_until(2 * HOUR)
    bench.answered(2 * HOUR + 10 * MS)
    assert (bench.node.status, bench.node.expires_us) == (REGISTERED, None)


@pytest.mark.parametrize(("late_us", "status"), [(-1, REGISTERED), (0, REJECTED)])
def test_expiry_is_judged_at_a_start(late_us: int, status: Status) -> None:
    bench = licensed(Bench(), HOUR)
    bench.node.stop()
    bench.start(HOUR + late_us)
    assert bench.node.status is status
    assert bench.rows() == ([] if status is REGISTERED else [(HOUR, "30000")])
    # Rejected or not, it polls at once.
    assert bench.due() == (HOUR + late_us, Timer.POLL)


def test_expiry_is_judged_at_a_resumption() -> None:
    bench = licensed(Bench(), HOUR)
    bench.resume(90 * MINUTE)
    assert (bench.node.status, bench.rows()) == (REJECTED, [(90 * MINUTE, "30000")])
    assert bench.due() == (2 * HOUR, Timer.POLL)


def test_expiry_is_reckoned_from_the_sending_and_the_date_of_the_answer() -> None:
    # The server's date is 5 days ahead of the node's wall clock, which nobody asks: what is left of the licence is
    # 1 h from the date in the grant, and runs from the sending at 1 min.
    bench = Bench()
    bench.register(MINUTE)
    ahead_us = EPOCH + 5 * DAY
    details = replace(DETAILS, expires_us=ahead_us + HOUR)
    bench.answered(MINUTE + 10 * MS, bench.grant(server_time_us=ahead_us, details=details))
    assert bench.due() == (MINUTE + HOUR, Timer.EXPIRY)


def test_timers_of_one_instant_go_timeout_expiry_poll_deadline() -> None:
    # A licence that ends just when the second poll, of 4 h, gets no answer.
    bench = licensed(Bench(), 4 * HOUR + 30 * SECOND)
    bench.silent_until(4 * HOUR)
    at_us = 4 * HOUR + 30 * SECOND
    assert bench.due() == (at_us, Timer.TIMEOUT)
    bench.fire()
    assert bench.due() == (at_us, Timer.EXPIRY)
    bench.fire()
    assert bench.rows()[-2:] == [(at_us, "/"), (at_us, "30000")]

    # One that ends when the poll of 4 h is due: the node is rejected first, and polls all the same.
    bench = licensed(Bench(), 4 * HOUR)
    bench.silent_until(4 * HOUR - 1)
    assert [bench.fire(), bench.fire()] == [Timer.EXPIRY, Timer.POLL]
    assert bench.now_us == 4 * HOUR

    # One that ends at the deadline of a node at rest: rejected, then lapsed, each with its row.
    bench = licensed(Bench(), DAY)
    bench.register(HOUR)
    bench.silent_until(DAY - 1)
    assert [bench.fire(), bench.fire()] == [Timer.EXPIRY, Timer.DEADLINE]
    assert bench.rows()[-2:] == [(DAY, "30000"), (DAY, "/")]


# What the readings change.


def test_thirteenth_miss_needs_a_request_sent_later_than_24_h() -> None:
    # A request of exactly 24 h fails and lapses nobody, one of a microsecond later does.
    for late_us, status in ((0, INTERRUPTED), (1, LAPSED)):
        bench = odd("thirteenth-miss")
        bench.register(DAY + late_us)
        assert bench.fire() is Timer.TIMEOUT
        assert bench.node.status is status


def test_thirteenth_miss_a_late_poll_that_is_granted_is_a_contact() -> None:
    bench = odd("thirteenth-miss")
    assert bench.due() == (25 * HOUR, Timer.POLL)
    bench.fire()
    bench.answered(25 * HOUR + 10 * MS)
    assert (bench.node.status, bench.node.contact_us) == (REGISTERED, 25 * HOUR)


def test_thirteenth_miss_a_start_after_days_polls_first() -> None:
    bench = Bench("thirteenth-miss").registered()
    bench.node.stop()
    bench.start(3 * DAY)
    assert (bench.node.status, bench.due()) == (REGISTERED, (3 * DAY, Timer.POLL))
    bench.fire()
    bench.fire()
    assert bench.node.status is LAPSED


def test_revive_lapses_at_the_same_instant_as_the_literal_reading() -> None:
    bench = odd("revive")
    assert bench.due() == (DAY, Timer.DEADLINE)
    bench.fire()
    assert (bench.node.status, bench.node.access) == (LAPSED, False)
    # Its rhythm goes on: 23 h, 25 h.
    assert bench.due() == (25 * HOUR, Timer.POLL)


@pytest.mark.parametrize("reading", ["windows-close", "first-in-time", "cluster-is-one", "stop-closes-access"])
def test_the_other_readings_keep_the_nodes_24_hours(reading: str) -> None:
    bench = odd(reading)
    assert bench.due() == (DAY, Timer.DEADLINE)
