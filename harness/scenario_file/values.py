"""The values of a scenario file: from what TOML holds to what the simulation counts in.

Each function takes a value as it stands in the file, whatever its type, and returns what it means or raises a
`Mistake` that says what was found and what was expected. What keys there are and which go together is the
matter of `harness.scenario_file.tables`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from fnmatch import fnmatchcase
from fractions import Fraction
from zoneinfo import ZoneInfo, available_timezones

from harness.durations import format_duration, parse_duration
from harness.problems import Mistake, did_you_mean, one_of, shown
from harness.scenario import SERVER
from reference_server.addresses import parse_ranges, read_address
from reference_server.protocol import Code
from reference_server.readings import READINGS

__all__ = [
    "HIGHEST_ADDRESS",
    "LONGEST_DURATION_US",
    "LONGEST_TIMEOUT_US",
    "MOST_NODES",
    "address",
    "application_ranges",
    "count",
    "drift",
    "drift_percent",
    "duration",
    "expiry_date",
    "failure",
    "host_name",
    "hosts_matching",
    "instant",
    "lasting",
    "node_name",
    "nodes_matching",
    "percent",
    "reading",
    "registration",
    "rule",
    "slew_rate",
    "start",
    "step",
    "text",
    "timeout",
    "use",
    "zone",
    "zone_name",
]

HIGHEST_ADDRESS = (1 << 32) - 1
LONGEST_DURATION_US = 36_525 * 86_400_000_000
LONGEST_TIMEOUT_US = 2 * 3_600_000_000
MOST_NODES = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS = "an IPv4 address from 1.0.0.0 to 255.255.255.255 without leading zeros"
_RULES = range(1, 130)
_LAST_START_YEAR = 9_000
_LAST_EXPIRY_YEAR = 9_998
_TEXT_LIMIT = 200
_OFFSET = re.compile(r"UTC([+-])([0-9]{2}):([0-5][0-9])")
_WIDEST_OFFSET = timedelta(hours=14)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_FASTEST_PPM = 1_000_000
_PPM_OF_PERCENT = 10_000
_UNCODED_FAILURES = ("/", "Incorrect License Format", "none")


def text(value: object) -> str:
    """Return a short printable text, such as a title or the name of an application."""
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= _TEXT_LIMIT:
        raise Mistake(shown(value), f"a text of 1 to {_TEXT_LIMIT} printable characters")
    return value


def host_name(value: object) -> str:
    """Return the bare host name of an access domain (R069)."""
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT or not _HOST_NAME.fullmatch(value):
        raise Mistake(shown(value), "a bare host name such as fdl.example.com, without scheme or port")
    return value


def node_name(value: object) -> str:
    """Return the name of a node, which is neither a pattern nor the server's."""
    name = text(value)
    if name == SERVER or "*" in name or "?" in name:
        raise Mistake(shown(name), f"a name without * and ?, other than {SERVER!r}")
    return name


def use(value: object) -> str:
    """Return the name of what makes a system under test. Whether there is one shows when it is looked for."""
    name = text(value)
    parts = name.split(":")
    if len(parts) != 2 or not all(each.isidentifier() for part in parts for each in part.split(".")):
        raise Mistake(shown(name), 'what makes the system under test, such as "package.module:factory"')
    return name


def count(value: object) -> int:
    """Return the number of nodes of a fleet."""
    if type(value) is not int or not 1 <= value <= MOST_NODES:
        raise Mistake(shown(value), f"a whole number from 1 to {MOST_NODES}")
    return value


def rule(value: object) -> str:
    """Return a rule id of the catalogue, R001 to R129."""
    if isinstance(value, str) and value in (f"R{number:03}" for number in _RULES):
        return value
    raise Mistake(shown(value), f"the id of a rule, from R{_RULES[0]:03} to R{_RULES[-1]:03}")


def reading(value: object) -> str:
    """Return the name of a reading."""
    if isinstance(value, str) and value in READINGS:
        return value
    raise Mistake(shown(value), one_of(READINGS, value))


