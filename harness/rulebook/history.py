"""A history: the trace of one run, arranged for the rules that judge it.

Everything here is read off the trace and the scenario. "At" an instant means after everything that happened at it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from fake_fdl_nodes.fleet import NodeSetup
from harness.rulebook.clocks import Clocks
from harness.scenario import LicenceSpec, Scenario, Verb
from harness.trace import (
    FAILED,
    NEVER,
    SERVER_HOST,
    Access,
    Beat,
    Edge,
    EdgeKind,
    Exchange,
    Failure,
    Outcome,
    Slot,
    Status,
    Trace,
    Transition,
    TransitionReason,
)
from reference_server.protocol import Kind
from reference_server.readings import Reading

__all__ = ["DOWN", "FAILED", "Downtime", "History", "NodeView", "Numbered", "by_request"]

Made = TypeVar("Made")

_PERIOD_US = 2 * 3_600_000_000
DOWN = (EdgeKind.STOPPED, EdgeKind.CRASHED, EdgeKind.REBOOTED, EdgeKind.POWER_LOST)
FROZEN = (EdgeKind.SUSPENDED, EdgeKind.HUNG)
_COPIED = TransitionReason.COPIED
#: What changes a node's path or its answers in a way that other rules than those of cuts would have to follow.
_DISTURBING = frozenset(
    {
        Verb.NETWORK_DELAY,
        Verb.NETWORK_LOSS,
        Verb.NETWORK_REORDER,
        Verb.NETWORK_DUPLICATE,
        Verb.NETWORK_CORRUPT,
        Verb.FIREWALL_DROP,
        Verb.FIREWALL_REJECT,
        Verb.NAT_ADD,
        Verb.NODE_UPLINK,
        Verb.NODE_POINT,
        Verb.NODE_REPORT,
        Verb.NODE_ROLLBACK,
        Verb.SERVER_MOVE,
        Verb.SERVER_SLOW,
        Verb.SERVER_ROLLBACK,
        Verb.SERVER_CLONE,
        Verb.SERVER_CRASH_AT,
        Verb.DISK_FILL,
        Verb.FORWARD_ADD,
        Verb.FORWARD_REMOVE,
        Verb.DNS_CHANGE,
        Verb.DNS_STOP,
        Verb.TLS_USE,
        Verb.TLS_TRUST,
        Verb.ANSWER_SPOIL,
    }
)


class Numbered(NamedTuple):
    """An exchange with its place in the trace."""

    place: int
    it: Exchange


class Downtime(NamedTuple):
    """A stretch ``[start_us, end_us)`` in which a program was down. An open one has ``None``."""

    start_us: int
    end_us: int | None
    what: EdgeKind


@dataclass
class NodeView:
    """What a history says of one node."""

    place: int
    setup: NodeSetup
    exchanges: list[Numbered] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name."""
        return self.setup.name

    def found_at(self, true_us: int) -> Status:
        """Return the status before anything happened at ``true_us``, unless another state was put there then."""
        for turn in self.transitions[bisect_left(self._turns, true_us) : bisect_right(self._turns, true_us)]:
            if turn.reason == _COPIED:
                return Status(turn.after)
        return self.status_before(true_us)

    def status_before(self, true_us: int) -> Status:
        """Return the status before anything happened at ``true_us``."""
        place = bisect_left(self._turns, true_us)
        return Status(self.transitions[place - 1].after) if place else Status.UNREGISTERED

    def status(self, true_us: int) -> Status:
        """Return the status at ``true_us``."""
        return self.status_before(true_us + 1)

    def open(self, true_us: int) -> bool:
        """Tell whether access is open at ``true_us``."""
        place = bisect_right(self.access, true_us, key=lambda change: change.at_us)
        return bool(place and self.access[place - 1].opened)

    @cached_property
    def _turns(self) -> list[int]:
        return [change.at_us for change in self.transitions]

    @cached_property
    def away(self) -> list[Downtime]:
        """The stretches in which the program did not run, or its host was suspended. A copy is off until it is made."""
        stretches = _downtimes(self.edges)
        if self.setup.clone_of is None:
            return stretches
        made_us = next((edge.at_us for edge in self.edges if edge.what == EdgeKind.STARTED), None)
        return [Downtime(0, made_us, EdgeKind.STOPPED), *stretches]

    def awake(self, true_us: int) -> bool:
        """Tell whether the program runs, and is not suspended, at ``true_us``."""
        return not _within(self.away, true_us)

    def awake_throughout(self, first_us: int, last_us: int) -> bool:
        """Tell whether the program runs from ``first_us`` to ``last_us``."""
        return not any(
            each.start_us <= last_us and (each.end_us is None or each.end_us > first_us) for each in self.away
        )

    def asked_by_administrator(self, asked: Exchange) -> bool:
        """Tell whether an administrator asked for the register or unbind ``asked`` as it was sent."""
        return self.asked_for[asked.kind, asked.sent_us] > 0

    @cached_property
    def asked_for(self) -> Counter[tuple[int, int]]:
        """How often administrators asked the running program for a kind of request at an instant."""
        kinds = {EdgeKind.REGISTER_ASKED: Kind.REGISTER, EdgeKind.UNBIND_ASKED: Kind.UNBIND}
        return Counter(
            (int(kinds[EdgeKind(edge.what)]), edge.at_us) for edge in self.edges if edge.done and edge.what in kinds
        )

    def rows_of(self, asked: Exchange) -> list[Failure]:
        """Return the failure rows that the end of the request ``asked`` added.

        The number alone does not tell, since an earlier state that was put back counts on from there.
        """
        return [row for row in self._rows_by_number.get(asked.number, ()) if row.at_us == asked.ended_us]

    @cached_property
    def _rows_by_number(self) -> dict[int, list[Failure]]:
        rows: dict[int, list[Failure]] = {}
        for row in self.failures:
            rows.setdefault(row.number, []).append(row)
        return rows

    def registered_by_failure(self, asked: Exchange) -> bool:
        """Tell whether the node turned `registered` when ``asked`` ended, though no request succeeded then."""
        turned = asked.ended_us != NEVER and self.turned_at(asked.ended_us, Status.REGISTERED)
        return turned and asked.ended_us not in self._granted_us

    def registered_despite(self, asked: Exchange) -> bool:
        """Tell whether the node shows `registered` after the failure of ``asked``, and not for a grant since."""
        return self.status(asked.ended_us) is Status.REGISTERED and asked.ended_us not in self._granted_us

    @cached_property
    def _granted_us(self) -> frozenset[int]:
        return frozenset(each.it.ended_us for each in self.exchanges if each.it.outcome == Outcome.POSITIVE)

    def turned_at(self, true_us: int, status: Status) -> bool:
        """Tell whether the node itself turned ``status`` at ``true_us``."""
        place = bisect_left(self._turns, true_us)
        while place < len(self.transitions) and self.transitions[place].at_us == true_us:
            turn = self.transitions[place]
            if turn.after == status and turn.reason != TransitionReason.COPIED:
                return True
            place += 1
        return False


