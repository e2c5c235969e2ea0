"""Durations: exact both ways, and clear about what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.durations import format_duration, format_instant, format_utc, parse_duration


@given(st.integers(-(10**18), 10**18))
def test_formatting_and_parsing_are_inverse(duration_us: int) -> None:
    assert parse_duration(format_duration(duration_us), signed=True) == duration_us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("0s", 0),
        ("1us", 1),
        ("5ms", 5_000),
        ("4.5s", 4_500_000),
        ("1d 1h 30m", 91_800_000_000),
        ("0.5us 1s", None),
        ("2h", 7_200_000_000),
        ("0.000001s", 1),
        (" 2h ", 7_200_000_000),
    ],
)
def test_what_durations_mean(text: str, us: int | None) -> None:
    if us is None:
        with pytest.raises(ValueError, match="out of order"):
            parse_duration(text)
    else:
        assert parse_duration(text) == us


@pytest.mark.parametrize(
    "text",
    ["", "2", "h", "2x", "-2h", "1h 1h", "30m 1h", "1h30m", "1,5s", "1e3s", "0.5us", "٣h", "1h\x00", "9" * 200 + "s"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_duration(text)


def test_a_sign_only_where_it_is_asked_for() -> None:
    assert parse_duration("-1h 30m", signed=True) == -5_400_000_000
    with pytest.raises(ValueError, match="without a sign"):
        parse_duration("-1h")


def test_instants_for_people() -> None:
    assert format_instant(91_800_000_005) == "1d 01:30:00.000005"
    assert format_utc(1_772_323_200_000_000) == "2026-03-01T00:00:00Z"
    assert format_utc(1_772_323_200_000_001) == "2026-03-01T00:00:00.000001Z"
