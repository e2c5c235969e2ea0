"""The node: statuses, polls and the 24-hour law at its end (R031, R033), on its own clocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fake_fdl_nodes.failures import SavedFailures
from fake_fdl_nodes.node import Changed, Ended, Ending, Failed, Node, NodeState, Reason, Send, Status, Timer
from reference_server.protocol import Answer, Code, Instant, Poll, Register, Release, Unbind, signature_of
from reference_server.readings import LITERAL
from tests.fake_fdl_nodes.bench import (
    DAY,
    DETAILS,
    EPOCH,
    HOUR,
    INTERRUPTED,
    KEY,
    LAPSED,
    MINUTE,
    MS,
    REGISTERED,
    REJECTED,
    SECOND,
    SETUP,
    UNREGISTERED,
    Bench,
)

# The table of outcomes.


@pytest.mark.parametrize(
    ("status", "positive", "negative", "unanswered"),
    [
        (UNREGISTERED, REGISTERED, UNREGISTERED, UNREGISTERED),
        (REGISTERED, REGISTERED, REJECTED, INTERRUPTED),
        (INTERRUPTED, REGISTERED, REJECTED, INTERRUPTED),
        (REJECTED, REGISTERED, REJECTED, REJECTED),
        (LAPSED, REGISTERED, LAPSED, LAPSED),
    ],
)
def test_the_outcome_of_a_register(status: Status, positive: Status, negative: Status, unanswered: Status) -> None:
    start_us = DAY + HOUR if status is LAPSED else 3 * HOUR if status in (INTERRUPTED, REJECTED) else HOUR
    bench = Bench().in_status(status)
    bench.register(start_us)
    bench.answered(start_us + 10 * MS)
    assert bench.node.status is positive

    bench = Bench().in_status(status)
    rows = len(bench.rows())
    bench.register(start_us)
    bench.refused(start_us + 10 * MS)
    assert bench.node.status is negative
    assert bench.rows()[rows:] == [(start_us + 10 * MS, "30002")]

    bench = Bench().in_status(status)
    rows = len(bench.rows())
    bench.register(start_us)
    assert bench.fire() is Timer.TIMEOUT
    assert bench.node.status is unanswered
    assert bench.rows()[rows:] == [(start_us + 30 * SECOND, "/")]


def test_a_refused_connection_is_unanswered() -> None:
    bench = Bench().in_status(REGISTERED)
    bench.fire()
    bench.effects = bench.node.connection_refused(bench.node.number, bench.now(2 * HOUR + 10 * MS))
    assert bench.node.status is INTERRUPTED
    assert bench.rows() == [(2 * HOUR + 10 * MS, "/")]


@pytest.mark.parametrize("status", list(Status))
def test_access_is_open_in_two_statuses_while_the_program_runs(status: Status) -> None:
    bench = Bench().in_status(status)
    assert bench.node.access is (status in (REGISTERED, INTERRUPTED))
    bench.node.stop()
    assert not bench.node.access
    assert bench.node.status is status


# Polls.


def test_polls_two_hours_after_the_last_register_or_poll_was_sent() -> None:
    bench = Bench().registered(MINUTE)
    assert bench.due() == (MINUTE + 2 * HOUR, Timer.POLL)
    bench.fire()
    # Whatever becomes of it.
    assert bench.fire() is Timer.TIMEOUT
    assert bench.due() == (MINUTE + 4 * HOUR, Timer.POLL)
    bench.register(3 * HOUR)
    bench.refused(3 * HOUR + 10 * MS)
    assert bench.due() == (5 * HOUR, Timer.POLL)


def test_an_unbind_keeps_the_rhythm_and_is_no_contact() -> None:
    bench = Bench().registered()
    bench.effects = bench.node.unbind(bench.now(HOUR))
    assert isinstance(bench.effects[0], Send)
    assert isinstance(bench.effects[0].request, Unbind)
    bench.refused(HOUR + 10 * MS, 20000)
    assert bench.node.status is REGISTERED
    assert bench.rows() == [(HOUR + 10 * MS, "20000")]
    assert bench.due() == (2 * HOUR, Timer.POLL)
    assert bench.node.deadline_us == DAY


def test_a_granted_unbind_ends_polling() -> None:
    bench = Bench().registered()
    bench.node.unbind(bench.now(HOUR))
    unsigned = Release(number=2, installation=SETUP.installation, server_time_us=EPOCH, signature="")
    bench.answered(HOUR + 10 * MS, replace(unsigned, signature=signature_of(unsigned, KEY)))
    assert bench.node.status is UNREGISTERED
    assert bench.due() is None


@pytest.mark.parametrize("status", [UNREGISTERED, LAPSED])
def test_who_holds_no_registration_does_not_poll(status: Status) -> None:
    assert Bench().in_status(status).due() is None


def test_a_newer_request_supersedes_an_outstanding_one_without_a_row() -> None:
    bench = Bench().registered()
    bench.fire()
    old = bench.grant()
    bench.register(2 * HOUR + SECOND)
    assert bench.effects[0] == Ended(2, Ending.ABANDONED)
    bench.answered(2 * HOUR + 2 * SECOND, old)
    assert bench.effects == []
    assert bench.rows() == []
    assert bench.node.contact_us == 0
    bench.answered(2 * HOUR + 3 * SECOND)
    assert bench.node.contact_us == 2 * HOUR + SECOND


def test_requests_carry_fresh_numbers_and_what_the_node_is() -> None:
    bench = Bench()
    numbers = []
    for k in range(3):
        bench.register(k * HOUR)
        send = bench.effects[-1]
        assert isinstance(send, Send)
        assert isinstance(send.request, Register)
        numbers.append(send.request.number)
        assert (send.request.application, send.request.domain, send.request.port) == ("report1", "a.example", 8068)
    assert numbers == [1, 2, 3]


def test_a_request_says_all_that_the_node_is() -> None:
    setup = replace(SETUP, cluster="c", version="Another")
    node = Node(setup, LITERAL, timeout_us=30 * SECOND, key=KEY)
    node.start(Instant(0, EPOCH))
    said: dict[str, Any] = {
        "number": 1,
        "installation": "installation-of-n",
        "address": 0xC0A86419,
        "application": "report1",
        "version": "Another",
        "domain": "a.example",
        "port": 8068,
        "cluster": "c",
    }
    assert node.register(Instant(HOUR, EPOCH + HOUR)) == [Send(Register(**said), HOUR)]


# The 24-hour law.


def test_the_twelfth_missed_poll_is_sent_at_the_deadline_and_lapses_the_node() -> None:
    bench = Bench().registered()
    bench.silent_until(DAY - 1)
    assert bench.node.status is INTERRUPTED
    assert bench.due() == (DAY, Timer.POLL)
    bench.fire()
    assert bench.node.status is INTERRUPTED
    assert bench.due() == (DAY + 30 * SECOND, Timer.TIMEOUT)
    bench.fire()
    assert bench.node.status is LAPSED
    assert len(bench.rows()) == 12
    assert bench.due() is None


def test_a_poll_sent_at_the_deadline_and_granted_is_in_time() -> None:
    bench = Bench().registered()
    bench.silent_until(DAY - 1)
    bench.fire()
    bench.answered(DAY + 20 * SECOND)
    assert bench.node.status is REGISTERED
    assert bench.node.contact_us == DAY


def test_a_refusal_after_the_deadline_lapses() -> None:
    bench = Bench().registered()
    bench.silent_until(DAY - 1)
    bench.fire()
    bench.refused(DAY + 10 * MS, 0)
    assert bench.node.status is LAPSED
    assert bench.rows()[-1] == (DAY + 10 * MS, "")


def test_off_the_grid_it_lapses_at_the_deadline_with_a_row_of_its_own() -> None:
    bench = Bench().registered()
    bench.register(HOUR)  # Nobody answers: the next polls are at 3, 5, ... 23 and 25 h.
    bench.silent_until(DAY - 1)
    assert bench.due() == (DAY, Timer.DEADLINE)
    bench.fire()
    assert bench.node.status is LAPSED
    assert bench.rows()[-1] == (DAY, "/")
    assert bench.kinds() == [Failed, Changed]


def test_superseding_the_poll_that_kept_it_alive_lapses_at_once() -> None:
    bench = Bench().registered()
    bench.silent_until(DAY - 1)
    bench.fire()
    bench.register(DAY + 10 * SECOND)
    assert bench.node.status is LAPSED
    assert bench.rows()[-1] == (DAY + 10 * SECOND, "/")
    bench.answered(DAY + 11 * SECOND)
    assert bench.node.status is REGISTERED


def test_an_outstanding_unbind_delays_nothing() -> None:
    bench = Bench().registered()
    bench.register(HOUR)
    bench.silent_until(DAY - 1)
    bench.node.unbind(bench.now(DAY - SECOND))
    assert bench.due() == (DAY, Timer.DEADLINE)


@pytest.mark.parametrize(("late_us", "status"), [(0, REGISTERED), (1, LAPSED)])
def test_a_start_is_judged_against_the_deadline_first(late_us: int, status: Status) -> None:
    bench = Bench().registered()
    bench.node.stop()
    bench.effects = bench.node.start(bench.now(DAY + late_us))
    assert bench.node.status is status
    assert bench.due() == (None if late_us else (DAY, Timer.POLL))


def test_a_start_polls_at_once_and_keeps_number_and_contact() -> None:
    bench = Bench().registered()
    assert bench.node.stop() == []
    assert bench.node.register(bench.now(HOUR)) == []
    assert bench.due() is None
    bench.node.start(bench.now(90 * MINUTE))
    assert bench.due() == (90 * MINUTE, Timer.POLL)
    bench.fire()
    assert bench.node.number == 2
    assert bench.node.contact_us == 0


def test_a_stop_abandons_the_outstanding_request_without_a_row() -> None:
    bench = Bench().registered()
    bench.fire()
    late = bench.grant()
    assert bench.node.stop() == [Ended(2, Ending.ABANDONED)]
    bench.answered(2 * HOUR + SECOND, late)
    assert bench.effects == []
    assert bench.rows() == []


def test_a_resumption_sends_one_poll_however_many_fell_due() -> None:
    bench = Bench().registered()
    bench.node.resume(bench.now(7 * HOUR))
    assert bench.due() == (7 * HOUR, Timer.POLL)
    bench.fire()
    bench.answered(7 * HOUR + 10 * MS)
    assert bench.due() == (9 * HOUR, Timer.POLL)


def test_a_resumption_before_the_poll_is_due_sends_none() -> None:
    bench = Bench().registered()
    bench.node.resume(bench.now(HOUR))
    assert bench.due() == (2 * HOUR, Timer.POLL)


def test_a_resumption_past_the_deadline_lapses_without_polling() -> None:
    bench = Bench().registered()
    bench.effects = bench.node.resume(bench.now(DAY + 1))
    assert bench.node.status is LAPSED
    assert bench.due() is None
    assert bench.rows() == [(DAY + 1, "/")]


# Expiry, and the node's own validation.


def expiring(bench: Bench, in_us: int) -> Answer:
    """A grant whose licence ends ``in_us`` after the server's date that it carries."""
    return bench.grant(details=replace(DETAILS, expires_us=EPOCH + in_us))


