"""The rule book's own lease table, replayed from the requests that the server accepted.

For every request that a running server received, `Ledger.before` says what the law makes of the slots at that moment:
whether the sender holds one, how old its last accepted request is, how many are taken. `Ledger.expected` lists every
change by which a slot has to go or come back (void, restored, dropped, freed), `Ledger.changes` also those that a grant
brings. It believes the server about what it
accepted, so that each decision is judged on the history as it was, and one mistake is not counted over and over.

The law (Note 11, R034): a slot is void at the first microsecond beyond 24 h since its last accepted request arrived,
on the server's boot-time clock; a start recovers the age from the stored wall-clock instant.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from harness.rulebook.dates import Dates
from harness.rulebook.history import DOWN, FAILED, History, by_request
from harness.scenario import SERVER
from harness.trace import NEVER, Beat, Copy, Edge, EdgeKind, Exchange, SlotChange, Verdict
from reference_server.protocol import Kind

__all__ = ["DAY_US", "GONE", "NEVER_SEEN", "PERIOD_US", "ExpectedSlot", "LeaseView", "Ledger"]

_HOUR_US = 60 * 60 * 1_000_000
DAY_US = 24 * _HOUR_US
PERIOD_US = 2 * _HOUR_US
_NEVER_VOID = 1 << 62
NEVER_SEEN = -9
#: What leaves a node without a live slot.
GONE = (SlotChange.VOID, SlotChange.FREED, SlotChange.DROPPED, SlotChange.LOST)
#: So many of the latest requests of an installation are known again.
_REMEMBERED = 2


class LeaseView(NamedTuple):
    """The slots as a request finds them. ``age_us`` and ``address`` are of the sender's own live slot.

    ``age_us`` is that of its last accepted request, downtime included, whatever the reading excuses. ``seen`` is the
    verdict that the same request was given before, `NEVER_SEEN` if it is new, and ``first`` its place then.
    """

    live: bool
    address: int
    age_us: int
    live_units: int
    unit_live: bool
    date_us: int
    seen: int
    first: int


class ExpectedSlot(NamedTuple):
    """A change that time, the server's own life or an accepted request has to bring to a node's slot."""

    at_us: int
    node: int
    change: SlotChange
    server: int = 0


@dataclass
class _Lease:
    """The slot of an installation, told of its first ``node``. Nothing is known of it before a request renews it.

    ``void_us`` is the true instant at which it is void unless it is renewed. ``boot_us`` is the instant of its last
    accepted request on the server's boot-time clock, as that is reckoned since the last start; ``silent_us`` is the one
    from which its silence counts. It is ``marked`` while it is void and the server down, which judges it anew then.
    """

    node: int
    unit: str
    address: int = NEVER
    boot_us: int = 0
    silent_us: int = 0
    stored_us: int = 0
    excused_us: int = 0
    void_us: int = _NEVER_VOID
    marked: bool = False


class Ledger:
    """The lease tables of one history, that of the server and, if its machine was copied, that of the copy."""

    def __init__(self, history: History) -> None:
        tables = [_Table(history, 0, None)]
        if history.copied_at_us is not None:
            tables.append(_Table(history, 1, tables[0]))
        self._tables = tables
        #: How long a slot lives without an accepted request.
        self.lease_us = tables[0].lease_us
        #: By the place of an exchange that reached a running server.
        self.before = {place: view for table in tables for place, view in table.before.items()}
        #: Every change; moves are none.
        self.changes = [each for table in tables for each in table.changes]
        self.expected = [each for each in self.changes if each.change is not SlotChange.TAKEN]
        #: What each second arrival of a request had to be answered, in the order of the trace's copies.
        self.copies = [each for table in tables for each in table.copies]

    def date_at(self, true_us: int) -> int:
        """Return the server's date for a request that arrives at ``true_us``, in wall-clock us."""
        return self._tables[0].dates.at(true_us)

    def live_at(self, true_us: int, server: int = 0) -> int:
        """Return how many slots of a server have to be live after everything at ``true_us``."""
        live = self._tables[server].live
        place = bisect_right(live, true_us, key=lambda count: count[0])
        return live[place - 1][1] if place else 0

    def holders_before(self, true_us: int) -> list[int]:
        """Return the nodes that have to hold a live slot of the server just before ``true_us``, in order."""
        last = {each.node: each.change for each in self._tables[0].changes if each.at_us < true_us}
        return sorted(node for node, change in last.items() if change not in GONE)


