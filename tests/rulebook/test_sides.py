"""On which side of its boundary each occasion lies, as each rule that has one tells it.

Every row is a history written by hand, with a rule and how many occasions lie (below, at, above) its boundary.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.rulebook import BOUNDARIES, JUDGES, Sides, catalogue
from harness.rulebook.checks import beyond
from harness.rulebook.verdicts import Tally
from harness.trace import EdgeKind, Outcome, SlotChange, Status, TransitionReason
from reference_server.protocol import Kind
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
    node,
)

REGISTER, POLL = Kind.REGISTER, Kind.POLL
REGISTERED, INTERRUPTED, LAPSED = Status.REGISTERED, Status.INTERRUPTED, Status.LAPSED

Told = Callable[[], Story]
ROWS: list[tuple[str, Told, tuple[int, int, int]]] = []


def sides(*rules: str, **expected: int) -> Callable[[Told], Told]:
    """Register a story, and how many of its occasions lie ``below``, ``at`` and ``above`` the boundary of ``rules``."""

    def register(story: Told) -> Told:
        ROWS.extend((rule, story, Sides(**expected)) for rule in rules)
        return story

    return register


# Contact.


@sides("R031", below=2, at=4, above=1)
def polls() -> Story:
    # Three beats, a poll at once after a restart (1 h after the last one), and one 2 h later; then a suspension of 3 h
    # begins, and the poll that was due an hour before its end is sent on resumption, 3 h after the one before. Another
    # restart has it poll 30 min after that.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.edge("a", 6 * HOUR + MINUTE, EdgeKind.STOPPED)
    story.edge("a", 7 * HOUR, EdgeKind.STARTED)
    story.asks("a", POLL, 7 * HOUR)
    story.asks("a", POLL, 9 * HOUR)
    story.edge("a", 9 * HOUR + MINUTE, EdgeKind.SUSPENDED)
    story.edge("a", 12 * HOUR, EdgeKind.RESUMED)
    story.asks("a", POLL, 12 * HOUR)
    story.edge("a", 12 * HOUR + MINUTE, EdgeKind.STOPPED)
    story.edge("a", 12 * HOUR + 30 * MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 12 * HOUR + 30 * MINUTE)
    return story.until(13 * HOUR)


def missed(last: int) -> Story:
    """a is registered at 0, and its polls are lost, but for the one at 24 h, of which ``last`` is the fate."""
    story = Story()
    story.registers("a")
    for k in range(1, 12):
        story.misses("a", 2 * k * HOUR, LOST, first=k == 1)
    if last:
        story.misses("a", DAY, LOST)
        story.turns("a", DAY + 30 * SECOND, INTERRUPTED, LAPSED, TransitionReason.SILENCE)
    else:
        story.asks("a", POLL, DAY)
        story.turns("a", DAY + 10 * MS, INTERRUPTED, REGISTERED, TransitionReason.GRANTED)
    return story.until(DAY + HOUR)


@sides("R033", at=1)
def contact_at_the_deadline() -> Story:
    return missed(last=0)


@sides("R033", above=1)
def a_lapse_when_the_last_poll_fails() -> Story:
    return missed(last=1)


@sides("R033", below=4, at=1)
def a_lapse_to_the_tick() -> Story:
    # Contacts at 2:00, 4:00 and 6:00, and at 7:00 on a start, from which the deadline is 31:00. A restart at 8:00,
    # whose poll is lost, takes the polls off that grid: nothing is due or outstanding at the deadline.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.edge("a", 6 * HOUR + MINUTE, EdgeKind.STOPPED)
    story.edge("a", 7 * HOUR, EdgeKind.STARTED)
    story.asks("a", POLL, 7 * HOUR)
    story.edge("a", 7 * HOUR + MINUTE, EdgeKind.STOPPED)
    story.edge("a", 8 * HOUR, EdgeKind.STARTED)
    for k in range(4, 16):
        story.misses("a", 2 * k * HOUR, LOST, first=k == 4)
    story.lapses("a", 31 * HOUR)
    return story.until(32 * HOUR)


@sides("R034", below=3, at=1, above=1)
def ages() -> Story:
    # b's slot is 2 h old at each of two beats, a tick short of 24 h at its next poll, exactly 24 h old at the one after
    # that, and then void, 24 h and a tick later.
    story = Story(nodes=(node("b"),))
    story.registers("b")
    story.beats("b", 2 * HOUR, 2)
    story.asks("b", POLL, 28 * HOUR - 1)
    story.asks("b", POLL, 52 * HOUR - 1)
    story.slot("b", 76 * HOUR + 5 * MS, SlotChange.VOID, 0)
    return story


# Stops.


def stopped(over_us: int) -> Story:
    """a and b hold slots when the server is stopped at 1:00 for 24 h and ``over_us``."""
    story = Story()
    story.registers("a")
    story.registers("b", live=2)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", HOUR + DAY + over_us, EdgeKind.STARTED)
    return story


@sides("R026", "R029", "R030", "R081", below=2)
def a_stop_of_just_less() -> Story:
    return stopped(-1)


@sides("R026", "R029", "R030", "R081", at=2)
def a_stop_of_a_day() -> Story:
    return stopped(0)


@sides("R026", "R029", "R030", "R081", above=2)
def a_stop_of_just_more() -> Story:
    return stopped(1)


@sides("R026", "R029", "R030", "R081")
def a_stop_that_does_not_end() -> Story:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    return story


@sides("R027", below=2, at=1, above=1)
def refused_by_the_port() -> Story:
    # The server is stopped at 1:00, and what finds it so is sent at 2:00, a tick before 25:00, then, and a tick later.
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.asks("c", REGISTER, 2 * HOUR, REFUSED_PORT)
    for name, off_us in (("a", -1), ("b", 0), ("c", 1)):
        story.asks(name, REGISTER, HOUR + DAY + off_us, REFUSED_PORT)
    return story


def comes_back(started_us: int) -> Story:
    """a has contact at 0, is stopped at 0:40 and started again, and polls in vain until the server is back at 23:30."""
    story = Story()
    story.registers("a")
    story.edge("server", 30 * MINUTE, EdgeKind.STOPPED)
    story.edge("a", 40 * MINUTE, EdgeKind.STOPPED)
    story.edge("a", started_us, EdgeKind.STARTED)
    for at_us in range(started_us, 23 * HOUR + 30 * MINUTE, 2 * HOUR):
        story.misses("a", at_us, first=at_us == started_us)
    story.edge("server", 23 * HOUR + 30 * MINUTE, EdgeKind.STARTED)
    return story


@sides("R028", below=1)
def due_before_the_deadline() -> Story:
    # It polls at 1:45, ..., 21:45, and next at 23:45.
    return comes_back(HOUR + 45 * MINUTE)


@sides("R028", at=1)
def due_at_the_deadline() -> Story:
    return comes_back(2 * HOUR)


@sides("R028", above=1)
def due_after_the_deadline() -> Story:
    # It polls at 0:45, ..., 22:45, and would poll next at 24:45.
    return comes_back(45 * MINUTE)


# Numbers of slots, addresses and dates.


@sides("R018", "R072", "R118", below=2, at=1, above=0)
def slots() -> Story:
    # Two slots: a and b come to free ones, c to none; a's second register needs none.
    story = Story(capacity=2)
    story.registers("a")
    story.registers("b", live=2)
    story.asks("c", REGISTER, MINUTE, 30007)
    story.asks("a", REGISTER, HOUR)
    return story


#: 192.168.100.25 to .40 are licensed.
@sides("R115", below=1, at=2, above=2)
@sides("R021", below=1, at=2, above=2)
def addresses() -> Story:
    story = Story(nodes=tuple(node(f"n{off}", address=FIRST + off) for off in (-1, 0, 7, 15, 16)), capacity=5)
    for off in (-1, 0, 7, 15, 16):
        story.asks(f"n{off}", REGISTER, 0, GRANTED if 0 <= off <= 15 else 30003)
    return story


@sides("R115", below=3)
def beats_are_counted_one_by_one() -> Story:
    story = Story(nodes=(node("a", address=FIRST + 1),))
    story.beats("a", 2 * HOUR, 3)
    return story


@sides("R115")
@sides("R112", above=1)
def what_fails_before_says_nothing() -> Story:
    # An unbind asks nobody for the date, nor does what fails for the date ask for an address.
    story = Story(expires_us=START)
    story.asks("a", REGISTER, 0, 30000)
    story.asks("a", Kind.UNBIND, HOUR, 20000)
    return story


@sides("R112", "R119", below=4)
def beats_are_in_time() -> Story:
    # A register (its answer takes 10 ms of 30 s) and three beats, all before the end of the licence.
    story = Story(expires_us=START + DAY)
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    return story


@sides("R023", at=1, above=1)
def moves_to_an_end_and_beyond() -> Story:
    story = Story()
    for k, off in enumerate((15, 16)):
        name = "ab"[k]
        story.registers(name, live=k + 1)
        story.edge(name, HOUR, EdgeKind.MOVED, FIRST + off)
        story.asks(name, POLL, 2 * HOUR, GRANTED if off == 15 else 30003, address=FIRST + off)
    return story


@sides("R011", "R020", below=1, at=1, above=2)
def how_soon_after_a_move() -> Story:
    # The first polls from the new addresses come 1 h 45 min less a tick, 1 h 45 min, and one and two ticks more after
    # the registers, at 0, from the old ones.
    story = Story(nodes=tuple(node(f"n{k}", address=FIRST + k) for k in range(4)), capacity=4)
    for k in range(4):
        story.registers(f"n{k}", live=k + 1)
        story.edge(f"n{k}", HOUR, EdgeKind.MOVED, FIRST + 5 + k)
        at_us = HOUR + 45 * MINUTE - 1 + k
        story.asks(f"n{k}", POLL, at_us, GRANTED if k else 0, address=FIRST + 5 + k)
    return story


@sides("R112", below=1, at=1, above=1)
def ends_of_a_licence() -> Story:
    story = Story(expires_us=START + HOUR)
    for name, off_us in (("a", -1), ("b", 0), ("c", 1)):
        story.asks(name, REGISTER, HOUR - 5 * MS + off_us, GRANTED if off_us < 0 else 30000)
    return story


@sides("R119", below=1, at=1, above=2)
def answers_in_time_and_late() -> Story:
    # A node waits 30 s for its answer, which comes a tick before, just then, or up to two ticks later.
    story = Story(nodes=tuple(node(f"n{k}", address=FIRST + k) for k in range(4)), capacity=4)
    for k in range(4):
        story.asks(f"n{k}", REGISTER, 0, outcome=Outcome.UNANSWERED if k > 1 else Outcome.POSITIVE)
        story.trace.exchanges.column("delivered_us")[k] = 30 * SECOND - 1 + k
    return story


IDS = [f"{rule}-{story.__name__}" for rule, story, _ in ROWS]


@pytest.mark.parametrize(("rule", "story", "expected"), ROWS, ids=IDS)
def test_the_sides_are(rule: str, story: Told, expected: tuple[int, int, int]) -> None:
    assert story().judged(rule).sides == expected


def test_every_boundary_has_a_story() -> None:
    assert sorted({rule for rule, _, _ in ROWS}) == sorted(BOUNDARIES)


def test_who_has_no_boundary_has_no_sides() -> None:
    story = missed(last=1)
    assert [rule for rule in JUDGES if (story.judged(rule).sides is None) == (rule in BOUNDARIES)] == []
    assert {entry.id for entry in catalogue().values() if entry.boundary} == set(BOUNDARIES)


def test_a_boundary_is_told_in_words() -> None:
    assert [words for words in BOUNDARIES.values() if not re.fullmatch(r"\S(?:[^.]*[^.\s])", words)] == []


@given(distances=st.lists(st.tuples(st.integers(), st.integers(0, 9)), max_size=20))
def test_a_tally_counts_each_occasion_on_one_side(distances: list[tuple[int, int]]) -> None:
    tally = Tally()
    for distance, count in distances:
        tally.side(distance, count)
    assert sum(tally.sides) == sum(count for _, count in distances)
    assert tally.sides.at == sum(count for distance, count in distances if distance == 0)
    assert tally.sides.below == sum(count for distance, count in distances if distance < 0)


_ranges = st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(ranges=st.lists(_ranges, min_size=1, max_size=4), address=st.integers(-5, 80))
def test_how_far_an_address_lies_beyond_ranges(ranges: list[tuple[int, int]], address: int) -> None:
    outside_by = beyond(ranges, address)
    assert (outside_by <= 0) == any(first <= address <= last for first, last in ranges)
    if outside_by > 0:
        assert outside_by == min(abs(address - end) for pair in ranges for end in pair)
