"""Addresses in place of others, such that what matters of addresses can still be seen.

What is kept: which of two is the higher one, whether they are equal or neighbours, whether they are in the same
/24 block and where in it (the last of the four numbers), whether an address lies in a range, and whether it is
a private one (RFC 1918). What is not kept: how far apart two blocks are that do not touch, and so every larger
subnet, such as a /16.

The addresses fall into zones, private and public in turn. In each zone the blocks that occur are moved together: those
that touch still touch, between others one is left free. A block at the edge of its zone stays there, so that a
range up to 255.255.255.255 goes on to mean all there is. Loopback addresses, and those that are no host's, tell
nothing and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

__all__ = ["Renumbering"]

#: Where each zone begins, by the /24 block, and whether its addresses stay.
_ZONES = (
    (0x000000, True),  # 0.0.0.0
    (0x010000, False),  # 1.0.0.0
    (0x0A0000, False),  # 10.0.0.0, private
    (0x0B0000, False),  # 11.0.0.0
    (0x7F0000, True),  # 127.0.0.0, loopback
    (0x800000, False),  # 128.0.0.0
    (0xAC1000, False),  # 172.16.0.0, private
    (0xAC2000, False),  # 172.32.0.0
    (0xC0A800, False),  # 192.168.0.0, private
    (0xC0A900, False),  # 192.169.0.0
    (0xE00000, True),  # 224.0.0.0
)
_AFTER_ALL = 0x1000000


class Renumbering:
    """Maps addresses to others.

    :param addresses: all that will be asked for.
    """

    def __init__(self, addresses: Iterable[int]) -> None:
        blocks = sorted({address >> 8 for address in addresses})
        self._block: dict[int, int] = {}
        ends = [*(first for first, _ in _ZONES[1:]), _AFTER_ALL]
        for (first, stays), end in zip(_ZONES, ends, strict=True):
            inside = [block for block in blocks if first <= block < end]
            self._block.update((block, block) for block in inside if stays)
            if not stays:
                self._block.update(_together(inside, first, end))

    def __call__(self, address: int) -> int:
        """Return the address in place of ``address``."""
        return self._block[address >> 8] << 8 | address & 0xFF


def _together(blocks: list[int], first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the ``blocks`` of one zone, each with where it is moved to.

    Nothing is moved up, so they always fit: the blocks below one and the gaps between them were there before.
    """
    free = first + 1
    for run in _runs(blocks):
        stays = run[0] == first or run[-1] == end - 1
        start = run[0] if stays else free
        yield from ((block, start + index) for index, block in enumerate(run))
        free = start + len(run) + 1


def _runs(blocks: list[int]) -> Iterator[list[int]]:
    """Yield the blocks that touch each other, together."""
    run = blocks[:1]
    for before, block in pairwise(blocks):
        if block != before + 1:
            yield run
            run = []
        run.append(block)
    if run:
        yield run
