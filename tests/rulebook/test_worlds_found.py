"""What random worlds and mutants have shown, each as small as it gets: the right machines break no rule in it."""

from __future__ import annotations

from harness.scenario import SERVER, Verb
from harness.trace import SlotChange, Status
from tests.harness.stage import LATENCY, broken, event, exchanges, play, turns
from tests.rulebook.hand import DAY, FIRST, HOUR, MINUTE, START, node


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


def test_a_power_loss_of_a_server_that_has_crashed_is_part_of_one_downtime() -> None:
    # It crashes over the poll of 4:00, loses its power at 24:00 and starts at 30:00. In revive a downtime of more than
    # 24 h drops every slot, and this one is of 26 h less 5 ms.
    events = (
        event(3 * HOUR, Verb.SERVER_CRASH_AT, moment="answered"),
        event(24 * HOUR, Verb.SERVER_POWER_LOSS),
        event(30 * HOUR, Verb.SERVER_START),
    )
    slots = play(*events, reading="revive", duration_us=2 * DAY).slots
    assert [(each.at_us, each.change) for each in slots] == [(LATENCY, 0), (30 * HOUR, SlotChange.DROPPED)]
    assert not broken(*events, reading="revive", duration_us=2 * DAY)


def test_a_state_that_is_put_back_has_a_date_that_an_earlier_one_had_forgotten() -> None:
    # The server's clock is 10 h ahead from 1:30 to 2:30, so that at the poll of 2:00 it stores 12:00. At 3:00 the state
    # of 1:00 is put back, and by the poll of 4:00 it stores 4:00. At 5:00 the state of 2:45 is put back, and with it
    # the 12:00 of that time: the poll of 6:00 is dated so.
    events = (
        event(HOUR + 30 * MINUTE, Verb.CLOCK_STEP, host=SERVER, by_us=10 * HOUR),
        event(2 * HOUR + 30 * MINUTE, Verb.CLOCK_STEP, host=SERVER, by_us=-10 * HOUR),
        event(3 * HOUR - MINUTE, Verb.SERVER_STOP, lasts_us=2 * MINUTE),
        event(3 * HOUR, Verb.SERVER_ROLLBACK, to_us=HOUR),
        event(5 * HOUR - MINUTE, Verb.SERVER_STOP, lasts_us=2 * MINUTE),
        event(5 * HOUR, Verb.SERVER_ROLLBACK, to_us=2 * HOUR + 45 * MINUTE),
    )
    dates = [each.server_time_us - START for each in exchanges(play(*events, duration_us=7 * HOUR))]
    assert dates == [LATENCY, 12 * HOUR + LATENCY, 4 * HOUR + LATENCY, 12 * HOUR + LATENCY]
    assert not broken(*events, duration_us=7 * HOUR)


def test_a_copy_of_the_very_beginning_has_never_seen_its_clock_right() -> None:
    # Ten hours behind from 0 on; a asks the copy at 1:00, which is 15:00 of the day before.
    events = (
        event(0, Verb.SERVER_CLONE, address=FIRST + 9),
        event(0, Verb.CLOCK_STEP, host=SERVER, by_us=-10 * HOUR),
        event(0, Verb.NODE_POINT, "a", address=FIRST + 9),
    )
    nodes = (node("a", register_us=HOUR),)
    (asked, *_) = exchanges(play(*events, nodes=nodes))
    assert (asked.server, asked.server_time_us) == (1, START - 9 * HOUR + LATENCY)
    assert not broken(*events, nodes=nodes)
