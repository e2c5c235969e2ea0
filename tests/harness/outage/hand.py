"""Observations by hand, for records that simulations are held against."""

from __future__ import annotations

from harness.durations import parse_duration
from harness.outage.record import Observation, What

__all__ = ["HOUR_US", "LEAD_US", "START_US", "seen"]

START_US = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
HOUR_US = 3_600_000_000
#: A case begins 30 h before its first line, where that is at a full hour.
LEAD_US = 30 * HOUR_US


def seen(line: int, when: str, source: str, what: What, **told: object) -> Observation:
    """Return what was observed ``when`` (a duration since 1 March 2026, UTC), to the second."""
    at_us = START_US + parse_duration(when)
    return Observation(line=line, at_us=at_us, source=source, what=what, **told)  # type: ignore[arg-type]
