"""What a walk tells on its way, collected in columns.

A walk goes through the nodes in parts, and within a part through time. The rows of one part are put in the order of
the nodes at its end, so those of a whole run are in the order of node, then time.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.prediction.setting import Ints
from harness.trace import SlotChange, Status

__all__ = ["Bytes", "Changes", "Counts", "Lapses", "Places", "Record", "SlotChanges", "Slots", "Transitions"]

Bytes: TypeAlias = NDArray[np.int8]
Places: TypeAlias = NDArray[np.int32]


class Transitions(NamedTuple):
    """Changes of status, in order of node, then time. ``before`` and ``after`` are `harness.trace.Status`."""

    at_us: Ints
    node: Places
    before: Bytes
    after: Bytes


class Slots(NamedTuple):
    """Changes of slots, in order of node, then time. ``change`` is a `harness.trace.SlotChange`: TAKEN or VOID."""

    at_us: Ints
    node: Places
    change: Bytes


class Record:
    """Listens to a walk; this one does not care.

    It need not be told of single polls unless ``polls`` says so, nor of slots unless ``slots`` does.
    """

    polls = False
    slots = False

    def changed(self, at_us: Ints, nodes: Ints, before: Status | Bytes, after: Status) -> None:
        """``nodes`` changed their status, each at its instant."""

    def slot(self, at_us: Ints, nodes: Ints, change: SlotChange) -> None:
        """Something happened to the slots of ``nodes``, each at its instant."""

    def part_done(self) -> None:
        """All about some nodes was told; what comes next is about later ones."""


_SHORT = 1 << 16


class _Columns:
    """Rows of which the first column is the instant and the second the node."""

    def __init__(self, *types: type[np.generic]) -> None:
        self._types = types
        self._part: list[list[NDArray[np.generic]]] = [[] for _ in types]
        self._done: list[list[NDArray[np.generic]]] = [[] for _ in types]

    def add(self, count: int, *values: Ints | Bytes | int) -> None:
        for column, kind, value in zip(self._part, self._types, values, strict=True):
            column.append(np.broadcast_to(np.asarray(value, kind), (count,)))

    def sort(self) -> None:
        columns = [_joined(pieces, kind) for pieces, kind in zip(self._part, self._types, strict=True)]
        nodes = columns[1]
        if len(nodes) and int(np.ptp(nodes)) < _SHORT:
            # Short numbers are sorted by their digits, which takes a tenth of the time.
            nodes = (nodes - nodes.min()).astype(np.uint16)
        order = np.argsort(nodes, kind="stable")
        for done, column, pieces in zip(self._done, columns, self._part, strict=True):
            done.append(column[order])
            pieces.clear()

    def columns(self) -> list[NDArray[np.generic]]:
        """Return the columns. Each is given away as it is joined, so that there are never two of all of them."""
        joined = []
        for pieces, kind in zip(self._done, self._types, strict=True):
            joined.append(_joined(pieces, kind))
            pieces.clear()
        return joined


def _joined(pieces: list[NDArray[np.generic]], kind: type[np.generic]) -> NDArray[np.generic]:
    return np.concatenate(pieces) if pieces else np.zeros(0, kind)


class Changes(Record):
    """Keeps every change of status."""

    polls = True

    def __init__(self) -> None:
        self._rows = _Columns(np.int64, np.int32, np.int8, np.int8)

    def changed(self, at_us: Ints, nodes: Ints, before: Status | Bytes, after: Status) -> None:
        """Keep it."""
        self._rows.add(len(nodes), at_us, nodes, before, after)

    def part_done(self) -> None:
        """Put the part in order."""
        self._rows.sort()

    def result(self) -> Transitions:
        """Return what was kept."""
        return Transitions(*self._rows.columns())  # type: ignore[arg-type]


class Lapses(Record):
    """Keeps the lapses alone."""

    def __init__(self) -> None:
        self._rows = _Columns(np.int64, np.int32)

    def changed(self, at_us: Ints, nodes: Ints, before: Status | Bytes, after: Status) -> None:
        """Keep it if it is a lapse."""
        if after is Status.LAPSED:
            self._rows.add(len(nodes), at_us, nodes)

    def part_done(self) -> None:
        """Put the part in order."""
        self._rows.sort()

    def result(self) -> tuple[Ints, Places]:
        """Return the instants and the nodes."""
        at_us, nodes = self._rows.columns()
        return at_us, nodes  # type: ignore[return-value]


class SlotChanges(Record):
    """Keeps every change of a slot."""

    slots = True

    def __init__(self) -> None:
        self._rows = _Columns(np.int64, np.int32, np.int8)

    def slot(self, at_us: Ints, nodes: Ints, change: SlotChange) -> None:
        """Keep it."""
        self._rows.add(len(nodes), at_us, nodes, change)

    def part_done(self) -> None:
        """Put the part in order."""
        self._rows.sort()

    def result(self) -> Slots:
        """Return what was kept."""
        return Slots(*self._rows.columns())  # type: ignore[arg-type]


class Counts(Record):
    """Counts the live slots, whosever they are."""

    slots = True

    def __init__(self) -> None:
        self._taken: list[Ints] = []
        self._numbers: list[Ints] = []
        self._void: list[Ints] = []
        self._part: list[Ints] = []

    def slot(self, at_us: Ints, nodes: Ints, change: SlotChange) -> None:
        """Count it."""
        if not len(at_us):
            return
        if change is SlotChange.VOID:
            self._part.append(at_us)
        else:
            # Many are taken at one instant, where an event lets them be registered.
            instants, numbers = np.unique(at_us, return_counts=True)
            self._taken.append(instants)
            self._numbers.append(numbers)

    def part_done(self) -> None:
        """Put the part in order of time."""
        if self._part:
            self._void.append(np.sort(np.concatenate(self._part)))
            self._part.clear()

    def peak(self) -> tuple[int, int]:
        """Return the greatest number of slots that were live after an instant, and the first such instant."""
        if not self._taken:
            return 0, 0
        instants, which = np.unique(np.concatenate(self._taken), return_inverse=True)
        taken = np.zeros(len(instants), np.int64)
        np.add.at(taken, which, np.concatenate(self._numbers))
        # A slot that becomes void at an instant is gone when another one is taken at it.
        void = np.zeros(len(instants) + 1, np.int64)
        for part in self._void:
            void += np.bincount(np.searchsorted(instants, part), minlength=len(void))
        live = np.cumsum(taken - void[:-1])
        first = int(np.argmax(live))
        return int(live[first]), int(instants[first])
