"""Durations: exact both ways, and clear about what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.durations import format_duration, format_instant, format_local, format_utc, parse_duration


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


@pytest.mark.parametrize(
    ("utc", "zone", "local"),
    [
        # In Berlin the hour from two to three comes twice on 2026-10-25: first in summer time, then out of it.
        ("2026-10-25T00:30:00", "Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T01:30:00", "Europe/Berlin", "2026-10-25T02:30:00+01:00"),
        # On 2026-03-29 it is left out.
        ("2026-03-29T00:59:59.999999", "Europe/Berlin", "2026-03-29T01:59:59.999999+01:00"),
        ("2026-03-29T01:00:00", "Europe/Berlin", "2026-03-29T03:00:00+02:00"),
        ("2028-02-28T16:00:00", "Asia/Shanghai", "2028-02-29T00:00:00+08:00"),
        ("2026-12-31T10:00:00", "Pacific/Kiritimati", "2027-01-01T00:00:00+14:00"),
        ("2027-01-01T10:59:59", "Pacific/Pago_Pago", "2026-12-31T23:59:59-11:00"),
        # Half an hour of summer time, and the offset of a quarter.
        ("2026-04-04T15:00:00", "Australia/Lord_Howe", "2026-04-05T01:30:00+10:30"),
        ("2026-03-01T00:00:00", "Asia/Kathmandu", "2026-03-01T05:45:00+05:45"),
        ("2026-03-01T00:00:00", "UTC", "2026-03-01T00:00:00+00:00"),
    ],
)
def test_what_a_clock_on_the_wall_shows(utc: str, zone: str, local: str) -> None:
    wall_us = (datetime.fromisoformat(f"{utc}Z") - EPOCH) // timedelta(microseconds=1)
    assert format_local(wall_us, ZoneInfo(zone)) == local


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.sampled_from(ZONES),
    st.sampled_from([0, 1]),
)
def test_a_local_date_means_one_instant_also_in_a_repeated_hour(naive: datetime, zone: str, fold: int) -> None:
    there = naive.replace(tzinfo=ZoneInfo(zone), fold=fold)
    wall_us = (there - EPOCH) // timedelta(microseconds=1)
    shown = datetime.fromisoformat(format_local(wall_us, ZoneInfo(zone)))
    assert shown == there.astimezone(UTC)
    # What a clock there shows, unless it leaves that hour out.
    if there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive:
        assert (shown.replace(tzinfo=None), shown.utcoffset()) == (naive, there.utcoffset())


def test_a_date_beyond_any_calendar_is_shown_as_a_distance() -> None:
    assert format_local(10**18, ZoneInfo("Asia/Shanghai")) == "11574074d 1h 46m 40s after 1970"
