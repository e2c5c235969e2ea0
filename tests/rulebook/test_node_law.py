"""The rule book's own law of a node where several things meet: ties of one instant, clocks, states that are put back.

Every story is written by hand, with nodes a, b and c, 5 ms each way and a timeout of 30 s. R007, R008, R027, R033 and
R092 speak of the changes of status, each of those to its own; R031 of polls and R036 of rows.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from harness.rulebook import Ruling
from harness.scenario import Event, Verb
from harness.trace import EdgeKind, Outcome, Status, TransitionReason
from reference_server.protocol import Code, Kind
from reference_server.readings import READINGS
from tests.rulebook.hand import (
    DAY,
    FIRST,
    GRANTED,
    HOUR,
    LOST,
    MINUTE,
    MS,
    REFUSED_PORT,
    SECOND,
    START,
    Story,
    first_of,
    node,
)

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
UNREGISTERED, REGISTERED, INTERRUPTED = Status.UNREGISTERED, Status.REGISTERED, Status.INTERRUPTED
REJECTED, LAPSED = Status.REJECTED, Status.LAPSED
GRANT, REFUSED, SILENCE = TransitionReason.GRANTED, TransitionReason.REFUSED, TransitionReason.SILENCE
UNANSWERED, EXPIRED, COPIED = TransitionReason.UNANSWERED, TransitionReason.EXPIRED, TransitionReason.COPIED
HELD, VIOLATED = Ruling.HELD, Ruling.VIOLATED

#: The rules by which a node's changes of status, its rows and its polls are judged.
OF_THE_NODE = ("R007", "R008", "R027", "R031", "R033", "R036", "R092")


def step(at_us: int, by_us: int, host: str = "a") -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host=host, by_us=by_us)


def broken(story: Story) -> list[str]:
    """Return which rules of a node's law are broken."""
    return [rule for rule in OF_THE_NODE if story.judged(rule).ruling is VIOLATED]


def goes(story: Story, name: str, at_us: int, how: EdgeKind) -> None:
    """Let a node's program end, or its host sleep, and its access close."""
    story.edge(name, at_us, how)
    story.opens(name, at_us, False)


def comes(story: Story, name: str, at_us: int, how: EdgeKind) -> None:
    """Let it run again, with its access open unless its status changes in that instant."""
    story.edge(name, at_us, how)
    story.opens(name, at_us, True)


# What is said of polls.


def test_a_poll_after_the_deadline_is_one() -> None:
    # The poll of 24:00 is refused by the port, whereupon a had to lapse. It does not, and polls at 26:00.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    for k in range(1, 14):
        story.misses("a", 2 * k * HOUR, first=k == 1)
    judged = story.until(27 * HOUR).judged("R031")
    assert (judged.violations, first_of(judged)) == (1, (26 * HOUR, "a", "a poll after the deadline"))


def from_nothing() -> Story:
    """a shows at 1:00 that it is registered, though it never asked for anything."""
    story = Story()
    story.turns("a", HOUR, UNREGISTERED, REGISTERED, GRANT)
    return story


def test_a_poll_for_which_nothing_was_due_is_one_too_many() -> None:
    story = from_nothing()
    story.asks("a", POLL, 2 * HOUR, 0)
    assert first_of(story.until(3 * HOUR).judged("R031")) == (2 * HOUR, "a", "a poll too many")


def test_a_node_without_a_contact_cannot_lapse_by_the_clock() -> None:
    story = from_nothing()
    story.misses("a", 2 * HOUR, LOST, first=True)
    assert story.until(3 * HOUR).judged("R027").ruling is not VIOLATED


def test_the_twelfth_strike_counts_from_none() -> None:
    # The first is counted at 2:00; eleven are not twelve.
    story = from_nothing()
    story.reading = READINGS["twelve-strikes"]
    for k in range(1, 13):
        story.misses("a", 2 * k * HOUR, LOST, first=k == 1)
    story.turns("a", DAY + 30 * SECOND, INTERRUPTED, LAPSED, SILENCE)
    assert story.until(25 * HOUR).judged("R033").ruling is HELD


