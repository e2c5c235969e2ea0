"""When a line was written: the dates and times that people and programs write, and the instants that they are.

A text is read in two steps. `written` recognises its form, for which nothing else has to be known. `Dating` makes it an
instant, for which two things may be missing: the zone, and whether 03/04/2026 is in March or in April. Neither is
ever guessed. The zone is asked for; the order of day and month is decided by other lines of the same file, such as
one of 25/03/2026, or asked for. A local time that does not exist is a mistake, and so is one that came twice: its
offset is asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import NamedTuple

from harness.problems import Mistake, shown

__all__ = ["Dating", "Order", "Written", "order_of", "written"]

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_DAY_US = 86_400 * _SECOND_US
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what a zone is added to
_YEARS = range(1970, 9001)
_TEXT_LIMIT = 100

_EXPECTED = (
    "a date and a time such as 2026-03-01T14:05:09+08:00, 2026/3/1 14:05, 01.03.2026 14:05, March 1, 2026 2:05 PM or "
    "2026年3月1日 14:05"
)


class Order(Enum):
    """Which comes first in a date such as 03/04/2026. The value is the word of the option."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class Written(NamedTuple):
    """A date and a time, as far as its own text says what it means.

    In ``date`` the year comes first, then two numbers as written, of which ``order`` says which is the month: `None`
    if that cannot be told. ``proves`` tells that the numbers themselves leave no other choice, so that other dates of
    the file are read like this one. ``offset_us`` is how far the clock was ahead of UTC, `None` if that was not
    written.
    """

    date: tuple[int, int, int]
    order: Order | None
    proves: bool
    of_day_us: int
    unit_us: int
    offset_us: int | None


# The forms.

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_BY_NAME = {name[:length]: number for number, name in enumerate(_MONTHS, 1) for length in (3, len(name))}
_MONTH_BY_NAME["sept"] = 9
_NAME = "(?P<name>[A-Za-z]{3,9})[.]?"
_DATES = (
    r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})",
    r"(?P<year>\d{4})\s*年\s*(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*日",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    r"(?P<day>\d{1,2})[.](?P<month>\d{1,2})[.](?P<year>\d{4})",
    r"(?P<first>\d{1,2})(?P<sep>[-/])(?P<second>\d{1,2})(?P=sep)(?P<year>\d{4})",
    rf"{_NAME}\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})",
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|[.])?[ -]{_NAME},?[ -](?P<year>\d{{4}})",
)
_WEEKDAY_BEFORE = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[.]?,?\s+)?"
_WEEKDAY_AFTER = r"(?:[ ]*[(]?(?:星期|周)[一二三四五六日天][)]?)?"
_HALF_BEFORE = r"(?:(?P<half_before>上午|下午|[AP]M)\s*)?"
_HALF_AFTER = r"(?:\s*(?P<half_after>上午|下午|[AP][.]?M[.]?))?"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?",
    r"(?P<hour>\d{1,2})\s*[时時点]\s*(?P<minute>\d{1,2})\s*分(?:\s*(?P<second>\d{1,2})\s*秒)?(?P<fraction>(?!))?",
    r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?P<fraction>(?!))?",
)
_AHEAD = r"(?:UTC|GMT)?\s*(?P<sign>[+-])(?P<ahead>\d{1,2}(?::?[0-5]\d)?)"
_OFFSET = rf"(?:\s*(?:{_AHEAD}|(?P<utc>Z|UTC|GMT)))?"


def _form(date: str, clock: str) -> re.Pattern[str]:
    # The second number of a date and the second of a clock are two things with one name.
    date = date.replace("<second>", "<other>")
    between = r"(?:[T_]|,?\s+(?:at\s+)?|(?<=日))"
    day, of_day = f"{_WEEKDAY_BEFORE}{date}{_WEEKDAY_AFTER}", f"{_HALF_BEFORE}{clock}{_HALF_AFTER}"
    return re.compile(f"{day}{between}{of_day}{_OFFSET}", re.ASCII | re.IGNORECASE)