def failure(value: object) -> int | str:
    """Return what `harness.scenario.Expect.failure` holds: a documented code or one of the uncoded texts."""
    codes = [int(code) for code in Code if code > 0]
    if (type(value) is int and value in codes) or (isinstance(value, str) and value in _UNCODED_FAILURES):
        return value
    texts = [f'"{each}"' for each in _UNCODED_FAILURES]
    raise Mistake(shown(value), one_of([*map(str, codes), *texts], shown(value)))


# Time.


def duration(value: object) -> int:
    """Return the microseconds of a duration text, at most 100 years."""
    return _duration(value, signed=False)


def step(value: object) -> int:
    """Return the microseconds by which a clock is set forward, or back if negative."""
    return _duration(value, signed=True)


def _duration(value: object, *, signed: bool) -> int:
    if not isinstance(value, str):
        raise Mistake(shown(value), 'a duration in quotes such as "1d 2h 30m"')
    us = parse_duration(value, signed=signed)
    if abs(us) > LONGEST_DURATION_US:
        raise Mistake(shown(value), "at most 100 years (36525d)")
    return us


def lasting(value: object) -> int:
    """Return the microseconds of a duration above zero."""
    us = duration(value)
    if us == 0:
        raise Mistake(shown(value), "a duration above zero")
    return us


def timeout(value: object) -> int:
    """Return the answer timeout, which stays below the period of the polls."""
    us = lasting(value)
    if us >= LONGEST_TIMEOUT_US:
        raise Mistake(shown(value), "less than 2h, the time from one poll to the next")
    return us


def start(value: object) -> int:
    """Return the wall-clock microseconds since the Unix epoch of an offset date-time."""
    if not isinstance(value, datetime):
        raise Mistake(shown(value), "an offset date-time such as 2026-03-01T00:00:00Z, without quotes")
    us = _epoch_us(value)
    if not 1970 <= value.year <= _LAST_START_YEAR or us < 0:
        raise Mistake(shown(value), f"a year from 1970 to {_LAST_START_YEAR}")
    return us


def _epoch_us(value: datetime) -> int:
    if value.tzinfo is None:
        raise Mistake(
            f"{shown(value)} (a local date-time, which no zone makes an instant)",
            f"an offset date-time: write {shown(value)}Z for UTC",
        )
    return (value - _EPOCH) // timedelta(microseconds=1)


def instant(value: object, *, start_us: int | None, duration_us: int | None) -> int:
    """Return the microseconds from the start of an instant of the run.

    ``value`` is a duration from the start or an offset date-time. ``start_us`` and ``duration_us`` are those
    of the run, ``None`` where a mistake has left them unknown, and then they are not compared with.
    """
    if isinstance(value, datetime):
        us = _epoch_us(value)
        if start_us is None:
            return 0
        us -= start_us
    elif isinstance(value, str):
        us = _duration(value, signed=False)
    else:
        raise Mistake(shown(value), 'a duration from the start such as "1d 2h", or an offset date-time')
    if us < 0:
        found = f"{shown(value)} ({format_duration(-us)} before the start)"
        raise Mistake(found, "an instant within the run")
    if duration_us is not None and us > duration_us:
        found = f"{shown(value)} ({format_duration(us - duration_us)} after the end)"
        raise Mistake(found, f"an instant within the run, which lasts {format_duration(duration_us)}")
    return us


def registration(value: object, *, duration_us: int | None) -> int | None:
    """Return when a node is registered, in microseconds from the start, ``None`` for "never"."""
    if value == "never":
        return None
    if not isinstance(value, str):
        raise Mistake(shown(value), 'a duration from the start such as "40m", or "never"')
    return instant(value, start_us=None, duration_us=duration_us)


def zone(value: object) -> tzinfo:
    """Return the time zone that an IANA name or an offset such as ``UTC+08:00`` names."""
    expected = 'an IANA time zone such as "Asia/Shanghai", or an offset such as "UTC+08:00"'
    if not isinstance(value, str):
        raise Mistake(shown(value), expected)
    if offset := _OFFSET.fullmatch(value):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if ahead <= _WIDEST_OFFSET:
            return timezone(ahead if offset[1] == "+" else -ahead)
        raise Mistake(shown(value), "an offset from UTC-14:00 to UTC+14:00")
    if value.startswith("UTC") and value != "UTC":
        raise Mistake(shown(value), expected)
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        # Sorted, because what is suggested must not depend on the order of a set.
        hint = did_you_mean(sorted(available_timezones()), value)
        raise Mistake(shown(value), expected + hint) from None


