"""What becomes of a packet: delivered after the latency, once or twice, damaged or not, refused on the way, or lost.

The fate of a packet is decided when it is sent, for each direction by itself, by the faults that are in force then:
small values with a start and an end ``[start, end)``, all known before the run, so the network is a value too. A cut
decides first, then in the order of the file the first fault that loses or refuses the packet; what the others do to it
adds up. Chance is drawn by the fault, the node and the number of the request, so no packet's luck depends on another's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from fractions import Fraction
from typing import NamedTuple

from harness.chance import amount_us, chosen, happens

__all__ = ["Fate", "Network", "PathFault", "Way", "What"]


class Way(IntEnum):
    """The direction of a packet: a request goes up to the server, an answer down to the node."""

    UP = 0
    DOWN = 1


class What(Enum):
    """What a fault of a path does to the packets that it concerns."""

    CUT = "cut"  #: loses all of them
    DROP = "drop"  #: loses those to or from a port (a firewall that says nothing)
    REJECT = "reject"  #: refuses the connection (a firewall that says so); an answer is lost
    LOSS = "loss"  #: loses some
    DELAY = "delay"  #: takes longer, by a random amount
    REORDER = "reorder"  #: holds some back, so that later ones overtake them
    DUPLICATE = "duplicate"  #: delivers some twice
    CORRUPT = "corrupt"  #: damages some, which TLS notices: the connection breaks
    SOURCE = "source"  #: lets requests come from another address


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFault:
    """One fault of the path of one node, in one direction, from ``start_us`` up to ``end_us`` (``None``: for ever).

    ``index`` is the event's place in the file: it names the fault's random draws. ``percent`` is the chance of each
    packet to be concerned. ``addresses`` are the first and last of the addresses from which requests seem to come.
    """

    index: int
    what: What
    start_us: int
    end_us: int | None = None
    percent: Fraction = Fraction(100)
    by_us: int = 0
    jitter_us: int = 0
    distribution: str = "constant"
    port: int | None = None
    addresses: tuple[int, int] = (0, 0)

    def in_force(self, true_us: int) -> bool:
        """Tell whether it is in force at ``true_us``."""
        return self.start_us <= true_us and (self.end_us is None or true_us < self.end_us)


class Fate(NamedTuple):
    """What becomes of one packet.

    ``delays_us`` has the time of travel of each copy that is delivered, none if the packet is lost or refused.
    ``rejected`` tells that a firewall on the way refused the connection, and ``source`` is the address that a request
    seems to come from, ``None`` for the sender's own.
    """

    delays_us: tuple[int, ...] = ()
    rejected: bool = False
    damaged: bool = False
    source: int | None = None


_LOST = Fate()


class Network:
    """The paths between the nodes and the server.

    :param latency_us: how long a packet takes, each way, on a path without faults.
    :param faults: by node (its place) and `Way`, the faults of that path.
    :param seed: what all chance is drawn from.
    :param drawn_as: by node, as which node its chance is drawn, if not as itself.
    """

    def __init__(
        self,
        latency_us: int,
        faults: Mapping[tuple[int, Way], Sequence[PathFault]],
        *,
        seed: int = 0,
        drawn_as: Sequence[int] | None = None,
    ) -> None:
        self.latency_us = latency_us
        self._seed = seed
        self._drawn_as = drawn_as
        self._clean = Fate((latency_us,))
        self._cuts: dict[tuple[int, Way], list[int]] = {}
        self._others: dict[tuple[int, Way], tuple[PathFault, ...]] = {}
        for path, each in faults.items():
            cuts = [(fault.start_us, fault.end_us) for fault in each if fault.what is What.CUT]
            if cuts:
                self._cuts[path] = _merged(cuts)
            others = tuple(fault for fault in each if fault.what is not What.CUT)
            if others:
                self._others[path] = others

    def cut(self, node: int, way: Way, sent_us: int) -> bool:
        """Tell whether the path of ``node`` in the direction ``way`` is cut at ``sent_us``."""
        flips = self._cuts.get((node, way))
        return flips is not None and bisect_right(flips, sent_us) % 2 == 1

    def clean(self, node: int, at_us: int) -> bool:
        """Tell whether no fault of a path of ``node`` is in force at ``at_us``."""
        for way in Way:
            if self.cut(node, way, at_us):
                return False
            if any(fault.in_force(at_us) for fault in self._others.get((node, way), ())):
                return False
        return True

    def translation(self, node: int, at_us: int) -> int | None:
        """Return which fault lets requests of ``node`` come from another address at ``at_us``: the last one."""
        found = None
        for fault in self._others.get((node, Way.UP), ()):
            if fault.what is What.SOURCE and fault.in_force(at_us):
                found = fault.index
        return found

    def fate(self, node: int, way: Way, sent_us: int, *, number: int, port: int, from_firewall: bool = False) -> Fate:
        """Return what becomes of a packet that is sent at ``sent_us``.

        :param number: the number of the request, also for the packet of its answer.
        :param port: the server's port, to which a request goes and from which an answer comes.
        :param from_firewall: whether it is a firewall that sends it, which does not stop its own packets.
        """
        if self.cut(node, way, sent_us):
            return _LOST
        faults = self._others.get((node, way))
        if faults is None:
            return self._clean
        delay_us = self.latency_us
        copy_us: int | None = None
        damaged = False
        source = None
        for fault in faults:
            if not fault.in_force(sent_us) or fault.port not in (None, port):
                continue
            what = fault.what
            if from_firewall and what in (What.DROP, What.REJECT):
                continue
            drawn_for = (fault.index, node if self._drawn_as is None else self._drawn_as[node], number, int(way))
            if what is not What.SOURCE and not happens(fault.percent, self._seed, "chance", *drawn_for):
                continue
            if what in (What.DROP, What.LOSS):
                return _LOST
            if what is What.REJECT:
                return Fate(rejected=True) if way is Way.UP else _LOST
            if what is What.DELAY:
                delay_us += fault.by_us
                delay_us += amount_us(fault.distribution, fault.jitter_us, self._seed, "delay", *drawn_for)
            elif what is What.REORDER:
                delay_us += fault.by_us
            elif what is What.DUPLICATE:
                copy_us = fault.by_us
            elif what is What.CORRUPT:
                damaged = True
            else:
                first, last = fault.addresses
                source = first + chosen(last - first + 1, self._seed, "source", *drawn_for)
        delay_us = max(0, delay_us)
        delays_us = (delay_us,) if copy_us is None else (delay_us, delay_us + copy_us)
        return Fate(delays_us, damaged=damaged, source=source)


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