def test_the_licence_ends_by_the_nodes_own_reckoning_from_the_sending() -> None:
    bench = Bench()
    bench.register(MINUTE)
    bench.answered(MINUTE + 10 * MS, expiring(bench, HOUR))
    assert bench.due() == (MINUTE + HOUR, Timer.EXPIRY)
    bench.fire()
    assert bench.node.status is REJECTED
    assert bench.rows() == [(MINUTE + HOUR, "30000")]
    # It goes on polling, and a later date restores it.
    assert bench.due() == (MINUTE + 2 * HOUR, Timer.POLL)
    bench.fire()
    bench.answered(MINUTE + 2 * HOUR + 10 * MS, expiring(bench, 3 * HOUR))
    assert bench.node.status is REGISTERED


@pytest.mark.parametrize(("left_us", "status"), [(10 * MS, UNREGISTERED), (10 * MS + 1, REGISTERED)])
def test_a_grant_that_is_over_on_arrival_is_turned_down(left_us: int, status: Status) -> None:
    # It arrives 10 ms after sending, by when 10 ms have passed on the date that it carries.
    bench = Bench()
    bench.register(0)
    bench.answered(10 * MS, expiring(bench, left_us))
    assert bench.node.status is status
    assert bench.rows() == ([] if status is REGISTERED else [(10 * MS, "30000")])


