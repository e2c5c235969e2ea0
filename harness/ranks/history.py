"""The history of a fleet in rank: what became of its requests, as legs, and the trace that follows from them.

A `Legs` table has a row for each run of requests of one node with the same fate; that is all that is kept. The tables
of `harness.trace` are made from it when somebody asks for them, row for row what the world would have recorded, but
that a poll which changes nothing is always part of a beat.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from harness import trace as history
from harness.ranks.fit import Orders
from harness.ranks.legs import (
    ACCEPTED,
    AT_PORT,
    FULL,
    PERIOD_US,
    REGISTER,
    SILENT,
    Column,
    Columns,
    Fate,
    Ints,
    Part,
    known_after_us,
)
from harness.scenario import Scenario, Verb
from harness.server_host import licence_of
from harness.trace import NEVER, SERVER_HOST, EdgeKind, Outcome, SlotChange, Status, Table, Trace, Verdict
from reference_server.protocol import SIMULATED_KEY, Code, Details, Grant, Kind, signature_of

__all__ = ["RankTrace", "by_nodes", "column_of"]

Row = TypeVar("Row", bound=tuple[Any, ...])


class RankTrace(Trace):
    """The trace of a run in rank: its tables are made when they are asked for.

    :param parts: what became of the requests, the nodes in order.
    """

    in_rank = True

    def __init__(self, scenario: Scenario, orders: Orders, parts: Sequence[Part]) -> None:
        self.sees_slots = True
        self.troubles = []
        self.counts = Table(history.Count)
        self.copies = Table(history.Copy)
        self.parts = parts
        self._scenario = scenario
        self._orders = orders
        self._end_us = scenario.duration_us
        self._latency_us = scenario.network.latency_us
        self._after_us = known_after_us(scenario.network)

    @cached_property
    def nodes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the nodes."""
        return tuple(node.name for node in self._scenario.nodes)

    def about(self, nodes: Iterable[int]) -> Trace:
        """Return the trace of some nodes."""
        wanted = np.array(sorted(set(nodes)), np.int64)
        parts = [
            part._replace(legs=part.legs.of(np.flatnonzero(np.isin(part.legs.node, wanted)))) for part in self.parts
        ]
        return RankTrace(self._scenario, self._orders, parts)

    # What follows from the legs, in columns.

    @cached_property
    def legs(self) -> Columns:
        """What became of every request, by runs, in order of nodes."""
        return Columns(*map(np.concatenate, zip(*(part.legs for part in self.parts), strict=True)))

    @cached_property
    def _first_number(self) -> Ints:
        """The number of the first request of each leg."""
        polls = self.legs.polls
        before = np.cumsum(polls, dtype=np.int64) - polls
        first = np.maximum.accumulate(np.where(self.legs.begins, np.arange(len(polls)), 0))
        numbers: Ints = before - before[first] + 1
        return numbers

    def _turns(self) -> _Turns:
        """Return the changes of status, for each node in order of time."""
        legs = self.legs
        fate = legs.fate
        known_us = legs.first_us + self._after_us[fate]
        back = (fate == Fate.GRANTED) & (legs.found != Status.REGISTERED)
        away = (fate != Fate.GRANTED) & ~legs.registers & (legs.found == Status.REGISTERED)
        first = _Turns(known_us, legs.node, legs.found, np.where(back, Status.REGISTERED, Status.INTERRUPTED))
        lapsed_us = legs.last_us + self._after_us[fate]
        found = np.where((legs.polls > 1) | away, Status.INTERRUPTED, legs.found)
        last = _Turns(lapsed_us, legs.node, found, np.full(len(found), Status.LAPSED))
        turned = (back | away) & (known_us <= self._end_us)
        lapses = legs.lapses & (lapsed_us <= self._end_us)
        # A lapse comes after whatever else comes of the same leg.
        place = np.concatenate([np.flatnonzero(turned), np.flatnonzero(lapses)])
        order = np.argsort(place, kind="stable")
        return _Turns(*(np.concatenate([a[turned], b[lapses]])[order] for a, b in zip(first, last, strict=True)))

    def _slot_changes(self) -> tuple[Ints, Column, Column]:
        """Return the slots that were taken or became void: when, of which node, and what; in order of time.

        Within an instant what is void comes first, in order of the installations, then what is taken, in order of
        sending and of nodes.
        """
        void_us, void_node = map(np.concatenate, zip(*(part.voided for part in self.parts), strict=True))
        taken_us, taken_node = map(np.concatenate, zip(*(part.taken for part in self.parts), strict=True))
        at_us, nodes = np.concatenate([void_us, taken_us]), np.concatenate([void_node, taken_node])
        change = np.full(len(at_us), SlotChange.TAKEN, np.int8)
        change[: len(void_us)] = SlotChange.VOID
        among = nodes.astype(np.int64)
        among[: len(void_us)] = self._by_installation(void_us, void_node)
        order = np.lexsort((among, change == SlotChange.TAKEN, at_us))
        return at_us[order], nodes[order], change[order]

    def _by_installation(self, at_us: Ints, nodes: Column) -> Ints:
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

    # The tables.

    @cached_property
    def requests(self) -> list[int]:  # type: ignore[override]
        """How many requests each node sent."""
        sent = np.zeros(len(self._scenario.nodes), np.int64)
        for legs, _, _ in self.parts:
            sent += np.bincount(legs.node, legs.polls, len(sent)).astype(np.int64)
        counts: list[int] = sent.tolist()
        return counts

    @cached_property
    def transitions(self) -> Table[history.Transition]:  # type: ignore[override]
        """The changes of status."""
        at_us, node, before, after = self._turns()
        reasons = history.TransitionReason
        reason = np.select(
            [after == Status.REGISTERED, after == Status.LAPSED], [reasons.GRANTED, reasons.SILENCE], reasons.UNANSWERED
        )
        return _table(history.Transition, at_us, (at_us, node, before, after, reason))

    @cached_property
    def access(self) -> Table[history.Access]:  # type: ignore[override]
        """When access opened and closed."""
        at_us, node, before, after = self._turns()
        opened = after != Status.LAPSED
        flips = opened == ~np.isin(before, (Status.REGISTERED, Status.INTERRUPTED))
        return _table(history.Access, at_us[flips], (at_us[flips], node[flips], opened[flips]))

    @cached_property
    def slots(self) -> Table[history.Slot]:  # type: ignore[override]
        """What happened to the slots."""
        at_us, node, change = self._slot_changes()
        live = np.cumsum(np.where(change == SlotChange.TAKEN, 1, -1))
        rows = (at_us, node, change, self._addresses[node], live, np.zeros(len(at_us), np.int64))
        return Table.of(history.Slot, map(column_of, rows))

    @cached_property
    def failures(self) -> Table[history.Failure]:  # type: ignore[override]
        """The failure rows."""
        legs = self.legs
        fails = legs.fate != Fate.GRANTED
        failed = _spread(legs.of(fails), self._first_number[fails])
        at_us = failed.sent_us + self._after_us[failed.fate]
        code = np.where(failed.fate == Fate.FULL, Code.REGISTER_OUT_OF_LIMIT, Code.NO_CONNECTION)
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
        asked = legs.registers
        of_server = self._server_edges
        at_us = np.concatenate([of_server[:, 0], legs.first_us[asked]])
        host = np.concatenate([of_server[:, 1], legs.node[asked]])
        what = np.concatenate([of_server[:, 2], np.full(int(asked.sum()), EdgeKind.REGISTER_ASKED)])
        return _table(history.Edge, at_us, (at_us, host, what, np.zeros_like(at_us), np.ones_like(at_us)))

    @cached_property
    def _server_edges(self) -> Ints:
        """When something happened to the server, to which host, and what: a row each."""
        rows = [(0, SERVER_HOST, EdgeKind.STARTED)]
        for (start_us, end_us), event in self._orders.downs:
            kind = EdgeKind.STOPPED if event.verb is Verb.SERVER_STOP else EdgeKind.CRASHED
            rows += [(start_us, SERVER_HOST, kind), (end_us, SERVER_HOST, EdgeKind.STARTED)]
        return np.array([row for row in rows if row[0] <= self._end_us], np.int64)

    @cached_property
    def _rests(self) -> Columns:
        """The polls that changed nothing and were over by the end; ``what`` is how many of a leg came before them."""
        legs = self.legs
        granted = legs.what == Fate.GRANTED
        skipped = (legs.found[granted] != Status.REGISTERED).astype(np.int64)
        first_us = legs.first_us[granted] + skipped * PERIOD_US
        over = (self._end_us - 2 * self._latency_us - first_us) // PERIOD_US + 1
        polls = np.clip(np.minimum(legs.polls[granted] - skipped, over), 0, None)
        return legs.of(granted)._replace(first_us=first_us, polls=polls.astype(np.int32), what=skipped.astype(np.int8))

    @cached_property
    def beats(self) -> Table[history.Beat]:  # type: ignore[override]
        """The runs of polls that changed nothing."""
        rests = self._rests
        number = self._first_number[self.legs.what == Fate.GRANTED] + rests.what
        some = rests.polls > 0
        node, first_us, polls, *_ = rests.of(some)
        last_us = rests.of(some).last_us
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
        legs, numbers, end_us, latency_us = self.legs, self._first_number, self._end_us, self._latency_us
        # What rests is left out: of a leg of granted polls the first may remain, and what the end cuts off.
        granted = legs.what == Fate.GRANTED
        rests, polls = self._rests, legs.of(granted)
        firsts = polls._replace(polls=rests.what.astype(np.int32)).of(rests.what > 0)
        begun = (rests.what + rests.polls).astype(np.int64)
        cut_off = polls._replace(
            first_us=polls.first_us + begun * PERIOD_US, polls=(polls.polls - begun).astype(np.int32)
        )
        parts = (
            _spread(legs.of(~granted), numbers[~granted]),
            _spread(firsts, numbers[granted][rests.what > 0]),
            _spread(cut_off, numbers[granted] + begun),
        )
        sent = _Sent(*map(np.concatenate, zip(*parts, strict=True)))
        order = np.lexsort((sent.node, sent.sent_us))
        node, sent_us, number, what = sent = _Sent(*(column[order] for column in sent))
        registers, fate = what & REGISTER != 0, sent.fate
        arrived_us = np.where((fate == Fate.LOST) | (sent_us + latency_us > end_us), NEVER, sent_us + latency_us)
        ended_us = sent_us + self._after_us[fate]
        answered = ~SILENT[fate]
        ended = ended_us <= end_us
        refused = FULL[fate]
        accepted = ACCEPTED[fate] & (arrived_us != NEVER)
        verdict = np.select(
            [arrived_us == NEVER, AT_PORT[fate], refused],
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
            "answer_lost": SILENT[fate] & (fate != Fate.LOST) & (arrived_us != NEVER),
            "spoilt": none,
            "delivered_us": np.where(answered & ended, ended_us, NEVER),
            "ended_us": np.where(ended, ended_us, NEVER),
            "outcome": outcome,
        }
        return Table.of(history.Exchange, map(column_of, columns.values()))

    def _in_order(self, table: str) -> Iterator[array[int]]:
        # Slots count those of all nodes, and everything else is a matter of each part.
        for trace in (self,) if table == "slots" else self._each_part():
            yield by_nodes(getattr(trace, table))

    def _each_part(self) -> Iterator[RankTrace]:
        for part in self.parts:
            yield RankTrace(self._scenario, self._orders, [part])

    @property
    def events(self) -> int:
        """How much happened."""
        count = sum(len(part.taken.at_us) + len(part.voided.at_us) for part in self.parts) + len(self._server_edges)
        for trace in self._each_part():
            legs = trace.legs
            fails = legs.of(legs.fate != Fate.GRANTED)
            known = (self._end_us - self._after_us[fails.fate] - fails.first_us) // PERIOD_US + 1
            count += int(np.clip(known, 0, fails.polls).sum()) + len(trace._turns().at_us)
            count += int(legs.polls.sum(dtype=np.int64)) + int(legs.registers.sum())
        return count

    @cached_property
    def _addresses(self) -> Ints:
        setups = self._scenario.nodes
        return np.fromiter((node.address for node in setups), np.int64, len(setups))


