"""The history of a fleet in rank: what became of its requests, as legs, and the trace that follows from them.

A `Legs` table has a row for each run of requests of one node with the same fate; that is all that is kept. The tables
of `harness.trace` are made from it when somebody asks for them, row for row what the world would have recorded, but
that a poll which changes nothing is always part of a beat.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fake_fdl_nodes.node import LEASE_US, PERIOD_US
from harness import trace as history
from harness.scenario import Scenario, Verb
from harness.server_host import licence_of
from harness.trace import NEVER, SERVER_HOST, EdgeKind, Outcome, SlotChange, Status, Table, Trace, Verdict
from reference_server.protocol import SIMULATED_KEY, Code, Details, Grant, Kind, signature_of

if TYPE_CHECKING:
    from harness.ranks.fit import Orders

__all__ = ["Fate", "Legs", "RankTrace"]

Ints = NDArray[np.int64]
Row = TypeVar("Row", bound=tuple[Any, ...])


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
        return self in _SILENT


_SILENT = (Fate.DEAF, Fate.PORT_DEAF, Fate.LOST, Fate.FULL_DEAF)
_ACCEPTED = (Fate.GRANTED, Fate.DEAF)
_AT_PORT = (Fate.PORT, Fate.PORT_DEAF)
#: What a leg is, beside its fate: a register is a leg of one request.
_REGISTER, _LAPSE = 8, 16


class Columns(NamedTuple):
    """Legs in columns, in order of nodes and, for one node, of time.

    ``what`` is a `Fate`, with `_REGISTER` added for a register; a `_LAPSE` is no request, and ``first_us`` is when the
    node lapses. Request *k* of a leg is sent at ``first_us + k * 2 h``.
    """

    node: NDArray[np.int32]
    first_us: Ints
    polls: NDArray[np.int32]
    what: NDArray[np.int8]

    def of(self, mask: NDArray[np.bool_]) -> Columns:
        """Return some of the rows."""
        return Columns(*(column[mask] for column in self))


class Legs:
    """Collects the legs of ``count`` nodes, for each node in order of time."""

    def __init__(self, count: int, latency_us: int, timeout_us: int) -> None:
        self.count = count
        self.latency_us = latency_us
        self._timeout_us = timeout_us
        self._rows: list[Columns] = []

    def known_after_us(self, fate: Fate) -> int:
        """Return how long after the sending a node knows what has become of a request."""
        return self._timeout_us if fate.deaf else 2 * self.latency_us

    def add(self, nodes: Ints, first_us: Ints, polls: Ints, fate: Fate) -> None:
        """Note that each of ``nodes`` sent so many polls."""
        self._note(nodes, first_us, polls.astype(np.int32), int(fate))

    def register(self, nodes: Ints, at_us: Ints, fate: Fate) -> None:
        """Note that each of ``nodes`` sent a register."""
        if len(nodes):
            self._note(nodes, at_us, np.ones(len(nodes), np.int32), fate + _REGISTER)

    def lapse(self, nodes: Ints, at_us: Ints) -> None:
        """Note that each of ``nodes`` lapsed."""
        self._note(nodes, at_us, np.zeros(len(nodes), np.int32), _LAPSE)

    def _note(self, nodes: Ints, first_us: Ints, polls: NDArray[np.int32], what: int) -> None:
        self._rows.append(Columns(nodes.astype(np.int32), first_us.copy(), polls, np.full(len(nodes), what, np.int8)))

    def columns(self) -> Columns:
        """Return everything that was noted."""
        if len(self._rows) > 1:
            merged = Columns(*(np.concatenate(column) for column in zip(*self._rows, strict=True)))
            order = np.argsort(merged.node, kind="stable")
            self._rows = [Columns(*(column[order] for column in merged))]
        elif not self._rows:
            nothing = np.zeros(0, np.int64)
            return Columns(nothing.astype(np.int32), nothing, nothing.astype(np.int32), nothing.astype(np.int8))
        return self._rows[0]


class RankTrace(Trace):
    """The trace of a run in rank: its tables are made when they are asked for.

    :param legs: what became of the requests.
    """

    in_rank = True

    def __init__(self, scenario: Scenario, orders: Orders, legs: Legs) -> None:
        self.nodes = tuple(node.name for node in scenario.nodes)
        self.sees_slots = True
        self.troubles = []
        self.counts = Table(history.Count)
        self.copies = Table(history.Copy)
        self._scenario = scenario
        self._orders = orders
        self._legs = legs
        self._end_us = scenario.duration_us

    @cached_property
    def legs(self) -> Columns:
        """What became of every request, by runs."""
        return self._legs.columns()

    # What follows from the legs, in columns.

    @cached_property
    def _first_of_node(self) -> NDArray[np.bool_]:
        node = self.legs.node
        return np.concatenate([np.ones(min(1, len(node)), bool), node[1:] != node[:-1]])

    @cached_property
    def _status_before(self) -> NDArray[np.int8]:
        """The status in which each leg finds its node; a leg that changes nothing leaves it as it was."""
        what = self.legs.what
        places = np.arange(len(what))
        after = np.full(len(what), NEVER, np.int8)
        after[(what == Fate.GRANTED) | (what == Fate.GRANTED + _REGISTER)] = Status.REGISTERED
        after[(what > Fate.GRANTED) & (what < _REGISTER)] = Status.INTERRUPTED
        after[what == _LAPSE] = Status.LAPSED
        first = np.maximum.accumulate(np.where(self._first_of_node, places, 0))
        turned = np.maximum.accumulate(np.where(after >= 0, places, NEVER))
        status = np.where(turned >= first, after[turned], Status.UNREGISTERED).astype(np.int8)
        before = np.concatenate([np.zeros(min(1, len(status)), np.int8), status[:-1]])
        before[self._first_of_node] = Status.UNREGISTERED
        return before

    def _known_after_us(self, what: NDArray[np.int8]) -> Ints:
        after = np.zeros(_LAPSE + 1, np.int64)
        for fate in Fate:
            after[fate] = after[fate + _REGISTER] = self._legs.known_after_us(fate)
        return after[what]

    def turns(self) -> tuple[Ints, NDArray[np.int32], NDArray[np.int8], NDArray[np.int8]]:
        """Return the changes of status: when, of which node, from what, and to what; by node, then in order."""
        legs, before = self.legs, self._status_before
        what = legs.what
        to_registered = (what & ~_REGISTER == Fate.GRANTED) & (before != Status.REGISTERED)
        to_interrupted = (what > Fate.GRANTED) & (what < _REGISTER) & (before == Status.REGISTERED)
        at_us = legs.first_us + self._known_after_us(what)
        turned = (to_registered | to_interrupted | (what == _LAPSE)) & (at_us <= self._end_us)
        after = np.select(
            [what == _LAPSE, to_registered], [np.int8(Status.LAPSED), np.int8(Status.REGISTERED)], Status.INTERRUPTED
        ).astype(np.int8)
        return at_us[turned], legs.node[turned], before[turned], after[turned]

    def slot_changes(self) -> tuple[Ints, NDArray[np.int32], NDArray[np.int8]]:
        """Return the slots that were taken or became void: when, of which node, and what; in order of time.

        Within an instant what is void comes first, in order of the installations, then what is taken, in order of
        sending and of nodes.
        """
        legs, latency_us = self.legs, self._legs.latency_us
        accepted = np.isin(legs.what & ~_REGISTER, _ACCEPTED) & (legs.first_us + latency_us <= self._end_us)
        node, first_us = legs.node[accepted], legs.first_us[accepted] + latency_us
        polls = np.minimum(legs.polls[accepted], (self._end_us - first_us) // PERIOD_US + 1)
        last_us = first_us + (polls - 1) * PERIOD_US
        begins = np.concatenate([np.ones(min(1, len(node)), bool), node[1:] != node[:-1]])
        begins[1:] |= first_us[1:] > last_us[:-1] + LEASE_US
        ends = np.concatenate([begins[1:], np.ones(min(1, len(node)), bool)])
        void_us = last_us[ends] + LEASE_US + 1
        fits = void_us <= self._end_us
        void_us, void_node = void_us[fits], node[ends][fits]
        at_us = np.concatenate([void_us, first_us[begins]])
        nodes = np.concatenate([void_node, node[begins]])
        change = np.full(len(at_us), SlotChange.TAKEN, np.int8)
        change[: len(void_us)] = SlotChange.VOID
        among = nodes.astype(np.int64)
        among[: len(void_us)] = self._by_installation(void_us, void_node)
        order = np.lexsort((among, change == SlotChange.TAKEN, at_us))
        return at_us[order], nodes[order], change[order]

    def _by_installation(self, at_us: Ints, nodes: NDArray[np.int32]) -> Ints:
        """Return the place of each of ``nodes`` in the order of their installations, where they share an instant."""
        order = np.argsort(at_us, kind="stable")
        shared = np.zeros(len(order), bool)
        same = at_us[order][1:] == at_us[order][:-1]
        shared[order[1:][same]] = shared[order[:-1][same]] = True
        places = np.zeros(len(order), np.int64)
        setups = self._scenario.nodes
        together = sorted({int(node) for node in nodes[shared]}, key=lambda node: setups[node].installation)
        rank = np.zeros(len(setups), np.int64)
        rank[together] = np.arange(len(together))
        places[shared] = rank[nodes[shared]]
        return places

    @cached_property
    def _first_number(self) -> Ints:
        """The number of the first request of each leg."""
        before = np.cumsum(self.legs.polls, dtype=np.int64) - self.legs.polls
        starts = np.maximum.accumulate(np.where(self._first_of_node, np.arange(len(before)), 0))
        numbers: Ints = before - before[starts] + 1
        return numbers

    # The tables.

    @cached_property
    def requests(self) -> list[int]:  # type: ignore[override]
        """How many requests each node sent."""
        counts: list[int] = np.bincount(self.legs.node, self.legs.polls, len(self.nodes)).astype(np.int64).tolist()
        return counts

    @cached_property
    def transitions(self) -> Table[history.Transition]:  # type: ignore[override]
        """The changes of status."""
        at_us, node, before, after = self.turns()
        reasons = history.TransitionReason
        reason = np.select(
            [after == Status.REGISTERED, after == Status.LAPSED], [reasons.GRANTED, reasons.SILENCE], reasons.UNANSWERED
        )
        return _table(history.Transition, at_us, (at_us, node, before, after, reason))

    @cached_property
    def access(self) -> Table[history.Access]:  # type: ignore[override]
        """When access opened and closed."""
        at_us, node, before, after = self.turns()
        opened = after != Status.LAPSED
        flips = opened == ~np.isin(before, (Status.REGISTERED, Status.INTERRUPTED))
        return _table(history.Access, at_us[flips], (at_us[flips], node[flips], opened[flips]))

    @cached_property
    def slots(self) -> Table[history.Slot]:  # type: ignore[override]
        """What happened to the slots."""
        at_us, node, change = self.slot_changes()
        live = np.cumsum(np.where(change == SlotChange.TAKEN, 1, -1))
        rows = (at_us, node, change, self._addresses[node], live, np.zeros(len(at_us), np.int64))
        return Table.of(history.Slot, map(_column, rows))

    @cached_property
    def failures(self) -> Table[history.Failure]:  # type: ignore[override]
        """The failure rows."""
        legs = self.legs
        fails = (legs.what != _LAPSE) & (legs.what & ~_REGISTER != Fate.GRANTED)
        failed = _spread(legs.of(fails), self._first_number[fails])
        at_us = failed.sent_us + self._known_after_us(failed.what)
        code = np.where(failed.what == Fate.FULL + _REGISTER, Code.REGISTER_OUT_OF_LIMIT, Code.NO_CONNECTION)
        wall_us = at_us + self._scenario.start_us
        known = at_us <= self._end_us
        rows = (at_us, failed.node, wall_us, code, failed.number, code)
        return _table(history.Failure, at_us[known], tuple(row[known] for row in rows))

    @cached_property
    def final_lists(self) -> list[tuple[tuple[int, int], ...]]:  # type: ignore[override]
        """The failure list of each node at the end."""
        lists: list[list[tuple[int, int]]] = [[] for _ in self.nodes]
        for row in self.failures:
            lists[row.node].append((row.wall_us, row.code))
        return [*map(tuple, lists)]

    @cached_property
    def edges(self) -> Table[history.Edge]:  # type: ignore[override]
        """What happened to the server, and when somebody was asked to register."""
        legs = self.legs
        asked = (legs.what & _REGISTER).astype(bool)
        rows = [(0, SERVER_HOST, EdgeKind.STARTED)]
        for (start_us, end_us), event in self._orders.downs:
            kind = EdgeKind.STOPPED if event.verb is Verb.SERVER_STOP else EdgeKind.CRASHED
            rows += [(start_us, SERVER_HOST, kind), (end_us, SERVER_HOST, EdgeKind.STARTED)]
        of_server = np.array([row for row in rows if row[0] <= self._end_us], np.int64)
        at_us = np.concatenate([of_server[:, 0], legs.first_us[asked]])
        host = np.concatenate([of_server[:, 1], legs.node[asked]])
        what = np.concatenate([of_server[:, 2], np.full(int(asked.sum()), EdgeKind.REGISTER_ASKED)])
        return _table(history.Edge, at_us, (at_us, host, what, np.zeros_like(at_us), np.ones_like(at_us)))

    @cached_property
    def _rests(self) -> Columns:
        """The polls that changed nothing, whose round trip was over by the end: of each leg all, or all but the first."""
        legs = self.legs
        granted = legs.what == Fate.GRANTED
        skipped = (self._status_before[granted] != Status.REGISTERED).astype(np.int64)
        first_us = legs.first_us[granted] + skipped * PERIOD_US
        over = (self._end_us - 2 * self._legs.latency_us - first_us) // PERIOD_US + 1
        polls = np.clip(np.minimum(legs.polls[granted] - skipped, over), 0, None)
        return Columns(legs.node[granted], first_us, polls.astype(np.int32), skipped.astype(np.int8))

    @cached_property
    def beats(self) -> Table[history.Beat]:  # type: ignore[override]
        """The runs of polls that changed nothing."""
        rests = self._rests
        number = self._first_number[self.legs.what == Fate.GRANTED] + rests.what
        some = rests.polls > 0
        node, first_us, polls, _ = rests.of(some)
        last_us = first_us + (polls - 1) * PERIOD_US
        rows = (node, polls, number[some], first_us, first_us, last_us, self._addresses[node])
        return _table(history.Beat, first_us, rows)

    @cached_property
    def exchanges(self) -> Table[history.Exchange]:  # type: ignore[override]
        """All other requests."""
        return self._exchanges

    @cached_property
    def signatures(self) -> list[str]:  # type: ignore[override]
        """The signatures of the grants among the exchanges."""
        setups, start_us = self._scenario.nodes, self._scenario.start_us
        (content,) = self.contents
        signatures = []
        for each in self._exchanges:
            if each.signature != NEVER:
                grant = Grant(
                    number=each.number,
                    installation=setups[each.node].installation,
                    server_time_us=each.arrived_us + start_us,
                    capacity=content[0],
                    details=content[1],
                    signature="",
                )
                signatures.append(signature_of(grant, SIMULATED_KEY))
        return signatures

    @cached_property
    def contents(self) -> list[tuple[int, Details]]:  # type: ignore[override]
        """What every grant carried."""
        licence = licence_of(self._scenario.licence)
        return [(licence.capacity, licence.details)]

    @cached_property
    def _exchanges(self) -> Table[history.Exchange]:
        legs, numbers, end_us, latency_us = self.legs, self._first_number, self._end_us, self._legs.latency_us
        # What rests is left out: of a leg of granted polls the first may remain, and what the end cuts off.
        granted = legs.what == Fate.GRANTED
        rests = self._rests
        head, tail = legs.of(granted), legs.of(granted)
        firsts = head._replace(polls=rests.what.astype(np.int32)).of(rests.what > 0)
        begun = (rests.what + rests.polls).astype(np.int64)
        rest = tail._replace(first_us=tail.first_us + begun * PERIOD_US, polls=(tail.polls - begun).astype(np.int32))
        others = (legs.what != _LAPSE) & ~granted
        sent = _Sent(
            *map(
                np.concatenate,
                zip(
                    _spread(legs.of(others), numbers[others]),
                    _spread(firsts, numbers[granted][rests.what > 0]),
                    _spread(rest, numbers[granted] + begun),
                    strict=True,
                ),
            )
        )
        order = np.lexsort((sent.node, sent.sent_us))
        node, sent_us, number, what = sent = _Sent(*(column[order] for column in sent))
        registers, fate = (what & _REGISTER).astype(bool), what & ~_REGISTER
        arrived_us = np.where((fate == Fate.LOST) | (sent_us + latency_us > end_us), NEVER, sent_us + latency_us)
        ended_us = sent_us + self._known_after_us(what)
        answered = ~np.isin(fate, _SILENT)
        ended = ended_us <= end_us
        refused = np.isin(fate, (Fate.FULL, Fate.FULL_DEAF))
        accepted = np.isin(fate, _ACCEPTED) & (arrived_us != NEVER)
        verdict = np.select(
            [arrived_us == NEVER, np.isin(fate, _AT_PORT), refused],
            [Verdict.NONE, Verdict.CONNECTION_REFUSED, Code.REGISTER_OUT_OF_LIMIT],
            Verdict.GRANTED,
        )
        outcome = np.select(
            [~ended, fate == Fate.GRANTED, fate == Fate.FULL],
            [Outcome.OPEN, Outcome.POSITIVE, Outcome.NEGATIVE],
            Outcome.UNANSWERED,
        )
        none = np.zeros(len(node), np.int64)
        address = self._addresses[node]
        columns = {
            "node": node,
            "kind": np.where(registers, Kind.REGISTER, Kind.POLL),
            "number": number,
            "sent_us": sent_us,
            "sent_boot_us": sent_us,
            "reported": address,
            "source": address,
            "form": none,
            "lost": fate == Fate.LOST,
            "server": none,
            "arrived_us": arrived_us,
            "verdict": verdict,
            "server_time_us": np.where(accepted, arrived_us + self._scenario.start_us, NEVER),
            "content": np.where(accepted, 0, NEVER),
            "signature": np.where(accepted, np.cumsum(accepted) - 1, NEVER),
            "answer_lost": np.isin(fate, _SILENT) & (fate != Fate.LOST) & (arrived_us != NEVER),
            "spoilt": none,
            "delivered_us": np.where(answered & ended, ended_us, NEVER),
            "ended_us": np.where(ended, ended_us, NEVER),
            "outcome": outcome,
        }
        return Table.of(history.Exchange, map(_column, columns.values()))

    @cached_property
    def _addresses(self) -> Ints:
        setups = self._scenario.nodes
        return np.fromiter((node.address for node in setups), np.int64, len(setups))


class _Sent(NamedTuple):
    """Requests, one a row."""

    node: NDArray[np.int32]
    sent_us: Ints
    number: Ints
    what: NDArray[np.int8]


def _spread(legs: Columns, first_number: Ints) -> _Sent:
    """Return the single requests of ``legs``."""
    polls = legs.polls
    row = np.repeat(np.arange(len(polls)), polls)
    k = np.arange(len(row)) - np.repeat(np.cumsum(polls) - polls, polls)
    return _Sent(legs.node[row], legs.first_us[row] + k * PERIOD_US, first_number[row] + k, legs.what[row])


def _column(values: NDArray[Any]) -> array[int]:
    column = array("q")
    column.frombytes(np.ascontiguousarray(values, np.int64).tobytes())
    return column


def _table(row_type: type[Row], at_us: Ints, columns: Sequence[NDArray[Any]]) -> Table[Row]:
    """Return the table with these columns, in order of time."""
    order = np.argsort(at_us, kind="stable")
    return Table.of(row_type, (_column(column[order]) for column in columns))

