"""The arithmetic of cruising: which polls need not be simulated."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import HostClock
from harness.cruise import Stretch, stretch

HOUR = 3_600_000_000
EXACT = HostClock(0)


def polls(until_us: int, clock: HostClock = EXACT, **more: int) -> Stretch | None:
    numbers = {"first_boot_us": 2 * HOUR, "latency_us": 5_000, "timeout_us": 30_000_000} | more
    return stretch(clock, EXACT, until_us=until_us, **numbers)


def test_a_poll_counts_if_its_round_trip_is_over_by_then() -> None:
    # The second poll is sent at 4 h and answered 10 ms later.
    assert polls(4 * HOUR + 9_999) == Stretch(1, 2 * HOUR, 2 * HOUR, 2 * HOUR, 2 * HOUR + 5_000)
    assert polls(4 * HOUR + 10_000) == Stretch(2, 2 * HOUR, 4 * HOUR, 4 * HOUR, 4 * HOUR + 5_000)


def test_none_fits() -> None:
    assert polls(2 * HOUR + 9_999) is None


def test_a_fast_clock_polls_more_often() -> None:
    # Twice as fast: a poll every hour of true time, the first one at 1 h.
    found = polls(3 * HOUR + 10_000, HostClock(0, [(0, Fraction(1_000_000))]))
    assert found == Stretch(3, HOUR, 3 * HOUR, 6 * HOUR, 3 * HOUR + 5_000)


@pytest.mark.parametrize("latency_us", [15_000_000, 16_000_000])
def test_round_trips_near_the_timeout_are_simulated(latency_us: int) -> None:
    assert polls(100 * HOUR, latency_us=latency_us) is None


def test_polls_that_come_too_rarely_for_their_slot_are_simulated() -> None:
    # A clock at a twelfth of its speed: a poll every 24 h.
    assert polls(1000 * HOUR, HostClock(0, [(0, Fraction(-11_000_000, 12))])) is None


rates = st.sampled_from([-500_000, -50_000, -1, 0, 1, 333_333, 1_000_000]).map(Fraction)


@given(rates, rates, st.integers(0, 4 * HOUR), st.integers(0, 48 * HOUR), st.sampled_from([0, 1, 5_000, 7_000_000]))
def test_a_stretch_is_what_counting_finds(
    ppm: Fraction, server_ppm: Fraction, first_us: int, until_us: int, latency_us: int
) -> None:
    # Poll by poll: sent at the first tick at which the clock shows its instant, and over a round trip later.
    clock, server_clock = HostClock(0, [(0, ppm)]), HostClock(0, [(0, server_ppm)])
    sent: list[int] = []
    while (sent_us := clock.true_us(first_us + len(sent) * 2 * HOUR)) + 2 * latency_us <= until_us:
        sent.append(sent_us)
    found = stretch(
        clock,
        server_clock,
        first_boot_us=first_us,
        until_us=until_us,
        latency_us=latency_us,
        timeout_us=30_000_000,
    )
    if not sent:
        assert found is None
    else:
        assert found == Stretch(
            polls=len(sent),
            first_sent_us=sent[0],
            last_sent_us=sent[-1],
            last_sent_boot_us=first_us + (len(sent) - 1) * 2 * HOUR,
            last_arrived_us=sent[-1] + latency_us,
        )
