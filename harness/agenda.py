"""What is to be done when: callbacks on int instants, in the timing law's order within one.

SimPy keeps true time, and nothing but this module knows it. At one instant, in rounds, until nothing is left to do, the
parts of the instant follow one another in the order of `Part`, and what belongs to one part in the order that its
caller gives; never in the order in which it happened to be scheduled.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import IntEnum
from itertools import count
from typing import Any

import simpy

__all__ = ["Agenda", "Part"]


class Part(IntEnum):
    """The parts of an instant, in order. The timers of a node (`fake_fdl_nodes.node.Timer`) have each its own.

    Last, and only where slots cannot be seen, the server is asked for their number.
    """

    IMAGE = -1
    END = 0
    START = 1
    ACTION = 2
    VOID = 3
    SERVER_ARRIVAL = 4
    NODE_ARRIVAL = 5
    TIMERS = 6
    LOOK = 10


class Agenda:
    """Everything that is to be done from 0 to ``until_us``, both included. ``now`` is the instant being done."""

    def __init__(self, until_us: int) -> None:
        self._until_us = until_us
        self._env = simpy.Environment(initial_time=0)
        self._buckets: dict[int, list[Any]] = {}
        self._round_and_part = (0, Part.IMAGE - 1)
        self._tiebreak = count()
        self.now = 0

    def at(self, at_us: int, part: int, order: tuple[int, ...], call: Callable[..., None], *args: Any) -> None:
        """Let ``call(*args)`` be done at ``at_us``, in that part of the instant. After the end nothing is done."""
        if at_us > self._until_us:
            return
        bucket = self._buckets.get(at_us)
        if bucket is None:
            bucket = self._buckets[at_us] = []
            tick = self._env.timeout(at_us - self.now)
            assert tick.callbacks is not None, "a timeout that was just made has not happened"
            tick.callbacks.append(self._play)
        round_ = 0
        if at_us == self.now:
            # What belongs to a part of this instant that is over is done in the next round.
            round_, over = self._round_and_part
            round_ += part <= over
        heapq.heappush(bucket, (round_, part, order, next(self._tiebreak), call, args))

    def run(self) -> None:
        """Do everything."""
        # SimPy leaves out what happens at the end itself.
        self._env.run(until=self._until_us + 1)

    def _play(self, _: simpy.Event) -> None:
        self.now = int(self._env.now)
        bucket = self._buckets[self.now]
        while bucket:
            round_, part, _order, _tie, call, args = heapq.heappop(bucket)
            self._round_and_part = (round_, part)
            call(*args)
        self._round_and_part = (0, Part.IMAGE - 1)
        del self._buckets[self.now]
