"""Slots that nobody can look at: what follows from their number, and from what requests are answered (R026, R034)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.rulebook import Ruling
from harness.rulebook.history import History
from harness.rulebook.ledger import Ledger
from harness.scenario import Event, Verb
from harness.trace import NEVER, EdgeKind, Outcome, SlotChange
from reference_server.protocol import Kind
from tests.rulebook.hand import DAY, GRANTED, HOUR, LOST, MINUTE, MS, Story

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN
DRIFT = "the clocks of the two hosts drift apart"
UNEXPLAINED = "the reading lets a node outlive its slot, or a program is wrong"


def unseen(*counts: tuple[int, int]) -> Story:
    """a registers at 0, b at 1:00, and neither is heard of again; so many slots are live when the server is asked."""
    story = Story()
    story.trace.sees_slots = False
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, HOUR)
    for at_us, live in counts:
        story.trace.counts.add(at_us, live, 0)
    return story


#: Taken as the registers arrive, 5 ms after they were sent, and void a microsecond beyond 24 h.
LIVE = [
    (0, 0),
    (5 * MS - 1, 0),
    (5 * MS, 1),
    (HOUR + 5 * MS, 2),
    (DAY + 5 * MS, 2),
    (DAY + 5 * MS + 1, 1),
    (DAY + HOUR + 5 * MS + 1, 0),
]


@pytest.mark.parametrize(("at_us", "live"), LIVE)
def test_how_many_have_to_be_live(at_us: int, live: int) -> None:
    story = unseen()
    ledger = History(story.scenario, story.reading, story.trace).once(Ledger)
    assert ledger.live_at(at_us) == live


def test_counts_that_are_right_put_every_change_before_them_to_the_test() -> None:
    judged = unseen(*LIVE).judged("R034")
    assert (judged.ruling, judged.tested) == (HELD, 2)
    # The one that is void at the very instant of the last count is tested, too; the later one is not.
    judged = unseen(*LIVE[:-1]).judged("R034")
    assert (judged.ruling, judged.tested) == (HELD, 1)
    assert unseen(*LIVE[:-2]).judged("R034").ruling is UNKNOWN


def test_a_number_that_stays_wrong_is_one_mistake() -> None:
    # One too many from the first on, two too many from 2:00 on, right at 3:00, one too few at 4:00.
    wrong = (5 * MS, 2), (HOUR + 5 * MS, 3), (2 * HOUR, 4), (3 * HOUR, 2), (4 * HOUR, 1)
    judged = unseen(*wrong).judged("R034")
    assert (judged.ruling, judged.violations) == (VIOLATED, 3)
    assert judged.first is not None
    assert (judged.first.at_us, judged.first.message) == (5 * MS, "2 slots were live, where 1 had to be")


def test_a_server_that_could_not_be_asked_is_judged_by_the_next_count() -> None:
    judged = unseen((MINUTE, NEVER), (2 * HOUR, 1)).judged("R034")
    assert (judged.ruling, judged.violations) == (VIOLATED, 1)


def stopped(*, back_us: int = 27 * HOUR) -> Story:
    """a and b are registered before a stop from 2:00 to 27:00, which is 25 h, and nobody sees the slots."""
    story = unseen()
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.edge("server", back_us, EdgeKind.STARTED)
    return story


@pytest.mark.parametrize(("live", "ruling"), [(0, HELD), (1, VIOLATED)])
def test_the_number_at_the_return_tells_whether_slots_survived_a_day(live: int, ruling: Ruling) -> None:
    story = stopped()
    # Only the count at the return itself tells.
    story.trace.counts.add(2 * HOUR - 1, 2, 0)
    story.trace.counts.add(27 * HOUR, live, 0)
    story.trace.counts.add(28 * HOUR, 2, 0)
    assert story.judged("R026").ruling is ruling


@pytest.mark.parametrize(("told", "ruling"), [(0, HELD), (GRANTED, VIOLATED)])
def test_a_poll_after_the_return_tells_whether_its_slot_survived_a_day(told: int | str, ruling: Ruling) -> None:
    story = stopped()
    story.trace.counts.add(27 * HOUR, NEVER, 0)
    # An unbind tells nothing.
    story.asks("a", UNBIND, 27 * HOUR, 20000)
    story.asks("a", POLL, 28 * HOUR, told)
    judged = story.judged("R026")
    # Nothing tells of b.
    assert (judged.ruling, judged.tested) == (ruling, 1)


def test_a_register_after_the_return_hides_what_became_of_the_slot() -> None:
    story = stopped()
    story.asks("a", REGISTER, 28 * HOUR)
    story.asks("a", POLL, 30 * HOUR)
    assert story.judged("R026").ruling is UNKNOWN


# Why access outlives a slot.


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (SlotChange.FREED, "the slot was given back by an unbind"),
        (SlotChange.DROPPED, "the server was destroyed, or lost its slots at a stop"),
        (SlotChange.LOST, "an earlier state of the server was put back"),
        (SlotChange.VOID, UNEXPLAINED),
    ],
)
def test_an_overlap_is_put_down_to_what_took_the_slot(change: SlotChange, why: str) -> None:
    story = Story()
    story.registers("a")
    story.slot("a", HOUR, change, 0)
    # a is registered up to the end of the run, an hour later.
    (note,) = story.until(2 * HOUR).judged("R034").notes
    assert (note.at_us, note.node) == (HOUR, "a")
    assert note.message == f"access outlives the slot by {HOUR} us ({why})"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Event(index=0, at_us=0, verb=Verb.CLOCK_STEP, host="server", by_us=1), "the server's wall clock was set"),
        (Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="server", ppm=Fraction(1)), DRIFT),
        (Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1)), DRIFT),
        # Another node's clock is no reason.
        (Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="b", ppm=Fraction(1)), UNEXPLAINED),
    ],
)
def test_an_overlap_is_put_down_to_clocks(event: Event, why: str) -> None:
    story = Story(event)
    story.registers("a")
    story.slot("a", HOUR, SlotChange.VOID, 0)
    (note,) = story.until(2 * HOUR).judged("R034").notes
    assert note.message == f"access outlives the slot by {HOUR} us ({why})"


# A crash in the course of a request.


@pytest.mark.parametrize(("crashed_by", "ruling"), [("b", HELD), ("a", VIOLATED)])
def test_what_was_answered_before_a_crash_of_the_same_instant_was_answered(crashed_by: str, ruling: Ruling) -> None:
    # Both registers arrive at 5 ms, that of a first. One of them crashes the server, and is not answered.
    story = Story()
    for place, name in enumerate("ab"):
        if name == crashed_by:
            story.asks(name, REGISTER, 0, "silence", outcome=Outcome.UNANSWERED)
            story.edge("server", 5 * MS, EdgeKind.CRASHED, value=place + 1)
        else:
            story.asks(name, REGISTER, 0)
    # The server is back a minute later, and answers.
    story.edge("server", MINUTE, EdgeKind.STARTED)
    story.asks("c", REGISTER, HOUR)
    story.asks("c", POLL, 2 * HOUR, LOST)
    assert story.judged("R032").ruling is ruling
