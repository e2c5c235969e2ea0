"""When in true time something happened that a clock has dated."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from harness.outage.checking.seen import Lane, Seen, dated
from tests.harness.outage.records import record

_MINUTE_US = 60_000_000


def _bounds(each: Seen) -> tuple[int, int]:
    """Return how far before and after its stated time a line may be, in seconds."""
    return (each.it.at_us - each.first_us) // 1_000_000, (each.last_us + 1 - each.it.at_us) // 1_000_000


def test_a_time_may_have_been_rounded_or_cut_off() -> None:
    (line,) = dated(record("1 08:00 a-1 note").observations, 0)
    assert (line.it.at_us - line.first_us, line.last_us - line.it.at_us) == (500_000, 999_999)
    coarse = replace(line.it, unit_us=_MINUTE_US)
    assert _bounds(dated([coarse], 0)[0]) == (30, 60)
    assert _bounds(dated([coarse], 2 * _MINUTE_US)[0]) == (150, 180)


def test_before_a_correction_a_clock_may_have_been_as_wrong() -> None:
    lines = dated(
        record(
            "1 06:00 a-1 note",
            "1 08:00 a-1 clock 1h",
            "1 08:30 a-1 note",  # which may have been shown before or after
            "1 12:00 a-1 note",
            "1 14:00 a-1 clock -2h",
            "1 17:00 a-1 note",
        ).observations,
        0,
    )
    # Forward by 1 h: it was up to 1 h later than shown; back by 2 h: up to 2 h earlier. What was shown at about the
    # first correction may stand on either side of it, and so before the second. Half a second is the unit's.
    both = (7200, 3601)
    assert [_bounds(each) for each in lines] == [(0, 3601), both, both, (7200, 1), (7200, 1), (0, 1)]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(0, 9))),
    st.integers(-5, 65),
    st.integers(0, 20),
)
def test_a_lane_finds_what_looking_at_every_line_finds(
    told: list[tuple[int, int, int]], first_us: int, length_us: int
) -> None:
    note = record("1 08:00 a-1 note").observations[0]
    lines = [Seen(replace(note, at_us=at), at - before, at + after) for at, before, after in sorted(told)]
    lane, last_us = Lane(lines), first_us + length_us
    around = [each for each in lines if each.first_us <= last_us and each.last_us >= first_us]
    assert list(lane.around(first_us, last_us)) == around
    assert lane.any_around(first_us, last_us) == bool(around)
    assert lane.last_before(first_us) == next((each for each in reversed(lines) if each.last_us < first_us), None)
