"""Most of a fleet in rank, and the others by themselves: two runs of one scenario, and one trace of both.

Where there are slots for all nodes, none of them notices what becomes of the others. So those that can stand in rank
march, the others are simulated in a world of their own with the same server, and what was recorded of both is put
together. Only the number of live slots counts all of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from harness import trace as history
from harness.ranks.fit import can_part, odd_nodes, orders_for, scenario_of
from harness.ranks.history import by_nodes, column_of
from harness.ranks.legs import Column, Ints
from harness.ranks.march import march
from harness.scenario import Scenario
from harness.trace import NEVER, EdgeKind, SlotChange, Table, Trace
from reference_server.protocol import Details
from reference_server.readings import Reading

__all__ = ["MixedTrace", "in_rank"]

Row = TypeVar("Row", bound=tuple[Any, ...])
#: What makes a slot live, and what ends it; others leave the number as it is.
_MORE = (SlotChange.TAKEN, SlotChange.RESTORED, SlotChange.FOUND)
_FEWER = (SlotChange.FREED, SlotChange.VOID, SlotChange.DROPPED, SlotChange.LOST)


def in_rank(
    scenario: Scenario,
    reading: Reading,
    by_itself: Callable[[Scenario, Sequence[int]], Trace],
    *,
    at_least: int,
) -> Trace | None:
    """Return the trace of ``scenario`` with as many nodes in rank as can be, ``None`` if those are too few.

    :param by_itself: simulates a scenario with some of the nodes, whose places it is told.
    :param at_least: so many have to stand in rank.
    """
    odd = odd_nodes(scenario, reading)
    while odd is not None:
        plain = np.setdiff1d(np.arange(len(scenario.nodes)), odd)
        if len(odd) and (len(plain) < max(1, at_least) or not can_part(scenario)):
            return None
        marching = scenario_of(scenario, plain) if len(odd) else scenario
        orders = orders_for(marching, reading)
        if orders is None:
            return None
        trace = march(marching, orders)
        if isinstance(trace, Trace):
            if not len(odd):
                return trace
            others = scenario_of(scenario, odd)
            by_themselves = Group(others, by_itself(others, odd.tolist()), odd)
            return MixedTrace(scenario, Group(marching, trace, plain), by_themselves)
        # Some have fallen out of step, and stand by themselves next time.
        odd = np.union1d(odd, plain[trace])
    return None


class Group(NamedTuple):
    """Some nodes of a scenario: the scenario with them alone, their trace, and their places in the whole."""

    scenario: Scenario
    trace: Trace
    places: Ints


class MixedTrace(Trace):
    """The trace of both. Its tables are made when they are asked for."""

    in_rank = True

    def __init__(self, scenario: Scenario, marching: Group, others: Group) -> None:
        self.sees_slots = True
        self.troubles = []
        self.counts = Table(history.Count)
        self.marching = marching
        self.others = others
        self.parts = marching.trace.parts
        self._scenario = scenario

    def about(self, nodes: Iterable[int]) -> Trace:
        """Return the trace of some nodes."""
        wanted = np.isin(self.marching.places, sorted(set(nodes)))
        trace = self.marching.trace.about(np.flatnonzero(wanted).tolist())
        return MixedTrace(self._scenario, self.marching._replace(trace=trace), self.others)

    @cached_property
    def nodes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the nodes."""
        return tuple(node.name for node in self._scenario.nodes)

    def _both(self, table: str, *, hosts: str = "node") -> dict[str, Column]:
        """Return the columns of a table of both traces, those of the others first."""
        columns: dict[str, list[Column]] = {}
        for group in (self.others, self.marching):
            rows: Table[Any] = getattr(group.trace, table)
            for name in rows.names:
                column = np.frombuffer(rows.column(name), np.int64)
                if name == hosts:
                    column = np.where(column < 0, column, group.places[column])
                columns.setdefault(name, []).append(column)
        return {name: np.concatenate(both) for name, both in columns.items()}

    def _table(self, row_type: type[Row], columns: dict[str, Column]) -> Table[Row]:
        """Return a table with these columns, in order of its first one."""
        order = np.argsort(next(iter(columns.values())), kind="stable")
        return Table.of(row_type, (column_of(column[order]) for column in columns.values()))

    @cached_property
    def transitions(self) -> Table[history.Transition]:  # type: ignore[override]
        """The changes of status."""
        return self._table(history.Transition, self._both("transitions"))

    @cached_property
    def access(self) -> Table[history.Access]:  # type: ignore[override]
        """When access opened and closed."""
        return self._table(history.Access, self._both("access"))

    @cached_property
    def failures(self) -> Table[history.Failure]:  # type: ignore[override]
        """The failure rows."""
        return self._table(history.Failure, self._both("failures"))

    @cached_property
    def edges(self) -> Table[history.Edge]:  # type: ignore[override]
        """What happened to hosts. What happened to the server is told by both, and kept of one."""
        columns = self._both("edges", hosts="host")
        first = len(self.others.trace.edges)
        # Where a machine was copied, the value is the node that it was copied from.
        copied = (np.arange(len(columns["host"])) < first) & (columns["what"] == EdgeKind.CLONED)
        columns["value"] = columns["value"].copy()
        columns["value"][copied] = self.others.places[columns["value"][copied]]
        kept = (np.arange(len(columns["host"])) < first) | (columns["host"] >= 0)
        return self._table(history.Edge, {name: column[kept] for name, column in columns.items()})

    @cached_property
    def beats(self) -> Table[history.Beat]:  # type: ignore[override]
        """The runs of polls that changed nothing."""
        columns = self._both("beats")
        return Table.of(history.Beat, map(column_of, columns.values()))

    @cached_property
    def exchanges(self) -> Table[history.Exchange]:  # type: ignore[override]
        """All other requests. Those of the others keep their places, by which they are known."""
        columns = self._both("exchanges")
        of_rank = np.arange(len(columns["node"])) >= len(self.others.trace.exchanges)
        signature, content = columns["signature"], columns["content"]
        before = len(self.others.trace.signatures)
        columns["signature"] = np.where(of_rank & (signature != NEVER), signature + before, signature)
        # Whoever marches is granted one and the same.
        (granted,) = self.marching.trace.contents
        columns["content"] = np.where(of_rank & (content != NEVER), self.contents.index(granted), content)
        return Table.of(history.Exchange, map(column_of, columns.values()))

    @cached_property
    def copies(self) -> Table[history.Copy]:  # type: ignore[override]
        """Second arrivals of requests."""
        return self.others.trace.copies

    @cached_property
    def contents(self) -> list[tuple[int, Details]]:  # type: ignore[override]
        """What grants carried."""
        return list(dict.fromkeys([*self.others.trace.contents, *self.marching.trace.contents]))

    @cached_property
    def signatures(self) -> list[str]:  # type: ignore[override]
        """The signatures of grants."""
        return [*self.others.trace.signatures, *self.marching.trace.signatures]

    @cached_property
    def requests(self) -> list[int]:  # type: ignore[override]
        """How many requests each node sent."""
        sent = np.zeros(len(self._scenario.nodes), np.int64)
        for group in (self.others, self.marching):
            sent[group.places] = group.trace.requests
        counts: list[int] = sent.tolist()
        return counts

    @cached_property
    def final_lists(self) -> list[tuple[tuple[int, int], ...]]:  # type: ignore[override]
        """The failure list of each node at the end."""
        lists: list[tuple[tuple[int, int], ...]] = [()] * len(self._scenario.nodes)
        for group in (self.others, self.marching):
            for place, rows in zip(group.places.tolist(), group.trace.final_lists, strict=True):
                lists[place] = rows
        return lists

    @cached_property
    def slots(self) -> Table[history.Slot]:  # type: ignore[override]
        """What happened to the slots, with the number of all that are live."""
        columns = self._both("slots")
        change = columns["change"]
        # Within an instant: what is void, by installation, then what arrives, by sending, node and request.
        voids = change == SlotChange.VOID
        sent = self._sent_with(columns)
        installations = sorted({int(node) for node in columns["node"][voids]}, key=self._installation)
        rank = np.zeros(len(self._scenario.nodes), np.int64)
        rank[installations] = np.arange(len(installations))
        first = np.where(voids, rank[columns["node"]], sent[0])
        order = np.lexsort((sent[1], columns["node"], first, ~voids, columns["at_us"]))
        more, fewer = np.isin(change, _MORE), np.isin(change, _FEWER)
        columns = {name: column[order] for name, column in columns.items()}
        columns["live"] = np.cumsum(more[order].astype(np.int64) - fewer[order])
        return Table.of(history.Slot, map(column_of, columns.values()))

    def _installation(self, node: int) -> str:
        return self._scenario.nodes[node].installation

    def _sent_with(self, slots: dict[str, Column]) -> tuple[Ints, Ints]:
        """Return, for each change of a slot, when the request was sent that made it, and its number."""
        sent_us = slots["at_us"] - self._scenario.network.latency_us
        number = np.zeros(len(sent_us), np.int64)
        # What happens to a slot is told of the first node of its installation.
        first = {node.installation: place for place, node in reversed([*enumerate(self.others.scenario.nodes)])}
        owner = [first[node.installation] for node in self.others.scenario.nodes]
        known = {
            (owner[each.node], each.arrived_us): (each.sent_us, each.number) for each in self.others.trace.exchanges
        }
        for row, slot in enumerate(self.others.trace.slots):
            sent_us[row], number[row] = known.get((slot.node, slot.at_us), (sent_us[row], 0))
        return sent_us, number

    @property
    def events(self) -> int:
        """How much happened. What happened to the server is told by both."""
        of_server = sum(edge.host < 0 for edge in self.others.trace.edges)
        return self.marching.trace.events + self.others.trace.events - of_server

    def _in_order(self, table: str) -> Iterator[array[int]]:
        yield by_nodes(getattr(self, table))
