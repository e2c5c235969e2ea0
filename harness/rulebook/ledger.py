"""The rule book's own lease table, replayed from the requests that the server accepted.

For every request that a running server received, `Ledger.before` says what the law makes of the slots at that moment:
whether the sender holds one, how old its last accepted request is, how many are taken. `Ledger.expected` lists every
change by which a slot has to go or come back (void, restored, dropped, freed). It believes the server about what it
accepted, so that each decision is judged on the history as it was, and one mistake is not counted over and over.

The law (Note 11, R034): a slot is void at the first microsecond beyond 24 h since its last accepted request arrived,
on the server's boot-time clock; a start recovers the age from the stored wall-clock instant.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.rulebook.history import DOWN, History
from harness.scenario import SERVER
from harness.trace import NEVER, Beat, Edge, EdgeKind, Exchange, SlotChange, Verdict
from reference_server.protocol import Kind

__all__ = ["DAY_US", "PERIOD_US", "ExpectedSlot", "LeaseView", "Ledger"]

_HOUR_US = 60 * 60 * 1_000_000
DAY_US = 24 * _HOUR_US
PERIOD_US = 2 * _HOUR_US
_NEVER_VOID = 1 << 62


class LeaseView(NamedTuple):
    """The slots as a request finds them. ``age_us`` and ``address`` are of the sender's own live slot.

    ``age_us`` is that of its last accepted request, downtime included, whatever the reading excuses.
    """

    live: bool
    address: int
    age_us: int
    live_units: int
    unit_live: bool
    date_us: int


class ExpectedSlot(NamedTuple):
    """A change that time, the server's own life or an accepted unbind has to bring to a node's slot."""

    at_us: int
    node: int
    change: SlotChange


@dataclass
class _Lease:
    """The slot of one node. ``void_us`` is the true instant at which it is void unless it is renewed.

    ``boot_us`` is the instant of its last accepted request on the server's boot-time clock, as that is reckoned since
    the last start; ``silent_us`` is the one from which its silence counts.
    """

    node: int
    unit: str
    address: int
    arrived_us: int
    boot_us: int
    silent_us: int
    stored_us: int
    excused_us: int = 0
    beat: Beat | None = None
    void_us: int = _NEVER_VOID
    marked: bool = False


class Ledger:
    """The lease table of one history."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._clocks = history.clocks
        self._latency_us = history.scenario.network.latency_us
        reading = history.reading
        self.lease_us = DAY_US + (PERIOD_US if reading.lapse_needs_later_miss else 0)
        self._leases: dict[int, _Lease] = {}
        self._units: dict[str, int] = {}
        self._due: list[tuple[int, int]] = []
        self._running = False
        self._down_since: int | None = None
        #: By the place of an exchange that reached a running server.
        self.before: dict[int, LeaseView] = {}
        self.expected: list[ExpectedSlot] = []
        self._dates = _Dates(history)
        self._replay()

    def date_at(self, true_us: int) -> int:
        """Return the server's date for a request that arrives at ``true_us``, in wall-clock us."""
        return self._dates.at(true_us)

    def _replay(self) -> None:
        for at_us, what in self._moments():
            self._void_until(at_us, including=not isinstance(what, Edge))
            if isinstance(what, Edge):
                self._server_edge(what)
            elif isinstance(what, Beat):
                self._beat(what)
            else:
                self._arrival(*what)
        self._void_until(self._history.end_us, including=True)

    def _moments(self) -> Iterator[tuple[int, Edge | Beat | tuple[int, Exchange]]]:
        """Yield what concerns the server, in the law's order of ties."""
        moments: list[tuple[Any, Edge | Beat | tuple[int, Exchange]]] = [
            ((edge.at_us, 0, k), edge) for k, edge in enumerate(self._history.server_edges)
        ]
        for place, exchange in enumerate(self._history.exchanges):
            if exchange.arrived_us != NEVER and exchange.verdict != Verdict.CONNECTION_REFUSED:
                tie = (exchange.sent_us, exchange.node, exchange.number)
                moments.append(((exchange.arrived_us, 1, *tie), (place, exchange)))
        for beat in self._history.trace.beats:
            arrived_us = beat.first_sent_us + self._latency_us
            moments.append(((arrived_us, 1, beat.first_sent_us, beat.node, beat.first_number), beat))
        moments.sort(key=lambda moment: moment[0])
        for key, what in moments:
            yield key[0], what

    # What happens to the server.

    def _server_edge(self, edge: Edge) -> None:
        kind = EdgeKind(edge.what)
        if kind in DOWN:
            self._running = False
            self._down_since = edge.at_us
            if not self._history.reading.downtime_is_silence:
                for lease in self._leases.values():
                    if lease.void_us > edge.at_us:
                        lease.void_us = _NEVER_VOID
        elif kind is EdgeKind.DESTROYED:
            self._running = False
            self._drop_all(edge.at_us)
        elif kind is EdgeKind.STARTED and edge.done:
            self._running = True
            self._start(edge.at_us)

    def _start(self, at_us: int) -> None:
        reading = self._history.reading
        down_us = 0 if self._down_since is None else at_us - self._down_since
        if self._down_since is None:
            return
        if reading.stop_voids_slots or (not reading.downtime_is_silence and down_us > DAY_US):
            self._drop_all(at_us)
            return
        boot_us = self._clocks.boot_us(SERVER, at_us)
        wall_us = self._clocks.wall_us(SERVER, at_us, before_steps=True)
        for lease in list(self._leases.values()):
            self._settle(lease, at_us)
            lease.beat = None
            if not reading.downtime_is_silence:
                lease.excused_us += down_us
            lease.boot_us = boot_us - max(0, wall_us - lease.stored_us)
            silence_us = max(0, wall_us - lease.stored_us - lease.excused_us)
            lease.silent_us = boot_us - silence_us
            if silence_us > self.lease_us:
                self._end(lease)
                if not lease.marked:
                    self.expected.append(ExpectedSlot(at_us, lease.node, SlotChange.VOID))
                continue
            if lease.marked:
                lease.marked = False
                self._units[lease.unit] = self._units.get(lease.unit, 0) + 1
                self.expected.append(ExpectedSlot(at_us, lease.node, SlotChange.RESTORED))
            self._set_void(lease)

    def _drop_all(self, at_us: int) -> None:
        for lease in list(self._leases.values()):
            self._end(lease)
            if not lease.marked:
                self.expected.append(ExpectedSlot(at_us, lease.node, SlotChange.DROPPED))

    # What arrives.

    def _beat(self, beat: Beat) -> None:
        lease = self._leases.get(beat.node)
        if lease is None:
            return  # A wrong server's; the next simulated request of the node is judged.
        self._renew(lease, lease.address, beat.last_sent_us + self._latency_us)
        lease.beat = beat

    def _arrival(self, place: int, exchange: Exchange) -> None:
        at_us = exchange.arrived_us
        lease = self._leases.get(exchange.node)
        unit = self._unit(exchange.node)
        live = lease is not None and not lease.marked
        address, age_us = NEVER, 0
        if lease is not None and live:
            address = lease.address
            self._settle(lease, at_us)
            age_us = self._clocks.boot_us(SERVER, at_us) - lease.boot_us
        date_us = self._dates.at(at_us)
        self.before[place] = LeaseView(live, address, age_us, len(self._units), unit in self._units, date_us)
        if exchange.verdict != Verdict.GRANTED:
            return
        if exchange.kind == Kind.UNBIND:
            if lease is not None:
                self._end(lease)
                self.expected.append(ExpectedSlot(at_us, lease.node, SlotChange.FREED))
        elif lease is None:
            lease = _Lease(exchange.node, unit, exchange.source, at_us, 0, 0, 0)
            self._leases[exchange.node] = lease
            self._units[unit] = self._units.get(unit, 0) + 1
            self._renew(lease, exchange.source, at_us)
        else:
            self._renew(lease, exchange.source, at_us)

    def _unit(self, node: int) -> str:
        setup = self._history.scenario.nodes[node]
        if self._history.reading.cluster_takes_one_slot and setup.cluster is not None:
            return f"cluster {setup.cluster}"
        return f"node {setup.name}"

    def _renew(self, lease: _Lease, address: int, arrived_us: int) -> None:
        lease.address = address
        lease.arrived_us = arrived_us
        lease.boot_us = lease.silent_us = self._clocks.boot_us(SERVER, arrived_us)
        lease.stored_us = self._clocks.wall_us(SERVER, arrived_us)
        lease.excused_us = 0
        lease.beat = None
        self._set_void(lease)

    def _settle(self, lease: _Lease, at_us: int) -> None:
        """Bring a lease that is renewed by a run of beats to the last of them up to ``at_us``."""
        beat = lease.beat
        if beat is None or lease.arrived_us <= at_us:
            return
        name = self._history.scenario.nodes[lease.node].name
        passed_us = self._clocks.boot_us(name, at_us - self._latency_us) - beat.first_sent_boot_us
        sent_us = self._clocks.true_us(name, beat.first_sent_boot_us + passed_us // PERIOD_US * PERIOD_US)
        self._renew(lease, lease.address, sent_us + self._latency_us)

    # The passing of time.

    def _set_void(self, lease: _Lease) -> None:
        lease.void_us = self._clocks.true_us(SERVER, lease.silent_us + self.lease_us + 1)
        heapq.heappush(self._due, (lease.void_us, lease.node))

    def _void_until(self, at_us: int, *, including: bool) -> None:
        """Void what time voids before ``at_us``; slots are void before anything arrives at the same instant."""
        while self._due and self._due[0][0] < at_us + including:
            due_us, node = heapq.heappop(self._due)
            lease = self._leases.get(node)
            if lease is None or lease.marked or lease.void_us != due_us:
                continue
            self.expected.append(ExpectedSlot(due_us, node, SlotChange.VOID))
            if self._running:
                self._end(lease)
            else:
                # The next start judges it anew on the wall clock.
                self._leave_unit(lease)
                lease.marked = True

    def _leave_unit(self, lease: _Lease) -> None:
        self._units[lease.unit] -= 1
        if not self._units[lease.unit]:
            del self._units[lease.unit]

    def _end(self, lease: _Lease) -> None:
        del self._leases[lease.node]
        if not lease.marked:
            self._leave_unit(lease)


class _Dates:
    """The server's date: its wall clock, but never earlier than the latest that it has stored."""

    def __init__(self, history: History) -> None:
        self._clocks = history.clocks
        back = [at_us for at_us, by_us in history.clocks.steps(SERVER) if by_us < 0]
        #: (from when, the date is at least this); only steps back make a difference. A slew never turns the wall clock
        #: back, nor does a freeze, so between steps the latest date is that of the last instant.
        self._floors: list[tuple[int, int]] = []
        if not back:
            return
        latency_us = history.scenario.network.latency_us
        handled = [
            e.arrived_us for e in history.exchanges if e.verdict not in (Verdict.NONE, Verdict.CONNECTION_REFUSED)
        ]
        starts = [edge.at_us for edge in history.server_edges if edge.what == EdgeKind.STARTED and edge.done]
        # The start at 0 finds its clock wrong already. Any other is the end of an event, and comes before a step.
        handled += [at_us for at_us in starts if at_us == 0]
        floor = -(1 << 62)
        all_steps = [at_us for at_us, _ in history.clocks.steps(SERVER)]
        for since_us, until_us in zip([0, *all_steps], all_steps, strict=False):
            last_us = max((at for at in handled if since_us <= at < until_us), default=NEVER)
            for beat in history.trace.beats:
                name = history.nodes[beat.node].name
                first_us = beat.first_sent_boot_us
                before_us = history.clocks.boot_us(name, max(0, until_us - 1 - latency_us))
                k = min(beat.polls - 1, (before_us - first_us) // PERIOD_US)
                if k >= 0:
                    arrived_us = history.clocks.true_us(name, first_us + k * PERIOD_US) + latency_us
                    last_us = max(last_us, arrived_us)
            if last_us >= since_us and last_us != NEVER:
                floor = max(floor, history.clocks.wall_us(SERVER, last_us))
            for at_us in starts:
                if since_us < at_us <= until_us:
                    floor = max(floor, history.clocks.wall_us(SERVER, at_us, before_steps=True))
            self._floors.append((until_us, floor))

    def at(self, true_us: int) -> int:
        """Return the date at which a request that arrives at ``true_us`` is judged."""
        date_us = self._clocks.wall_us(SERVER, true_us)
        for since_us, floor_us in self._floors:
            if since_us <= true_us:
                date_us = max(date_us, floor_us)
        return date_us
