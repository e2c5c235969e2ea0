"""The contest for slots, where more nodes want one than there are.

The server grants in the order in which registers arrive: those that are sent at one instant in the order of the nodes.
So whether one is granted depends on those before it, which no array can tell. But what becomes of a slot *once it is
taken* depends on nobody else: a trial in which everybody gets one tells until when it would be kept, and then one pass
over the registers of a window, with the slots that become void meanwhile, decides.
"""

from __future__ import annotations

import heapq

import numpy as np

from harness.prediction.setting import Bools, Setting
from harness.prediction.walk import Registers, Walk

__all__ = ["Contest"]


class Contest:
    """Decides for a walk of all nodes of a setting."""

    def __init__(self, setting: Setting) -> None:
        self._latency_us = setting.latency_us
        self._capacity = setting.capacity

    def __call__(self, walk: Walk, window: int, registers: Registers) -> Bools:
        """Return which of the registers of a window are granted."""
        before_us = walk.void_us()
        trial = walk.trial()
        trial.register(registers, registers.free)
        trial.pass_through(window)
        trial.catch_up()
        after_us = trial.void_us()
        granted = np.zeros(len(registers.nodes), np.bool_)
        free = np.flatnonzero(registers.free)
        if not len(free):
            return granted
        free = free[np.lexsort((registers.nodes[free], registers.sent_us[free]))]
        arrived_us = registers.sent_us[free] + self._latency_us
        first_us, last_us = int(arrived_us[0]), int(arrived_us[-1])

        # Whoever registers has its slot as it was until then, all others have theirs as they renew it.
        until_us = after_us.copy()
        until_us[registers.nodes] = before_us[registers.nodes]
        live = int(np.count_nonzero(until_us > first_us))
        ending = np.flatnonzero((until_us > first_us) & (until_us <= last_us))
        voids = list(zip(until_us[ending].tolist(), ending.tolist(), strict=True))
        heapq.heapify(voids)
        for place, node, at_us in zip(free.tolist(), registers.nodes[free].tolist(), arrived_us.tolist(), strict=True):
            while voids and voids[0][0] <= at_us:
                void_us, holder = heapq.heappop(voids)
                live -= until_us[holder] == void_us
            holds = until_us[node] > at_us
            if not holds and live >= self._capacity:
                continue
            granted[place] = True
            live += not holds
            until_us[node] = after_us[node]
            if after_us[node] <= last_us:
                heapq.heappush(voids, (int(after_us[node]), node))
        return granted