class _Turns(NamedTuple):
    """Changes of status: when, of which node, from what, and to what."""

    at_us: Ints
    node: Column
    before: Column
    after: Column


class _Sent(NamedTuple):
    """Requests, one a row."""

    node: Column
    sent_us: Ints
    number: Ints
    what: Column

    @property
    def fate(self) -> Column:
        """The fate of each, as a `Fate`."""
        fate: Column = self.what & (REGISTER - 1)
        return fate


def _spread(legs: Columns, first_number: Ints) -> _Sent:
    """Return the single requests of ``legs``."""
    polls = legs.polls
    row = np.repeat(np.arange(len(polls)), polls)
    k = np.arange(len(row)) - np.repeat(np.cumsum(polls) - polls, polls)
    return _Sent(legs.node[row], legs.first_us[row] + k * PERIOD_US, first_number[row] + k, legs.what[row])


def by_nodes(table: Table[Any]) -> array[int]:
    """Return all values of a table, row by row, in order of nodes and instants."""
    columns = [np.frombuffer(column, np.int64) for column in table.columns()]
    order = np.lexsort((columns[0], columns[1]))
    return column_of(np.stack([column[order] for column in columns], axis=1).ravel())


def column_of(values: Column) -> array[int]:
    """Return the values as a column of a table."""
    column = array("q")
    column.frombytes(np.ascontiguousarray(values, np.int64).tobytes())
    return column


def _table(row_type: type[Row], at_us: Ints, columns: Sequence[Column]) -> Table[Row]:
    """Return the table with these columns, in order of time."""
    order = np.argsort(at_us, kind="stable")
    return Table.of(row_type, (column_of(column[order]) for column in columns))
