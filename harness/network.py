"""What becomes of a packet: delivered after the latency, or lost to a cut.

The fate is decided when the packet is sent, for each direction by itself. Cuts are intervals ``[start, end)``
per node and direction, known before the run, so the network is a value too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum

__all__ = ["Network", "Way"]


class Way(IntEnum):
    """The direction of a packet: a request goes up to the server, an answer down to the node."""

    UP = 0
    DOWN = 1


class Network:
    """The network between the nodes and the server.

    :param latency_us: how long a delivered packet takes, each way.
    :param cuts: for each node (by place) and `Way`, the intervals ``(start_us, end_us)`` in which what is sent
        is lost. They may overlap and come in any order; ``end_us`` is ``None`` for a cut that is never healed.
    """

    def __init__(self, latency_us: int, cuts: dict[tuple[int, Way], Sequence[tuple[int, int | None]]]) -> None:
        self.latency_us = latency_us
        self._cuts = {key: _merged(intervals) for key, intervals in cuts.items()}

    def loses(self, node: int, way: Way, sent_us: int) -> bool:
        """Tell whether a packet of ``node`` that is sent at ``sent_us`` in the direction ``way`` is lost."""
        flips = self._cuts.get((node, way))
        return flips is not None and bisect_right(flips, sent_us) % 2 == 1


def _merged(intervals: Sequence[tuple[int, int | None]]) -> list[int]:
    """Return the sorted instants at which the union of ``intervals`` begins and ends, in turn."""
    flips: list[int] = []
    for start_us, end_us in sorted(intervals, key=lambda interval: interval[0]):
        if len(flips) % 2 == 1:
            break  # An interval without end swallows the rest.
        if flips and start_us <= flips[-1]:
            last_us = flips.pop()
            if end_us is not None:
                flips.append(max(last_us, end_us))
        else:
            flips.append(start_us)
            if end_us is not None:
                flips.append(end_us)
    return flips
