"""The rules of contact in cases that are rare: answers seen twice, overlaps to the microsecond, lists that came along.

Every story is written by hand, with nodes a, b and c, 5 ms each way and a timeout of 30 s.
"""

from __future__ import annotations

import pytest

from harness.rulebook import Ruling, Sides
from harness.trace import COPY_HOST, NEVER, EdgeKind, SlotChange, Status, TransitionReason
from reference_server.protocol import Code, Kind
from reference_server.readings import READINGS
from tests.rulebook.hand import DAY, FIRST, GRANTED, HOUR, LOST, MINUTE, MS, SECOND, START, Story, first_of, node

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
REGISTERED, INTERRUPTED, LAPSED = Status.REGISTERED, Status.INTERRUPTED, Status.LAPSED
GRANT, SILENCE = TransitionReason.GRANTED, TransitionReason.SILENCE
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN


# R031 and R033: how many there were.


def test_a_poll_that_is_missing_is_one_occasion() -> None:
    # Those of 2:00 and 8:00 are sent, those of 4:00 and 10:00 are missing. After the first of these there is nothing
    # that a poll could be due by, so the one of 8:00 is one too many.
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    story.asks("a", POLL, 8 * HOUR)
    judged = story.until(11 * HOUR).judged("R031")
    assert (judged.tested, judged.violations) == (4, 3)
    assert first_of(judged) == (4 * HOUR, "a", "a poll that was due was not sent")


def test_a_lapse_at_another_instant_is_two_mistakes_and_no_more() -> None:
    # Nothing is outstanding 24 h after a's register, since it is away; it lapses a minute after its start instead of
    # with it. That of b is right.
    story = Story()
    for name, late_us in (("a", MINUTE), ("b", 0)):
        story.registers(name)
        story.edge(name, HOUR, EdgeKind.STOPPED)
        story.edge(name, 25 * HOUR, EdgeKind.STARTED)
        story.lapses(name, 25 * HOUR + late_us, before=REGISTERED)
    judged = story.judged("R033")
    assert (judged.tested, judged.violations) == (3, 2)
    assert first_of(judged) == (25 * HOUR, "a", "the node had to lapse here, and did not")


def test_contacts_that_are_as_far_apart_are_counted_each() -> None:
    story = Story()
    story.registers("a")
    for hour in (2, 4, 6):
        story.asks("a", POLL, hour * HOUR)
    assert story.until(7 * HOUR).judged("R033").sides == Sides(below=3)


# R032: answers.


def seen_twice(told: str | int = GRANTED, **other: int) -> Story:
    """a's register reaches the server again a second later, with the same answer but for what is ``other``."""
    story = Story()
    story.asks("a", REGISTER, 0, told)
    first = story.trace.exchanges[0]
    names = ("verdict", "server_time_us", "content", "signature")
    again = {name: getattr(first, name) for name in names} | other
    story.trace.copies.add(0, SECOND, *again.values())
    return story


def test_what_is_seen_twice_is_answered_alike() -> None:
    for story in (seen_twice(), seen_twice(30002)):
        judged = story.judged("R032")
        # The answer, and that it was the same again.
        assert (judged.ruling, judged.tested) == (HELD, 2)


@pytest.mark.parametrize("what", ["verdict", "server_time_us", "content", "signature"])
@pytest.mark.parametrize("value", [NEVER, 1])
def test_answers_differ_by_each_of_their_parts(what: str, value: int) -> None:
    # A content and a signature is another one, or there is none at all.
    story = seen_twice(**{what: 30002 if what == "verdict" else value})
    capacity, details = story.trace.contents[0]
    story.trace.contents.append((capacity + 1, details))
    story.trace.signatures.append("simulated:another")
    judged = story.judged("R032")
    assert (judged.tested, judged.violations) == (2, 1)
    assert first_of(judged) == (SECOND, "a", "a request that was seen twice got two answers")
    # The last of them is no better than none.
    del story.trace.contents[1], story.trace.signatures[1]
    if value == NEVER:
        assert story.judged("R032").violations == 1


