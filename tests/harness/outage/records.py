"""Records for tests, from lines such as ``"1 08:00 a-1 failed /"``: the day of March 2026, when (UTC), who, what."""

from __future__ import annotations

from harness.outage.record import Observation, Record
from harness.outage.words import meaning

__all__ = ["record"]

#: 2026-02-28T00:00:00Z, the day before day 1.
_DAY_0_US = 1_772_236_800_000_000
_SECOND_US = 1_000_000


def record(*lines: str) -> Record:
    """Return the record of ``lines``, the first of which is line 1. Times are to the second, which may be left out."""
    found = []
    for number, text in enumerate(lines, start=1):
        day, clock, source, event, detail = (*text.split(maxsplit=4), "", "")[:5]
        hours, minutes, seconds = (*map(int, clock.split(":")), 0)[:3]
        at_us = _DAY_0_US + (int(day) * 86_400 + hours * 3_600 + minutes * 60 + seconds) * _SECOND_US
        means = meaning(source, event, detail)
        found.append(Observation(line=number, at_us=at_us, source=means.source, what=means.what, **means.fields))
    return Record("<record>", tuple(sorted(found, key=lambda each: (each.at_us, each.line))))
