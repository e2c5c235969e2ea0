"""The failure list of a node, as "Registration Management" shows it (Note 11, R036, R037).

One row for each failed attempt, kept for good; and the one failure that is *shown*, which is the latest
row's, or, where the reading says that only the initial failure is displayed, the first since the last
success (Q08).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from reference_server.protocol import Code
from reference_server.readings import Reading

__all__ = ["FailureList", "FailureRow", "SavedFailures", "dated", "described", "shown_date"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_LAST_SECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


class FailureRow(NamedTuple):
    """One row: when, on the node's own wall clock (microseconds since the Unix epoch), and why."""

    wall_us: int
    code: Code


class SavedFailures(NamedTuple):
    """A failure list as a value. ``since_success`` tells that it has grown since the last success."""

    rows: tuple[FailureRow, ...]
    shown: Code | None
    since_success: bool


class FailureList:
    """The rows of one node and the failure shown."""

    __slots__ = ("_failed_since_success", "_keeps_first", "rows", "shown")

    def __init__(self, reading: Reading) -> None:
        self._keeps_first = reading.first_failure_stays
        self._failed_since_success = False
        self.rows: list[FailureRow] = []
        self.shown: Code | None = None

    def add(self, row: FailureRow) -> Code:
        """Append ``row``, and return the failure that is shown then."""
        self.rows.append(row)
        if self.shown is None or not (self._keeps_first and self._failed_since_success):
            self.shown = row.code
        self._failed_since_success = True
        return self.shown

    def saved(self) -> SavedFailures:
        """Return the list as a value."""
        return SavedFailures(tuple(self.rows), self.shown, self._failed_since_success)

    def restore(self, saved: SavedFailures) -> None:
        """Take back what `saved` returned."""
        self.rows = list(saved.rows)
        self.shown = saved.shown
        self._failed_since_success = saved.since_success

    def success(self) -> None:
        """Note a success: the rows stay, and the next failure is a first one again."""
        self._failed_since_success = False


def described(code: Code) -> str:
    """Return a failure as a line shows it: the code, its name, and the reason."""
    parts = dict.fromkeys(filter(None, (code.label, code.shown_name)))
    return f"{' '.join(parts)}: {code.reason}"


def dated(wall_us: int) -> datetime:
    """Return an instant of the wall clock, in microseconds since the Unix epoch, to the nearest second.

    What lies outside the calendar, as what a strange server grants may, is its first or last second.
    """
    # What was reckoned from two clocks may be a few microseconds off.
    second = (wall_us + 500_000) // 1_000_000
    return _EPOCH + timedelta(seconds=max(_FIRST_SECOND, min(second, _LAST_SECOND)))


def shown_date(wall_us: int) -> str:
    """Return what is shown of an instant, as `dated` has it."""
    return dated(wall_us).isoformat()