def zone_name(value: object) -> str:
    """Return the name of a time zone, as `zone` understands it."""
    zone(value)
    assert isinstance(value, str), "a time zone is named by a text"
    return value


def expiry_date(value: object) -> date:
    """Return the last licensed day."""
    if type(value) is not date:
        raise Mistake(shown(value), "a date such as 2027-03-01, without quotes and without a time")
    if not 1970 <= value.year <= _LAST_EXPIRY_YEAR:
        raise Mistake(shown(value), f"a year from 1970 to {_LAST_EXPIRY_YEAR}")
    return value


def drift(value: object) -> Fraction:
    """Return how much faster than true time a clock runs, in millionths, exactly as written."""
    return _drift(value, _FASTEST_PPM)


def drift_percent(value: object) -> Fraction:
    """Return how much faster than true time a clock runs, in millionths, of a number of percent."""
    return _drift(value, _FASTEST_PPM // _PPM_OF_PERCENT) * _PPM_OF_PERCENT


def _drift(value: object, fastest: int) -> Fraction:
    if type(value) in (int, float) and -fastest < value <= fastest:  # type: ignore[operator]
        return Fraction(str(value))
    raise Mistake(shown(value), f"a number above {-fastest} (a clock that stands still), at most {fastest}")


def slew_rate(value: object) -> Fraction:
    """Return by how many microseconds a second a clock is slewed, exactly as written."""
    if type(value) in (int, float) and 0 < value < _FASTEST_PPM:  # type: ignore[operator]
        return Fraction(str(value))
    raise Mistake(shown(value), f"a number above 0, below {_FASTEST_PPM} (at which a clock slewed back stands still)")


def percent(value: object) -> Fraction:
    """Return a chance in a hundred, exactly as written."""
    if type(value) in (int, float) and 0 < value <= 100:  # type: ignore[operator]
        return Fraction(str(value))
    raise Mistake(shown(value), "a number above 0, at most 100")


# Addresses and names.


def address(value: object) -> int:
    """Return the IPv4 address as an integer."""
    if not isinstance(value, str):
        raise Mistake(shown(value), f"{_ADDRESS}, in quotes")
    number, trouble = read_address(value)
    if trouble:
        raise Mistake(f"{shown(value)} ({trouble})", _ADDRESS)
    return number


def application_ranges(value: object) -> tuple[tuple[int, int], ...]:
    """Return the (first, last) pairs of one item of a list of licensed addresses, as an application has it.

    Entries are separated by commas or lines; each is an address or a range with a dash (Q43).
    """
    expected = f'{_ADDRESS}, or a range of two such as "192.168.100.25 - 192.168.100.40"'
    if not isinstance(value, str):
        raise Mistake(shown(value), f"{expected}, in quotes")
    pairs, troubles = parse_ranges(value)
    if troubles:
        raise Mistake(" and ".join(f"{shown(entry)} ({trouble})" for entry, trouble in troubles[:8]), expected)
    if not pairs:
        raise Mistake(shown(value), expected)
    return pairs


def nodes_matching(value: object, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return those of ``names`` that a name or pattern means, in order. Only ``*`` and ``?`` are special.

    ``names`` is ``None`` where a mistake has left them unknown, and then nothing is matched.
    """
    return _matching(value, names, 'the name of a node, or a pattern such as "fdl-*"', also=())


def hosts_matching(value: object, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the hosts that a name or pattern means: nodes as in `nodes_matching`, or "server" alone."""
    if value == SERVER:
        return (SERVER,)
    return _matching(value, names, f'"{SERVER}", or the name or pattern of a node', also=(SERVER,))


def _matching(value: object, names: Sequence[str] | None, expected: str, *, also: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, str) or not value:
        raise Mistake(shown(value), expected)
    if names is None:
        return ()
    pattern = value.replace("[", "[[]")
    matching = tuple(name for name in names if fnmatchcase(name, pattern))
    if not matching:
        raise Mistake(f"{shown(value)}, which matches no node", one_of([*also, *names], value))
    return matching