def test_a_run_of_polls_forgets_the_strikes_before_it() -> None:
    # An unanswered register at 1:00, then polls at 3:00, 5:00 and 7:00, then twelve that fail from 9:00 to 31:00.
    story = Story(reading=READINGS["twelve-strikes"])
    story.registers("a")
    story.lists("a", HOUR + 30 * SECOND, Code.NO_CONNECTION, story.asks("a", REGISTER, HOUR, LOST))
    story.turns("a", HOUR + 30 * SECOND, REGISTERED, INTERRUPTED, UNANSWERED)
    story.turns("a", 3 * HOUR + 10 * MS, INTERRUPTED, REGISTERED, GRANT)
    story.asks("a", POLL, 3 * HOUR)
    story.beats("a", 5 * HOUR, 2)
    for hour in range(9, 32, 2):
        story.misses("a", hour * HOUR, LOST, first=hour == 9)
    story.turns("a", 31 * HOUR + 30 * SECOND, INTERRUPTED, LAPSED, SILENCE)
    assert broken(story) == []


# What a node has to make of an answer, whatever it made of it.


@pytest.mark.parametrize(
    ("told", "signature", "message"),
    [
        (30002, None, "a row 30002 is missing"),
        (GRANTED, "simulated:forged", "a row Incorrect License Format is missing"),
        # A grant adds no row, so that of the silence is one too many.
        (GRANTED, None, "a row /, dated"),
    ],
)
def test_an_answer_that_is_there_is_no_silence(told: str | int, signature: str | None, message: str) -> None:
    story = Story()
    number = story.asks("a", REGISTER, 0, told, signature=signature, outcome=Outcome.UNANSWERED)
    story.lists("a", 10 * MS, Code.NO_CONNECTION, number)
    judged = story.judged("R036")
    assert judged.violations == (1 if told == GRANTED and signature is None else 2)
    assert first_of(judged)[2].startswith(message)
    # A grant that passes validation has to register the node.
    assert (story.judged("R007").ruling is VIOLATED) == (told == GRANTED and signature is None)


def test_an_answer_to_what_was_superseded_changes_nothing() -> None:
    # The refusal of the first register comes 20 s after it was sent, 10 s after the second one took its place.
    story = Story()
    story.asks("a", REGISTER, 0, 30002, outcome=Outcome.ABANDONED, ended_us=10 * SECOND)
    story.trace.exchanges.column("delivered_us")[0] = 20 * SECOND
    story.registers("a", 10 * SECOND)
    assert broken(story.until(HOUR)) == []


# Several things at one instant.


def test_what_runs_out_as_the_next_poll_is_due_is_listed_first() -> None:
    # An unbind that is lost 30 s before the poll of 2:00.
    story = Story()
    story.registers("a")
    number = story.asks("a", UNBIND, 2 * HOUR - 30 * SECOND, LOST)
    story.lists("a", 2 * HOUR, Code.NO_CONNECTION, number)
    story.asks("a", POLL, 2 * HOUR)
    assert broken(story.until(3 * HOUR)) == []
    assert story.judged("R036").tested == 1


def test_what_an_administrator_asks_for_comes_before_what_runs_out() -> None:
    # The second register supersedes the first one at the instant at which the time of that is up.
    story = Story()
    story.asks("a", REGISTER, 0, LOST, outcome=Outcome.ABANDONED)
    story.registers("a", 30 * SECOND)
    assert broken(story.until(HOUR)) == []


