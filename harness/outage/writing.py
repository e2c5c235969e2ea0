"""A record as a timeline that `harness.outage.reading` reads back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

from harness.outage.record import Observation, Record
from harness.outage.words import detail_of

__all__ = ["timeline", "written_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: How coarse a time is written, from the coarsest on: the unit in microseconds, and what a format calls it.
_PRECISIONS = ((60_000_000, "minutes"), (1_000_000, "seconds"), (1_000, "milliseconds"), (1, "microseconds"))


def timeline(record: Record) -> Iterator[str]:
    """Yield the lines of a CSV timeline of ``record``, in the order of its lines, with their ends.

    Read back, it is the same record, on other lines where some of the file's were no observations, with each value
    in the detail written in one way. Times are written in UTC.
    """
    yield _line(("time", "source", "event", "detail"))
    for each in sorted(record.observations, key=lambda each: each.line):
        yield _line((written_time(each), each.source, each.what.value, detail_of(each)))


def written_time(observation: Observation) -> str:
    """Return when ``observation`` was made, in UTC, as coarse as it was written."""
    at_us, unit_us = observation.at_us, observation.unit_us
    precision = next(name for size_us, name in _PRECISIONS if unit_us >= size_us and at_us % size_us == 0)
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _line(cells: tuple[str, ...]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
