"""The table of outcomes, cell by cell: what each kind of answer to each request makes of a node in each status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fake_fdl_nodes.node import Changed, Ended, Ending, Failed, Reason, Status, Timer
from reference_server.protocol import Code, Grant
from tests.fake_fdl_nodes.bench import (
    DAY,
    DETAILS,
    HOUR,
    INTERRUPTED,
    LAPSED,
    MS,
    REGISTERED,
    REJECTED,
    SECOND,
    UNREGISTERED,
    Bench,
)

#: By the status when the outcome is known: after a positive, a negative, and no answer.
TABLE = {
    UNREGISTERED: (REGISTERED, UNREGISTERED, UNREGISTERED),
    REGISTERED: (REGISTERED, REJECTED, INTERRUPTED),
    INTERRUPTED: (REGISTERED, REJECTED, INTERRUPTED),
    REJECTED: (REGISTERED, REJECTED, REJECTED),
    LAPSED: (REGISTERED, LAPSED, LAPSED),
}
POLLING = [REGISTERED, INTERRUPTED, REJECTED]
#: When the administrator can act, in each status of the bench, without a timer being overdue.
AT_REST_US = {UNREGISTERED: HOUR, REGISTERED: HOUR, INTERRUPTED: 3 * HOUR, REJECTED: 3 * HOUR, LAPSED: DAY + HOUR}


def silence(bench: Bench, at_us: int) -> None:
    assert bench.fire() is Timer.TIMEOUT


def grant(bench: Bench, at_us: int) -> None:
    bench.answered(at_us)


def refusal(bench: Bench, at_us: int) -> None:
    bench.refused(at_us, 30003)


def unlisted_refusal(bench: Bench, at_us: int) -> None:
    bench.refused(at_us, 12345)


def forged_grant(bench: Bench, at_us: int) -> None:
    bench.answered(at_us, bench.grant(signature="simulated:forged"))


def wrong_domain(bench: Bench, at_us: int) -> None:
    bench.answered(at_us, bench.grant(details=replace(DETAILS, access_domains=("b.example",))))


def closed_port(bench: Bench, at_us: int) -> None:
    bench.port_refuses(at_us)


#: Each answer, the column of the table that it belongs to, how the request ends, and what its row says.
ANSWERS: list[tuple[Callable[[Bench, int], None], int, Ending, str | None]] = [
    (grant, 0, Ending.POSITIVE, None),
    (refusal, 1, Ending.NEGATIVE, "30003"),
    (unlisted_refusal, 1, Ending.NEGATIVE, ""),
    (forged_grant, 1, Ending.NEGATIVE, ""),
    (wrong_domain, 1, Ending.NEGATIVE, "30004"),
    (closed_port, 2, Ending.UNANSWERED, "/"),
    (silence, 2, Ending.UNANSWERED, "/"),
]


def sent_by(bench: Bench, asked: str) -> int:
    """Let the node register now, or poll when it does, and return when that was sent."""
    if asked == "poll":
        while bench.fire() is not Timer.POLL:
            pass
    else:
        bench.register(AT_REST_US[bench.node.status])
    return bench.now_us


@pytest.mark.parametrize(("give", "column", "ending", "label"), ANSWERS, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize(
    ("asked", "status"), [("register", each) for each in TABLE] + [("poll", each) for each in POLLING]
)
def test_the_outcome_by_request_status_and_answer(
    asked: str, status: Status, give: Callable[[Bench, int], None], column: int, ending: Ending, label: str | None
) -> None:
    bench = Bench().in_status(status)
    old_rows, contact_us = bench.rows(), bench.node.contact_us
    sent_us = sent_by(bench, asked)
    number = bench.node.number
    give(bench, sent_us + 10 * MS)
    assert bench.node.status is TABLE[status][column]
    assert bench.effects[0] == Ended(number, ending)
    # One row for a failed attempt, none for a success; rows survive recovery (R036, R037).
    assert bench.rows() == [*old_rows, *([] if label is None else [(bench.now_us, label)])]
    # Only a positive answer is a contact, and the contact is the sending.
    assert bench.node.contact_us == (sent_us if column == 0 else contact_us)
    assert bench.node.access is (TABLE[status][column] in (REGISTERED, INTERRUPTED))
    assert len([each for each in bench.effects if isinstance(each, Changed)]) == (TABLE[status][column] is not status)


@pytest.mark.parametrize("status", list(TABLE))
def test_an_unbind_that_is_granted_unregisters_in_any_status(status: Status) -> None:
    bench = Bench().in_status(status)
    at_us = AT_REST_US[status]
    bench.unbind(at_us)
    bench.answered(at_us + 10 * MS, bench.release())
    assert bench.node.status is UNREGISTERED
    assert (bench.node.contact_us, bench.due()) == (None, None)


@pytest.mark.parametrize("status", list(TABLE))
@pytest.mark.parametrize("give", [refusal, silence, closed_port, forged_grant])
def test_an_unbind_that_fails_adds_a_row_and_leaves_the_status(
    status: Status, give: Callable[[Bench, int], None]
) -> None:
    bench = Bench().in_status(status)
    at_us = AT_REST_US[status]
    rows, contact_us, poll_due_us = len(bench.rows()), bench.node.contact_us, bench.node.poll_due_us
    bench.unbind(at_us)
    give(bench, at_us + 10 * MS)
    assert bench.node.status is status
    assert len(bench.rows()) == rows + 1
    assert (bench.node.contact_us, bench.node.poll_due_us) == (contact_us, poll_due_us)


def test_what_comes_after_the_timeout_changes_nothing() -> None:
    bench = Bench()
    bench.register(0)
    late = bench.grant()
    bench.fire()
    bench.answered(30 * SECOND + 1, late)
    assert bench.effects == []
    bench.port_refuses(30 * SECOND + 1)
    assert bench.effects == []
    assert (bench.node.status, bench.rows()) == (UNREGISTERED, [(30 * SECOND, "/")])


def test_a_grant_is_no_answer_to_an_unbind() -> None:
    bench = Bench().registered()
    bench.unbind(HOUR)
    bench.answered(HOUR + 10 * MS)
    assert bench.node.status is REGISTERED
    assert bench.node.failures.rows[-1].code is Code.INCORRECT_LICENSE_FORMAT
    assert bench.node.contact_us == 0


@pytest.mark.parametrize("tampered", ["number", "server_time_us", "capacity", "details"])
def test_a_grant_whose_signature_does_not_fit_is_turned_down(tampered: str) -> None:
    # The outstanding request is number 2, so a grant signed as number 1 and renumbered looks like its answer.
    bench = Bench().registered()
    bench.register(HOUR)
    signed = bench.grant()
    dated = replace(DETAILS, expires_us=10**18)
    others: dict[str, Any] = {"number": 2, "server_time_us": 7, "capacity": 9, "details": dated}
    if tampered == "number":
        first = Bench()
        first.register(0)
        signed = first.grant()
    assert isinstance(signed, Grant)
    bench.answered(HOUR + 10 * MS, replace(signed, **{tampered: others[tampered]}))
    assert bench.node.status is REJECTED
    assert bench.node.failures.rows[-1].code is Code.INCORRECT_LICENSE_FORMAT


@pytest.mark.parametrize("empty", ["access_domains", "access_ports", "application_names"])
def test_an_empty_list_in_a_grant_means_any(empty: str) -> None:
    bench = Bench()
    bench.register(0)
    anything: dict[str, Any] = {empty: ()}
    bench.answered(10 * MS, bench.grant(details=replace(DETAILS, **anything)))
    assert bench.node.status is REGISTERED


def test_a_grant_without_function_points_covers_nothing() -> None:
    bench = Bench()
    bench.register(0)
    bench.answered(10 * MS, bench.grant(details=replace(DETAILS, function_points=())))
    assert bench.node.status is UNREGISTERED


def test_a_stopped_program_asks_for_nothing_and_adds_no_row() -> None:
    bench = Bench().registered()
    bench.node.stop()
    for ask in (bench.register, bench.unbind, bench.resume):
        ask(HOUR)
        assert bench.effects == []
    assert (bench.node.number, bench.rows(), bench.due()) == (1, [], None)


# What the readings change.


@pytest.mark.parametrize(("give", "after"), [(grant, REGISTERED), (refusal, LAPSED), (silence, LAPSED)])
def test_revive_polls_when_lapsed_and_only_a_grant_revives(give: Callable[[Bench, int], None], after: Status) -> None:
    # It lapsed by the poll of 24 h, so it polls at 26 h and, if that fails, at 28 h.
    bench = Bench("revive").in_status(LAPSED)
    rows = len(bench.rows())
    assert sent_by(bench, "poll") == 26 * HOUR
    give(bench, 26 * HOUR + 10 * MS)
    assert bench.node.status is after
    assert len(bench.rows()) == rows + (give is not grant)
    assert bench.due() == (28 * HOUR, Timer.POLL)


@pytest.mark.parametrize("status", list(TABLE))
def test_stop_closes_access_opens_in_registered_alone(status: Status) -> None:
    assert Bench("stop-closes-access").in_status(status).node.access is (status is REGISTERED)


def test_twelve_strikes_treats_a_refusal_as_silence() -> None:
    bench = Bench("twelve-strikes").registered()
    bench.fire()
    bench.refused(2 * HOUR + 10 * MS, 30005)
    assert bench.effects[-1] == Changed(REGISTERED, INTERRUPTED, Reason.REFUSED)
    # What is listed is still the refusal.
    assert bench.rows() == [(2 * HOUR + 10 * MS, "30005")]


def test_twelve_strikes_in_a_row_of_any_kind() -> None:
    # Refusals and silences alike; a success in between starts the count anew: 11, success, 12.
    bench = Bench("twelve-strikes").registered()
    for strikes in (11, 12):
        for _ in range(strikes):
            assert bench.node.status is not LAPSED
            bench.register(bench.now_us + SECOND)
            if bench.node.number % 2:
                bench.fire()
            else:
                bench.refused(bench.now_us + 10 * MS)
        if strikes == 11:
            bench.register(bench.now_us + SECOND)
            bench.answered(bench.now_us + 10 * MS)
    assert bench.node.status is LAPSED
    # The last attempt's own row, and none besides.
    assert isinstance(bench.effects[1], Failed)
    assert bench.effects[1].number == bench.node.number
    assert len(bench.rows()) == 23
