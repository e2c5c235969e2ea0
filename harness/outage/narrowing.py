"""How much of an explanation the record fixes: between which instants each cause must have begun and ended.

A bound is found by bisection: the value is moved away, until the simulation no longer shows the record, or only with
more rows missing from it. Nothing is told to less than the second, which is as exact as records are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.outage.case import Case
from harness.outage.causes import Cause, Kind
from harness.outage.diagnosing import Simulated, simulate

__all__ = ["Bounds", "Narrowed", "narrowed"]

_SECOND_US = 1_000_000
#: Kinds of causes that have no start of their own: they are so throughout.
_THROUGHOUT = (Kind.CLOCK, Kind.DRIFT, Kind.CAPACITY, Kind.READING)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The earliest and the latest instant that fit the record (true us), ``None`` where nothing in it sets a bound."""

    first_us: int | None
    last_us: int | None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Between which instants a cause began and ended; ``None`` for what it does not have."""

    cause: Cause
    start: Bounds | None
    end: Bounds | None


def narrowed(case: Case, explanation: Simulated) -> tuple[Narrowed, ...]:
    """Return the bounds of each cause of ``explanation``, the others staying as they are.

    They hold if no row is missing from the record that the explanation does not miss already.
    """
    return tuple(_of(case, explanation, place) for place in range(len(explanation.causes)))


def _of(case: Case, explanation: Simulated, place: int) -> Narrowed:
    cause = explanation.causes[place]
    if cause.kind in _THROUGHOUT:
        return Narrowed(cause, None, None)

    def fits(other: Cause) -> bool:
        causes = [*explanation.causes]
        causes[place] = other
        found = simulate(case, causes, at_most=explanation.price)
        return found is not None and found.reproduces and found.price <= explanation.price

    last_us = case.duration_us if cause.end_us is None else cause.end_us - 1
    start = None
    # The day after the last licensed one begins at midnight, wherever that is.
    if cause.kind is not Kind.EXPIRED:
        first = _farthest(lambda at_us: fits(replace(cause, start_us=at_us)), cause.start_us, cause.to_us)
        latest = _farthest(lambda at_us: fits(replace(cause, start_us=at_us)), cause.start_us, last_us)
        start = Bounds(first, None if cause.end_us is not None and latest is None else latest)
    end = None
    if cause.end_us is not None:
        earliest = _farthest(lambda at_us: fits(replace(cause, end_us=at_us)), cause.end_us, cause.start_us + 1)
        latest = _farthest(lambda at_us: fits(replace(cause, end_us=at_us)), cause.end_us, case.duration_us)
        end = Bounds(earliest, latest)
    return Narrowed(cause, start, end)


def _farthest(fits: Callable[[int], bool], good_us: int, limit_us: int) -> int | None:
    """Return the value farthest from ``good_us`` towards ``limit_us`` that still fits, ``None`` if all do."""
    if fits(limit_us):
        return None
    bad_us = limit_us
    while abs(good_us - bad_us) > _SECOND_US:
        middle_us = (good_us + bad_us) // 2
        if fits(middle_us):
            good_us = middle_us
        else:
            bad_us = middle_us
    return good_us