class History:
    """The trace of one run of ``scenario`` under ``reading``, arranged by host."""

    def __init__(self, scenario: Scenario, reading: Reading, trace: Trace) -> None:
        self.scenario = scenario
        self.reading = reading
        self.trace = trace
        self.clocks = Clocks(scenario)
        self._made: dict[Callable[[History], Any], Any] = {}
        self.exchanges: list[Exchange] = list(trace.exchanges)
        self.nodes = [NodeView(i, setup) for i, setup in enumerate(scenario.nodes)]
        first = {setup.installation: i for i, setup in reversed(list(enumerate(scenario.nodes)))}
        #: By node, the first one of the same installation, of which its slot is told.
        self.owner = [first[setup.installation] for setup in scenario.nodes]
        #: The places of the requests that arrived more than once.
        self.copies = frozenset(copy.place for copy in trace.copies)
        #: What happened to the server, and to the copy of its machine.
        self.edges_of: tuple[list[Edge], list[Edge]] = ([], [])
        for place, exchange in enumerate(self.exchanges):
            self.nodes[exchange.node].exchanges.append(Numbered(place, exchange))
        for beat in trace.beats:
            self.nodes[beat.node].beats.append(beat)
        for change in trace.transitions:
            self.nodes[change.node].transitions.append(change)
        for row in trace.failures:
            self.nodes[row.node].failures.append(row)
        for access in trace.access:
            self.nodes[access.node].access.append(access)
        for slot in trace.slots:
            self.nodes[slot.node].slots.append(slot)
        for edge in trace.edges:
            if edge.host < 0:
                self.edges_of[SERVER_HOST - edge.host].append(edge)
            else:
                self.nodes[edge.host].edges.append(edge)

    def once(self, make: Callable[[History], Made]) -> Made:
        """Return ``make(self)``, made once and shared by the rules that ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    @property
    def end_us(self) -> int:
        """The last instant of the run."""
        return self.scenario.duration_us

    @property
    def server_edges(self) -> list[Edge]:
        """What happened to the server itself."""
        return self.edges_of[0]

    @cached_property
    def copied_at_us(self) -> int | None:
        """When the server's machine was copied to another, ``None`` if it never was."""
        return next((edge.at_us for edge in self.edges_of[1] if edge.what == EdgeKind.CLONED), None)

    @cached_property
    def server_away(self) -> tuple[list[Downtime], list[Downtime]]:
        """The stretches in which a server's program did not run, or its host was suspended; then those of its copy."""
        return _downtimes(self.edges_of[0]), [*self._copy_never_ran(), *_downtimes(self.edges_of[1])]

    def _copy_never_ran(self) -> list[Downtime]:
        """Return the one stretch in which a copied server is down whose program did not start."""
        started = [edge for edge in self.edges_of[1] if edge.what == EdgeKind.STARTED and edge.done]
        if self.copied_at_us is None or started:
            return []
        return [Downtime(self.copied_at_us, None, EdgeKind.STOPPED)]

    def server_downtime(self, true_us: int, server: int = 0) -> Downtime | None:
        """Return the stretch of a server's absence in which ``true_us`` lies, ``None`` if it runs."""
        return _within(self.server_away[server], true_us)

    def licence(self, true_us: int) -> LicenceSpec:
        """Return what is licensed at ``true_us``."""
        changes = self._licences
        return changes[bisect_right(changes, true_us, key=lambda change: change[0]) - 1][1]

    @cached_property
    def _licences(self) -> list[tuple[int, LicenceSpec]]:
        """From when what is licensed; of one instant, the last change counts."""
        scenario = self.scenario
        changes = [(0, scenario.licence)]
        for event in sorted(scenario.events, key=lambda event: (event.at_us, event.index)):
            if event.verb is Verb.LICENCE_CHANGE:
                changes.append((event.at_us, replace(scenario.licence, **dict(event.changes))))
        return changes

    @cached_property
    def _suspensions(self) -> list[Edge]:
        kinds = (EdgeKind.LICENCE_SUSPENDED, EdgeKind.LICENCE_RESUMED)
        return [edge for edge in self.server_edges if edge.what in kinds]

    def licence_suspended(self, true_us: int) -> bool:
        """Tell whether the issuer has suspended the licence at ``true_us``."""
        place = bisect_right(self._suspensions, true_us, key=lambda edge: edge.at_us)
        return bool(place and self._suspensions[place - 1].what == EdgeKind.LICENCE_SUSPENDED)

    @cached_property
    def _identity(self) -> list[Edge]:
        kinds = (EdgeKind.DRIFTED, EdgeKind.IDENTITY_RESTORED)
        return [edge for edge in self.server_edges if edge.what in kinds]

    def identity_drifted(self, true_us: int) -> bool:
        """Tell whether the server's machine is another one than the licensed at ``true_us``."""
        place = bisect_right(self._identity, true_us, key=lambda edge: edge.at_us)
        return bool(place and self._identity[place - 1].what == EdgeKind.DRIFTED)

    @cached_property
    def crashed_by(self) -> dict[int, Edge]:
        """The crashes that came in the course of a request, by its place."""
        return {edge.value - 1: edge for edge in self.server_edges if by_request(edge)}

    def disturbed(self, node: NodeView, first_us: int, last_us: int) -> bool:
        """Tell whether anything but a cut may have been in force on the way to the server or back in a stretch.

        Whatever is undone before its time counts as in force for as long as it could have been.
        """
        return any(
            event.verb in _DISTURBING
            and event.at_us <= last_us
            and (event.until_us is None or event.until_us >= first_us)
            and (not event.nodes or node.name in event.nodes)
            for event in self.scenario.events
        )

    @cached_property
    def _cuts(self) -> dict[tuple[str, str], list[tuple[int, int | None]]]:
        cuts: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
        heal_after: dict[tuple[str, str], int] = {}
        # From the last event back to the first, the next heal is always known. A heal comes before a cut of its
        # instant, so backwards it comes after.
        backwards = sorted(self.scenario.events, key=lambda event: (event.at_us, event.verb is Verb.NETWORK_CUT))
        for event in reversed(backwards):
            if event.verb not in (Verb.NETWORK_CUT, Verb.NETWORK_HEAL):
                continue
            for packets in ((name, direction) for name in event.nodes for direction in _directions(event.direction)):
                if event.verb is Verb.NETWORK_HEAL:
                    heal_after[packets] = event.at_us
                    continue
                ends = [end_us for end_us in (heal_after.get(packets), event.until_us) if end_us is not None]
                cuts.setdefault(packets, []).append((event.at_us, min(ends, default=None)))
        return cuts

    def cut(self, node: NodeView, direction: str, true_us: int) -> bool:
        """Tell whether a packet that is sent at ``true_us`` is lost. ``direction``: "requests" or "answers"."""
        return any(
            start_us <= true_us and (end_us is None or true_us < end_us)
            for start_us, end_us in self._cuts.get((node.name, direction), ())
        )

    def beat_into_cut(self, beat: Beat) -> int | None:
        """Return when the first of a run of granted polls was sent whose request or answer a cut had to lose."""
        node, latency_us = self.nodes[beat.node], self.scenario.network.latency_us
        sent = [
            self._beat_within(beat, start_us - late_us, None if end_us is None else end_us - late_us)
            for direction, late_us in (("requests", 0), ("answers", latency_us))
            for start_us, end_us in self._cuts.get((node.name, direction), ())
        ]
        return min((at_us for at_us in sent if at_us is not None), default=None)

    def beat_into_downtime(self, beat: Beat) -> int | None:
        """Return when the first of a run of granted polls was sent that reached a server that did not run."""
        latency_us = self.scenario.network.latency_us
        sent = [
            self._beat_within(
                beat, down.start_us - latency_us, None if down.end_us is None else down.end_us - latency_us
            )
            for down in self.server_away[0]
        ]
        return min((at_us for at_us in sent if at_us is not None), default=None)

    def _beat_within(self, beat: Beat, start_us: int, end_us: int | None) -> int | None:
        """Return when the first poll of a run was sent from ``start_us`` on, if that is before ``end_us``."""
        host = self.nodes[beat.node].name

        def sent_us(k: int) -> int:
            return self.clocks.true_us(host, beat.first_sent_boot_us + k * _PERIOD_US)

        k = bisect_left(range(beat.polls), start_us, key=sent_us)
        inside = k < beat.polls and (end_us is None or sent_us(k) < end_us)
        return sent_us(k) if inside else None


