"""What becomes of a request, by the instant at which it is sent.

A request that is sent at *s* arrives at *s* + latency, where the port refuses it or the program answers, and what comes
back leaves at that instant. So cuts of requests count by *s*, stops of the server and cuts of answers by *s* + latency,
and a timeline of `Fare` values over *s* says it all: a row of stretches, in each of which all requests fare alike.

The run ends in the midst of some requests. Of one that is sent just before the end nothing is known yet, and one that
is sent even later has not arrived. These are fares of their own, so nobody has to look at the end of the run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from harness.prediction.setting import FOREVER, NEVER, Bools, Ints, Setting

__all__ = ["Fare", "Fares", "Stretch", "Timelines", "windows_of"]


class Fare(IntEnum):
    """How requests of a stretch fare. "Granted" is said of those that the server has no reason to refuse."""

    HEARD = 0  #: granted, and the node knows it a round trip after the sending
    UNHEARD = 1  #: granted, but the node hears nothing, or too late
    REFUSED = 2  #: the port refuses, and the node knows it a round trip after the sending
    SILENT = 3  #: lost, or the news of the refused connection is: nothing is granted, and the node hears nothing
    OPEN_GRANTED = 4  #: granted; the run ends before the node knows
    OPEN = 5  #: not granted before the run ends, nor does the node know anything
    UNSENT = 6  #: the run is over


@dataclass(frozen=True, slots=True)
class Fares:
    """What follows from a fare, given the latency and the timeout."""

    latency_us: int
    timeout_us: int

    @property
    def heard_us(self) -> int:
        """After which time what comes back reaches the node, if it is in time."""
        return 2 * self.latency_us

    def known_after_us(self, fare: Fare) -> int:
        """Return how long after the sending the node knows the outcome, `FOREVER` if the run ends first."""
        if fare in (Fare.HEARD, Fare.REFUSED):
            return self.heard_us
        return self.timeout_us if fare in (Fare.UNHEARD, Fare.SILENT) else FOREVER


#: So many cuts of requests, cuts of answers and stops can be in force at once.
_BITS = 20
_CUT_UP, _CUT_DOWN, _STOP = 1, 1 << _BITS, 1 << 2 * _BITS
_MASK = (1 << _BITS) - 1

#: The end of a stretch and how requests fare in it; the end is one for all nodes, or one for each.
Stretch = tuple[int | Ints, Fare]


def windows_of(setting: Setting, until_us: int) -> list[int]:
    """Return the instants up to ``until_us`` at which events let nodes be registered, with `NEVER` before them."""
    return [NEVER, *sorted({ask.at_us for ask in setting.asks if ask.at_us <= until_us})]


class Timelines:
    """The timelines of some nodes, in a run up to ``until_us``.

    It is looked at window by window: a window begins at an instant at which nodes are asked to register (`windows_of`),
    and no stretch reaches over it.

    :param path: the path of each of the nodes.
    """

    def __init__(self, setting: Setting, path: Ints, until_us: int) -> None:
        paths, row = np.unique(path, return_inverse=True)
        #: Which timeline is that of each node, ``None`` if all have the same.
        self._row: Ints | None = None if len(paths) == 1 else row
        self._fares = Fares(setting.latency_us, setting.timeout_us)
        times, weights = _edges(setting, paths, until_us)
        order = np.argsort(times, axis=1, kind="stable")
        #: Where each stretch begins, and how requests fare in it, by row.
        self._starts: Ints = np.take_along_axis(times, order, axis=1)
        in_force = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
        self._kinds = self._classified(in_force, until_us)
        edges = [*windows_of(setting, until_us), until_us + 1]
        #: Which stretch each window begins with, by row.
        self._windows = [np.count_nonzero(self._starts <= edge, axis=1) - 1 for edge in edges]

    def _classified(self, in_force: Ints, until_us: int) -> NDArray[np.int8]:
        latency_us, timeout_us = self._fares.latency_us, self._fares.timeout_us
        starts = self._starts
        cut_up = in_force & _MASK > 0
        cut_down = (in_force >> _BITS) & _MASK > 0
        stopped = in_force >> 2 * _BITS > 0
        granted = ~cut_up & ~stopped
        heard = ~cut_up & ~cut_down & (self._fares.heard_us <= timeout_us)
        kinds = np.where(granted, np.where(heard, Fare.HEARD, Fare.UNHEARD), np.where(heard, Fare.REFUSED, Fare.SILENT))
        unknown = starts + np.where(heard, self._fares.heard_us, timeout_us) > until_us
        arrived = starts + latency_us <= until_us
        kinds = np.where(unknown, np.where(granted & arrived, Fare.OPEN_GRANTED, Fare.OPEN), kinds)
        return np.where(starts > until_us, Fare.UNSENT, kinds).astype(np.int8)

    def at(self, nodes: Ints, sent_us: Ints) -> NDArray[np.int8]:
        """Return how requests of ``nodes`` (places among those of this timeline) fare that are sent at ``sent_us``."""
        if self._row is None:
            only: NDArray[np.int8] = self._kinds[0, np.searchsorted(self._starts[0], sent_us, side="right") - 1]
            return only
        rows = self._row[nodes]
        stretch = np.full(len(rows), -1)
        # Column by column, since a matrix of nodes and stretches could be a large one.
        for starts in self._starts.T:
            stretch += starts[rows] <= sent_us
        found: NDArray[np.int8] = self._kinds[rows, stretch]
        return found

    def at_instant(self, nodes: Ints, sent_us: int) -> NDArray[np.int8]:
        """Return the same for one instant."""
        stretch = np.count_nonzero(self._starts <= sent_us, axis=1) - 1
        kinds = self._kinds[np.arange(len(stretch)), stretch]
        found: NDArray[np.int8] = np.full(len(nodes), kinds[0]) if self._row is None else kinds[self._row[nodes]]
        return found

    def stretches(self, window: int) -> Iterator[Stretch]:
        """Yield the stretches of a window, in order of time for each node.

        A stretch with one end for each node ends before every request for those whom it does not concern.
        """
        first, end = self._windows[window], self._windows[window + 1]
        if self._row is None:
            yield from self._common(int(first[0]), int(end[0]))
            return
        rows = np.arange(len(first))
        for k in range(int((end - first).max())):
            # A row with fewer stretches repeats its last one, in which nothing is left to happen.
            stretch = np.minimum(first + k, end - 1)
            kinds, ends = self._kinds[rows, stretch], self._starts[rows, stretch + 1]
            for kind in np.unique(kinds):
                yield np.where(kinds == kind, ends, NEVER)[self._row], Fare(kind)

    def _common(self, first: int, end: int) -> Iterator[Stretch]:
        starts, kinds = self._starts[0, first : end + 1].tolist(), self._kinds[0, first:end].tolist()
        stretches = [
            (end_us, kind)
            for (start_us, end_us), kind in zip(pairwise(starts), kinds, strict=True)
            if start_us < end_us
        ]
        for kind, together in groupby(stretches, lambda stretch: stretch[1]):
            yield [*together][-1][0], Fare(kind)


def _edges(setting: Setting, paths: Ints, until_us: int) -> tuple[Ints, Ints]:
    """Return the instants at which the timelines of ``paths`` change, one row each, and what changes there."""
    latency_us = setting.latency_us
    common = [(edge, 0) for edge in windows_of(setting, until_us)]
    after_us = until_us + 1
    common += [(after_us - away_us, 0) for away_us in (0, latency_us, 2 * latency_us, setting.timeout_us)]
    # Sentinel: the last stretch has an end, too.
    common += [(FOREVER, 0)]
    for start_us, end_us in setting.stops:
        common += [(start_us - latency_us, _STOP), (end_us - latency_us, -_STOP)]
    cuts = setting.cuts
    counts = cuts.first[paths + 1] - cuts.first[paths]
    column = np.arange(int(counts.max(initial=0)))
    there: Bools = column < counts[:, np.newaxis]
    place = np.where(there, cuts.first[paths][:, np.newaxis] + column, 0)

    def of(values: Ints, otherwise: int) -> Ints:
        return np.where(there, values[place], otherwise) if len(values) else np.zeros(there.shape, np.int64)

    later_us = np.where(cuts.up, 0, latency_us)
    weight = np.where(cuts.up, _CUT_UP, _CUT_DOWN)
    rows = (len(paths), len(common))
    times = [
        np.broadcast_to(np.array([edge for edge, _ in common], np.int64), rows),
        of(cuts.start_us - later_us, FOREVER),
        of(cuts.end_us - later_us, FOREVER),
    ]
    weights = [
        np.broadcast_to(np.array([weight for _, weight in common], np.int64), rows),
        of(weight, 0),
        of(-weight, 0),
    ]
    return np.hstack(times), np.hstack(weights)