def test_an_answer_that_was_equal_is_the_same_wherever_it_is_kept() -> None:
    story = seen_twice(content=1, signature=1)
    story.trace.contents.append(story.trace.contents[0])
    story.trace.signatures.append(story.trace.signatures[0])
    assert story.judged("R032").ruling is HELD


def test_what_never_arrived_was_not_answered() -> None:
    # The second register is lost, and yet a verdict is told of it. The third one is answered as it should be.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, HOUR, LOST)
    story.trace.exchanges.column("verdict")[1] = 30002
    story.asks("c", REGISTER, 2 * HOUR)
    judged = story.judged("R032")
    assert (judged.tested, judged.violations) == (3, 1)
    assert first_of(judged) == (HOUR, "b", "request 1 was answered but never arrived")


def test_what_is_lost_hides_no_mistake_after_it() -> None:
    story = Story()
    story.asks("a", REGISTER, 0, LOST)
    story.asks("b", REGISTER, HOUR, "nothing")
    assert first_of(story.judged("R032")) == (HOUR + 5 * MS, "b", "request 1 got no answer from a running server")


def test_a_copy_answers_for_itself() -> None:
    # The server is down when the copy answers a; the answer of b comes from the server that is down.
    story = Story()
    story.edge("server", MINUTE, EdgeKind.STOPPED)
    story.trace.edges.add(2 * MINUTE, COPY_HOST, EdgeKind.CLONED, 0, 1)
    story.trace.edges.add(2 * MINUTE, COPY_HOST, EdgeKind.STARTED, 0, 1)
    story.asks("a", REGISTER, HOUR)
    story.asks("b", REGISTER, 2 * HOUR)
    story.trace.exchanges.column("server")[0] = 1
    judged = story.judged("R032")
    assert (judged.tested, judged.violations) == (2, 1)
    assert first_of(judged) == (2 * HOUR + 5 * MS, "b", "request 1 was answered by a stopped server")


def test_one_poll_of_a_run_that_a_stopped_server_answered_is_one_mistake() -> None:
    # Of the polls at 2:00, 4:00 and 6:00 the second reaches a server that is down; those of b and c reach it before.
    story = Story()
    story.beats("a", 2 * HOUR, 3)
    story.beats("b", HOUR, 2)
    story.beats("c", HOUR, 2)
    story.edge("server", 3 * HOUR + MINUTE, EdgeKind.STOPPED)
    story.edge("server", 5 * HOUR, EdgeKind.STARTED)
    judged = story.judged("R032")
    assert (judged.tested, judged.violations) == (7, 1)
    assert first_of(judged) == (4 * HOUR, "a", "a poll was answered by a stopped server")


# R034: slots that go.


def test_a_change_that_is_missing_and_one_without_a_reason() -> None:
    # a's slot is void 24 h and 1 us after its arrival, b's is not yet then. c's is right.
    story = Story()
    for live, name in enumerate("abc", start=1):
        story.registers(name, 0 if name != "b" else HOUR, live)
        story.edge(name, 2 * HOUR, EdgeKind.CRASHED)
    story.slot("b", DAY + 5 * MS + 1, SlotChange.VOID, 1)
    story.slot("c", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    judged = story.until(DAY + HOUR).judged("R034")
    assert (judged.tested, judged.violations) == (3, 2)
    assert first_of(judged) == (DAY + 5 * MS + 1, "a", "the slot had to be void here, and was not")
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    judged = story.judged("R034")
    assert (judged.tested, judged.violations) == (3, 1)
    assert first_of(judged) == (DAY + 5 * MS + 1, "b", "the slot was void here, without a reason")


@pytest.mark.parametrize(
    ("polled_us", "told", "message"),
    [
        (DAY + 1, GRANTED, "a poll was granted although its slot was void"),
        (DAY, 0, "a poll was refused although its slot was live"),
    ],
)
def test_a_poll_that_was_decided_by_another_age(polled_us: int, told: str | int, message: str) -> None:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, polled_us, told)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    if told == GRANTED:
        story.slot("a", polled_us + 5 * MS, SlotChange.TAKEN, 1)
    judged = story.until(DAY + HOUR).judged("R034")
    assert judged.violations == 1
    assert first_of(judged) == (polled_us + 5 * MS, "a", message)