def test_one_instant_may_fail_and_succeed() -> None:
    # Without latency, a's poll of 2:00 is lost, and its host sleeps over the timeout until 5:00: there the attempt has
    # failed, and the next poll is sent and granted.
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, until_us=3 * HOUR, nodes=("a",))
    story = Story(cut)
    story.scenario = replace(story.scenario, network=replace(story.scenario.network, latency_us=0))
    story.registers("a")
    lost = story.asks("a", POLL, 2 * HOUR, LOST, ended_us=5 * HOUR)
    goes(story, "a", 2 * HOUR + SECOND, EdgeKind.SUSPENDED)
    comes(story, "a", 5 * HOUR, EdgeKind.RESUMED)
    granted = story.asks("a", POLL, 5 * HOUR, ended_us=5 * HOUR)
    for column in ("arrived_us", "delivered_us"):
        story.trace.exchanges.column(column)[granted - 1] = 5 * HOUR
    story.lists("a", 5 * HOUR, Code.NO_CONNECTION, lost)
    story.turns("a", 5 * HOUR, REGISTERED, INTERRUPTED, UNANSWERED)
    story.turns("a", 5 * HOUR, INTERRUPTED, REGISTERED, GRANT)
    assert broken(story.until(6 * HOUR)) == []


def test_what_was_polled_at_this_very_instant_may_be_answered_before_its_time_is_up() -> None:
    # A network without latency and a node that waits for 1 us. From 1 us on its clock runs twice as fast and shows
    # 2 t - 1: it passes 2 h = 7,200,000,000 at 3,600,000,001, where it shows 1 us more. So in one tick the poll that is
    # due then is sent, its answer is there, and its time is up; an answer at the timeout is in time.
    fast = Event(index=0, at_us=1, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    story = Story(fast)
    network = replace(story.scenario.network, latency_us=0, timeout_us=1)
    story.scenario = replace(story.scenario, network=network)
    at_us = 3_600_000_001
    story.asks("a", REGISTER, 0, ended_us=0)
    story.asks("a", POLL, at_us, boot_us=2 * HOUR, ended_us=at_us)
    for place, told_us in ((0, 0), (1, at_us)):
        for column in ("arrived_us", "delivered_us"):
            story.trace.exchanges.column(column)[place] = told_us
    story.turns("a", 0, UNREGISTERED, REGISTERED, GRANT)
    assert broken(story.until(HOUR + MINUTE)) == []


def test_a_failure_at_the_deadline_itself_lapses_the_node() -> None:
    # Restarted 10 ms before its deadline, a polls for the last time, and the port refuses it at the deadline. That row
    # is all that the lapse adds.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    goes(story, "a", HOUR, EdgeKind.STOPPED)
    comes(story, "a", DAY - 10 * MS, EdgeKind.STARTED)
    story.lists("a", DAY, Code.NO_CONNECTION, story.asks("a", POLL, DAY - 10 * MS, REFUSED_PORT))
    story.turns("a", DAY, REGISTERED, LAPSED, SILENCE)
    assert broken(story.until(25 * HOUR)) == []


def test_who_registers_as_the_host_wakes_at_the_deadline_is_in_time() -> None:
    # A restart at 1:10 takes a off the grid, so that no poll is due at 24:00.
    story = Story()
    story.registers("a")
    goes(story, "a", HOUR, EdgeKind.STOPPED)
    comes(story, "a", 70 * MINUTE, EdgeKind.STARTED)
    for k in range(12):
        story.misses("a", 70 * MINUTE + 2 * k * HOUR, LOST, first=k == 0)
    goes(story, "a", DAY - MINUTE, EdgeKind.SUSPENDED)
    comes(story, "a", DAY, EdgeKind.RESUMED)
    story.asks("a", REGISTER, DAY)
    story.turns("a", DAY + 10 * MS, INTERRUPTED, REGISTERED, GRANT)
    assert broken(story.until(25 * HOUR)) == []


def test_an_unbind_in_the_tick_in_which_the_last_poll_falls_due_lapses_nobody() -> None:
    # From 1 us on a's clock shows 2 t - 1. It passes its deadline, 24 h, in the tick of 43,200,000,001, at whose end it
    # shows 1 us more. An unbind of that tick comes before the poll that was due at the deadline, which is in time.
    fast = Event(index=0, at_us=1, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    story = Story(fast)
    story.registers("a")
    for k in range(1, 12):
        at_us = k * HOUR + 1
        ended_us = at_us + 15 * SECOND
        number = story.asks("a", POLL, at_us, LOST, boot_us=2 * k * HOUR, ended_us=ended_us)
        story.lists("a", ended_us, Code.NO_CONNECTION, number, wall_us=START + 2 * k * HOUR + 30 * SECOND)
    story.turns("a", HOUR + 1 + 15 * SECOND, REGISTERED, INTERRUPTED, UNANSWERED)
    at_us = 12 * HOUR + 1
    story.asks("a", UNBIND, at_us, LOST, boot_us=DAY + 1, outcome=Outcome.ABANDONED, ended_us=at_us)
    story.asks("a", POLL, at_us, boot_us=DAY)
    story.turns("a", at_us + 10 * MS, INTERRUPTED, REGISTERED, GRANT)
    assert broken(story.until(12 * HOUR + MINUTE)) == []


def test_what_falls_due_as_the_run_ends_is_due() -> None:
    # Off the grid, with nothing outstanding, a had to lapse at 24:00.
    story = Story()
    story.registers("a")
    goes(story, "a", HOUR, EdgeKind.STOPPED)
    comes(story, "a", 70 * MINUTE, EdgeKind.STARTED)
    for k in range(12):
        story.misses("a", 70 * MINUTE + 2 * k * HOUR, LOST, first=k == 0)
    assert first_of(story.until(DAY).judged("R033")) == (DAY, "a", "the node had to lapse here, and did not")
    assert story.until(DAY - 1).judged("R033").ruling is not VIOLATED


# Waking up with a request outstanding.


def test_a_host_that_wakes_within_the_timeout_goes_on_waiting() -> None:
    story = Story()
    story.registers("a")
    story.misses("a", 2 * HOUR, LOST, first=True)
    goes(story, "a", 2 * HOUR + SECOND, EdgeKind.SUSPENDED)
    comes(story, "a", 2 * HOUR + 10 * SECOND, EdgeKind.RESUMED)
    assert broken(story.until(3 * HOUR)) == []


def test_an_answer_that_comes_as_the_host_wakes_at_the_timeout_is_in_time() -> None:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR, ended_us=2 * HOUR + 30 * SECOND)
    story.trace.exchanges.column("delivered_us")[1] = 2 * HOUR + 30 * SECOND
    goes(story, "a", 2 * HOUR + SECOND, EdgeKind.SUSPENDED)
    comes(story, "a", 2 * HOUR + 30 * SECOND, EdgeKind.RESUMED)
    assert broken(story.until(3 * HOUR)) == []


# The node's own clocks.


def test_a_row_in_the_instant_of_a_step_is_dated_after_it() -> None:
    # Set forward by an hour just as the poll's time is up: what starts at an instant comes before its timers.
    story = Story(step(2 * HOUR + 30 * SECOND, HOUR))
    story.registers("a")
    story.misses("a", 2 * HOUR, LOST, first=True, off_us=HOUR)
    assert broken(story.until(3 * HOUR)) == []


def test_a_start_in_the_instant_of_a_step_is_dated_before_it() -> None:
    # A start is the end of an event. a lapses and b expires as they start, and are set forward by an hour just then.
    story = Story(step(DAY + 1, HOUR), step(25 * HOUR, HOUR, "b"), expires_us=START + 25 * HOUR + 5 * MS)
    story.registers("a")
    goes(story, "a", HOUR, EdgeKind.STOPPED)
    comes(story, "a", DAY + 1, EdgeKind.STARTED)
    story.lapses("a", DAY + 1, before=REGISTERED)
    story.registers("b", 2 * HOUR, live=2)
    goes(story, "b", 3 * HOUR, EdgeKind.STOPPED)
    # Its grant is dated 5 ms after it was sent, so what was left of the licence is over at 25:00 sharp.
    comes(story, "b", 25 * HOUR, EdgeKind.STARTED)
    story.lists("b", 25 * HOUR, Code.LICENSE_EXPIRED)
    story.turns("b", 25 * HOUR, REGISTERED, REJECTED, EXPIRED)
    story.misses("b", 25 * HOUR, LOST, off_us=HOUR)
    assert broken(story.until(26 * HOUR - 1)) == []
    assert story.judged("R036").tested == 3


@pytest.mark.parametrize(("status", "code"), [(REJECTED, Code.LICENSE_EXPIRED), (LAPSED, Code.NO_CONNECTION)])
def test_expiry_and_lapse_are_dated_as_if_at_their_due_instants(status: Status, code: Code) -> None:
    # From 1 us on a's clock shows 2 t - 1, an odd number; both are due at an even one, which passes within a tick.
    fast = Event(index=0, at_us=1, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    # Sent at 0, and dated 5 ms after it: a licence that ends at 1:00 and 5 ms is over when the clock shows 1:00.
    story = Story(fast, expires_us=START + HOUR + 5 * MS if status is REJECTED else None)
    story.registers("a")
    if status is REJECTED:
        # 2 t - 1 is an hour or more from half an hour and 1 us on.
        story.lists("a", HOUR // 2 + 1, code, wall_us=START + HOUR)
        story.turns("a", HOUR // 2 + 1, REGISTERED, REJECTED, EXPIRED)
        assert broken(story.until(HOUR - 1)) == []
        return
    # Started again at 2,100,000,000, when the clock shows 4,199,999,999: from there on every poll is missed, the last
    # one before the deadline when it shows 22 h more. At 24 h sharp nothing is outstanding.
    goes(story, "a", SECOND, EdgeKind.STOPPED)
    comes(story, "a", 35 * MINUTE, EdgeKind.STARTED)
    for k in range(12):
        at_us, boot_us = 35 * MINUTE + k * HOUR, 70 * MINUTE - 1 + 2 * k * HOUR
        ended_us = at_us + 15 * SECOND
        number = story.asks("a", POLL, at_us, LOST, boot_us=boot_us, ended_us=ended_us)
        story.lists("a", ended_us, Code.NO_CONNECTION, number, wall_us=START + boot_us + 30 * SECOND)
    story.turns("a", 35 * MINUTE + 15 * SECOND, REGISTERED, INTERRUPTED, UNANSWERED)
    story.lists("a", 12 * HOUR + 1, code, wall_us=START + DAY)
    story.turns("a", 12 * HOUR + 1, INTERRUPTED, LAPSED, SILENCE)
    assert broken(story.until(13 * HOUR)) == []


def test_a_refusal_lapses_whose_own_clock_is_past_the_deadline() -> None:
    # a's clock runs twice as fast: the 24 hours are over at 12:00. The poll of that instant is refused 10 ms later.
    story = Story(Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000)))
    story.registers("a")
    for hour in range(1, 12):
        ended_us = hour * HOUR + 15 * SECOND
        number = story.asks("a", POLL, hour * HOUR, LOST, boot_us=2 * hour * HOUR, ended_us=ended_us)
        story.lists("a", ended_us, Code.NO_CONNECTION, number, wall_us=START + 2 * ended_us)
    story.turns("a", HOUR + 15 * SECOND, REGISTERED, INTERRUPTED, UNANSWERED)
    ended_us = 12 * HOUR + 10 * MS
    number = story.asks("a", POLL, 12 * HOUR, 30002, boot_us=DAY)
    story.lists("a", ended_us, 30002, number, wall_us=START + 2 * ended_us)
    story.turns("a", ended_us, INTERRUPTED, LAPSED, SILENCE)
    assert broken(story.until(13 * HOUR)) == []


def test_a_run_of_polls_brings_the_expiry_of_a_new_licence() -> None:
    # The licence of the register knows no end. That of 1:00 on ends at 7:00, and the poll of 6:00 carries its date of
    # 6:00 and 5 ms: so the node finds it over 5 ms before 7:00.
    change = Event(index=0, at_us=HOUR, verb=Verb.LICENCE_CHANGE, changes=(("expires_us", START + 7 * HOUR),))
    story = Story(change)
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.lists("a", 7 * HOUR - 5 * MS, Code.LICENSE_EXPIRED)
    story.turns("a", 7 * HOUR - 5 * MS, REGISTERED, REJECTED, EXPIRED)
    assert broken(story.until(8 * HOUR - 1)) == []


# States that are put back.


def put_back(down: EdgeKind, *events: Event, put: bool = True, expires_us: int | None = None) -> Story:
    """a goes down at 2:00; its state of 1:00 is ``put`` back at 3:00; it is up at 4:00, and never answered again."""
    story = Story(*events, expires_us=expires_us)
    story.registers("a")
    goes(story, "a", 2 * HOUR, down)
    if put:
        story.edge("a", 3 * HOUR, EdgeKind.ROLLED_BACK, HOUR)
    comes(story, "a", 4 * HOUR, EdgeKind.STARTED)
    return story


def misses_until(story: Story, deadline_us: int, off_us: int = 0) -> None:
    """Let a miss its polls from 4:00 on, and lapse at the last one, that of its deadline."""
    for at_us in range(4 * HOUR, deadline_us + 1, 2 * HOUR):
        story.misses("a", at_us, LOST, first=at_us == 4 * HOUR, off_us=off_us)
    story.turns("a", deadline_us + 30 * SECOND, INTERRUPTED, LAPSED, SILENCE)


def test_without_a_reboot_a_state_that_is_put_back_reckons_by_the_boot_time_clock() -> None:
    # The wall clock is set forward by 10 h, which is nothing to it: registered at 0, it lapses at 24 h.
    story = put_back(EdgeKind.STOPPED, step(150 * MINUTE, 10 * HOUR))
    misses_until(story, DAY, 10 * HOUR)
    assert broken(story) == []


@pytest.mark.parametrize("put", [True, False])
def test_after_a_reboot_a_state_that_is_put_back_reckons_by_the_wall_clock(put: bool) -> None:
    # From 1:00 to the start at 4:00 the wall clock passes 3 h + 10 h, of which 10 h never passed: the contact of 0 is
    # 10 h older than that, and the deadline at 14:00. Of a licence, too, 10 h less are left: by the grant's date it
    # ends at 22:00 and 5 ms, that is at 12:00.
    # So it is where its own state is left, which is as old.
    for expires_us in (None, START + 22 * HOUR + 5 * MS):
        story = put_back(EdgeKind.REBOOTED, step(150 * MINUTE, 10 * HOUR), put=put, expires_us=expires_us)
        if expires_us is None:
            misses_until(story, 14 * HOUR, 10 * HOUR)
        else:
            for hour in (4, 6, 8, 10):
                story.misses("a", hour * HOUR, LOST, first=hour == 4, off_us=10 * HOUR)
            story.lists("a", 12 * HOUR, Code.LICENSE_EXPIRED, wall_us=START + 22 * HOUR)
            story.turns("a", 12 * HOUR, INTERRUPTED, REJECTED, EXPIRED)
            story.misses("a", 12 * HOUR, LOST, off_us=10 * HOUR)
            story.until(13 * HOUR)
        assert broken(story) == []


def test_what_was_stored_between_two_reboots_is_of_a_boot_before() -> None:
    # Rebooted at 0:30 and at 2:00; the state that is put back is of 1:00, between them. The time since is reckoned by
    # the wall clock, which was set forward by 10 h meanwhile.
    story = Story(step(150 * MINUTE, 10 * HOUR))
    story.registers("a")
    goes(story, "a", 20 * MINUTE, EdgeKind.REBOOTED)
    comes(story, "a", 30 * MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 30 * MINUTE)
    goes(story, "a", 2 * HOUR, EdgeKind.REBOOTED)
    comes(story, "a", 150 * MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 150 * MINUTE)
    goes(story, "a", 170 * MINUTE, EdgeKind.STOPPED)
    story.edge("a", 3 * HOUR, EdgeKind.ROLLED_BACK, HOUR)
    # The contact of 0:30 is 3:30 + 10 h old at 4:00, so that a has 10:30 left: it lapses at 14:30, off the grid.
    comes(story, "a", 4 * HOUR, EdgeKind.STARTED)
    for hour in (4, 6, 8, 10, 12, 14):
        story.misses("a", hour * HOUR, LOST, first=hour == 4, off_us=10 * HOUR)
    story.lists("a", 14 * HOUR + 30 * MINUTE, Code.NO_CONNECTION, wall_us=START + DAY + 30 * MINUTE)
    story.turns("a", 14 * HOUR + 30 * MINUTE, INTERRUPTED, LAPSED, SILENCE)
    # The second start's 10 h are no time away of the first boot, which the polls of 2:30 show: nothing lapses there.
    assert broken(story) == []


def test_a_state_is_what_it_was_before_anything_happened_at_its_instant() -> None:
    # Put back is the state of the very instant at which the poll of 1:00 was answered, and the wall clock stepped: the
    # last contact is the register, and the wall clock that was stored is that before the step. The reboot's time away
    # is then 3 h + 10 h less 10 ms, in which 3 h less 10 ms passed.
    story = Story(step(HOUR + 10 * MS, 10 * HOUR))
    story.registers("a")
    goes(story, "a", 30 * MINUTE, EdgeKind.STOPPED)
    comes(story, "a", HOUR, EdgeKind.STARTED)
    story.asks("a", POLL, HOUR)
    goes(story, "a", 2 * HOUR, EdgeKind.REBOOTED)
    story.edge("a", 3 * HOUR, EdgeKind.ROLLED_BACK, HOUR + 10 * MS)
    comes(story, "a", 4 * HOUR, EdgeKind.STARTED)
    misses_until(story, 14 * HOUR, 10 * HOUR)
    assert broken(story) == []


@pytest.mark.parametrize("put", [True, False])
def test_the_clocks_of_a_state_are_those_of_its_own_host(put: bool) -> None:
    # a's clocks run twice as fast. Rebooted at 2:00 and started at 4:00, with the state of 1:00, when they showed 2:00;
    # at the start they show 8:00, so by both 6 h have passed, and the register at 0 is 8 h old. It has 16 h left,
    # which are 8 h of true time: the 24 hours of its clock are over at 12:00. The poll of 1:00 was after that state;
    # where it is not put back, that poll is the last contact, and they are over an hour later.
    last = 12 if put else 13
    fast = Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    story = put_back(EdgeKind.REBOOTED, fast, put=put)
    story.asks("a", POLL, HOUR, boot_us=2 * HOUR)
    for hour in range(4, last + 1):
        at_us = hour * HOUR
        ended_us = at_us + 15 * SECOND
        number = story.asks("a", POLL, at_us, LOST, boot_us=2 * at_us, ended_us=ended_us)
        story.lists("a", ended_us, Code.NO_CONNECTION, number, wall_us=START + 2 * ended_us)
    story.turns("a", 4 * HOUR + 15 * SECOND, REGISTERED, INTERRUPTED, UNANSWERED)
    story.turns("a", last * HOUR + 15 * SECOND, INTERRUPTED, LAPSED, SILENCE)
    assert broken(story.until(14 * HOUR)) == []


def test_a_copy_of_a_node_has_its_state_at_that_instant() -> None:
    # b's machine is copied from a's at 1:00 and starts at 2:00. Its state is a's, which was registered at 0. It never
    # ran before, so what passed since is reckoned by its wall clock, which was set forward by 10 h at 1:30. By that the
    # register is 12 h old at 2:00, and b lapses at 14:00.
    nodes = (node("a"), node("b", address=FIRST + 1, clone_of="a"))
    story = Story(step(90 * MINUTE, 10 * HOUR, "b"), nodes=nodes)
    story.registers("a")
    goes(story, "a", HOUR, EdgeKind.STOPPED)
    story.edge("b", HOUR, EdgeKind.CLONED, 0)
    story.turns("b", HOUR, UNREGISTERED, REGISTERED, COPIED)
    comes(story, "b", 2 * HOUR, EdgeKind.STARTED)
    for hour in range(2, 15, 2):
        story.misses("b", hour * HOUR, LOST, first=hour == 2, off_us=10 * HOUR)
    story.turns("b", 14 * HOUR + 30 * SECOND, INTERRUPTED, LAPSED, SILENCE)
    judged = {rule: story.judged(rule).ruling for rule in ("R027", "R033", "R036")}
    assert VIOLATED not in judged.values()
    assert judged["R033"] is HELD
