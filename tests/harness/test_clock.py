"""A host's clocks: exact rationals underneath, whole microseconds on the dial."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import HostClock
from harness.rulebook.clocks import Clocks
from harness.scenario import Event, LicenceSpec, Scenario, Verb
from tests.rulebook.hand import node

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_772_323_200_000_000


def test_a_right_clock_shows_true_time() -> None:
    clock = HostClock(START)
    assert clock.instant(5) == (5, START + 5)
    assert clock.true_us(5) == 5


def test_one_ppm_slow_loses_86_4_ms_a_day() -> None:
    clock = HostClock(START, [(0, Fraction(-1))])
    assert clock.boot_us(DAY) == DAY - 86_400
    # It shows 24 h at 86,400 s / (1 - 1e-6) = 86,400.086400086... s: the first whole microsecond after that.
    assert clock.true_us(DAY) == DAY + 86_401


def test_twice_as_fast_skips_readings_and_half_as_fast_repeats_them() -> None:
    fast = HostClock(START, [(0, Fraction(1_000_000))])
    assert [fast.boot_us(t) for t in (0, 1, 2)] == [0, 2, 4]
    assert [fast.true_us(b) for b in (0, 1, 2, 3)] == [0, 1, 1, 2]
    slow = HostClock(START, [(0, Fraction(-500_000))])
    assert [slow.boot_us(t) for t in (0, 1, 2, 3)] == [0, 0, 1, 1]
    assert [slow.true_us(b) for b in (0, 1, 2)] == [0, 2, 4]


def test_a_rate_that_changes_between_two_ticks_of_the_clock() -> None:
    # At half speed it shows 10 first at 20; at 21, when it is put right, it is at 10.5 and shows 10 still.
    clock = HostClock(START, [(0, Fraction(-500_000)), (21, Fraction(0))])
    assert [clock.boot_us(t) for t in (19, 20, 21, 22, 23)] == [9, 10, 10, 11, 12]
    assert [clock.true_us(b) for b in (9, 10, 11, 12)] == [18, 20, 22, 23]


def test_a_drift_that_ends_leaves_its_error_behind() -> None:
    clock = HostClock(START, [(10, Fraction(1_000_000)), (20, Fraction(0))])
    assert [clock.boot_us(t) for t in (10, 15, 20, 25)] == [10, 20, 30, 35]


def test_a_step_moves_the_wall_clock_alone_from_its_instant_on() -> None:
    clock = HostClock(START, steps=[(10, -100)])
    assert clock.instant(9) == (9, START + 9)
    assert clock.instant(10) == (10, START - 90)
    assert clock.instant_before_steps(10) == (10, START + 10)


def test_steps_add_up() -> None:
    clock = HostClock(START, steps=[(10, -100), (20, 30)])
    assert clock.wall_us(20) == START + 20 - 70


def test_the_monotonic_clock_stands_still_during_a_suspension() -> None:
    clock = HostClock(START, [(0, Fraction(1_000_000))])
    asleep = [(10, 20), (30, None)]
    # Twice as fast: 2 for each microsecond awake.
    assert [clock.monotonic_us(t, asleep) for t in (10, 15, 20, 30, 99)] == [20, 20, 20, 40, 40]


ppms = st.fractions(-999_999, 3_000_000, max_denominator=1000)
drifts = st.lists(st.tuples(st.integers(0, 10_000), ppms), max_size=4, unique_by=lambda drift: drift[0])
steps = st.lists(st.tuples(st.integers(0, 10_000), st.integers(-(10**9), 10**9)), max_size=3)


@given(drifts, st.integers(0, 20_000))
def test_true_us_is_the_first_tick_that_shows_it(changes: list[tuple[int, Fraction]], due_us: int) -> None:
    clock = HostClock(START, sorted(changes))
    true_us = clock.true_us(due_us)
    assert clock.boot_us(true_us) >= due_us
    assert true_us == 0 or clock.boot_us(true_us - 1) < due_us


@given(drifts, st.integers(0, 20_000))
def test_the_boot_time_clock_never_goes_back(changes: list[tuple[int, Fraction]], true_us: int) -> None:
    clock = HostClock(START, sorted(changes))
    assert clock.boot_us(true_us) <= clock.boot_us(true_us + 1)


@given(drifts, steps, st.integers(0, 20_000))
def test_the_rule_books_clocks_agree(
    changes: list[tuple[int, Fraction]], wall_steps: list[tuple[int, int]], at_us: int
) -> None:
    # Two independent statements of the same clocks, the simulation's and the rule book's.
    changes.sort()
    wall_steps.sort(key=lambda step: step[0])
    events = [Event(index=k, at_us=at, verb=Verb.CLOCK_DRIFT, host="n", ppm=ppm) for k, (at, ppm) in enumerate(changes)]
    events += [Event(index=9, at_us=at, verb=Verb.CLOCK_STEP, host="n", by_us=by) for at, by in wall_steps]
    scenario = Scenario(
        title="clocks",
        start_us=START,
        duration_us=20_000,
        licence=LicenceSpec(ranges=()),
        nodes=(node("n"),),
        events=tuple(events),
    )
    mine, theirs = HostClock(START, changes, wall_steps), Clocks(scenario)
    assert theirs.boot_us("n", at_us) == mine.boot_us(at_us)
    assert theirs.true_us("n", at_us) == mine.true_us(at_us)
    assert theirs.wall_us("n", at_us) == mine.wall_us(at_us)
    assert theirs.wall_us("n", at_us, before_steps=True) == mine.instant_before_steps(at_us).wall_us


@pytest.mark.parametrize("host", ["n", "server"])
def test_a_host_without_events_shows_true_time_in_the_rule_book_too(host: str) -> None:
    scenario = Scenario(
        title="clocks", start_us=START, duration_us=1, licence=LicenceSpec(ranges=()), nodes=(node("n"),)
    )
    clocks = Clocks(scenario)
    assert (clocks.boot_us(host, 7), clocks.wall_us(host, 7), clocks.true_us(host, 7)) == (7, START + 7, 7)
