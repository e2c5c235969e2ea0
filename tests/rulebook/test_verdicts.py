"""Counting: what a rule reports while it judges, and what is made of it."""

from __future__ import annotations

import pytest

from harness.rulebook.verdicts import MOST_EXAMPLES, Finding, Judgement, Ruling, Sides, Tally


def test_a_rule_that_was_never_put_to_the_test_is_unknown() -> None:
    judgement = Tally().judgement("R001")
    assert judgement == Judgement(rule="R001", ruling=Ruling.UNKNOWN, tested=0, notes=(), sides=Sides())
    assert judgement.first is None


def test_a_rule_that_held_counts_its_occasions() -> None:
    tally = Tally()
    tally.passed()
    tally.passed(3)
    assert tally.judgement("R001") == Judgement(rule="R001", ruling=Ruling.HELD, tested=4, notes=(), sides=Sides())


def test_a_rule_that_was_broken_counts_how_often_and_keeps_them_in_order_of_time() -> None:
    tally = Tally()
    tally.passed(2)
    tally.broken(30, "a", "late")
    tally.broken(20, None, "early")
    # Those at one instant stay in the order in which they were reported.
    tally.broken(20, "b", "as early")
    early = Finding(at_us=20, node=None, message="early")
    judgement = tally.judgement("R001")
    assert judgement.first == early
    assert judgement == Judgement(
        rule="R001",
        ruling=Ruling.VIOLATED,
        tested=5,
        violations=3,
        examples=(early, Finding(at_us=20, node="b", message="as early"), Finding(at_us=30, node="a", message="late")),
        notes=(),
        sides=Sides(),
    )


def test_of_very_many_violations_the_earliest_are_kept() -> None:
    tally = Tally()
    for at_us in range(MOST_EXAMPLES + 5, 0, -1):
        tally.broken(at_us, "a", "late")
    judgement = tally.judgement("R001")
    assert judgement.violations == MOST_EXAMPLES + 5
    assert [example.at_us for example in judgement.examples] == [*range(1, MOST_EXAMPLES + 1)]


@pytest.mark.parametrize("ruling", [Ruling.UNKNOWN, Ruling.HELD])
def test_a_note_changes_no_verdict(ruling: Ruling) -> None:
    tally = Tally()
    if ruling is Ruling.HELD:
        tally.passed()
    tally.note(10, "a", "by the way")
    judgement = tally.judgement("R001")
    assert (judgement.ruling, judgement.notes) == (ruling, (Finding(at_us=10, node="a", message="by the way"),))


def test_occasions_are_counted_on_their_side_of_the_boundary() -> None:
    tally = Tally()
    tally.side(-3)
    tally.side(-1, 2)
    tally.side(0)
    tally.side(0)
    tally.side(1, 4)
    tally.side(5)
    assert tally.judgement("R001").sides == Sides(below=3, at=2, above=5)