def by_request(edge: Edge) -> bool:
    """Tell whether an edge is a crash in the course of a request, whose place it then tells, counted from 1."""
    return edge.what == EdgeKind.CRASHED and edge.value > 0


def _directions(direction: str) -> tuple[str, ...]:
    return ("requests", "answers") if direction == "both" else (direction,)


def _downtimes(edges: list[Edge]) -> list[Downtime]:
    """Return the stretches between what takes a program down and what brings it back."""
    stretches: list[Downtime] = []
    since: Edge | None = None
    for edge in edges:
        kind = EdgeKind(edge.what)
        if not edge.done:
            continue
        if kind in (*DOWN, *FROZEN, EdgeKind.DESTROYED) and since is None:
            since = edge
        elif kind in (EdgeKind.STARTED, EdgeKind.RESUMED) and since is not None:
            stretches.append(Downtime(since.at_us, edge.at_us, EdgeKind(since.what)))
            since = None
        if kind is EdgeKind.DESTROYED:
            break  # It never runs again, whatever it does.
    if since is not None:
        stretches.append(Downtime(since.at_us, None, EdgeKind(since.what)))
    return stretches


def _within(stretches: list[Downtime], true_us: int) -> Downtime | None:
    place = bisect_right(stretches, true_us, key=lambda each: each.start_us)
    if place:
        last = stretches[place - 1]
        if last.end_us is None or true_us < last.end_us:
            return last
    return None
