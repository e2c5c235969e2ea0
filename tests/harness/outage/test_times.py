"""Dates and times as people write them: which instants they are, and which are asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.outage.times import Dating, Order, Written, order_of, written
from harness.problems import Mistake

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
#: 2026-03-01T00:00:00Z, a Sunday.
MARCH_1 = 1_772_323_200 * SECOND
BERLIN = ZoneInfo("Europe/Berlin")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(text: str, zone: tzinfo | None = UTC, order: Order | None = None) -> tuple[int, int]:
    date = written(text)
    return Dating(zone, order).instant(text, date), date.unit_us


AT_14_05 = MARCH_1 + 14 * HOUR + 5 * MINUTE
AT_14_05_09 = AT_14_05 + 9 * SECOND


@pytest.mark.parametrize(
    ("text", "at_us", "unit_us"),
    [
        ("2026-03-01T14:05:09Z", AT_14_05_09, SECOND),
        ("2026-03-01T14:05:09+08:00", AT_14_05_09 - 8 * HOUR, SECOND),
        ("2026-03-01 14:05:09 -0330", AT_14_05_09 + 3 * HOUR + 30 * MINUTE, SECOND),
        ("2026-03-01 14:05 UTC+8", AT_14_05 - 8 * HOUR, MINUTE),
        ("2026-03-01 14:05 GMT", AT_14_05, MINUTE),
        ("2026-03-01T14:05Z", AT_14_05, MINUTE),
        ("2026/3/1 14:05", AT_14_05, MINUTE),
        ("2026.03.01 14:05", AT_14_05, MINUTE),
        ("01.03.2026 14:05", AT_14_05, MINUTE),
        ("1.3.2026, 14:05:09", AT_14_05_09, SECOND),
        ("March 1, 2026 2:05 PM", AT_14_05, MINUTE),
        ("Sunday, March 1, 2026 at 2:05:09 p.m.", AT_14_05_09, SECOND),
        ("1 Mar 2026 14:05", AT_14_05, MINUTE),
        ("1-Mar-2026 14:05:09", AT_14_05_09, SECOND),
        ("Sun, 01 Mar 2026 14:05:09 +0000", AT_14_05_09, SECOND),
        ("2026年3月1日 14:05:09", AT_14_05_09, SECOND),
        ("2026年3月1日星期日 下午2:05", AT_14_05, MINUTE),
        ("2026年3月1日14时5分9秒", AT_14_05_09, SECOND),
        ("２０２６－０３－０１　１４：０５", AT_14_05, MINUTE),  # noqa: RUF001
        ("20260301T140509Z", AT_14_05_09, SECOND),
        # A quarter past midnight and past noon.
        ("2026-03-01 12:15 AM", MARCH_1 + 15 * MINUTE, MINUTE),
        ("2026-03-01 上午12:15", MARCH_1 + 15 * MINUTE, MINUTE),
        ("2026-03-01 12:15 PM", MARCH_1 + 12 * HOUR + 15 * MINUTE, MINUTE),
        # To the millisecond and the microsecond; what is finer is cut off.
        ("2026-03-01T14:05:09.5Z", AT_14_05_09 + 500_000, 1_000),
        ("2026-03-01T14:05:09,123Z", AT_14_05_09 + 123_000, 1_000),
        ("2026-03-01T14:05:09.123456Z", AT_14_05_09 + 123_456, 1),
        ("2026-03-01T14:05:09.123456789Z", AT_14_05_09 + 123_456, 1),
        # Since the epoch.
        ("1772323200", MARCH_1, SECOND),
        ("1772323200.25", MARCH_1 + 250_000, 1_000),
        ("1772323200123", MARCH_1 + 123_000, 1_000),
        ("1772323200123456", MARCH_1 + 123_456, 1),
        # The same day in either order.
        ("03/03/2026 14:05", AT_14_05 + 48 * HOUR, MINUTE),
        # The numbers leave no choice.
        ("25/03/2026 14:05", AT_14_05 + 24 * 24 * HOUR, MINUTE),
        ("03-25-2026 14:05", AT_14_05 + 24 * 24 * HOUR, MINUTE),
    ],
)
def test_what_a_time_means(text: str, at_us: int, unit_us: int) -> None:
    assert read(text) == (at_us, unit_us)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'found "", expected a date and a time such as'),
        ("yesterday", 'found "yesterday", expected'),
        ("2026-03-01", "a date without a time of day"),
        ("01.03.2026", "a date without a time of day"),
        ("2026年3月1日", "a date without a time of day"),
        ("03/04/26 10:00", "a year of two digits"),
        ("46082.58", "a spreadsheet's number of a day"),
        ("2026-03-01 14:05 CST", "a zone by its name: write an offset in place of CST"),
        ("2026-03-01T24:00Z", "no time of day"),
        ("2026-03-01T14:60Z", "no time of day"),
        ("2026-03-01T23:59:60Z", "no time of day"),
        ("2026-03-01 14:05 PM", "an hour 14 PM"),
        ("2026-03-01 0:05 AM", "an hour 0 AM"),
        ("2026-03-01 下午2:05 PM", "the half of the day twice"),
        ("2026-02-29 10:00", "there is no day 29 of a month 2 in 2026"),
        ("2026-13-01 10:00", "there is no day 1 of a month 13 in 2026"),
        ("03.25.2026 10:00", "there is no day 3 of a month 25 in 2026"),
        ("31/31/2026 10:00", "neither 31 nor 31 is a month"),
        ("Foo 1, 2026 10:00", "no month is named Foo"),
        ("1969-12-31 10:00", "a year from 1970 to 9000"),
        ("9001-01-01 10:00", "a year from 1970 to 9000"),
        ("1970-01-01T00:00:00+08:00", "an instant after the start of 1970"),
        ("2026-03-01T14:05+15:00", "an offset from -14:00 to"),
        ("17723232", "expected a date"),
        ("177232320012", "expected a date"),
        ("٢٠٢٦-03-01 14:05", "expected a date"),
        ("9" * 500, "expected a date"),
    ],
)
def test_what_is_no_time(text: str, message: str) -> None:
    with pytest.raises(Mistake) as raised:
        read(text)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_time_without_a_zone_asks_for_one() -> None:
    with pytest.raises(Mistake, match=r"\(no zone\), expected an offset after it, .* or the option --zone"):
        read("2026-03-01 14:05", zone=None)
    assert read("2026-03-01 14:05Z", zone=None) == (AT_14_05, MINUTE)


# Summer time. In Berlin clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October 2026.


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-29 01:59:59", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
        ("2026-03-29 03:00:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("2026-10-25 01:59:59", datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC)),
        ("2026-10-25 03:00:00", datetime(2026, 10, 25, 2, tzinfo=UTC)),
        # What says its offset is not asked about.
        ("2026-10-25 02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25 02:30:00+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_times_about_the_changes_of_clocks(text: str, utc: datetime) -> None:
    assert read(text, BERLIN)[0] == (utc - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize("of_day", ["02:00:00", "02:30", "02:59:59"])
def test_a_time_that_is_skipped_is_a_mistake(of_day: str) -> None:
    with pytest.raises(Mistake, match="which there is not in Europe/Berlin"):
        read(f"2026-03-29 {of_day}", BERLIN)


@pytest.mark.parametrize("of_day", ["02:00:00", "02:30", "02:59:59"])
def test_a_time_that_comes_twice_is_asked_about(of_day: str) -> None:
    with pytest.raises(Mistake, match=r"comes twice in Europe/Berlin\), expected an offset: 02:..\+02:00 or 02:..\+01"):
        read(f"2026-10-25 {of_day}", BERLIN)


@given(st.integers(86_400, 60 * 366 * 86_400), st.sampled_from(["Europe/Berlin", "America/St_Johns", "Asia/Shanghai"]))
def test_what_a_clock_on_the_wall_shows_is_read_back_or_asked_about(at_s: int, name: str) -> None:
    zone = ZoneInfo(name)
    moment = (EPOCH + timedelta(seconds=at_s)).astimezone(zone)
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    twice = moment.utcoffset() != moment.replace(fold=1 - moment.fold).utcoffset()
    if twice:
        with pytest.raises(Mistake, match="comes twice"):
            read(text, zone)
    else:
        assert read(text, zone) == (at_s * SECOND, SECOND)
    assert read(moment.isoformat(), None) == (at_s * SECOND, SECOND)


#: How the same minute is written, each as somebody's program does it.
FORMATS = (
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y, %H:%M",
    "%B %d, %Y %I:%M %p",
    "%b %d %Y %I:%M%p",
    "%d %B %Y %H:%M",
    "%a, %d %b %Y %H:%M",
    "%Y年%m月%d日 %H:%M",
    "%Y%m%dT%H%M00",
)


@given(st.datetimes(datetime(1970, 1, 2), datetime(8999, 1, 1)), st.sampled_from(FORMATS))  # noqa: DTZ001
def test_reading_undoes_writing(local: datetime, form: str) -> None:
    minute = local.replace(second=0, microsecond=0)
    at_us, unit_us = read(minute.strftime(form))
    assert EPOCH + timedelta(microseconds=at_us) == minute.replace(tzinfo=UTC)
    assert unit_us == (SECOND if form.endswith("00") else MINUTE)


# Days and months.


def test_an_ambiguous_date_is_asked_about() -> None:
    with pytest.raises(Mistake, match=r"two days can be written so.*expected --dates day-first or --dates month-first"):
        read("03/04/2026 14:05")


@pytest.mark.parametrize(
    ("order", "month", "day"), [(Order.DAY_FIRST, 4, 3), (Order.MONTH_FIRST, 3, 4)], ids=["day-first", "month-first"]
)
def test_what_was_told_decides(order: Order, month: int, day: int) -> None:
    assert EPOCH + timedelta(microseconds=read("03/04/2026 14:05", order=order)[0]) == datetime(
        2026, month, day, 14, 5, tzinfo=UTC
    )


def test_what_was_told_can_contradict_a_line() -> None:
    with pytest.raises(Mistake, match=r"\(its day first\), expected the month first, as --dates says"):
        read("25/03/2026 14:05", order=Order.MONTH_FIRST)
    with pytest.raises(Mistake, match=r"\(its month first\), expected the day first, as --dates says"):
        read("03/25/2026 14:05", order=Order.DAY_FIRST)


def numbered(*texts: str) -> list[tuple[int, Written]]:
    return list(enumerate(map(written, texts), 2))


def test_the_first_line_that_leaves_no_choice_decides_for_the_file() -> None:
    assert order_of(numbered("03/04/2026 1:00", "25/03/2026 1:00", "03/26/2026 1:00")) == (Order.DAY_FIRST, 3)
    assert order_of(numbered("03/04/2026 1:00", "03/26/2026 1:00")) == (Order.MONTH_FIRST, 3)
    # Neither a day that is its month's number, nor a form that is always read in one way, says anything.
    assert order_of(numbered("03/03/2026 1:00", "25.03.2026 1:00", "2026-03-25 1:00", "March 25, 2026 1:00")) == (
        None,
        0,
    )