class _Table:
    """The lease table of one server, which began as that of its ``original`` if it is a copy."""

    def __init__(self, history: History, server: int, original: _Table | None) -> None:
        self._history = history
        self._server = server
        self._original = original
        self._clocks = history.clocks
        self._latency_us = history.scenario.network.latency_us
        reading = history.reading
        self.lease_us = DAY_US + (PERIOD_US if reading.lapse_needs_later_miss else 0)
        self._leases: dict[int, _Lease] = {}
        #: How many live slots there are of each unit that has any.
        self._units: Counter[str] = Counter()
        self._due: list[tuple[int, int]] = []
        #: Since when the program is down, `None` while it runs and before it is started.
        self._down_since: int | None = None
        #: By the place of an exchange that reached a running server.
        self.before: dict[int, LeaseView] = {}
        self.changes: list[ExpectedSlot] = []
        #: From when on how many slots are live.
        self.live: list[tuple[int, int]] = []
        #: What each second arrival of a request had to be answered, in the order of the trace's copies.
        self.copies: list[tuple[Copy, int]] = []
        self._answered: dict[int, tuple[tuple[object, int, int], ...]] = {}
        wanted = {edge.value for edge in history.edges_of[server] if edge.what == EdgeKind.ROLLED_BACK}
        if original is None and history.copied_at_us is not None:
            wanted.add(history.copied_at_us)
        self._wanted = sorted(wanted)
        self.images: dict[int, _Image] = {}
        self.dates: Dates = Dates(history, server, None if original is None else original.dates)
        self._replay()

    def _replay(self) -> None:
        for at_us, what in self._moments():
            self._take_images(at_us)
            # Slots are void before a request arrives at the same instant, also one in whose course the server crashes.
            self._void_until(at_us, including=not isinstance(what, Edge) or by_request(what))
            if isinstance(what, Edge):
                self._server_edge(what)
            elif isinstance(what, Beat):
                self._beat(what)
            elif isinstance(what, Copy):
                self._copy(what)
            else:
                self._arrival(*what)
        self._take_images(self._history.end_us)
        self._void_until(self._history.end_us, including=True)

    def _take_images(self, at_us: int) -> None:
        """Keep the state of every instant up to ``at_us`` that is put back later, as it was before that instant."""
        while self._wanted and self._wanted[0] <= at_us:
            to_us = self._wanted.pop(0)
            self._void_until(to_us, including=False)
            self.images[to_us] = _Image([replace(each) for each in self._leases.values()], dict(self._answered))

    def _moments(self) -> Iterator[tuple[int, Edge | Beat | Copy | tuple[int, Exchange]]]:
        """Yield what concerns the server, in the law's order of ties."""
        moments: list[tuple[tuple[int, ...], Edge | Beat | Copy | tuple[int, Exchange]]] = []
        exchanges = self._history.exchanges

        def tie(place: int) -> tuple[int, int, int]:
            asked = exchanges[place]
            return asked.sent_us, asked.node, asked.number

        for place, exchange in enumerate(exchanges):
            cut_short = exchange.verdict == Verdict.NONE and place in self._history.crashed_by
            handled = exchange.arrived_us != NEVER and exchange.verdict not in FAILED and not cut_short
            if handled and exchange.server == self._server:
                moments.append(((exchange.arrived_us, *tie(place)), (place, exchange)))
        for copy in self._history.trace.copies:
            if exchanges[copy.place].server == self._server:
                moments.append(((copy.arrived_us, *tie(copy.place)), copy))
        for beat in self._history.trace.beats if self._server == 0 else ():
            arrived_us = beat.first_sent_us + self._latency_us
            moments.append(((arrived_us, beat.first_sent_us, beat.node, beat.first_number), beat))
        for edge in self._history.edges_of[self._server]:
            # A crash in the course of a request comes after it.
            moments.append(((edge.at_us, *(tie(edge.value - 1) if by_request(edge) else ())), edge))
        # The shorter key comes first: an edge before what arrives. Moments of one key stay as they are here.
        moments.sort(key=lambda moment: moment[0])
        for key, what in moments:
            yield key[0], what

    def _expect(self, at_us: int, node: int, change: SlotChange) -> None:
        """Note a change that has just been made."""
        self.changes.append(ExpectedSlot(at_us, node, change, self._server))
        self.live.append((at_us, len(self._units)))

    # What happens to the server.

    def _server_edge(self, edge: Edge) -> None:
        kind = EdgeKind(edge.what)
        if kind in DOWN:
            if self._down_since is None:  # Else a machine is rebooted whose program had ended before.
                self._down_since = edge.at_us
            if not self._history.reading.downtime_is_silence:
                for lease in self._leases.values():
                    if lease.void_us > edge.at_us:
                        lease.void_us = _NEVER_VOID
        elif kind is EdgeKind.DESTROYED:
            self._drop_all(edge.at_us)
        elif kind is EdgeKind.STARTED and edge.done:
            self._start(edge.at_us)
        elif kind is EdgeKind.ROLLED_BACK and edge.done:
            self._put_back(edge, self.images[edge.value])
        elif kind is EdgeKind.CLONED:
            assert self._original is not None, "only a copy was copied"
            self._put_back(edge, self._original.images[edge.at_us])
            self._down_since = edge.at_us

    def _put_back(self, edge: Edge, image: _Image) -> None:
        held = {node for node, lease in self._leases.items() if not lease.marked}
        # In what was stored nothing is marked, and the next start judges the age of everything.
        self._leases = {each.node: replace(each, marked=False, void_us=_NEVER_VOID) for each in image.leases}
        self._answered = dict(image.answered)
        self._units = Counter(lease.unit for lease in self._leases.values())
        for node in sorted(held ^ set(self._leases)):
            change = SlotChange.LOST if node in held else SlotChange.FOUND
            self._expect(edge.at_us, node, change)

    def _start(self, at_us: int) -> None:
        reading = self._history.reading
        down_since_us, self._down_since = self._down_since, None
        if down_since_us is None:
            return  # It has never run before.
        down_us = at_us - down_since_us
        if reading.stop_voids_slots or (not reading.downtime_is_silence and down_us > DAY_US):
            self._drop_all(at_us)
            return
        boot_us = self._clocks.boot_us(SERVER, at_us)
        wall_us = self._clocks.wall_us(SERVER, at_us, before_steps=True)
        for lease in list(self._leases.values()):
            if not reading.downtime_is_silence:
                lease.excused_us += down_us
            lease.boot_us = boot_us - max(0, wall_us - lease.stored_us)
            silence_us = max(0, wall_us - lease.stored_us - lease.excused_us)
            lease.silent_us = boot_us - silence_us
            if silence_us > self.lease_us:
                self._end(lease)
                if not lease.marked:
                    self._expect(at_us, lease.node, SlotChange.VOID)
                continue
            if lease.marked:
                lease.marked = False
                self._units[lease.unit] += 1
                self._expect(at_us, lease.node, SlotChange.RESTORED)
            self._set_void(lease)

    def _drop_all(self, at_us: int) -> None:
        for lease in list(self._leases.values()):
            self._end(lease)
            if not lease.marked:
                self._expect(at_us, lease.node, SlotChange.DROPPED)

    # What arrives.

    def _beat(self, beat: Beat) -> None:
        lease = self._leases.get(beat.node)
        if lease is None:
            return  # A wrong server's; the next simulated request of the node is judged.
        # Nothing else happens to the node, the server or its clock before the run is over.
        self._renew(lease, lease.address, beat.last_sent_us + self._latency_us)

    def _arrival(self, place: int, exchange: Exchange) -> None:
        view = self._view(exchange, exchange.arrived_us)
        self.before[place] = view
        self._accept(exchange, exchange.arrived_us, view, exchange.verdict, place)

    def _copy(self, copy: Copy) -> None:
        exchange = self._history.exchanges[copy.place]
        view = self._view(exchange, copy.arrived_us)
        self.copies.append((copy, view.seen))
        self._accept(exchange, copy.arrived_us, view, copy.verdict, copy.place)

    def _known_by(self, exchange: Exchange) -> object:
        """Return what makes two requests of an installation the same."""
        setup = self._history.scenario.nodes[exchange.node]
        own = (setup.application, setup.version, setup.domain, setup.port, setup.cluster)
        return exchange.kind, exchange.number, exchange.reported, exchange.source, own

    def _view(self, exchange: Exchange, at_us: int) -> LeaseView:
        owner = self._history.owner[exchange.node]
        lease = self._leases.get(owner)
        if lease is not None and lease.marked:
            lease = None  # Only a start can bring it back.
        address, age_us = NEVER, 0
        if lease is not None:
            address, age_us = lease.address, self._clocks.boot_us(SERVER, at_us) - lease.boot_us
        seen, first = NEVER_SEEN, NEVER
        for known_by, verdict, place in self._answered.get(owner, ()) if not exchange.form else ():
            if known_by == self._known_by(exchange):
                seen, first = verdict, place
                break
        unit_live = self._unit(owner) in self._units
        date_us = self.dates.at(at_us)
        return LeaseView(lease is not None, address, age_us, len(self._units), unit_live, date_us, seen, first)

    def _accept(self, exchange: Exchange, at_us: int, view: LeaseView, verdict: int, place: int) -> None:
        """Let the slots be what the server made of a request; what it has seen before changes nothing."""
        owner = self._history.owner[exchange.node]
        if view.seen != NEVER_SEEN:
            return
        if not exchange.form and verdict != Verdict.NONE:
            newest = (self._known_by(exchange), verdict, place)
            self._answered[owner] = (newest, *self._answered.get(owner, ()))[:_REMEMBERED]
        if verdict != Verdict.GRANTED:
            return
        lease = self._leases.get(owner)
        if exchange.kind == Kind.UNBIND:
            if lease is not None:
                self._end(lease)
                self._expect(at_us, lease.node, SlotChange.FREED)
            return
        if lease is None:
            lease = self._leases[owner] = _Lease(owner, self._unit(owner))
            self._units[lease.unit] += 1
            self._expect(at_us, owner, SlotChange.TAKEN)
        self._renew(lease, exchange.source, at_us)

    def _unit(self, node: int) -> str:
        setup = self._history.scenario.nodes[node]
        if self._history.reading.cluster_takes_one_slot and setup.cluster is not None:
            return f"cluster {setup.cluster}"
        return f"node {setup.name}"

    def _renew(self, lease: _Lease, address: int, arrived_us: int) -> None:
        lease.address = address
        lease.boot_us = lease.silent_us = self._clocks.boot_us(SERVER, arrived_us)
        lease.stored_us = self._clocks.wall_us(SERVER, arrived_us)
        lease.excused_us = 0
        self._set_void(lease)

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
            if self._down_since is None:
                self._end(lease)
            else:
                # The next start judges it anew on the wall clock.
                self._leave_unit(lease)
                lease.marked = True
            self._expect(due_us, node, SlotChange.VOID)

    def _leave_unit(self, lease: _Lease) -> None:
        self._units[lease.unit] -= 1
        if not self._units[lease.unit]:
            del self._units[lease.unit]

    def _end(self, lease: _Lease) -> None:
        del self._leases[lease.node]
        if not lease.marked:
            self._leave_unit(lease)


class _Image(NamedTuple):
    """What was stored at an instant."""

    leases: list[_Lease]
    answered: dict[int, tuple[tuple[object, int, int], ...]]
