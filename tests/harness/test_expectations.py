"""Expectations: what they see at an instant, and over a stretch of time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from harness.expectations import judge_expectations
from harness.scenario import Between, Expect
from harness.trace import SlotChange, Status, TransitionReason
from reference_server.readings import READINGS
from tests.rulebook.hand import HOUR, MS, Story


def story() -> Story:
    """a is registered from 10 ms on, interrupted from 2 h on, registered again from 4 h on."""
    made = Story()
    made.registers("a")
    made.misses("a", 2 * HOUR - 10 * MS, first=True)
    made.asks("a", 1, 4 * HOUR - 10 * MS)  # type: ignore[arg-type]
    made.turns("a", 4 * HOUR, Status.INTERRUPTED, Status.REGISTERED, TransitionReason.GRANTED)
    made.slot("a", 5 * HOUR, SlotChange.FREED, 0)
    return made


def met(made: Story, reading: str = "literal", own: str | None = None, **stated: Any) -> list[bool]:
    expect = Expect(index=0, line=7, **stated)
    scenario = replace(made.scenario, expects=(expect,), reading=own)
    return [each.met for each in judge_expectations(scenario, READINGS[reading], made.trace)]


def between(first_us: int, last_us: int, hold: Literal["always", "ever"]) -> Between:
    return Between(first_us=first_us, last_us=last_us, hold=hold)


@pytest.mark.parametrize(
    ("at_us", "status"),
    [
        (0, "unregistered"),
        (10 * MS - 1, "unregistered"),
        (10 * MS, "registered"),  # after everything at that instant
        (2 * HOUR, "interrupted"),
        (4 * HOUR - 1, "interrupted"),
        (4 * HOUR, "registered"),
    ],
)
def test_an_instant_sees_the_world_after_everything_at_it(at_us: int, status: str) -> None:
    assert met(story(), at_us=at_us, nodes=("a",), status=status) == [True]
    assert met(story(), at_us=at_us, nodes=("a",), status="lapsed") == [False]


def test_access_failure_and_registered() -> None:
    made = story()
    assert met(made, at_us=HOUR, nodes=("a",), access=True, failure="none") == [True]
    assert met(made, at_us=HOUR, nodes=("b",), access=True) == [False]
    assert met(made, at_us=2 * HOUR, nodes=("a",), failure="/") == [True]
    assert met(made, at_us=6 * HOUR, nodes=("a",), failure="/") == [True]  # it stays the last one shown
    assert met(made, at_us=5 * MS - 1, registered=0) == [True]
    assert met(made, at_us=5 * MS, registered=1) == [True]


def test_all_that_is_stated_has_to_hold() -> None:
    assert met(story(), at_us=HOUR, nodes=("a",), status="registered", access=False) == [False]


def test_each_node_of_a_pattern_is_judged() -> None:
    assert met(story(), at_us=HOUR, nodes=("a", "b"), status="registered") == [True, False]


@pytest.mark.parametrize(
    ("first_us", "last_us", "always", "ever"),
    [
        (HOUR, 2 * HOUR - 1, True, True),
        (HOUR, 2 * HOUR, False, True),  # both ends belong to it
        (2 * HOUR, 4 * HOUR - 1, False, False),
        (2 * HOUR, 4 * HOUR, False, True),
        (4 * HOUR, 9 * HOUR, True, True),
    ],
)
def test_over_a_stretch_of_time(first_us: int, last_us: int, always: bool, ever: bool) -> None:
    for hold, expected in (("always", always), ("ever", ever)):
        stretch = between(first_us, last_us, hold)  # type: ignore[arg-type]
        assert met(story(), between=stretch, nodes=("a",), status="registered") == [expected]


def test_ever_means_everything_at_one_instant() -> None:
    # registered and without access each hold at some instant, but never together.
    stretch = between(0, 9 * HOUR, "ever")
    assert met(story(), between=stretch, nodes=("a",), status="registered", access=False) == [False]


@pytest.mark.parametrize(
    ("own", "readings", "judged_in"),
    [
        (None, (), ["literal"]),
        ("revive", (), ["revive"]),
        (None, ("revive", "windows-close"), ["revive", "windows-close"]),
    ],
)
def test_which_readings_an_expectation_is_stated_for(
    own: str | None, readings: tuple[str, ...], judged_in: list[str]
) -> None:
    judged = [name for name in READINGS if met(story(), name, own, at_us=0, registered=0, readings=readings)]
    assert judged == judged_in
