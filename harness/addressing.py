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

    ``moves`` are (from when, address) pairs of the server's own address, and ``records`` (address, start, end) of
    what the DNS is made to say, both in order of time; ``silences`` are the stretches in which the DNS does not
    answer. ``copies`` are (address, start, end) of machines copied from the server's. ``plain`` tells that nothing of
    this ever changes, so that every node finds the server where it is.
    """

    moves: Sequence[tuple[int, int]]
    records: Sequence[tuple[int, int, int | None]]
    silences: Sequence[tuple[int, int | None]]
    forwards: Sequence[Forward]
    copies: Sequence[tuple[int, int, int | None]]
    plain: bool

    def server(self, true_us: int) -> int:
        """Return the server's own address."""
        return self.moves[bisect_right(self.moves, true_us, key=lambda move: move[0]) - 1][1]

    def record(self, true_us: int) -> int | None:
        """Return what the DNS says, ``None`` if it does not answer."""
        if any(_in_force(each, true_us) for each in self.silences):
            return None
        said = [address for address, *stretch in self.records if _in_force(stretch, true_us)]
        return said[-1] if said else self.moves[0][1]

    def forward(self, address: int, true_us: int) -> Forward | None:
        """Return what forwards connections to ``address``, ``None`` if nothing does."""
        for each in self.forwards:
            if each.address == address and _in_force((each.start_us, each.end_us), true_us):
                return each
        return None

    def reaches(self, address: int, true_us: int) -> int | None:
        """Return which machine connections to ``address`` reach: 0 the server's, 1 a copy of it, ``None`` neither."""
        if address == self.server(true_us) or self.forward(address, true_us) is not None:
            return 0
        for copy, *stretch in self.copies:
            if address == copy and _in_force(stretch, true_us):
                return 1
        return None


def _in_force(stretch: Sequence[int | None], true_us: int) -> bool:
    start_us, end_us = stretch
    assert start_us is not None, "everything has a start"
    return start_us <= true_us and (end_us is None or true_us < end_us)
