"""A host's clocks: exact rationals underneath, whole microseconds on the dial."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Freeze, HostClock, Slew
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


def test_a_step_at_the_start_was_always_there() -> None:
    clock = HostClock(START, steps=[(0, -100), (1, -20)])
    assert clock.instant_before_steps(0) == (0, START - 100)
    assert clock.instant_before_steps(1) == (1, START - 99)


def test_steps_add_up() -> None:
    clock = HostClock(START, steps=[(10, -100), (20, 30)])
    assert clock.wall_us(20) == START + 20 - 70


def test_the_monotonic_clock_stands_still_during_a_suspension() -> None:
    clock = HostClock(START, [(0, Fraction(1_000_000))])
    asleep = [(10, 20), (30, None)]
    # Twice as fast: 2 for each microsecond awake.
    assert [clock.monotonic_us(t, asleep) for t in (10, 15, 20, 30, 99)] == [20, 20, 20, 40, 40]


# Slews.


def test_a_slew_moves_the_wall_clock_by_500_us_in_a_second() -> None:
    # A second at 500 ppm takes 2,000 s: from 10 s to 2,010 s. The boot-time clock does not take part.
    clock = HostClock(START, adjustments=[Slew(10 * SECOND, SECOND, Fraction(500))])
    assert clock.adjusting == [(10 * SECOND, 2_010 * SECOND)]
    assert clock.instant(10 * SECOND) == (10 * SECOND, START + 10 * SECOND)
    # The first microsecond is gained in 2,000 us.
    assert [clock.offset_us(10 * SECOND + t) - START for t in (1_999, 2_000, SECOND)] == [0, 1, 500]
    assert [clock.offset_us(2_010 * SECOND + t) - START for t in (-1, 0, DAY)] == [999_999, SECOND, SECOND]
    assert clock.boot_us(2_010 * SECOND) == 2_010 * SECOND


def test_a_slew_back_shows_a_microsecond_twice_where_it_loses_one() -> None:
    # A third of what passes is lost: 2 us take 6 us. Exactly it shows 10, 10 2/3, 11 1/3, 12, 12 2/3, 13 1/3, 14.
    clock = HostClock(0, adjustments=[Slew(10, -2, Fraction(1_000_000, 3))])
    assert [clock.wall_us(t) for t in range(9, 19)] == [9, 10, 10, 11, 12, 12, 13, 14, 15, 16]
    assert clock.adjusting == [(10, 16)]


def test_a_slew_is_over_at_the_first_tick_at_which_all_of_it_is_due() -> None:
    # 1 us at 0.3 of what passes takes 3 1/3 us: at 13 it lacks a tenth, at 14 it is done.
    clock = HostClock(0, adjustments=[Slew(10, 1, Fraction(300_000))])
    assert [clock.wall_us(t) for t in (12, 13, 14, 15)] == [12, 13, 15, 16]
    assert clock.adjusting == [(10, 14)]


def test_a_slew_keeps_the_pace_of_its_own_hosts_clocks() -> None:
    # Twice as fast: 2 us at half of what passes take 4 us of the boot-time clock, 2 us of true time from 10 on.
    clock = HostClock(0, [(0, Fraction(1_000_000))], adjustments=[Slew(10, 2, Fraction(500_000))])
    assert clock.adjusting == [(10, 12)]
    assert [clock.instant(t) for t in (10, 11, 12, 13)] == [(20, 20), (22, 23), (24, 26), (26, 28)]
    # What was due between two of its ticks is dated in between.
    assert clock.instant_of(23, 12) == (23, 24)


def test_a_step_during_a_slew_adds_up() -> None:
    clock = HostClock(0, steps=[(12, 100)], adjustments=[Slew(10, 2, Fraction(500_000))])
    assert [clock.wall_us(t) for t in (11, 12, 13, 14)] == [11, 113, 114, 116]
    assert clock.instant_before_steps(12) == (12, 13)


# Freezes.


def test_a_frozen_wall_clock_goes_on_from_where_it_stood() -> None:
    clock = HostClock(START, adjustments=[Freeze(10, 20)])
    assert [clock.wall_us(t) - START for t in (9, 10, 15, 19, 20, 21)] == [9, 10, 10, 10, 10, 11]
    assert [clock.boot_us(t) for t in (15, 20)] == [15, 20]
    assert clock.monotonic_us(20, []) == 20
    assert [clock.steady(t) for t in (9, 10, 19, 20)] == [True, False, False, True]


def test_a_frozen_wall_clock_is_behind_by_what_its_own_host_counted() -> None:
    # Twice as fast: 20 us pass on the boot-time clock while true time passes 10.
    clock = HostClock(0, [(0, Fraction(1_000_000))], adjustments=[Freeze(10, 20)])
    assert [clock.instant(t) for t in (10, 15, 20, 25)] == [(20, 20), (30, 20), (40, 20), (50, 30)]


def test_a_step_during_a_freeze_sets_the_value_at_which_it_stands() -> None:
    clock = HostClock(0, steps=[(15, -100)], adjustments=[Freeze(10, 20)])
    assert [clock.wall_us(t) for t in (14, 15, 19, 21)] == [10, -90, -90, -89]
    assert clock.instant_before_steps(15) == (15, 10)


def test_a_freeze_can_be_for_ever() -> None:
    clock = HostClock(0, adjustments=[Freeze(10, None)])
    assert clock.instant(DAY) == (DAY, 10)
    assert not clock.steady(DAY)


def test_a_slew_takes_up_where_a_freeze_ended() -> None:
    clock = HostClock(0, adjustments=[Freeze(10, 20), Slew(20, 10, Fraction(500_000))])
    assert clock.adjusting == [(10, 20), (20, 40)]
    assert [clock.wall_us(t) for t in (20, 22, 40, 41)] == [10, 13, 40, 41]


ppms = st.fractions(-999_999, 3_000_000, max_denominator=1000)
drifts = st.lists(st.tuples(st.integers(0, 10_000), ppms), max_size=4, unique_by=lambda drift: drift[0])
steps = st.lists(st.tuples(st.integers(0, 10_000), st.integers(-(10**9), 10**9)), max_size=3)
slews = st.builds(
    Slew, st.integers(0, 10_000), st.integers(-5_000, 5_000), st.fractions(1, 999_999, max_denominator=1000)
)
freezes = st.builds(
    lambda at_us, lasts_us: Freeze(at_us, None if lasts_us is None else at_us + lasts_us),
    st.integers(0, 10_000),
    st.none() | st.integers(1, 10_000),
)
adjustments = st.lists(slews | freezes, max_size=3)


def one_at_a_time(changes: list[tuple[int, Fraction]], drawn: list[Slew | Freeze]) -> list[Slew | Freeze]:
    """Leave out what begins before the one before it is over."""
    kept: list[Slew | Freeze] = []
    over_us: int | None = 0
    for each in sorted(drawn, key=lambda each: each.at_us):
        if over_us is not None and each.at_us >= over_us:
            kept.append(each)
            ((_, over_us),) = HostClock(0, changes, adjustments=[each]).adjusting
    return kept


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


@given(drifts, adjustments, st.integers(0, 20_000))
def test_neither_slews_nor_freezes_turn_the_wall_clock_back(
    changes: list[tuple[int, Fraction]], drawn: list[Slew | Freeze], true_us: int
) -> None:
    changes.sort()
    clock = HostClock(START, changes, adjustments=one_at_a_time(changes, drawn))
    assert clock.wall_us(true_us) <= clock.wall_us(true_us + 1)


@given(drifts, adjustments, st.integers(0, 20_000))
def test_a_steady_wall_clock_keeps_its_distance_to_the_boot_time_clock(
    changes: list[tuple[int, Fraction]], drawn: list[Slew | Freeze], true_us: int
) -> None:
    changes.sort()
    clock = HostClock(START, changes, adjustments=one_at_a_time(changes, drawn))
    if clock.steady(true_us) and clock.steady(true_us + 1):
        assert clock.offset_us(true_us) == clock.offset_us(true_us + 1)


@given(drifts, slews)
def test_a_slew_makes_the_whole_correction(changes: list[tuple[int, Fraction]], slew: Slew) -> None:
    changes.sort()
    clock = HostClock(START, changes, adjustments=[slew])
    ((_, over_us),) = clock.adjusting
    assert over_us is not None
    assert clock.offset_us(over_us) == START + slew.by_us
    # The tick before, some of it was still to come.
    assert not slew.by_us or clock.boot_us(over_us - 1) - clock.boot_us(slew.at_us) < abs(slew.by_us) * 10**6 / slew.ppm


@given(drifts, steps, adjustments, st.integers(0, 20_000), st.integers(0, 100))
def test_the_rule_books_clocks_agree(
    changes: list[tuple[int, Fraction]],
    wall_steps: list[tuple[int, int]],
    drawn: list[Slew | Freeze],
    at_us: int,
    earlier_us: int,
) -> None:
    # Two independent statements of the same clocks, the simulation's and the rule book's.
    changes.sort()
    wall_steps.sort(key=lambda step: step[0])
    kept = one_at_a_time(changes, drawn)
    events = [Event(index=k, at_us=at, verb=Verb.CLOCK_DRIFT, host="n", ppm=ppm) for k, (at, ppm) in enumerate(changes)]
    events += [Event(index=9, at_us=at, verb=Verb.CLOCK_STEP, host="n", by_us=by) for at, by in wall_steps]
    for each in kept:
        if isinstance(each, Slew):
            events.append(
                Event(index=9, at_us=each.at_us, verb=Verb.CLOCK_SLEW, host="n", by_us=each.by_us, ppm=each.ppm)
            )
        else:
            events.append(Event(index=9, at_us=each.at_us, verb=Verb.CLOCK_FREEZE, host="n", until_us=each.until_us))
    scenario = Scenario(
        title="clocks",
        start_us=START,
        duration_us=20_000,
        licence=LicenceSpec(ranges=()),
        nodes=(node("n"),),
        events=tuple(events),
    )
    mine, theirs = HostClock(START, changes, wall_steps, kept), Clocks(scenario)
    assert theirs.boot_us("n", at_us) == mine.boot_us(at_us)
    assert theirs.true_us("n", at_us) == mine.true_us(at_us)
    assert theirs.wall_us("n", at_us) == mine.wall_us(at_us)
    assert theirs.wall_us("n", at_us, before_steps=True) == mine.instant_before_steps(at_us).wall_us
    due_us = max(0, mine.boot_us(at_us) - earlier_us)
    assert theirs.wall_us("n", at_us, boot_us=due_us) == mine.instant_of(due_us, at_us).wall_us
    if not theirs.wall_set("n", at_us, at_us + 10):
        assert mine.offset_us(at_us) == mine.offset_us(at_us + 10)


@pytest.mark.parametrize("host", ["n", "server"])
def test_a_host_without_events_shows_true_time_in_the_rule_book_too(host: str) -> None:
    scenario = Scenario(
        title="clocks", start_us=START, duration_us=1, licence=LicenceSpec(ranges=()), nodes=(node("n"),)
    )
    clocks = Clocks(scenario)
    assert (clocks.boot_us(host, 7), clocks.wall_us(host, 7), clocks.true_us(host, 7)) == (7, START + 7, 7)
