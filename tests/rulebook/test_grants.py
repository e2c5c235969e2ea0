"""The rules of grants, addresses and codes in rare cases: what is no occasion, and what hides nothing after it.

Every story is written by hand, with nodes a, b and c, 5 ms each way and a timeout of 30 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from harness.rulebook import JUDGES, Ruling, Sides, judge, ranks
from harness.rulebook.checks import due
from harness.rulebook.history import History
from harness.rulebook.verdicts import Tally
from harness.scenario import Event, Verb
from harness.trace import NEVER, EdgeKind, Status, TransitionReason
from reference_server.protocol import Code, Kind
from reference_server.readings import LITERAL, READINGS
from tests.rulebook.hand import (
    FIRST,
    GRANTED,
    HOUR,
    LOST,
    MINUTE,
    MS,
    SECOND,
    START,
    Story,
    first_of,
    node,
)

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
UNREGISTERED, REGISTERED, INTERRUPTED = Status.UNREGISTERED, Status.REGISTERED, Status.INTERRUPTED
REJECTED = Status.REJECTED
GRANT, REFUSED = TransitionReason.GRANTED, TransitionReason.REFUSED
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN


# R007, R008 and R098: what a success and a failure bring.


def test_a_success_may_be_over_in_the_same_instant() -> None:
    # The node turned registered. What undid it is a matter of other rules. And a failure before hides no success.
    story = Story()
    story.asks("a", UNBIND, 0, 20000)
    story.asks("a", REGISTER, MINUTE)
    story.turns("a", MINUTE + 10 * MS, UNREGISTERED, REGISTERED, GRANT)
    story.turns("a", MINUTE + 10 * MS, REGISTERED, UNREGISTERED, TransitionReason.UNBOUND)
    story.registers("b", HOUR)
    for rule in ("R007", "R098"):
        judged = story.judged(rule)
        assert (judged.ruling, judged.tested) == (HELD, 2)


def test_a_success_shows_nothing_where_the_licence_or_the_program_ends_with_it() -> None:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.edge("a", 10 * MS, EdgeKind.STOPPED)
    story.asks("b", REGISTER, 0)
    story.turns("b", 10 * MS, UNREGISTERED, REJECTED, TransitionReason.EXPIRED)
    story.registers("c", HOUR)
    judged = story.judged("R098")
    assert (judged.ruling, judged.tested) == (HELD, 1)


@pytest.mark.parametrize("closes", [True, False])
def test_a_reading_may_close_access_with_silence(closes: bool) -> None:
    story = Story(reading=READINGS["stop-closes-access"])
    story.registers("a")
    story.misses("a", 2 * HOUR, LOST, first=True)
    if closes:
        story.opens("a", 2 * HOUR + 30 * SECOND, False)
    story.until(3 * HOUR)
    violated = [rule for rule in ("R007", "R008") if story.judged(rule).ruling is VIOLATED]
    assert violated == ([] if closes else ["R008"])
    if not closes:
        message = "not entitled, and yet access is open"
        assert first_of(story.judged("R008")) == (2 * HOUR + 30 * SECOND, "a", message)


@pytest.mark.parametrize("reading", ["literal", "twelve-strikes"])
def test_a_refusal_opens_nothing(reading: str) -> None:
    # Also where it is treated as silence: the node held no registration that could be interrupted.
    story = Story(reading=READINGS[reading])
    story.lists("a", 10 * MS, 30002, story.asks("a", REGISTER, 0, 30002))
    story.turns("a", 10 * MS, UNREGISTERED, INTERRUPTED, REFUSED)
    assert first_of(story.judged("R008")) == (10 * MS, "a", "refused, and yet access is open")


# R013: cuts.


@pytest.mark.parametrize(("late_us", "ruling"), [(0, UNKNOWN), (1, VIOLATED)])
def test_a_server_is_slow_from_the_very_instant_on(late_us: int, ruling: Ruling) -> None:
    # The poll of 2:00 arrives 5 ms later; its answer came through a cut unless the server may have been slow then.
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="answers")
    slow = Event(index=1, at_us=2 * HOUR + 5 * MS + late_us, verb=Verb.SERVER_SLOW, by_us=1)
    story = Story(cut, slow)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    assert story.judged("R013").ruling is ruling


def test_an_answer_of_another_instant_hides_nothing_after_it() -> None:
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("a",), direction="answers")
    slow = Event(index=1, at_us=2 * HOUR, verb=Verb.SERVER_SLOW, until_us=3 * HOUR, by_us=1)
    story = Story(cut, slow)
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    story.asks("a", POLL, 4 * HOUR)
    assert first_of(story.judged("R013")) == (4 * HOUR + 5 * MS, "a", "an answer passed a cut")


def test_a_run_of_polls_passed_a_cut() -> None:
    # Those of 2:00, 4:00 and 6:00, of which the second is sent into it.
    story = Story(Event(index=0, at_us=3 * HOUR, verb=Verb.NETWORK_CUT, until_us=5 * HOUR, nodes=("b",)))
    story.beats("a", 2 * HOUR, 3)
    story.beats("b", 2 * HOUR, 3)
    assert first_of(story.judged("R013")) == (4 * HOUR, "b", "a poll passed a cut")


# R011, R021, R022, R023 and R025: addresses.


def moved(address: int, *events: Event, at_us: int = HOUR, **licence: Any) -> Story:
    story = Story(*events, **licence)
    story.registers("a")
    story.edge("a", at_us, EdgeKind.MOVED, address)
    return story


def asked_as_it_moves_on() -> Story:
    # From the address of before, in the instant in which it has another one.
    story = moved(FIRST + 9)
    story.edge("a", 3 * HOUR, EdgeKind.MOVED, FIRST + 10)
    story.asks("a", POLL, 3 * HOUR, address=FIRST + 9)
    return story


def registered_anew() -> Story:
    story = moved(FIRST + 9)
    story.asks("a", REGISTER, 3 * HOUR, address=FIRST + 9)
    return story


def moved_to_where_it_was() -> Story:
    story = moved(FIRST)
    story.asks("a", POLL, 3 * HOUR)
    return story


def without_a_slot() -> Story:
    story = Story()
    story.edge("a", HOUR, EdgeKind.MOVED, FIRST + 9)
    story.asks("a", POLL, 3 * HOUR, 0, address=FIRST + 9)
    return story


def failing_before() -> Story:
    # The licence has expired, which is found before the address is looked at.
    story = moved(FIRST + 16, expires_us=START + 2 * HOUR)
    story.asks("a", POLL, 3 * HOUR, 30000, address=FIRST + 16)
    return story


def translated_after_a_move() -> Story:
    story = moved(FIRST + 16)
    story.asks("a", POLL, 3 * HOUR, 30003, address=FIRST + 16, reported=FIRST + 17)
    return story


@pytest.mark.parametrize(
    ("rule", "story", "tested", "sides"),
    [
        ("R011", asked_as_it_moves_on, 0, Sides()),
        ("R011", registered_anew, 1, Sides()),
        ("R011", moved_to_where_it_was, 1, Sides()),
        ("R011", without_a_slot, 0, Sides()),
        ("R011", failing_before, 0, Sides()),
        ("R023", failing_before, 0, Sides()),
        # Refused, but by how far it is outside nobody can say of two addresses.
        ("R023", translated_after_a_move, 1, Sides()),
    ],
)
def test_what_a_move_puts_to_the_test(rule: str, story: Callable[[], Story], tested: int, sides: Sides) -> None:
    judged = story().judged(rule)
    assert (judged.violations, judged.tested, judged.sides) == (0, tested, sides)


def test_a_move_with_a_network_hides_none_without() -> None:
    cut = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_CUT, nodes=("b",))
    story = moved(FIRST + 9, cut)
    story.registers("b", live=2)
    story.asks("a", POLL, 2 * HOUR, address=FIRST + 9)
    story.edge("b", HOUR, EdgeKind.MOVED, FIRST + 10)
    story.asks("b", POLL, 2 * HOUR, LOST, address=FIRST + 10)
    judged = story.judged("R022")
    assert (judged.ruling, judged.tested) == (HELD, 1)


def test_a_run_of_polls_is_within_the_range_that_is_licensed_then() -> None:
    # a's address is the last but one of a range from 1:00 on, and was the only one before. c's is none of it.
    before, since = ((FIRST, FIRST),), ((FIRST - 9, FIRST + 1),)
    change = Event(index=0, at_us=HOUR, verb=Verb.LICENCE_CHANGE, changes=(("ranges", since),))
    story = Story(change, ranges=before)
    story.beats("a", 2 * HOUR, 3)
    story.beats("c", 2 * HOUR, 2)
    judged = story.judged("R021")
    assert (judged.tested, judged.sides) == (3, Sides(below=3, above=2))


@pytest.mark.parametrize(("told", "ruling"), [(30003, HELD), (30005, VIOLATED), (0, VIOLATED)])
def test_a_translated_request_is_refused_for_its_address(told: int, ruling: Ruling) -> None:
    story = Story()
    story.asks("a", REGISTER, 0, told, reported=FIRST + 1)
    assert story.judged("R025").ruling is ruling


# R092 and R099: what an administrator does and sees.


def test_what_was_asked_for_and_what_was_sent_are_counted_each() -> None:
    # A register that nobody asked for, one that was not sent, and one as it should be.
    story = Story()
    story.asks("a", REGISTER, 0, 30002, asked_for=False)
    story.edge("b", HOUR, EdgeKind.REGISTER_ASKED)
    story.asks("c", REGISTER, 2 * HOUR, 30002)
    judged = story.judged("R092")
    assert (judged.tested, judged.violations) == (3, 2)
    assert first_of(judged) == (0, "a", "a register that no administrator asked for")


def test_the_same_answer_again_shows_the_same_capacity_and_hides_no_other() -> None:
    # The register of 0 comes again at 2:00, when a larger capacity is licensed. b is told the old one at 3:00, and so
    # is c, by a server that was stopped by then.
    change = Event(index=0, at_us=HOUR, verb=Verb.LICENCE_CHANGE, changes=(("capacity", 5),))
    story = Story(change)
    story.registers("a")
    story._numbers[0] = 0
    story.asks("a", REGISTER, 2 * HOUR)
    story.asks("b", REGISTER, 3 * HOUR)
    story.edge("server", 4 * HOUR, EdgeKind.STOPPED)
    story.asks("c", REGISTER, 5 * HOUR)
    judged = story.judged("R099")
    assert (judged.tested, judged.violations) == (3, 2)
    assert first_of(judged) == (3 * HOUR + 5 * MS, "b", "Max Connections is 3, and the licensed capacity 5")


def test_what_is_due_is_told_by_its_place() -> None:
    story = Story()
    story.asks("a", REGISTER, 0, 10000, form=10000)
    for _ in range(2):
        story._numbers[1] = 0
        story.asks("b", REGISTER, MINUTE)
    assert [each.place for each in due(History(story.scenario, story.reading, story.trace))] == [0, 1, 2]


# The table of codes.


def test_only_what_needs_a_slot_and_comes_to_that_check_is_counted_against_the_capacity() -> None:
    # Of another version; then of a cluster that has its one slot, by a member's register before.
    story = Story(nodes=(node("a", version="other"),), capacity=1)
    story.asks("a", REGISTER, 0, 30001)
    assert story.judged("R118").sides == Sides()
    members = (node("a", cluster="c"), node("b", cluster="c", address=FIRST + 1))
    story = Story(nodes=members, capacity=1, reading=READINGS["cluster-is-one"])
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE)
    assert story.judged("R118").sides == Sides(below=1)


@pytest.mark.parametrize(
    ("rule", "story", "tested"),
    [
        # A success, and then a failure.
        ("R101", [("a", GRANTED), ("a", 30002)], 1),
        ("R105", [("b", GRANTED), ("b", 30002)], 1),
        # Of no cluster, and then of one.
        ("R105", [("a", 30002), ("b", 30002)], 1),
        # A reason of the table, and then none of it: that it has none, and how it is shown.
        ("R107", [("a", 30002), ("a", 0)], 2),
        # An application that is listed, then, by another licence file, any.
        ("R067", [("a", GRANTED), ("a", GRANTED)], 1),
    ],
)
def test_what_puts_no_rule_to_the_test_hides_nothing_after_it(
    rule: str, story: list[tuple[str, str | int]], tested: int
) -> None:
    change = Event(index=0, at_us=30 * MINUTE, verb=Verb.LICENCE_CHANGE, changes=(("applications", ()),))
    told = Story(change, nodes=(node("a"), node("b", address=FIRST + 1, cluster="c")), applications=("report1",))
    for hour, (name, code) in enumerate(story):
        number = told.asks(name, REGISTER, hour * HOUR, code)
        if code != GRANTED:
            shown = Code.INCORRECT_LICENSE_FORMAT if code == 0 else int(code)
            told.lists(name, hour * HOUR + 10 * MS, shown, number)
    assert told.judged(rule).tested == tested


def test_a_wait_is_counted_on_the_nodes_own_clock() -> None:
    # Asked at 1:00. a's clocks run twice as fast, so its 30 s are over after 15 s.
    fast = Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(1_000_000))
    story = Story(fast)
    for place, name in enumerate("ab"):
        story.asks(name, REGISTER, HOUR, boot_us=2 * HOUR if name == "a" else HOUR)
        story.trace.exchanges.column("delivered_us")[place] = HOUR + 15 * SECOND
    assert story.judged("R119").sides == Sides(below=1, at=1)


# R108: which of several failures is shown.


def shown_first(*rows: tuple[int, int, int], reading: str = "first-in-time", put_back: tuple[int, ...] = ()) -> Story:
    """a's registers are refused: (at, with which code, which is shown then), or granted where the code is `NEVER`.

    Earlier states are put back at ``put_back``.
    """
    story = Story(reading=READINGS[reading])
    for at_us in put_back:
        story.edge("a", at_us, EdgeKind.ROLLED_BACK, 0)
    for at_us, code, shown in rows:
        if code == NEVER:
            story.asks("a", REGISTER, at_us)
        else:
            story.lists("a", at_us + 10 * MS, code, story.asks("a", REGISTER, at_us, code), shown=shown)
    return story


def test_a_request_with_one_reason_hides_none_with_two() -> None:
    # b is of another version and outside the licensed range. The version is looked at first.
    story = Story(nodes=(node("a", version="other"), node("b", version="other", address=FIRST + 99)))
    story.asks("a", REGISTER, 0, 30001)
    story.asks("b", REGISTER, MINUTE, 30003)
    judged = story.judged("R108")
    assert judged.tested == 1
    assert first_of(judged) == (MINUTE + 5 * MS, "b", "30003 where 30001 fails first")


def test_a_first_failure_is_no_occasion() -> None:
    # After it each one is, in the reading that keeps it; elsewhere none.
    rows = ((0, 30002, 30002), (HOUR, 30003, 30002), (2 * HOUR, NEVER, NEVER), (3 * HOUR, 30005, 30005))
    judged = shown_first(*rows).judged("R108")
    assert (judged.ruling, judged.tested) == (HELD, 1)
    story = shown_first((0, 30002, 30002), (HOUR, 30003, 30003), reading="literal")
    assert story.judged("R108").ruling is UNKNOWN


@pytest.mark.parametrize(
    ("rows", "wrong_us"),
    [
        # Of the state that was put back at 1:00 nobody knows what it showed.
        ([(0, 30002, 30002), (HOUR, 30003, 30005), (2 * HOUR, 30001, 30005)], None),
        ([(0, 30002, 30002), (HOUR, 30003, 30005), (2 * HOUR, 30001, 30002)], None),
        # A success ends it: what is shown then is known.
        ([(0, 30002, 30002), (90 * MINUTE, NEVER, NEVER), (2 * HOUR, 30003, 30003)], None),
        ([(0, 30002, 30002), (90 * MINUTE, NEVER, NEVER), (2 * HOUR, 30003, 30002)], 2 * HOUR),
        ([(90 * MINUTE, NEVER, NEVER), (2 * HOUR, 30003, 30002)], 2 * HOUR),
        # A success before it was put back is none of its own; one in that instant is.
        ([(30 * MINUTE, NEVER, NEVER), (2 * HOUR, 30003, 30002)], None),
        ([(HOUR - 1, NEVER, NEVER), (2 * HOUR, 30003, 30002)], None),
        ([(HOUR, NEVER, NEVER), (2 * HOUR, 30003, 30002)], 2 * HOUR),
        # What was listed before is judged.
        ([(0, 30002, 30002), (MINUTE, 30003, 30003)], MINUTE),
    ],
)
def test_what_a_state_that_was_put_back_shows_is_its_own_matter(
    rows: list[tuple[int, int, int]], wrong_us: int | None
) -> None:
    # It is put back in the instant at which the second register's refusal is listed.
    story = shown_first(*rows, put_back=(HOUR + 10 * MS,))
    judged = story.judged("R108")
    assert judged.violations == int(wrong_us is not None)
    if wrong_us is not None:
        assert first_of(judged)[:2] == (wrong_us + 10 * MS, "a")


def test_each_state_that_was_put_back_is_a_new_one() -> None:
    # Put back at 1:00 and at 4:00, with a success after each. The row of 4:00 ends what was known since the first.
    rows = [(2 * HOUR, NEVER, NEVER), (3 * HOUR, 30002, 30002), (4 * HOUR, 30003, 30005), (5 * HOUR, 30001, 30005)]
    rows += [(6 * HOUR, NEVER, NEVER), (7 * HOUR, 30002, 30002), (8 * HOUR, 30003, 30003)]
    judged = shown_first(*rows, put_back=(HOUR, 4 * HOUR)).judged("R108")
    # Only the last row shows another one than the first since the last success.
    assert judged.violations == 1
    assert first_of(judged) == (8 * HOUR + 10 * MS, "a", "30003 is shown, which is not the first failure")


def test_a_row_that_ends_no_request_counts_no_success_twice() -> None:
    # In the instant of a success the next register is refused, and the licence runs out. That is listed first, of which
    # the refusal is the first failure; the row after it, an hour later, is none.
    story = Story(reading=READINGS["first-in-time"])
    story.asks("a", REGISTER, 0)
    number = story.asks("a", REGISTER, 0, 30002)
    story.lists("a", 10 * MS, 30002, number)
    story.lists("a", 10 * MS, Code.LICENSE_EXPIRED, shown=30002)
    story.lists("a", HOUR + 10 * MS, 30003, story.asks("a", REGISTER, HOUR, 30003), shown=30002)
    judged = story.judged("R108")
    assert (judged.ruling, judged.tested) == (HELD, 2)


# Judging.


def test_a_rule_that_crashes_tells_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: History, tally: Tally) -> None:
        tally.passed(3)
        tally.broken(0, "a", "of no account")
        raise RuntimeError("out of ink")

    monkeypatch.setitem(JUDGES, "R005", crash)
    story = Story()
    judged = judge(story.scenario, LITERAL, story.trace)["R005"]
    assert (judged.ruling, judged.tested, judged.violations, judged.first) == (UNKNOWN, 4, 0, None)


@pytest.mark.parametrize("lawful", [True, False])
def test_what_is_kept_in_rank_is_judged_in_rank_if_it_can_be(monkeypatch: pytest.MonkeyPatch, lawful: bool) -> None:
    story = Story()
    story.registers("a")
    plain = judge(story.scenario, LITERAL, story.trace)
    in_rank = {"R005": replace(plain["R005"], tested=99)}
    handed: list[object] = []

    def judge_in_rank(*args: object) -> object:
        handed.extend(args)
        return in_rank if lawful else None

    monkeypatch.setattr(ranks, "judge_in_rank", judge_in_rank)
    story.trace.in_rank = True
    judged = judge(story.scenario, LITERAL, story.trace)
    assert judged == (in_rank if lawful else plain)
    assert handed == [story.scenario, LITERAL, story.trace, sorted(JUDGES), judge]
