"""Durations as people write them, and whole microseconds: ``"1d 1h 30m"``, ``"4.5s"``.

Exact in both directions; no float is involved.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction

from harness.problems import Mistake, shown

__all__ = ["DURATION_PATTERN", "format_duration", "format_instant", "format_local", "format_utc", "parse_duration"]

#: What every unsigned duration matches: a regular expression of the kind that JSON Schema takes.
DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(us|ms|d|h|m|s)( +[0-9]+(\.[0-9]+)?(us|ms|d|h|m|s))*$"

#: The units, largest first, in microseconds.
_UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|d|h|m|s)")
_DURATION = re.compile(rf"{_PART.pattern}(?:\s+{_PART.pattern})*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH_LIMIT = 100
_EXPECTED = 'a duration such as "1d 1h 30m" or "4.5s" (parts from d, h, m, s, ms, us, largest first)'


def parse_duration(text: str, *, signed: bool = False) -> int:
    """Return the duration ``text`` in microseconds.

    :param signed: accept a minus sign in front of it all.
    :raises ValueError: if it is none, has a unit twice or out of order, or is no whole number of
        microseconds. The message says what was found and what was expected.
    """
    body = text.strip()
    sign = 1
    if signed and body.startswith(("-", "+")):
        sign = -1 if body[0] == "-" else 1
        body = body[1:].lstrip()
    if len(body) > _LENGTH_LIMIT or not _DURATION.fullmatch(body):
        without_sign = "" if signed or not body.startswith(("-", "+")) else ", without a sign"
        raise Mistake(shown(text), _EXPECTED + without_sign)
    total = Fraction(0)
    units = list(_UNITS)
    last = -1
    for number, unit in _PART.findall(body):
        place = units.index(unit)
        if place <= last:
            raise Mistake(f"{shown(text)} (units twice or out of order)", _EXPECTED)
        last = place
        total += Fraction(number) * _UNITS[unit]
    if total.denominator != 1:
        raise Mistake(f"{shown(text)} (a fraction of a microsecond)", "a whole number of microseconds")
    return sign * total.numerator


def format_duration(duration_us: int) -> str:
    """Return ``duration_us`` in whole parts, such as ``"1d 1h 30m"``; `parse_duration` is the inverse."""
    left = abs(duration_us)
    parts = []
    for unit, size_us in _UNITS.items():
        amount, left = divmod(left, size_us)
        if amount:
            parts.append(f"{amount}{unit}")
    return ("-" if duration_us < 0 else "") + (" ".join(parts) or "0s")


def format_instant(true_us: int) -> str:
    """Return an instant of a run for people, such as ``"1d 01:30:00"`` or ``"0d 00:00:00.000005"``."""
    days, rest = divmod(true_us, _UNITS["d"])
    return f"{days}d {_clock_face(rest)}"


def format_utc(wall_us: int) -> str:
    """Return a wall-clock instant (us since the Unix epoch) as UTC, such as ``2026-03-01T00:00:00Z``."""
    try:
        moment = _EPOCH + timedelta(microseconds=wall_us)
    except OverflowError:
        return f"{format_duration(wall_us)} after 1970"
    return f"{moment:%Y-%m-%d}T{_clock_face(wall_us % _UNITS['d'])}Z"


def format_local(wall_us: int, zone: tzinfo) -> str:
    """Return a wall-clock instant (us since the Unix epoch) as a clock on the wall of ``zone`` shows it.

    Such as ``2026-10-25T02:30:00+01:00``: the offset tells which of two hours it is where one is repeated.
    """
    try:
        return (_EPOCH + timedelta(microseconds=wall_us)).astimezone(zone).isoformat()
    except OverflowError:
        return format_utc(wall_us)


def _clock_face(of_day_us: int) -> str:
    hours, rest = divmod(of_day_us, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds, micros = divmod(rest, _UNITS["s"])
    return f"{hours:02}:{minutes:02}:{seconds:02}" + (f".{micros:06}" if micros else "")
