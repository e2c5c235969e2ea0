"""Legs: what becomes of the requests of a fleet in rank, as runs of those with the same fate.

This is the form in which a trace of many nodes is kept. A poll is sent every two hours, so a run of them is three
numbers, however long it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.scenario import NetworkSpec

__all__ = [
    "ACCEPTED",
    "AT_PORT",
    "FULL",
    "LAPSES",
    "PERIOD_US",
    "REGISTER",
    "SILENT",
    "Column",
    "Columns",
    "Fate",
    "Ints",
    "Legs",
    "Part",
    "Slots",
    "known_after_us",
]

Ints: TypeAlias = NDArray[np.int64]
#: A column of smaller numbers, or of flags.
Column: TypeAlias = NDArray[Any]
Rows = TypeVar("Rows", "Columns", "Slots")

#: The rhythm of the polls in a leg (R031).
PERIOD_US = 2 * 3_600_000_000


class Fate(IntEnum):
    """What becomes of a request."""

    GRANTED = 0
    DEAF = 1  #: granted, and the answer lost
    PORT = 2  #: the port of the server's machine refuses
    PORT_DEAF = 3  #: the same, and the refusal is lost
    LOST = 4  #: it never arrives
    FULL = 5  #: a register, and no slot is free
    FULL_DEAF = 6  #: the same, and the answer is lost

    @classmethod
    def of(cls, *, down: bool, deaf: bool) -> Fate:
        """Return the fate of a request that arrives."""
        if down:
            return cls.PORT_DEAF if deaf else cls.PORT
        return cls.DEAF if deaf else cls.GRANTED

    @property
    def deaf(self) -> bool:
        """Whether nothing that is sent back comes back."""
        return bool(SILENT[self])


def known_after_us(network: NetworkSpec) -> Ints:
    """Return, by fate, how long after the sending a node knows what has become of a request."""
    return np.array([network.timeout_us if fate.deaf else 2 * network.latency_us for fate in Fate], np.int64)


def _among(*fates: Fate) -> Column:
    return np.isin(np.arange(len(Fate)), fates)


#: By fate, whether nothing comes back, whether the server grants, whether its port refuses, and whether a slot lacks.
SILENT = _among(Fate.DEAF, Fate.PORT_DEAF, Fate.LOST, Fate.FULL_DEAF)
ACCEPTED = _among(Fate.GRANTED, Fate.DEAF)
AT_PORT = _among(Fate.PORT, Fate.PORT_DEAF)
FULL = _among(Fate.FULL, Fate.FULL_DEAF)
#: What a leg is, beside its fate: a register is a leg of one request, and with the last poll of a leg a node may lapse.
REGISTER, LAPSES = 8, 16


class Columns(NamedTuple):
    """Legs in columns, those of one node in order of time.

    ``what`` is a `Fate`, with flags added for a register and for a leg that ends in a lapse. Request *k* of a leg is
    sent at ``first_us + k * 2 h``. The first one finds the node in the status ``found``.
    """

    node: Column
    first_us: Ints
    polls: Column
    what: Column
    found: Column

    def of(self, rows: Column) -> Columns:
        """Return some of the rows."""
        return Columns(*(column[rows] for column in self))

    @property
    def begins(self) -> Column:
        """Whether a leg is the first one of its node."""
        begins = np.ones(len(self.node), bool)
        np.not_equal(self.node[1:], self.node[:-1], out=begins[1:])
        return begins

    @property
    def fate(self) -> Column:
        """The fate of the requests of each leg, as a `Fate`."""
        fate: Column = self.what & (REGISTER - 1)
        return fate

    @property
    def last_us(self) -> Ints:
        """When the last request of each leg is sent."""
        return self.first_us + (self.polls.astype(np.int64) - 1) * PERIOD_US

    @property
    def registers(self) -> Column:
        """Whether a leg is a register."""
        registers: Column = self.what & REGISTER != 0
        return registers

    @property
    def lapses(self) -> Column:
        """Whether the node lapses when the last poll of a leg fails."""
        lapses: Column = self.what & LAPSES != 0
        return lapses


class Slots(NamedTuple):
    """Slots that were taken, or became void, in columns: when, and of which node."""

    at_us: Ints
    node: Column


class Legs:
    """Collects the legs of ``count`` nodes, from the one at the place ``first`` on, up to ``end_us``.

    Those of one node are noted in order of time, and those that are noted together in order of nodes.
    """

    def __init__(self, first: int, count: int, network: NetworkSpec, end_us: int) -> None:
        self._first = first
        self._count = count
        self.network = network
        self._end_us = end_us
        self._noted: list[Columns] = []
        self._taken: list[Slots] = []
        self._voided: list[Slots] = []

    def add(
        self, nodes: Ints, first_us: Ints, polls: Ints, found: Column, fate: Fate, lapses: Column | None = None
    ) -> None:
        """Note that each of ``nodes`` sent so many polls, and who of them lapses with the last one."""
        what = np.full(len(nodes), fate, np.int8)
        if lapses is not None:
            what[lapses] += LAPSES
        self._noted.append(Columns(nodes.astype(np.int32), first_us, polls.astype(np.int32), what, found))

    def register(self, nodes: Ints, at_us: Ints, found: Column, fate: Fate) -> None:
        """Note that each of ``nodes`` sent a register."""
        what = np.full(len(nodes), fate + REGISTER, np.int8)
        self._noted.append(Columns(nodes.astype(np.int32), at_us, np.ones(len(nodes), np.int32), what, found))

    def take(self, nodes: Ints, at_us: Ints) -> None:
        """Note that slots were taken."""
        known = at_us <= self._end_us
        self._taken.append(Slots(at_us[known], nodes[known].astype(np.int32)))

    def void(self, nodes: Ints, at_us: Ints) -> None:
        """Note that slots became void."""
        known = at_us <= self._end_us
        self._voided.append(Slots(at_us[known], nodes[known].astype(np.int32)))

    def parts(self, size: int) -> list[Part]:
        """Return everything, in parts of so many nodes. Nothing is left here."""
        bounds = range(0, self._count, size)
        columns = [self._in_order(self._noted, Columns, start, start + size) for start in bounds]
        self._noted.clear()
        taken = [self._in_order(self._taken, Slots, start, start + size) for start in bounds]
        voided = [self._in_order(self._voided, Slots, start, start + size) for start in bounds]
        return [Part(*each) for each in zip(columns, taken, voided, strict=True)]

    def _in_order(self, noted: Sequence[Rows], kind: type[Rows], start: int, end: int) -> Rows:
        """Return the rows of the nodes from ``start`` up to ``end``, in order of nodes."""
        place = kind._fields.index("node")
        slices = []
        for each in noted:
            first, after = np.searchsorted(each[place], (start, end))
            slices.append(kind(*(column[first:after] for column in each)))
        if not slices:
            return kind(*(np.zeros(0, np.int64) for _ in kind._fields))
        columns = [np.concatenate(column) for column in zip(*slices, strict=True)]
        order = np.argsort(columns[place], kind="stable")
        columns = [column[order] for column in columns]
        columns[place] += self._first
        return kind(*columns)


class Part(NamedTuple):
    """What became of some of the nodes: their legs, and their slots, all in order of nodes."""

    legs: Columns
    taken: Slots
    voided: Slots
