"""Where the server is and how a node finds it: its address, port-forwarding in front of it, and the DNS.

All of it is known before a run, so it is a value. Only what a node remembers of the DNS is not: that depends on when
it last asked, and is kept by the world, a `Remembered` for each node.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Addressing", "Forward", "Remembered"]


class Forward(NamedTuple):
    """A box at ``address`` that forwards connections to the server, from ``start_us`` up to ``end_us``.

    With ``hairpin`` it puts its own address in place of the sender's.
    """

    address: int
    hairpin: bool
    start_us: int
    end_us: int | None


class Remembered(NamedTuple):
    """What a node's host remembers of the DNS: an address, up to an instant of its boot-time clock."""

    address: int
    until_boot_us: int


@dataclass(frozen=True, slots=True)
class Addressing:
    """Where the server is, at each instant.

    ``moves`` and ``records`` are (from when, address) pairs in order of time, of the server's own address and of what
    the DNS says; ``silences`` are the stretches in which the DNS does not answer. ``copies`` are (address, start, end)
    of machines copied from the server's. ``plain`` tells that nothing of this ever changes, so that every node finds
    the server where it is.
    """

    moves: Sequence[tuple[int, int]]
    records: Sequence[tuple[int, int]]
    silences: Sequence[tuple[int, int | None]]
    forwards: Sequence[Forward]
    copies: Sequence[tuple[int, int, int | None]]
    plain: bool

    def server(self, true_us: int) -> int:
        """Return the server's own address."""
        return self.moves[bisect_right(self.moves, true_us, key=lambda move: move[0]) - 1][1]

    def record(self, true_us: int) -> int | None:
        """Return what the DNS says, ``None`` if it does not answer."""
        if any(start_us <= true_us and (end_us is None or true_us < end_us) for start_us, end_us in self.silences):
            return None
        return self.records[bisect_right(self.records, true_us, key=lambda record: record[0]) - 1][1]

    def forward(self, address: int, true_us: int) -> Forward | None:
        """Return what forwards connections to ``address``, ``None`` if nothing does."""
        for each in self.forwards:
            if each.address == address and each.start_us <= true_us and (each.end_us is None or true_us < each.end_us):
                return each
        return None

    def reaches(self, address: int, true_us: int) -> int | None:
        """Return which machine connections to ``address`` reach: 0 the server's, 1 a copy of it, ``None`` neither."""
        if address == self.server(true_us) or self.forward(address, true_us) is not None:
            return 0
        for copy, start_us, end_us in self.copies:
            if address == copy and start_us <= true_us and (end_us is None or true_us < end_us):
                return 1
        return None
