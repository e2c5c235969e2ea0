"""LIC30 as plain numbers: what every engine is given, whether ours or a peer.

Nodes are registered once, poll every two hours, and live through outages of the server; a request takes 5 ms to it, an
answer 5 ms back. A node that lapsed is registered again one hour after the server is back. Instants are whole
milliseconds from the start, which is exact for everything here. The server stops and starts at multiples of 36 s, and
requests arrive at odd milliseconds, so nothing depends on the order within an instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["DAY_MS", "HOUR_MS", "LATENCY_MS", "LEASE_MS", "PERIOD_MS", "TIMEOUT_MS", "Workload", "lic"]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
#: Between two polls of a node.
PERIOD_MS: Final = 2 * HOUR_MS
#: A registration outlives the last contact by this much.
LEASE_MS: Final = DAY_MS
#: Each way.
LATENCY_MS: Final = 5
#: For how long a node waits for an answer.
TIMEOUT_MS: Final = 30_000

#: When each outage starts and how long it lasts, in hundredths of an hour.
SIX: Final = ((5050, 50), (10025, 200), (15075, 500), (22040, 2390), (33060, 2410), (48030, 4800))
#: The doubled faults: the same six once more, each 60 h later, where all of them find room between the first ones.
SHIFT: Final = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What happens to ``nodes`` nodes in ``days`` days, in ms from the start.

    ``capacity`` slots are licensed. ``outages_ms`` are the stops of the server, each from its start up to but not
    including its end; ``cuts_ms`` the same of the path between one node and the server, both ways.
    """

    nodes: int
    days: int
    capacity: int
    outages_ms: tuple[tuple[int, int], ...]
    cuts_ms: dict[int, tuple[int, int]]

    @property
    def duration_ms(self) -> int:
        """How long it is run."""
        return self.days * DAY_MS

    @staticmethod
    def register_ms(node: int) -> int:
        """When ``node`` is registered first: scattered over the two hours, so that no two of 3.6 million are alike."""
        return 2 * ((node * 2654435761) % 3_600_000)

    def is_cut(self, node: int, at_ms: int) -> bool:
        """Tell whether what ``node`` and the server send each other at ``at_ms`` is lost."""
        cut = self.cuts_ms.get(node)
        return cut is not None and cut[0] <= at_ms < cut[1]

    @property
    def again_ms(self) -> tuple[int, ...]:
        """When the lapsed nodes are registered again: one hour after each outage."""
        return tuple(back_ms + HOUR_MS for _, back_ms in self.outages_ms)

    @property
    def looks_ms(self) -> tuple[int, ...]:
        """When the statuses are compared: just before the lapsed nodes are registered again, and at the end."""
        return (*(at_ms - 1 for at_ms in self.again_ms), self.duration_ms)


def lic(nodes: int, days: int = 30, *, capacity_percent: int = 100, cut_every: int = 0, outages: int = 6) -> Workload:
    """Return the workload LIC30, or one of its variants.

    :param days: more of them (LIC300, LIC3000) hold the same outages.
    :param capacity_percent: how many slots are licensed, of ``nodes``.
    :param cut_every: one in so many nodes is cut off for a day, beginning with node 7; 0 for none.
    :param outages: 0, 6 or 12 of them.
    :raises ValueError: for another number of outages.
    """
    if outages not in (0, 6, 12):
        raise ValueError(f"there are workloads with 0, 6 and 12 outages, not with {outages}")
    starts = sorted((start + shift, length) for shift in (0, SHIFT) for start, length in SIX) if outages == 12 else SIX
    return Workload(
        nodes=nodes,
        days=days,
        capacity=nodes * capacity_percent // 100,
        outages_ms=tuple(
            (start * HOUR_MS // 100, (start + length) * HOUR_MS // 100) for start, length in starts[:outages]
        ),
        cuts_ms=dict(_cuts(range(7, nodes, cut_every))) if cut_every else {},
    )


def _cuts(nodes: Sequence[int]) -> list[tuple[int, tuple[int, int]]]:
    """Cut each of ``nodes`` off for 24 h, each an hour later than the one before, over 600 hours and again."""
    starts_ms = [(40 + k % 600) * HOUR_MS for k in range(len(nodes))]
    return [(node, (start_ms, start_ms + DAY_MS)) for node, start_ms in zip(nodes, starts_ms, strict=True)]
