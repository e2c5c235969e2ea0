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
    assert clock.boot_us("a", 3 * HOUR + gained_us // 2) == 3 * HOUR + gained_us + gained_us // 2
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


def test_before_the_run_a_clock_was_as_it_is_at_its_start() -> None:
    clock = clocks(step(0, HOUR), step(1, DAY))
    assert [clock.wall_us("a", at_us, before_steps=True) for at_us in (0, 1, 2)] == [
        START + HOUR,
        START + 1 + HOUR,
        START + 2 + HOUR + DAY,
    ]


def slew(at_us: int, by_us: int, ppm: Fraction | int = 500) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_SLEW, host="a", by_us=by_us, ppm=Fraction(ppm))


def freeze(at_us: int, until_us: int | None = None) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_FREEZE, host="a", until_us=until_us)


def thaw(at_us: int, host: str = "a") -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_THAW, host=host)


def ahead_us(clock: Clocks, true_us: int) -> int:
    return clock.wall_us("a", true_us) - START - true_us


def test_a_slew_is_made_good_little_by_little() -> None:
    # 1.8 s an hour at 500 ppm: 9 s take 5 h.
    clock = clocks(slew(HOUR, 9_000_000))
    assert [ahead_us(clock, n * HOUR) for n in (1, 2, 3, 6, 7)] == [0, 1_800_000, 3_600_000, 9_000_000, 9_000_000]
    back = clocks(slew(HOUR, -9_000_000))
    assert [ahead_us(back, n * HOUR) for n in (1, 2, 3, 6, 7)] == [0, -1_800_000, -3_600_000, -9_000_000, -9_000_000]
    # After 1 us it is to be half a thousandth behind, and shows the microsecond below.
    assert [ahead_us(back, HOUR + t) for t in (0, 1, 2_000, 2_001)] == [0, -1, -1, -2]


def test_a_freeze_holds_the_wall_clock_back_until_its_end_or_a_thaw() -> None:
    for clock in (
        clocks(freeze(HOUR, 3 * HOUR)),
        clocks(freeze(HOUR), thaw(3 * HOUR)),
        clocks(freeze(HOUR, DAY), thaw(3 * HOUR)),
    ):
        assert [ahead_us(clock, n * HOUR) for n in (1, 2, 3, 4)] == [0, -HOUR, -2 * HOUR, -2 * HOUR]
        assert clock.boot_us("a", 2 * HOUR) == 2 * HOUR


def test_a_freeze_is_ended_by_a_later_thaw_of_its_own_host_alone() -> None:
    clock = clocks(thaw(0), freeze(HOUR), thaw(2 * HOUR, host="b"))
    assert ahead_us(clock, DAY) == HOUR - DAY
    # Ends come before starts: a thaw of the same instant is none of this freeze.
    assert ahead_us(clocks(thaw(HOUR), freeze(HOUR)), DAY) == HOUR - DAY


def test_a_drift_counts_in_slews_and_freezes() -> None:
    # At 1,000,000 ppm an hour counts for two: 3.6 s are slewed in it, two hours held back.
    fast = clocks(drift(0, 1_000_000), slew(HOUR, 9_000_000))
    assert fast.wall_us("a", 2 * HOUR) == START + 4 * HOUR + 3_600_000
    assert clocks(drift(0, 1_000_000), freeze(HOUR)).wall_us("a", 2 * HOUR) == START + 2 * HOUR
    # Frozen from 2:00 to 4:00 by its own reckoning, which at 3 h of true time has come to 6:00.
    assert clocks(drift(0, 1_000_000), freeze(HOUR, 2 * HOUR)).wall_us("a", 3 * HOUR) == START + 4 * HOUR


def test_what_was_due_before_is_dated_before() -> None:
    clock = clocks(drift(0, 1_000_000), slew(0, DAY, 500_000), step(HOUR, DAY))
    # At 1 h it shows 2 h, and half of that more; a second before on its own clocks, 1.5 s less, the step in any case.
    assert clock.wall_us("a", HOUR) == START + 3 * HOUR + DAY
    assert clock.wall_us("a", HOUR, boot_us=2 * HOUR - 1_000_000) == START + 3 * HOUR + DAY - 1_500_000


@pytest.mark.parametrize(
    ("event", "first", "last", "is_set"),
    [
        (step(HOUR, 1), HOUR, HOUR, True),
        (step(HOUR, 1), HOUR + 1, DAY, False),
        (step(HOUR, 1), 0, HOUR - 1, False),
        # 3.6 s take 2 h.
        (slew(HOUR, 3_600_000), 0, HOUR - 1, False),
        (slew(HOUR, 3_600_000), 0, HOUR, True),
        (slew(HOUR, 3_600_000), 3 * HOUR - 1, DAY, True),
        (slew(HOUR, 3_600_000), 3 * HOUR, DAY, False),
        (freeze(HOUR, 2 * HOUR), 2 * HOUR - 1, DAY, True),
        (freeze(HOUR, 2 * HOUR), 2 * HOUR, DAY, False),
        (freeze(HOUR), DAY, DAY, True),
        (freeze(0, 1), 0, DAY, True),
        (freeze(0, 1), 1, DAY, False),
        (drift(HOUR, 1), 0, DAY, False),
    ],
)
def test_when_a_wall_clock_is_set(event: Event, first: int, last: int, is_set: bool) -> None:
    assert clocks(event).wall_set("a", first, last) is is_set
    assert not clocks(event).wall_set("b", first, last)


def test_a_slew_is_over_by_the_clocks_own_reckoning() -> None:
    # At 1,000,000 ppm fast, the 2 h that 3.6 s take are over after one.
    clock = clocks(drift(0, 1_000_000), slew(HOUR, 3_600_000))
    assert clock.wall_set("a", 2 * HOUR - 1, DAY)
    assert not clock.wall_set("a", 2 * HOUR, DAY)
