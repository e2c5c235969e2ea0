"""Counting: what a rule reports while it judges, and what is made of it."""

from __future__ import annotations

import pytest

from harness.rulebook.verdicts import Finding, Judgement, Ruling, Sides, Tally


def test_a_rule_that_was_never_put_to_the_test_is_unknown() -> None:
    assert Tally().judgement("R001") == Judgement(rule="R001", ruling=Ruling.UNKNOWN, tested=0, notes=(), sides=Sides())


def test_a_rule_that_held_counts_its_occasions() -> None:
    tally = Tally()
    tally.passed()
    tally.passed(3)
    assert tally.judgement("R001") == Judgement(rule="R001", ruling=Ruling.HELD, tested=4, notes=(), sides=Sides())


def test_a_rule_that_was_broken_counts_how_often_and_tells_of_the_earliest() -> None:
    tally = Tally()
    tally.passed(2)
    tally.broken(30, "a", "late")
    tally.broken(20, None, "early")
    # The first of those at one instant is kept.
    tally.broken(20, "b", "as early")
    assert tally.judgement("R001") == Judgement(
        rule="R001",
        ruling=Ruling.VIOLATED,
        tested=5,
        violations=3,
        first=Finding(at_us=20, node=None, message="early"),
        notes=(),
        sides=Sides(),
    )


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