def test_each_slot_that_is_void_lies_above_the_limit() -> None:
    # So does no poll without a slot, and none that was seen before.
    story = Story()
    story.asks("c", POLL, 0, 0)
    assert story.until(HOUR).judged("R034").sides == Sides()
    story.registers("a")
    story.registers("b", live=2)
    for live, name in ((1, "a"), (0, "b")):
        story.slot(name, DAY + 5 * MS + 1, SlotChange.VOID, live)
    assert story.until(2 * DAY).judged("R034").sides == Sides(above=2)
    # A second poll with the number of the first is seen twice.
    story = Story()
    story.registers("a")
    for _ in range(2):
        story._numbers[0] = 1
        story.asks("a", POLL, 2 * HOUR)
    assert story.until(3 * HOUR).judged("R034").sides == Sides(below=1)


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [
        ([(2 * HOUR, 2, 0), (2 * HOUR, 1, 1)], None),
        ([(2 * HOUR, 2, 0), (2 * HOUR, 2, 1)], "2 slots were live, where 1 had to be"),
        ([(2 * HOUR, 1, 0), (2 * HOUR, 1, 1)], "1 slots were live, where 2 had to be"),
    ],
)
def test_the_slots_of_a_copy_are_counted_apart(counts: list[tuple[int, int, int]], wrong: str | None) -> None:
    # Only a had one when the machine was copied; b registers at the server.
    story = Story()
    story.trace.sees_slots = False
    story.asks("a", REGISTER, 0)
    story.trace.edges.add(MINUTE, COPY_HOST, EdgeKind.CLONED, 0, 1)
    story.trace.edges.add(MINUTE, COPY_HOST, EdgeKind.STARTED, 0, 1)
    story.asks("b", REGISTER, HOUR)
    for count in counts:
        story.trace.counts.add(*count)
    judged = story.judged("R034")
    assert judged.violations == (wrong is not None)
    if wrong is not None:
        assert first_of(judged) == (2 * HOUR, None, wrong)


# R034: how long access outlives a slot.


def overlaps(story: Story) -> list[tuple[int, str | None, str]]:
    return [(note.at_us, note.node, note.message) for note in story.judged("R034").notes]


def outlives(at_us: int, length_us: int, why: str = "the slot was given back by an unbind") -> tuple[int, str, str]:
    return at_us, "a", f"access outlives the slot by {length_us} us ({why})"


def test_an_overlap_ends_as_access_closes_after_the_slot_is_gone() -> None:
    # Access closes and opens before, and again in the very instant in which the slot goes: neither is its end.
    story = Story()
    story.registers("a")
    for at_us in (HOUR, 2 * HOUR):
        story.opens("a", at_us, False)
        story.opens("a", at_us, True)
    story.slot("a", 2 * HOUR, SlotChange.FREED, 0)
    story.opens("a", 3 * HOUR, False)
    story.opens("a", 4 * HOUR, True)
    story.opens("a", 5 * HOUR, False)
    assert overlaps(story) == [outlives(2 * HOUR, HOUR)]