def test_expiry_is_judged_at_a_start_after_the_deadline() -> None:
    bench = Bench()
    bench.register(0)
    bench.answered(10 * MS, expiring(bench, HOUR))
    bench.node.stop()
    bench.effects = bench.node.start(bench.now(90 * MINUTE))
    assert bench.node.status is REJECTED
    assert bench.rows() == [(90 * MINUTE, "30000")]
    bench.node.stop()
    bench.node.start(bench.now(DAY + 1))
    assert bench.node.status is LAPSED
    assert len(bench.rows()) == 2


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"signature": "simulated:forged"}, Code.INCORRECT_LICENSE_FORMAT),
        ({"installation": "another"}, Code.INCORRECT_LICENSE_FORMAT),
        ({"capacity": 99}, Code.INCORRECT_LICENSE_FORMAT),  # tampered with: the signature does not fit
        ({"access_domains": ("b.example",)}, Code.LICENSE_DOMAIN_ERROR),
        ({"application_names": ("report2",)}, Code.LICENSE_APPNAME_ERROR),
        ({"access_ports": (9000,)}, Code.INCORRECT_LICENSE_FORMAT),
        ({"function_points": ("FineReport",)}, Code.INCORRECT_LICENSE_FORMAT),
    ],
)
def test_the_node_validates_what_is_returned(wrong: dict[str, Any], code: Code) -> None:
    # R006: the server said yes, and the node decides.
    bench = Bench()
    bench.register(0)
    of_details = {key: value for key, value in wrong.items() if hasattr(DETAILS, key)}
    of_grant = {key: value for key, value in wrong.items() if key not in of_details}
    bench.answered(10 * MS, bench.grant(details=replace(DETAILS, **of_details), **of_grant))
    assert bench.node.status is UNREGISTERED
    assert not bench.node.access
    assert bench.node.failures.rows[-1].code is code


