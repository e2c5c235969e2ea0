"""The server of the peers: up or down, and its slots. The peers differ in what drives it."""

from __future__ import annotations

from collections import OrderedDict

from benchmarks.workload import LEASE_MS

__all__ = ["INTERRUPTED", "LAPSED", "REGISTERED", "UNREGISTERED", "Server"]

#: The statuses of a node, numbered as in `harness.trace.Status`. A node of this workload is never rejected: it has
#: given up before its slot is void.
UNREGISTERED, REGISTERED, INTERRUPTED, LAPSED = 0, 1, 2, 4


class Server:
    """An authorization server with ``capacity`` slots, which starts up."""

    def __init__(self, capacity: int) -> None:
        self.up = True
        self._capacity = capacity
        #: When the last accepted request of each holder arrived, the longest ago first.
        self._arrived_ms: OrderedDict[int, int] = OrderedDict()

    def grants(self, node: int, now_ms: int, *, register: bool) -> bool:
        """Answer the request of ``node`` that arrived at ``now_ms``, and start its 24 h anew if it is granted."""
        holders = self._arrived_ms
        while holders and now_ms - next(iter(holders.values())) > LEASE_MS:
            holders.popitem(last=False)
        if node not in holders and not (register and len(holders) < self._capacity):
            return False
        holders[node] = now_ms
        holders.move_to_end(node)
        return True