def test_an_overlap_ends_as_the_slot_is_there_again() -> None:
    # b's is another slot, and one that moves was not gone. What is back in the same instant was never away.
    story = Story()
    story.registers("a")
    story.slot("a", HOUR, SlotChange.MOVED, 1)
    story.slot("a", 2 * HOUR, SlotChange.FREED, 0)
    story.slot("b", 150 * MINUTE, SlotChange.TAKEN, 1)
    story.slot("a", 3 * HOUR, SlotChange.TAKEN, 2)
    story.slot("a", 4 * HOUR, SlotChange.FREED, 1)
    story.slot("a", 5 * HOUR, SlotChange.FOUND, 2)
    story.slot("a", 6 * HOUR, SlotChange.FREED, 1)
    story.slot("a", 6 * HOUR, SlotChange.TAKEN, 2)
    assert overlaps(story) == [outlives(2 * HOUR, HOUR), outlives(4 * HOUR, HOUR)]


def test_a_slot_that_goes_just_after_it_came_is_gone() -> None:
    story = Story()
    story.registers("a")
    story.slot("a", 2 * HOUR, SlotChange.TAKEN, 1)
    story.slot("a", 2 * HOUR, SlotChange.FREED, 0)
    assert overlaps(story.until(3 * HOUR)) == [outlives(2 * HOUR, HOUR)]


def test_no_overlap_where_nobody_gets_in() -> None:
    # Access of b has closed before its slot goes, and that of a is open, whose slot stays.
    story = Story()
    story.registers("a")
    story.registers("b", live=2)
    story.opens("b", HOUR, False)
    story.slot("b", 2 * HOUR, SlotChange.FREED, 1)
    story.slot("a", 2 * HOUR, SlotChange.MOVED, 1)
    assert overlaps(story.until(4 * HOUR)) == []
    # That hides no other.
    story.slot("a", 3 * HOUR, SlotChange.FREED, 0)
    assert overlaps(story) == [outlives(3 * HOUR, HOUR)]


@pytest.mark.parametrize(
    ("length_us", "why"),
    [
        (30 * SECOND, "grace: its last poll may still be answered"),
        (30 * SECOND + 1, "the slot was given back by an unbind"),
    ],
)
def test_an_overlap_of_no_more_than_the_timeout_is_grace(length_us: int, why: str) -> None:
    story = Story()
    story.registers("a")
    story.slot("a", HOUR, SlotChange.FREED, 0)
    story.opens("a", HOUR + length_us, False)
    assert overlaps(story) == [outlives(HOUR, length_us, why)]


def test_overlaps_are_noted_by_what_had_to_be_where_nobody_sees_the_slots() -> None:
    story = Story()
    story.trace.sees_slots = False
    story.asks("a", REGISTER, 0)
    story.turns("a", 10 * MS, Status.UNREGISTERED, REGISTERED, GRANT)
    story.asks("a", UNBIND, HOUR, GRANTED)
    assert overlaps(story.until(2 * HOUR)) == [outlives(HOUR + 5 * MS, HOUR - 5 * MS)]


# R035: who brings a node back.


@pytest.mark.parametrize(
    ("reading", "kind", "violations"),
    [
        ("literal", None, 1),
        ("literal", POLL, 2),
        ("literal", REGISTER, 0),
        # A node that is told nothing was not revived.
        ("revive", None, 1),
    ],
)
def test_a_lapsed_node_comes_back_by_a_grant_of_the_right_kind(
    reading: str, kind: Kind | None, violations: int
) -> None:
    # An earlier state that is put back, in which it had not lapsed, is a matter of its own, and hides nothing.
    story = Story(reading=READINGS[reading])
    story.registers("a")
    story.lapses("a", DAY, before=REGISTERED)
    story.turns("a", 25 * HOUR, LAPSED, REGISTERED, TransitionReason.COPIED)
    story.lapses("a", 26 * HOUR, before=REGISTERED)
    if kind is not None:
        story.asks("a", kind, 27 * HOUR)
    story.turns("a", 27 * HOUR + 10 * MS, LAPSED, REGISTERED, GRANT)
    judged = story.judged("R035")
    assert (judged.tested, judged.violations) == (max(1, violations), violations)
    if violations:
        # The poll arrives, and is granted, before the node turns.
        at_us = 27 * HOUR + (5 if kind is POLL else 10) * MS
        assert first_of(judged)[:2] == (at_us, "a")