_FORMS = tuple(_form(date, clock) for clock in _CLOCK for date in _DATES)
_UNIX = re.compile(r"(?P<seconds>[1-9]\d{9})(?:[.](?P<fraction>\d{1,6})|(?P<ms>\d{3})|(?P<us>\d{6}))?", re.ASCII)
_DATE_ALONE = re.compile(
    rf"{_WEEKDAY_BEFORE}(?:{'|'.join(re.sub(r'[?]P<(?!sep)[a-z]+>', '', each) for each in _DATES if 'sep' not in each)}"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{4})" + _WEEKDAY_AFTER,
    re.ASCII | re.IGNORECASE,
)
_SHORT_YEAR = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{2}\b.*", re.ASCII)
_SPREADSHEET = re.compile(r"[2-9]\d{4}(?:[.,]\d+)?", re.ASCII)
_ZONE_NAME = re.compile(r".*\d\s*(?P<zone>\[?[A-Za-z]+(?:/[A-Za-z_/]+)?\]?)")


def written(text: str) -> Written:
    """Return the date and time that ``text`` is.

    A fraction of a second counts to the microsecond. A number is the seconds, milliseconds or microseconds since the
    Unix epoch if it has as many digits as only those have.

    :raises Mistake: if it is none, or one that cannot be.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if len(plain) <= _TEXT_LIMIT:
        for form in _FORMS:
            if found := form.fullmatch(plain):
                return _written(text, found.groupdict())
        if unix := _UNIX.fullmatch(plain):
            return _unix(unix)
    raise Mistake(f"{shown(text)}{_why_not(plain)}", _EXPECTED)


def _why_not(plain: str) -> str:
    """Return what is wrong with what is almost a date and a time, in brackets, or nothing."""
    if _DATE_ALONE.fullmatch(plain):
        return " (a date without a time of day)"
    if _SHORT_YEAR.fullmatch(plain):
        return " (a year of two digits)"
    if _SPREADSHEET.fullmatch(plain):
        return " (a spreadsheet's number of a day: give its column the format of a date and a time)"
    zone = _ZONE_NAME.fullmatch(plain)
    if zone and any(form.fullmatch(plain[: zone.start("zone")].strip()) for form in _FORMS):
        return f" (a zone by its name: write an offset in place of {zone['zone']})"
    return ""


def _written(text: str, part: dict[str, str | None]) -> Written:
    year = int(part["year"] or 0)
    date, order, proves = _date(text, year, part)
    of_day_us, unit_us = _of_day(text, part)
    return Written(date, order, proves, of_day_us, unit_us, _offset(text, part))


def _date(text: str, year: int, part: dict[str, str | None]) -> tuple[tuple[int, int, int], Order | None, bool]:
    if part.get("name"):
        name = (part["name"] or "").lower()
        if name not in _MONTH_BY_NAME:
            raise Mistake(f"{shown(text)} (no month is named {part['name']})", _EXPECTED)
        return (year, _MONTH_BY_NAME[name], int(part["day"] or 0)), Order.MONTH_FIRST, False
    if part.get("month"):
        return (year, int(part["month"] or 0), int(part["day"] or 0)), Order.MONTH_FIRST, False
    first, second = int(part["first"] or 0), int(part["other"] or 0)
    if first > 12 and second > 12:
        raise Mistake(f"{shown(text)} (neither {first} nor {second} is a month)", _EXPECTED)
    if first > 12:
        return (year, first, second), Order.DAY_FIRST, True
    if second > 12:
        return (year, first, second), Order.MONTH_FIRST, True
    # 03/03/2026 is the same day in either order.
    return (year, first, second), Order.MONTH_FIRST if first == second else None, False


def _of_day(text: str, part: dict[str, str | None]) -> tuple[int, int]:
    """Return the time of day, and how coarse it was written."""
    hour, minute, second = int(part["hour"] or 0), int(part["minute"] or 0), int(part["second"] or 0)
    half = part["half_before"] or part["half_after"]
    if part["half_before"] and part["half_after"]:
        raise Mistake(f"{shown(text)} (the half of the day twice)", _EXPECTED)
    if half:
        if not 1 <= hour <= 12:
            raise Mistake(f"{shown(text)} (an hour {hour} {half})", "an hour from 1 to 12 beside AM or PM")
        hour = hour % 12 + (12 if half == "下午" or half[0] in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise Mistake(f"{shown(text)} (no time of day)", "a time of day from 00:00:00 to 23:59:59")
    fraction = part["fraction"] or ""
    of_day_us = ((hour * 60 + minute) * 60 + second) * _SECOND_US + int(fraction.ljust(6, "0")[:6])
    if part["second"] is None:
        return of_day_us, _MINUTE_US
    return of_day_us, _SECOND_US if not fraction else 1_000 if len(fraction) <= 3 else 1


def _offset(text: str, part: dict[str, str | None]) -> int | None:
    if part["utc"]:
        return 0
    if not part["ahead"]:
        return None
    digits = part["ahead"].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    ahead = hours * 60 + minutes
    if ahead > 14 * 60:
        raise Mistake(shown(text), "an offset from -14:00 to +14:00")
    return (-ahead if part["sign"] == "-" else ahead) * _MINUTE_US


def _unix(found: re.Match[str]) -> Written:
    fraction = found["fraction"] or found["us"] or found["ms"] or ""
    unit_us = 1 if found["us"] or len(fraction) > 3 else 1_000 if fraction else _SECOND_US
    at_us = int(found["seconds"]) * _SECOND_US + int(fraction.ljust(6, "0"))
    moment = _EPOCH + timedelta(days=at_us // _DAY_US)
    return Written((moment.year, moment.month, moment.day), Order.MONTH_FIRST, False, at_us % _DAY_US, unit_us, 0)


# What they mean.


def order_of(dates: Iterable[tuple[int, Written]]) -> tuple[Order | None, int]:
    """Return the order of day and month that the dates of a file prove, and the line of the first that does.

    :param dates: the dates with their lines.
    """
    for line, date in dates:
        if date.proves:
            return date.order, line
    return None, 0


class Dating:
    """Makes instants of what is written in one file.

    :param zone: that of times that are written without one.
    :param order: which comes first of day and month where a date does not say it, ``None`` if that is not known.
    :param order_line: the line that has proven it, 0 if it was told.
    """

    def __init__(self, zone: tzinfo | None, order: Order | None = None, order_line: int = 0) -> None:
        self._zone = zone
        self._order = order
        self._order_line = order_line

    def instant(self, text: str, date: Written) -> int:
        """Return the instant that ``date`` is, in microseconds since the Unix epoch.

        :param text: how it was written.
        :raises Mistake: if there is no such day or time, or if it could be more than one.
        """
        year, month, day = date.date
        if self._chosen(text, date) is Order.DAY_FIRST:
            day, month = month, day
        if year not in _YEARS:
            raise Mistake(shown(text), f"a year from {_YEARS[0]} to {_YEARS[-1]}")
        try:
            midnight = datetime(year, month, day)  # noqa: DTZ001 - a zone comes below
        except ValueError:
            raise Mistake(f"{shown(text)} (there is no day {day} of a month {month} in {year})", _EXPECTED) from None
        local_us = (midnight - _EPOCH) // timedelta(microseconds=1) + date.of_day_us
        at_us = local_us - (self._ahead_us(text, local_us) if date.offset_us is None else date.offset_us)
        if at_us < 0:
            raise Mistake(shown(text), "an instant after the start of 1970")
        return at_us

    def _chosen(self, text: str, date: Written) -> Order | None:
        if date.proves and self._order not in (None, date.order):
            other = "its month" if date.order is Order.MONTH_FIRST else "its day"
            because = f"line {self._order_line} does" if self._order_line else "--dates says"
            assert self._order is not None, "an order that differs is one"
            first = "the day" if self._order is Order.DAY_FIRST else "the month"
            raise Mistake(f"{shown(text)} ({other} first)", f"{first} first, as {because}")
        if date.order is None and self._order is None:
            expected = "--dates day-first or --dates month-first, which says what it means"
            raise Mistake(f"{shown(text)} (two days can be written so)", expected)
        return date.order or self._order

    def _ahead_us(self, text: str, local_us: int) -> int:
        """Return how far a local time is ahead of UTC."""
        if self._zone is None:
            expected = "an offset after it, such as Z or +08:00, or the option --zone"
            raise Mistake(f"{shown(text)} (no zone)", expected)
        local = (_EPOCH + timedelta(microseconds=local_us)).replace(tzinfo=self._zone)
        before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
        assert before is not None, "a zone has an offset at each instant"
        assert after is not None, "a zone has an offset at each instant"
        if before > after:
            choice = f"{local:%H:%M}{_signed(before)} or {local:%H:%M}{_signed(after)}"
            raise Mistake(f"{shown(text)} (which comes twice in {self._zone})", f"an offset: {choice}")
        if before < after:
            found = f"{shown(text)} (which there is not in {self._zone}: clocks were set forward over it)"
            raise Mistake(found, "a time that its clocks show")
        return before // timedelta(microseconds=1)


def _signed(offset: timedelta) -> str:
    minutes = offset // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