def test_a_release_is_no_answer_to_a_register() -> None:
    bench = Bench()
    bench.register(0)
    unsigned = Release(number=1, installation=SETUP.installation, server_time_us=EPOCH, signature="")
    bench.answered(10 * MS, replace(unsigned, signature=signature_of(unsigned, KEY)))
    assert bench.node.failures.rows[-1].code is Code.INCORRECT_LICENSE_FORMAT


def test_an_unlisted_code_is_shown_as_the_generic_text() -> None:
    bench = Bench()
    bench.register(0)
    bench.refused(10 * MS, 30006)
    assert bench.node.failures.rows[-1].code is Code.INCORRECT_LICENSE_FORMAT


# What the readings change.


def test_revive_goes_on_polling_when_lapsed() -> None:
    bench = Bench("revive").in_status(LAPSED)
    assert bench.due() == (26 * HOUR, Timer.POLL)
    bench.fire()
    bench.answered(26 * HOUR + 10 * MS)
    assert bench.node.status is REGISTERED


def test_thirteenth_miss_lapses_by_a_poll_sent_later_than_24_h() -> None:
    bench = Bench("thirteenth-miss").registered()
    bench.silent_until(26 * HOUR + 30 * SECOND - 1)
    assert bench.node.status is INTERRUPTED
    assert len(bench.rows()) == 12
    bench.fire()
    assert bench.node.status is LAPSED
    assert len(bench.rows()) == 13


def test_twelve_strikes_counts_failed_attempts() -> None:
    bench = Bench("twelve-strikes").registered()
    for k in range(11):
        bench.register(HOUR + k * MINUTE)
        bench.refused(HOUR + k * MINUTE + 10 * MS)
        assert bench.node.status is INTERRUPTED
        assert bench.node.access
    bench.register(HOUR + 11 * MINUTE)
    bench.refused(HOUR + 11 * MINUTE + 10 * MS)
    assert bench.node.status is LAPSED


def test_twelve_strikes_knows_no_deadline_and_starts_anew_after_a_success() -> None:
    bench = Bench("twelve-strikes").registered()
    for k in range(11):
        bench.register(HOUR + k * MINUTE)
        bench.refused(HOUR + k * MINUTE + 10 * MS)
    bench.register(2 * HOUR)
    bench.answered(2 * HOUR + 10 * MS)
    bench.node.stop()
    bench.node.start(bench.now(3 * DAY))
    assert bench.node.status is REGISTERED
    assert bench.due() == (3 * DAY, Timer.POLL)


def test_stop_closes_access_closes_at_the_first_miss() -> None:
    bench = Bench("stop-closes-access").in_status(INTERRUPTED)
    assert not bench.node.access
    bench.register(3 * HOUR)
    bench.answered(3 * HOUR + 10 * MS)
    assert bench.node.access


@pytest.mark.parametrize(("reading", "shown"), [("literal", "30002"), ("first-in-time", "/")])
def test_which_failure_is_shown(reading: str, shown: str) -> None:
    bench = Bench(reading).in_status(INTERRUPTED)
    bench.register(3 * HOUR)
    bench.refused(3 * HOUR + 10 * MS)
    assert bench.node.failures.shown is not None
    assert bench.node.failures.shown.label == shown
    # After a success the next failure is a first one again; the rows stay.
    bench.register(4 * HOUR)
    bench.answered(4 * HOUR + 10 * MS)
    bench.register(5 * HOUR)
    bench.refused(5 * HOUR + 10 * MS, 30003)
    assert bench.node.failures.shown.label == "30003"
    assert len(bench.rows()) == 3