# R036 and R037: the list of failures.


def test_a_row_with_another_code_is_two_mistakes_and_no_more() -> None:
    story = Story()
    story.lists("a", 10 * MS, 30003, story.asks("a", REGISTER, 0, 30002))
    story.lists("b", 10 * MS, 30002, story.asks("b", REGISTER, 0, 30002))
    judged = story.judged("R036")
    assert (judged.tested, judged.violations) == (3, 2)
    missing = f"a row 30002 is missing, or not dated {START + 10 * MS} us"
    assert first_of(judged) == (10 * MS, "a", missing)


@pytest.mark.parametrize(
    ("code", "shown"),
    [(Code.NO_CONNECTION, "/"), (Code.INCORRECT_LICENSE_FORMAT, "Incorrect License Format")],
)
def test_a_row_without_a_name_is_told_as_it_is_shown(code: Code, shown: str) -> None:
    story = Story()
    story.lists("a", HOUR, code)
    message = f"a row {shown}, dated {START + HOUR} us, has no reason"
    assert first_of(story.judged("R036")) == (HOUR, "a", message)


@pytest.mark.parametrize(("lost", "at_us"), [(0, 0), (1, HOUR), (2, 2 * HOUR)])
def test_the_first_row_that_is_gone_is_told(lost: int, at_us: int) -> None:
    story = Story()
    for k in range(3):
        story.lists("a", k * HOUR, (30001, 30002, 30003)[k])
    story.until(2 * HOUR)
    assert story.judged("R037").ruling is HELD
    kept = story.trace.final_lists[0]
    story.trace.final_lists[0] = kept[:lost] + kept[lost + 1 :]
    assert first_of(story.judged("R037")) == (at_us, "a", "the list at the end has 2 rows of the 3 added")


def test_a_list_in_another_order_is_told_at_the_end() -> None:
    story = Story()
    story.lists("a", 0, 30001)
    story.lists("a", HOUR, 30002)
    story.trace.final_lists[0] = story.trace.final_lists[0][::-1]
    assert first_of(story.until(2 * HOUR).judged("R037"))[0] == 2 * HOUR


def test_a_list_comes_along_with_the_state_that_it_is_of() -> None:
    # b's machine is copied from a's at 1:00, with the rows of a that were listed before that instant. At 3:00 the state
    # of b at 2:00 is put back, and at 4:00 that of 3:00: each as it was before anything happened at that instant.
    story = Story(nodes=(node("a"), node("b", address=FIRST + 1, clone_of="a")))
    story.lists("a", 0, 30001)
    story.lists("a", HOUR - 1, 30002)
    story.lists("a", HOUR, 30003)
    story.edge("b", HOUR, EdgeKind.CLONED, 0)
    for at_us in (HOUR, 90 * MINUTE, 2 * HOUR, 150 * MINUTE):
        story.lists("b", at_us, 30004)
    story.edge("b", 3 * HOUR, EdgeKind.ROLLED_BACK, 2 * HOUR)
    story.lists("b", 3 * HOUR, 30005)
    story.edge("b", 4 * HOUR, EdgeKind.ROLLED_BACK, 3 * HOUR)
    story.lists("b", 4 * HOUR, 30007)
    rows = [(0, 30001), (HOUR - 1, 30002), (HOUR, 30004), (90 * MINUTE, 30004)]
    # At 3:00, before the state of 2:00 was put back, it had the rows of 2:00 and 2:30 as well.
    rows += [(2 * HOUR, 30004), (150 * MINUTE, 30004), (4 * HOUR, 30007)]
    story.trace.final_lists[1] = tuple((START + at_us, code) for at_us, code in rows)
    judged = story.judged("R037")
    assert (judged.ruling, judged.tested) == (HELD, 3 + 7)
