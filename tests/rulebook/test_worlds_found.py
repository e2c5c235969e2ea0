"""What random worlds have shown, each as small as it gets: the right machines break no rule in it."""

from __future__ import annotations

from harness.scenario import Verb
from harness.trace import Status
from tests.harness.stage import LATENCY, broken, event, exchanges, play, turns
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, node


def test_a_slot_is_void_before_the_server_crashes_in_the_course_of_a_request() -> None:
    # The last accepted request of a arrives at 5 ms, so its slot is void at 24 h + 5 ms + 1 us. The poll of b, sent at
    # 24 h + 1 us, arrives just then, and the server crashes over it. What is copied later has no slot of a's.
    nodes = (node("a"), node("b", address=FIRST + 1, register_us=1))
    events = (
        event(HOUR, Verb.NODE_CRASH, "a"),
        event(DAY, Verb.SERVER_CRASH_AT, moment="received"),
        event(DAY + HOUR, Verb.SERVER_CLONE, address=FIRST + 9),
    )
    duration_us = DAY + 2 * HOUR
    voids = [slot.at_us for slot in play(*events, nodes=nodes, duration_us=duration_us).slots if slot.change == 3]
    assert voids == [DAY + LATENCY + 1]
    assert not broken(*events, nodes=nodes, duration_us=duration_us)


def test_a_refusal_that_is_repeated_says_nothing_of_the_licence_by_now() -> None:
    # The first register, at 1 h, is refused for its address. Then a licence file allows the address, and the node's
    # earlier state is put back: its next register has the number 1 again, and gets the same answer.
    range_of_others = ((FIRST + 1, FIRST + 1),)
    events = (
        event(0, Verb.LICENCE_CHANGE, changes=(("ranges", range_of_others),)),
        event(2 * HOUR, Verb.LICENCE_CHANGE, changes=(("capacity", 5),)),
        event(2 * HOUR, Verb.NODE_STOP, "a", lasts_us=HOUR),
        event(2 * HOUR + 1, Verb.NODE_ROLLBACK, "a", to_us=0),
        event(4 * HOUR, Verb.NODE_REGISTER, "a"),
        event(5 * HOUR, Verb.NODE_REGISTER, "a"),
    )
    nodes = (node("a", register_us=HOUR),)
    asked = exchanges(play(*events, nodes=nodes))
    assert [(each.number, each.verdict) for each in asked] == [(1, 30003), (1, 30003), (2, -1)]
    assert not broken(*events, nodes=nodes)


def test_a_success_before_a_state_is_put_back_is_none_of_that_state() -> None:
    # The register of 0 is refused, that of 0:30 granted; at 1:05 the state of 0:10 is put back, which shows a refusal.
    # In the reading that keeps the first failure it still does so when the unbind of 1:20 is lost.
    events = (
        event(0, Verb.LICENCE_SUSPEND, lasts_us=20 * MINUTE),
        event(30 * MINUTE, Verb.NODE_REGISTER, "a"),
        event(HOUR, Verb.NODE_STOP, "a", lasts_us=10 * MINUTE),
        event(HOUR + 5 * MINUTE, Verb.NODE_ROLLBACK, "a", to_us=10 * MINUTE),
        event(HOUR + 19 * MINUTE, Verb.NETWORK_CUT, "a", lasts_us=2 * MINUTE),
        event(HOUR + 20 * MINUTE, Verb.NODE_UNBIND, "a"),
    )
    for reading, shown in (("literal", -1), ("first-in-time", 30002)):
        rows = play(*events, reading=reading).failures
        assert [(row.code, row.shown) for row in rows] == [(30002, 30002), (-1, shown)]
        assert not broken(*events, reading=reading)


def test_a_grant_in_the_instant_in_which_an_attempt_has_failed_shows() -> None:
    # No latency. The port refuses the poll of 2:00, but that is cut off, and the host sleeps until 5:00: there its time
    # is up, and the next poll, which fell due meanwhile, is sent and granted.
    events = (
        event(HOUR, Verb.SERVER_STOP, lasts_us=2 * HOUR),
        event(HOUR, Verb.NETWORK_CUT, "a", lasts_us=2 * HOUR, direction="answers"),
        event(2 * HOUR + 1, Verb.NODE_SUSPEND, "a", lasts_us=3 * HOUR - 1),
    )
    expected = [(0, Status.REGISTERED), (5 * HOUR, Status.INTERRUPTED), (5 * HOUR, Status.REGISTERED)]
    assert turns(play(*events, latency_us=0)) == expected
    assert not broken(*events, latency_us=0)
