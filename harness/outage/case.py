"""A record as a case to be explained: the installation it is about, and the scenario that its facts describe.

What somebody recorded becomes a scenario in one way: restarts, cuts, moves, corrections of clocks and registrations
happen when the record says so. What it does not say is filled in as plainly as possible: a node that is first seen
failing was registered before the record begins, at the instant from which its polls fall on its rows; and a failure
that is not on the node's rhythm of polls was a "Register Now" that nobody wrote down (R031).

Instants of a case are true time in microseconds since its start, which lies before the first line. Times of the record
are those of the clock that wrote them, and are translated by what is supposed of that clock (`Clock`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import PERIOD_US
from harness.outage.record import NETWORK, Observation, Record, What
from harness.scenario import SERVER, Event, LicenceSpec, Scenario, Verb
from harness.trace import Status
from reference_server.addresses import parse_address
from reference_server.codes import Code
from reference_server.protocol import Kind

__all__ = ["EXACT", "HOUR_US", "SLACK_US", "Assumed", "Built", "Case", "Clock", "case_of", "scenario_of"]

HOUR_US = 3_600_000_000
#: How long before its first line a case begins: long enough to see nodes lapse at it, and a period more.
_LEAD_US = 30 * HOUR_US
#: How long after its last line it ends.
_TAIL_US = HOUR_US
#: What a written time may be off by, beside its unit: the way there and back, and what a clock drifts in some hours.
SLACK_US = 2_000_000
#: How long a program is supposed to have been down of which only the start was recorded.
_RESTART_US = 60_000_000
#: The addresses of nodes whose addresses nobody told, and the range that is then licensed.
_FIRST_ADDRESS = parse_address("10.0.0.1")
_LAST_ADDRESS = parse_address("10.0.255.254")

_DOWN = {SERVER: Verb.SERVER_STOP, NETWORK: Verb.NETWORK_CUT}
_UP = {SERVER: Verb.SERVER_START, NETWORK: Verb.NETWORK_HEAL}


@dataclass(frozen=True, slots=True)
class Clock:
    """How a host's wall clock is supposed to have run: its steps, as (true us, by us) in order, and how fast it was.

    A clock that was wrong from the start has a step at 0.
    """

    steps: tuple[tuple[int, int], ...] = ()
    ppm: Fraction = Fraction(0)

    def true_us(self, wall_us: int) -> int:
        """Return the true instant at which the clock first showed ``wall_us``."""
        offset_us, ends = 0, [at_us for at_us, _ in self.steps]
        true_us = self._exact(wall_us)
        for place, (at_us, by_us) in enumerate(self.steps):
            if true_us < at_us:
                return true_us
            offset_us += by_us
            # What the step left out was shown at no time; the step itself comes closest.
            true_us = max(at_us, self._exact(wall_us - offset_us))
            if place + 1 < len(ends) and true_us >= ends[place + 1]:
                continue
        return true_us

    def _exact(self, wall_us: int) -> int:
        return round(wall_us / (1 + self.ppm / 1_000_000)) if self.ppm else wall_us


EXACT = Clock()


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What is supposed beyond the record: events, how clocks ran, and whose failures were silence.

    ``silences`` are (nodes, first us, last us), for which a node waited its timeout before it listed a failure; an
    empty tuple of nodes means all. ``licence`` is what is licensed, if it is not what the case says, ``others`` are
    nodes that the record does not know.
    """

    events: tuple[Event, ...] = ()
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    silences: tuple[tuple[tuple[str, ...], int, int], ...] = ()
    licence: LicenceSpec | None = None
    others: tuple[NodeSetup, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """A record and what is known beside it.

    ``installation`` is the scenario whose licence, server, network and nodes it is about. ``start_us`` is the
    wall-clock instant (us since the Unix epoch) at which it begins. Clocks of hosts are right within
    ``clock_error_us``.
    """

    record: Record
    installation: Scenario
    start_us: int
    duration_us: int
    clock_error_us: int

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The nodes, in the order of the installation."""
        return tuple(node.name for node in self.installation.nodes)

    @cached_property
    def by_source(self) -> dict[str, list[Observation]]:
        """What was observed of each source, in order of time."""
        found: dict[str, list[Observation]] = {name: [] for name in (SERVER, NETWORK, *self.nodes)}
        for each in self.record.observations:
            found[each.source].append(each)
        return found

    def wall_us(self, observation: Observation) -> int:
        """Return what the clock showed, in us since the start."""
        return observation.at_us - self.start_us

    def clock(self, host: str, steps: Sequence[tuple[int, int]] = (), ppm: Fraction = Fraction(0)) -> Clock:
        """Return how a clock ran that was corrected as the record says, and stepped besides.

        A correction makes a clock right, so it was wrong before by as much.
        """
        corrections = [each for each in self.by_source[host] if each.what is What.CLOCK and each.by_us]
        left_us = sum(each.by_us or 0 for each in corrections)
        found = [(0, -left_us)] if left_us else []
        for each in corrections:
            found.append((self.wall_us(each) + left_us, each.by_us or 0))
            left_us -= each.by_us or 0
        return Clock(tuple(sorted((*steps, *found))), ppm)


@dataclass(frozen=True, kw_only=True)
class Built:
    """The scenario of a case. ``unrecorded`` are the (node, true us) at which somebody must have asked to register."""

    scenario: Scenario
    clocks: Mapping[str, Clock]
    unrecorded: tuple[tuple[str, int], ...]


def case_of(record: Record, installation: Scenario | None = None, *, clock_error_us: int = 300_000_000) -> Case:
    """Return the case of ``record``.

    :param installation: a scenario whose licence, server, network and nodes are those of the customer. Without it, the
        nodes are those of the record, and there are as many slots as nodes.
    :raises ValueError: if nothing was recorded, or of no node.
    """
    if not record.observations:
        raise ValueError(f"{record.file}: nothing was recorded")
    start_us = (record.observations[0].at_us - _LEAD_US) // HOUR_US * HOUR_US
    last_us = -(-(record.observations[-1].at_us + _TAIL_US - start_us) // HOUR_US) * HOUR_US
    known = () if installation is None else installation.nodes
    if not known and not record.nodes:
        raise ValueError(f"{record.file}: no line tells of a node, and so there is nothing to simulate")
    names = {node.name for node in known}
    free = iter(range(_FIRST_ADDRESS, _LAST_ADDRESS))
    nodes = (
        *known,
        # Each has an application of its own, so that a licence can leave out any of them.
        *(NodeSetup(name=name, address=next(free), application=name) for name in record.nodes if name not in names),
    )
    told = [each.address for each in record.observations if each.address is not None]
    ranges = ((_FIRST_ADDRESS, _LAST_ADDRESS), *((each, each) for each in dict.fromkeys(told)))
    frame = Scenario(
        title=f"What {record.file} tells",
        start_us=start_us,
        duration_us=last_us,
        licence=LicenceSpec(capacity=max(1, len(nodes)), ranges=ranges),
        nodes=nodes,
    )
    if installation is not None:
        frame = replace(frame, licence=installation.licence, network=installation.network, server=installation.server)
    return Case(
        record=record,
        installation=frame,
        start_us=start_us,
        duration_us=last_us,
        clock_error_us=clock_error_us,
    )


def scenario_of(case: Case, assumed: Assumed | None = None) -> Built:
    """Return the scenario that the facts of ``case`` describe, with what is supposed beside them."""
    assumed = Assumed() if assumed is None else assumed
    clocks = {host: assumed.clocks.get(host) or case.clock(host) for host in (SERVER, NETWORK, *case.nodes)}
    script = _Script(case, clocks, assumed)
    events = [*assumed.events, *script.facts()]
    nodes = []
    for node in case.installation.nodes:
        register_us, asked = script.registers(node.name)
        nodes.append(replace(node, register_us=register_us))
        events += asked
    events.sort(key=lambda event: event.at_us)
    steps = [*_clock_events(clocks)]
    frame = case.installation
    return Built(
        scenario=replace(
            frame,
            nodes=(*nodes, *assumed.others),
            licence=assumed.licence or frame.licence,
            events=tuple(replace(event, index=index) for index, event in enumerate([*steps, *events])),
        ),
        clocks=clocks,
        unrecorded=tuple(script.unrecorded),
    )


def _clock_events(clocks: Mapping[str, Clock]) -> Iterator[Event]:
    for host, clock in clocks.items():
        if host == NETWORK:
            continue
        if clock.ppm:
            yield Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host=host, ppm=clock.ppm)
        for at_us, by_us in clock.steps:
            yield Event(index=0, at_us=max(0, at_us), verb=Verb.CLOCK_STEP, host=host, by_us=by_us)


class _Script:
    """What administrators and hosts did, as the record has it, with what it leaves out filled in."""

    def __init__(self, case: Case, clocks: Mapping[str, Clock], assumed: Assumed) -> None:
        self._case = case
        self._clocks = clocks
        self._silences = list(assumed.silences)
        network = case.installation.network
        self._round_trip_us = 2 * network.latency_us
        self._timeout_us = network.timeout_us
        self.unrecorded: list[tuple[str, int]] = []
        self._facts = [event for host in (SERVER, NETWORK, *case.nodes) for event in self._of_host(host)]

    def facts(self) -> list[Event]:
        return self._facts

    def _true_us(self, observation: Observation) -> int:
        clock = self._clocks[observation.source]
        return min(max(0, clock.true_us(self._case.wall_us(observation))), self._case.duration_us)

    def _of_host(self, host: str) -> Iterator[Event]:
        """Yield what happened to a host or to the network, and the silences of recorded cuts."""
        down: dict[tuple[str, ...], int] = {}
        for each in self._case.by_source[host]:
            at_us = self._true_us(each)
            nodes = () if host == SERVER else ((each.nodes or self._case.nodes) if host == NETWORK else (host,))
            if each.what is What.STOPPED:
                # Of a program that is down already, the later line says nothing new.
                if nodes not in down:
                    yield Event(index=0, at_us=at_us, verb=_DOWN.get(host, Verb.NODE_STOP), nodes=nodes)
                down.setdefault(nodes, at_us)
            elif each.what is What.STARTED:
                begun_us = down.pop(nodes, None)
                if begun_us is None:
                    if host == NETWORK:
                        continue
                    begun_us = max(0, at_us - _RESTART_US)
                    yield Event(index=0, at_us=begun_us, verb=_DOWN.get(host, Verb.NODE_STOP), nodes=nodes)
                yield Event(index=0, at_us=at_us, verb=_UP.get(host, Verb.NODE_START), nodes=nodes)
                if host == NETWORK:
                    self._silences.append((nodes, begun_us, at_us))
            elif each.what is What.ADDRESS:
                verb = Verb.SERVER_MOVE if host == SERVER else Verb.NODE_MOVE
                yield Event(index=0, at_us=at_us, verb=verb, nodes=nodes, address=each.address)
            elif each.what is What.UNBOUND:
                yield Event(index=0, at_us=at_us, verb=Verb.NODE_UNBIND, nodes=nodes)
        if host == NETWORK:
            self._silences += [(nodes, begun_us, self._case.duration_us) for nodes, begun_us in down.items()]

    def _sent_us(self, row: Observation) -> int:
        """Return when the request was sent whose failure ``row`` lists."""
        at_us = self._true_us(row)
        if row.code is not Code.NO_CONNECTION:
            return at_us - self._round_trip_us
        unit_us = row.unit_us + self._timeout_us
        silent = any(
            (not nodes or row.source in nodes) and first_us - unit_us <= at_us <= last_us + unit_us
            for nodes, first_us, last_us in self._silences
        )
        return at_us - (self._timeout_us if silent else self._round_trip_us)

    def registers(self, node: str) -> tuple[int | None, list[Event]]:
        """Return when ``node`` was registered before all else, ``None`` for never, and what it was asked later."""
        seen = [each for each in self._case.by_source[node] if each.what in _TELLING]
        register_us = self._begins(node, seen)
        if register_us is not None and seen and seen[0].what is What.REGISTERED:
            anchor: tuple[int, int] | None = (register_us, seen.pop(0).unit_us)
        else:
            anchor = None if register_us is None else (register_us, seen[0].unit_us if seen else 0)
        asked: list[tuple[int, Verb]] = []
        for each in seen:
            at_us = self._true_us(each)
            if each.what is What.REGISTERED:
                asked.append((at_us, Verb.NODE_REGISTER))
            elif each.code is Code.DO_NOT_NEED_DEACTIVATE or each.asked is Kind.UNBIND:
                # Only who asked to unbind is told that (R111).
                asked.append((max(0, self._sent_us(each)), Verb.NODE_UNBIND))
                continue
            elif each.what is What.FAILED and self._is_ask(node, each, anchor):
                at_us = max(0, self._sent_us(each))
                if each.asked is None:
                    self.unrecorded.append((node, at_us))
                asked.append((at_us, Verb.NODE_REGISTER))
            elif each.what is not What.STARTED:
                continue
            # From here on its polls count.
            anchor = (at_us, each.unit_us)
        return register_us, [Event(index=0, at_us=at_us, verb=verb, nodes=(node,)) for at_us, verb in asked]

    def _begins(self, node: str, seen: Sequence[Observation]) -> int | None:
        """Return when a node was registered first, ``None`` if it was not before what was seen first of it."""
        if seen and seen[0].what is What.REGISTERED:
            return self._true_us(seen[0])
        if seen and (seen[0].status is Status.UNREGISTERED or seen[0].code in _OF_OTHERS):
            return None
        phase_us = self._first_phase(seen)
        return self._quiet_us(node) if phase_us is None else phase_us % self._period_us(node)

    def _quiet_us(self, node: str) -> int:
        """Return when a node registers of whose polls nothing is known: they are spread evenly."""
        nodes = self._case.nodes
        return PERIOD_US * (2 * nodes.index(node) + 1) // (2 * len(nodes))

    def _period_us(self, node: str) -> int:
        ppm = self._clocks[node].ppm
        return round(PERIOD_US / (1 + ppm / 1_000_000)) if ppm else PERIOD_US

    def _first_phase(self, seen: Sequence[Observation]) -> int | None:
        """Return the instant at which the first poll was sent that failed.

        What comes at an expiry, or of a register, has no rhythm, and the first failure of several may be such a one.
        """
        rows = [each for each in seen if each.what is What.FAILED and each.code not in _OF_OTHERS]
        for row, following in pairwise(rows):
            apart_us = self._sent_us(following) - self._sent_us(row)
            if self._off_us(row.source, apart_us) <= row.unit_us + SLACK_US:
                return self._sent_us(row)
        # The first of two without a rhythm may be that of the expiry.
        return self._sent_us(rows[-1 if rows[0].code is Code.LICENSE_EXPIRED else 0]) if rows else None

    def _off_us(self, node: str, apart_us: int) -> int:
        """Return by how much ``apart_us`` misses a multiple of the period."""
        period_us = self._period_us(node)
        return abs((apart_us + period_us // 2) % period_us - period_us // 2)

    def _is_ask(self, node: str, row: Observation, anchor: tuple[int, int] | None) -> bool:
        """Tell whether a failure is that of a register, since no poll was due then.

        :param anchor: when its polls count from, and how coarsely that is known.
        """
        if row.code in _NO_POLL:
            return False
        if row.code in _OF_REGISTERS or row.asked is Kind.REGISTER or anchor is None:
            return True
        since_us, unit_us = anchor
        allowed_us = max(unit_us, row.unit_us) + SLACK_US
        apart_us = self._sent_us(row) - since_us
        if self._off_us(node, apart_us) <= allowed_us:
            return False
        # It may have been silence, of which nobody knows yet.
        late_us = self._timeout_us if row.code is Code.NO_CONNECTION else 0
        return self._off_us(node, apart_us - late_us) > allowed_us


#: What tells when a node's requests were sent.
_TELLING = (What.REGISTERED, What.FAILED, What.STATUS, What.STARTED, What.UNBOUND)
#: What only a register can be told (R118).
_OF_REGISTERS = (Code.REGISTER_OUT_OF_LIMIT,)
#: What polls are never told.
_OF_OTHERS = (Code.REGISTER_OUT_OF_LIMIT, Code.DO_NOT_NEED_DEACTIVATE)
#: What a node can list without a request for its registration: it expires by its own reckoning, an unbind is refused.
_NO_POLL = (Code.LICENSE_EXPIRED, Code.DO_NOT_NEED_DEACTIVATE)
