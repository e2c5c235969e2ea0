"""The rule book's own clocks, on readings worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.rulebook.clocks import Clocks
from harness.scenario import SERVER, Event, Verb
from tests.rulebook.hand import DAY, HOUR, START, Story


def clocks(*events: Event) -> Clocks:
    return Clocks(Story(*events).scenario)


def drift(at_us: int, ppm: Fraction | int, until_us: int | None = None, host: str = "a") -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_DRIFT, until_us=until_us, host=host, ppm=Fraction(ppm))


def step(at_us: int, by_us: int, host: str = "a") -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host=host, by_us=by_us)


def test_a_right_clock_shows_true_time() -> None:
    right = clocks()
    assert right.boot_us("a", 5) == 5
    assert right.wall_us(SERVER, DAY) == START + DAY
    assert right.true_us("a", DAY) == DAY


def test_a_drift_counts_whole_microseconds() -> None:
    # 1 ppm fast: 999,999 us show 999,999.999999, which reads 999,999; 1,000,000 us show 1,000,001.
    fast = clocks(drift(0, 1))
    assert [fast.boot_us("a", t) for t in (999_999, 1_000_000)] == [999_999, 1_000_001]
    assert fast.boot_us("b", 1_000_000) == 1_000_000


@pytest.mark.parametrize("boot_us", [0, 1, 999_999, 1_000_000, 1_000_001, 3_000_001, 3_000_003, 10_000_000])
@pytest.mark.parametrize("ppm", [Fraction(1), Fraction(-1), Fraction(100_000, 3), Fraction(-250_000)])
def test_a_timer_fires_at_the_first_microsecond_that_reads_it(boot_us: int, ppm: Fraction) -> None:
    # Fast or slow from 1 s to 3 s of true time, right before and after.
    clock = clocks(drift(1_000_000, ppm, 3_000_000))
    true_us = clock.true_us("a", boot_us)
    assert clock.boot_us("a", true_us) >= boot_us
    assert true_us == 0 or clock.boot_us("a", true_us - 1) < boot_us


def test_a_drift_ends_and_what_it_gained_stays() -> None:
    # 2 h at 100,000 ppm gain 12 min.
    clock = clocks(drift(HOUR, 100_000, 3 * HOUR))
    gained_us = 2 * HOUR // 10
    assert clock.boot_us("a", HOUR) == HOUR
    assert clock.boot_us("a", 3 * HOUR) == 3 * HOUR + gained_us
    assert clock.boot_us("a", DAY) == DAY + gained_us
    assert clock.true_us("a", DAY) == DAY - gained_us


def test_a_drift_gives_way_to_the_next_one_at_its_end() -> None:
    # An hour 100,000 ppm fast, then an hour as slow, whichever of the two the file names first.
    fast, slow = drift(0, 100_000, HOUR), drift(HOUR, -100_000, 2 * HOUR)
    for clock in (clocks(fast, slow), clocks(slow, fast)):
        assert clock.boot_us("a", HOUR) == HOUR + HOUR // 10
        assert clock.boot_us("a", 2 * HOUR) == 2 * HOUR


def test_a_step_is_in_force_at_its_instant_and_leaves_the_boot_time_clock_alone() -> None:
    clock = clocks(step(HOUR, -DAY), step(2 * HOUR, HOUR))
    assert clock.wall_us("a", HOUR - 1) == START + HOUR - 1
    assert clock.wall_us("a", HOUR) == START + HOUR - DAY
    assert clock.wall_us("a", HOUR, before_steps=True) == START + HOUR
    assert clock.wall_us("a", 2 * HOUR) == START + 2 * HOUR - DAY + HOUR
    assert clock.boot_us("a", 2 * HOUR) == 2 * HOUR
    assert clock.wall_us("b", 2 * HOUR) == START + 2 * HOUR