def test_changes_name_their_reason() -> None:
    bench = Bench().registered()
    assert bench.effects == [Ended(1, Ending.POSITIVE), Changed(UNREGISTERED, REGISTERED, Reason.GRANTED)]


def test_polls_are_polls() -> None:
    bench = Bench().registered()
    bench.fire()
    assert isinstance(bench.effects[0], Send)
    assert isinstance(bench.effects[0].request, Poll)


# What is kept, and what a driver leaves out.


def test_a_new_node_has_nothing() -> None:
    node = Node(SETUP, LITERAL, timeout_us=30 * SECOND, key=KEY)
    assert (node.running, node.outstanding, node.poll_due_us) == (False, None, None)
    assert node.saved() == NodeState(0, UNREGISTERED, None, None, None, 0, SavedFailures((), None, False))


def test_what_is_kept_is_all_of_the_grant() -> None:
    bench = Bench()
    bench.register(HOUR)
    # The server's date is 1 h past the epoch as the request is sent, and the licence ends 5 h later.
    details = replace(DETAILS, expires_us=EPOCH + 6 * HOUR)
    bench.answered(HOUR + 10 * MS, bench.grant(server_time_us=EPOCH + HOUR, details=details))
    kept = bench.node.saved()
    assert kept == NodeState(1, REGISTERED, HOUR, 6 * HOUR, 1, 0, SavedFailures((), None, False), details)
    again = Node(SETUP, LITERAL, timeout_us=30 * SECOND, key=KEY)
    again.restore(kept)
    assert again.saved() == kept
    # A clock that shows 2 h more, as after a reboot.
    assert kept.later_by(2 * HOUR) == kept._replace(contact_us=3 * HOUR, expires_us=8 * HOUR)
    never = kept._replace(contact_us=None, expires_us=None)
    assert never.later_by(2 * HOUR) == never


@pytest.mark.parametrize("expires", [True, False])
def test_polls_that_are_skipped_leave_what_polls_would_have_left(expires: bool) -> None:
    details = replace(DETAILS, expires_us=EPOCH + 10 * HOUR if expires else None)
    polled, cruised = Bench(), Bench()
    for bench in (polled, cruised):
        bench.register(0)
        bench.answered(10 * MS, bench.grant(server_time_us=EPOCH + 5 * MS, details=details))
    for k in (1, 2, 3):
        polled.fire()
        sent_us = 2 * k * HOUR
        grant = polled.grant(server_time_us=EPOCH + sent_us + 5 * MS, details=details)
        polled.answered(sent_us + 10 * MS, grant)
    # By the date of the last grant the licence has 4 h to run, less 5 ms.
    cruised.node.skip_polls(3, 6 * HOUR, 4 * HOUR - 5 * MS if expires else None)
    for bench in (polled, cruised):
        assert bench.node.saved()[:4] == (4, REGISTERED, 6 * HOUR, 10 * HOUR - 5 * MS if expires else None)
        assert bench.due() == (8 * HOUR, Timer.POLL)


def test_an_expiry_is_over_once_it_is_told() -> None:
    bench = Bench()
    bench.register(0)
    bench.answered(10 * MS, bench.grant(details=replace(DETAILS, expires_us=EPOCH + HOUR)))
    assert bench.fire() is Timer.EXPIRY
    assert bench.effects[1:] == [Changed(REGISTERED, REJECTED, Reason.EXPIRED)]
    assert bench.node.saved().expires_us is None


def test_a_lapse_that_ends_no_attempt_names_none() -> None:
    bench = Bench().registered()
    bench.register(23 * HOUR)
    bench.port_refuses(23 * HOUR + 10 * MS)
    # The poll at 25 h comes after the deadline, so it is none of the things that the node waits for.
    assert bench.node.timers() == [(DAY, Timer.DEADLINE)]
    bench.fire()
    failed, changed = bench.effects
    assert isinstance(failed, Failed)
    assert failed.number == 0
    assert changed == Changed(INTERRUPTED, LAPSED, Reason.SILENCE)


def test_an_unbind_that_is_granted_says_so() -> None:
    bench = Bench().registered()
    bench.unbind(HOUR)
    bench.answered(HOUR + 10 * MS, bench.release())
    assert bench.effects == [Ended(2, Ending.POSITIVE), Changed(REGISTERED, UNREGISTERED, Reason.UNBOUND)]
