"""When in true time something happened that a clock has dated: between two instants, and no record says more.

One assumption carries every comparison: no clock is ever further than the *clock error* from the true time, but for the
stretch before a correction that the record tells of. It holds for two times of one host as for those of two hosts,
since a clock that is a little wrong may have been set in between. Lengths of time that a host measures itself (the two
hours, the twenty-four) may be wrong by one part in `RATE` besides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from harness.outage.record import Observation, What

__all__ = ["DAY_US", "PERIOD_US", "RATE", "Lane", "Seen", "dated", "longest", "shortest"]

PERIOD_US = 7_200_000_000
DAY_US = 24 * 3_600_000_000
#: A clock that runs, runs right to one part in so many.
RATE = 1_000


def shortest(us: int) -> int:
    """Return how little true time may have passed while a host measured ``us``."""
    return us - us // RATE


def longest(us: int) -> int:
    """Return how much true time may have passed while a host measured ``us``."""
    return us + us // RATE


class Seen(NamedTuple):
    """One line, and the first and the last instant of true time (us since the Unix epoch) at which it may have been."""

    it: Observation
    first_us: int
    last_us: int

    @property
    def line(self) -> int:
        """Its line in the file."""
        return self.it.line

    def surely_before(self, other: Seen) -> bool:
        """Tell whether it happened before ``other``, whatever the clocks were."""
        return self.last_us < other.first_us


class Lane(Sequence[Seen]):
    """Lines in the order of the times that they state, which can be asked for those of a stretch of true time."""

    def __init__(self, lines: Iterable[Seen] = ()) -> None:
        self._lines = list(lines)
        self._stated = [each.it.at_us for each in self._lines]
        # How far a line may be from the time that it states; only corrections make it differ from line to line.
        self._before_us = max((each.it.at_us - each.first_us for each in self._lines), default=0)
        self._after_us = max((each.last_us - each.it.at_us for each in self._lines), default=0)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        """Return the line at a place."""
        return self._lines[place]

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def around(self, first_us: int, last_us: int) -> Iterator[Seen]:
        """Yield the lines that may have been between two instants, both included."""
        start = bisect_left(self._stated, first_us - self._after_us)
        end = bisect_right(self._stated, last_us + self._before_us)
        near = (self._lines[place] for place in range(start, end))
        return (each for each in near if each.first_us <= last_us and each.last_us >= first_us)

    def any_around(self, first_us: int, last_us: int) -> bool:
        """Tell whether any line may have been between two instants, both included."""
        return next(self.around(first_us, last_us), None) is not None

    def last_before(self, first_us: int) -> Seen | None:
        """Return the last line that surely was before an instant."""
        for place in range(bisect_left(self._stated, first_us + self._before_us) - 1, -1, -1):
            if self._lines[place].last_us < first_us:
                return self._lines[place]
        return None


def dated(observations: Iterable[Observation], error_us: int) -> list[Seen]:
    """Return the lines of one source, each with the true time of it.

    A time may have been rounded or cut off to its unit. Before a correction the clock may have been as wrong as was
    corrected; which of the lines that state about its time were written before it, nobody can tell.

    :param error_us: how far at most a clock is from the true time.
    """
    lines = list(observations)
    corrections = [(each.at_us, each.by_us) for each in lines if each.what is What.CLOCK and each.by_us]
    found = []
    for each in lines:
        first_us = each.at_us - each.unit_us // 2 - error_us
        last_us = each.at_us + each.unit_us - 1 + error_us
        if corrections:
            wrong_us = _wrong_before(corrections, each.at_us, each.unit_us)
            first_us, last_us = first_us + min(0, *wrong_us), last_us + max(0, *wrong_us)
        found.append(Seen(each, first_us, last_us))
    return found


def _wrong_before(corrections: Sequence[tuple[int, int]], at_us: int, unit_us: int) -> list[int]:
    """Return by how much the clock was corrected at the end of the stretch, or stretches, in which it showed a time."""
    by = [0]
    since_us: int | None = None
    for corrected_us, by_us in corrections:
        reach_us = abs(by_us) + unit_us
        if at_us <= corrected_us + reach_us and (since_us is None or at_us >= since_us):
            by.append(by_us)
        since_us = corrected_us - reach_us
    return by
