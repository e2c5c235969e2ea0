"""What happens when: the events of a scenario, resolved into one timeline before anything runs.

An event that lasts is a fault with a start and an end. `plan` finds each one's end (its own, or the verb that
undoes it), builds the clocks and the network, which are pure functions of true time, and lays out what the
world has to do: `Happening` values in order, by instant and, at one instant, ends before starts before the
actions of administrators, each in file order (the timing law's order of ties).

Since all of it is known beforehand, so are the instants at which anything about a node can change
(`Plan.edge_after`). Between two of them a node on a clean path can cruise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from itertools import groupby, pairwise
from typing import NamedTuple, TypeAlias

from harness.addressing import Addressing, Forward
from harness.clock import Freeze, HostClock, Slew
from harness.network import Network, PathFault, Way, What
from harness.scenario import SERVER, Event, Scenario, Verb

__all__ = ["Ends", "Happening", "Phase", "Plan", "TimelineProblem", "plan", "timeline_problems"]


class Phase(IntEnum):
    """The part of an instant in which something happens. An image is of the state before anything else at it."""

    IMAGE = -1
    END = 0
    START = 1
    ACTION = 2


class Happening(NamedTuple):
    """Something that the world has to do. ``event`` is ``None`` for the registration of a fleet.

    ``order`` is the place among those of its phase: file order, the fleet's registrations first.
    """

    at_us: int
    phase: Phase
    order: int
    verb: Verb
    nodes: tuple[int, ...]
    event: Event | None


@dataclass(frozen=True, slots=True)
class TimelineProblem:
    """A mistake that only the whole timeline shows. ``key`` is the key of the event that is to blame."""

    event: Event
    key: str
    found: str
    expected: str


#: What takes a program or host down, and what brings it back.
_DOWN = {
    Verb.SERVER_STOP: Verb.SERVER_START,
    Verb.SERVER_CRASH: Verb.SERVER_START,
    Verb.SERVER_REBOOT: Verb.SERVER_START,
    Verb.SERVER_POWER_LOSS: Verb.SERVER_START,
    Verb.SERVER_LOGOUT: Verb.SERVER_START,
    Verb.SERVER_SUSPEND: Verb.SERVER_RESUME,
    Verb.SERVER_HANG: Verb.SERVER_RESUME,
    Verb.SERVER_DESTROY: None,
    Verb.NODE_STOP: Verb.NODE_START,
    Verb.NODE_CRASH: Verb.NODE_START,
    Verb.NODE_REBOOT: Verb.NODE_START,
    Verb.NODE_SUSPEND: Verb.NODE_RESUME,
}
_UNDOES = {
    Verb.SERVER_START: (
        Verb.SERVER_STOP,
        Verb.SERVER_CRASH,
        Verb.SERVER_CRASH_AT,
        Verb.SERVER_REBOOT,
        Verb.SERVER_POWER_LOSS,
        Verb.SERVER_LOGOUT,
        Verb.SERVER_DESTROY,
    ),
    Verb.SERVER_RESUME: (Verb.SERVER_SUSPEND, Verb.SERVER_HANG),
    Verb.NODE_START: (Verb.NODE_STOP, Verb.NODE_CRASH, Verb.NODE_REBOOT),
    Verb.NODE_RESUME: (Verb.NODE_SUSPEND,),
    Verb.NETWORK_HEAL: (
        Verb.NETWORK_CUT,
        Verb.NETWORK_DELAY,
        Verb.NETWORK_LOSS,
        Verb.NETWORK_REORDER,
        Verb.NETWORK_DUPLICATE,
        Verb.NETWORK_CORRUPT,
    ),
    Verb.FIREWALL_LIFT: (Verb.FIREWALL_DROP, Verb.FIREWALL_REJECT),
    Verb.NAT_REMOVE: (Verb.NAT_ADD,),
    Verb.FORWARD_REMOVE: (Verb.FORWARD_ADD,),
    Verb.DNS_START: (Verb.DNS_STOP,),
    Verb.DISK_CLEAR: (Verb.DISK_FILL,),
    Verb.IDENTITY_RESTORE: (Verb.IDENTITY_DRIFT,),
    Verb.CLOCK_THAW: (Verb.CLOCK_FREEZE,),
    Verb.LICENCE_RESUME: (Verb.LICENCE_SUSPEND,),
}
_UNDONE = frozenset(verb for verbs in _UNDOES.values() for verb in verbs)
#: A date has to stay one that a column of the trace can hold.
_FARTHEST_YEARS = 100_000
_FARTHEST_US = _FARTHEST_YEARS * 365 * 86_400_000_000
_ACTIONS = (Verb.NODE_REGISTER, Verb.NODE_UNBIND, Verb.NODE_MOVE)
#: What the faults of a node's path do to its packets.
_PATH = {
    Verb.NETWORK_CUT: What.CUT,
    Verb.NETWORK_DELAY: What.DELAY,
    Verb.NETWORK_LOSS: What.LOSS,
    Verb.NETWORK_REORDER: What.REORDER,
    Verb.NETWORK_DUPLICATE: What.DUPLICATE,
    Verb.NETWORK_CORRUPT: What.CORRUPT,
    Verb.FIREWALL_DROP: What.DROP,
    Verb.FIREWALL_REJECT: What.REJECT,
    Verb.NAT_ADD: What.SOURCE,
    Verb.NODE_UPLINK: What.SOURCE,
}
#: Played by the clocks, the network and the addressing themselves; the world has nothing to do.
_PASSIVE = (
    *_PATH,
    Verb.CLOCK_STEP,
    Verb.CLOCK_DRIFT,
    Verb.CLOCK_SLEW,
    Verb.CLOCK_FREEZE,
    Verb.CLOCK_THAW,
    Verb.NETWORK_HEAL,
    Verb.FIREWALL_LIFT,
    Verb.NAT_REMOVE,
    Verb.FORWARD_ADD,
    Verb.FORWARD_REMOVE,
    Verb.SERVER_MOVE,
    Verb.DNS_CHANGE,
    Verb.DNS_STOP,
    Verb.DNS_START,
)
#: Verbs about one direction of a node's path, or both.
_DIRECTED = frozenset(_PATH) - {Verb.NAT_ADD, Verb.NODE_UPLINK} | {Verb.NETWORK_HEAL, Verb.FIREWALL_LIFT}
#: What they undo has its edges where it ends, and so have the changes of a wall clock's rate.
_NO_EDGE = (
    Verb.NETWORK_HEAL,
    Verb.FIREWALL_LIFT,
    Verb.NAT_REMOVE,
    Verb.CLOCK_SLEW,
    Verb.CLOCK_FREEZE,
    Verb.CLOCK_THAW,
)
_WAYS = {"both": (Way.UP, Way.DOWN), "requests": (Way.UP,), "answers": (Way.DOWN,)}
#: What ends a lasting event when its time is up.
_ENDS = {
    **_DOWN,
    Verb.LICENCE_SUSPEND: Verb.LICENCE_RESUME,
    Verb.IDENTITY_DRIFT: Verb.IDENTITY_RESTORE,
    Verb.DISK_FILL: Verb.DISK_CLEAR,
    # These end themselves.
    Verb.SERVER_SLOW: Verb.SERVER_SLOW,
    Verb.SERVER_CLONE: Verb.SERVER_CLONE,
    Verb.ANSWER_SPOIL: Verb.ANSWER_SPOIL,
    Verb.NODE_REPORT: Verb.NODE_REPORT,
    Verb.TLS_USE: Verb.TLS_USE,
}
#: What brings an earlier state back, or copies one.
_IMAGES = (Verb.SERVER_ROLLBACK, Verb.SERVER_CLONE, Verb.NODE_ROLLBACK, Verb.NODE_CLONE)
_COPIES = (Verb.SERVER_CLONE, Verb.NODE_CLONE)


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario, resolved: clocks and network as values, and what the world has to do in order."""

    happenings: tuple[Happening, ...]
    network: Network
    addressing: Addressing
    server_clock: HostClock
    node_clocks: tuple[HostClock, ...]
    _common_edges: tuple[int, ...]
    _own_edges: tuple[tuple[int, ...], ...]

    def edge_after(self, node: int, true_us: int) -> int | None:
        """Return the first instant after ``true_us`` at which something can change for ``node``."""
        candidates = []
        for edges in (self._common_edges, self._own_edges[node]):
            place = bisect_right(edges, true_us)
            if place < len(edges):
                candidates.append(edges[place])
        return min(candidates, default=None)


def plan(scenario: Scenario, *, seed: int = 0, drawn_as: Sequence[int] | None = None) -> Plan:
    """Resolve the events of ``scenario``. It has to be free of `timeline_problems`.

    :param seed: what the chance of the network is drawn from.
    :param drawn_as: by node, as which node its chance is drawn, if not as itself.
    """
    place = {node.name: index for index, node in enumerate(scenario.nodes)}
    happenings = [
        Happening(node.register_us, Phase.ACTION, index, Verb.NODE_REGISTER, (index,), None)
        for index, node in enumerate(scenario.nodes)
        if node.register_us is not None
    ]
    paths: dict[tuple[int, Way], list[PathFault]] = {}
    common: set[int] = set()
    own: dict[int, set[int]] = {}

    def edge(instants: Iterable[int | None], host: str | None, nodes: tuple[int, ...]) -> None:
        known = [at_us for at_us in instants if at_us is not None]
        if host == SERVER:
            common.update(known)
        for node in nodes if host is None or host == SERVER else (place[host],):
            own.setdefault(node, set()).update(known)

    ends = Ends(scenario.events)
    for event in scenario.events:
        if event.idle:
            continue
        nodes = tuple(place[name] for name in event.nodes)
        order = len(scenario.nodes) + event.index
        if event.verb in _ACTIONS:
            phase = Phase.ACTION
        else:
            phase = Phase.END if event.verb in _UNDOES else Phase.START
        if event.verb not in _PASSIVE:
            happenings.append(Happening(event.at_us, phase, order, event.verb, nodes, event))
            end = _ENDS.get(event.verb)
            if event.until_us is not None and end is not None:
                happenings.append(Happening(event.until_us, Phase.END, order, end, nodes, event))
        if event.verb in _PATH:
            for k, (name, node) in enumerate(zip(event.nodes, nodes, strict=True)):
                for way in _WAYS[event.direction] if event.verb in _DIRECTED else (Way.UP,):
                    fault = _path_fault(event, k, ends.end_of(event, name, way if event.verb in _DIRECTED else None))
                    paths.setdefault((node, way), []).append(fault)
                    edge((fault.start_us, fault.end_us), None, (node,))
        elif event.verb in _IMAGES:
            # An image is of one instant, which nobody's cruise may pass.
            of = nodes if event.of is None else (place[event.of],)
            at_us = event.at_us if event.verb in _COPIES else event.to_us
            happenings.append(Happening(at_us, Phase.IMAGE, order, event.verb, of, event))
            edge((event.at_us, at_us, event.until_us), None if event.nodes else SERVER, (*nodes, *of))
        elif event.verb not in _NO_EDGE:
            host = event.host if event.host is not None else (None if event.nodes else SERVER)
            edge((event.at_us, event.until_us), host, nodes)

    for registration in happenings:
        # A node that another event registers earlier may already cruise when its fleet's registration comes.
        if registration.event is None and registration.nodes[0] in own:
            edge((registration.at_us,), None, registration.nodes)

    exact = HostClock(scenario.start_us)
    clocks = {host: _clock(scenario.start_us, events, ends) for host, events in _clock_events(scenario.events).items()}
    for host, clock in clocks.items():
        # Where a slew ends only the clock itself can tell.
        edge((at_us for stretch in clock.adjusting for at_us in stretch), host, ())
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    edges = [tuple(sorted(own.get(index, ()))) for index in range(len(scenario.nodes))]
    return Plan(
        happenings=tuple(sorted(happenings, key=lambda h: (h.at_us, h.phase, h.order))),
        network=Network(scenario.network.latency_us, paths, seed=seed, drawn_as=drawn_as),
        addressing=_addressing(scenario, ends),
        server_clock=clocks.get(SERVER, exact),
        node_clocks=tuple(clocks.get(node.name, exact) for node in scenario.nodes),
        _common_edges=tuple(sorted(common)),
        _own_edges=tuple(shared.setdefault(each, each) for each in edges),
    )


def _path_fault(event: Event, k: int, end_us: int | None) -> PathFault:
    """Return the fault that ``event`` is for the ``k``-th of its nodes."""
    addresses = (0, 0)
    if event.address is not None:
        first = event.address + (k if event.kind == "one-to-one" else 0)
        addresses = (first, first if event.last_address is None else event.last_address)
    return PathFault(
        index=event.index,
        what=_PATH[event.verb],
        start_us=event.at_us,
        end_us=end_us,
        percent=event.percent,
        by_us=event.by_us,
        jitter_us=event.jitter_us,
        distribution=event.distribution,
        port=event.port,
        addresses=addresses,
    )


def _addressing(scenario: Scenario, ends: Ends) -> Addressing:
    server = scenario.server
    moves = [(0, server.address)]
    records: list[tuple[int, int, int | None]] = []
    silences: list[tuple[int, int | None]] = []
    copies: list[tuple[int, int, int | None]] = []
    forwards: list[Forward] = []
    plain = True
    for event in sorted(scenario.events, key=lambda event: (event.at_us, event.index)):
        plain = plain and event.verb not in _ADDRESSING
        end_us = ends.end_of(event, SERVER)
        if event.verb is Verb.SERVER_MOVE and event.address is not None:
            moves.append((event.at_us, event.address))
        elif event.verb is Verb.DNS_CHANGE and event.address is not None:
            records.append((event.address, event.at_us, event.until_us))
        elif event.verb is Verb.SERVER_CLONE and event.address is not None:
            copies.append((event.address, event.at_us, event.until_us))
        elif event.verb is Verb.DNS_STOP:
            silences.append((event.at_us, end_us))
        elif event.verb is Verb.FORWARD_ADD and event.address is not None:
            forwards.append(Forward(event.address, event.hairpin, event.at_us, end_us))
    return Addressing(tuple(moves), tuple(records), tuple(silences), tuple(forwards), tuple(copies), plain)


#: What changes where a node finds the server.
_ADDRESSING = (
    Verb.SERVER_MOVE,
    Verb.SERVER_CLONE,
    Verb.DNS_CHANGE,
    Verb.DNS_STOP,
    Verb.FORWARD_ADD,
    Verb.NODE_POINT,
)


def _clock_events(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Return what happens to each host's clocks, where anything does, in order of time, then of the file."""
    by_host: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: (event.at_us, event.index)):
        if event.host is not None:
            by_host.setdefault(event.host, []).append(event)
    return by_host


def _clock(start_us: int, events: Sequence[Event], ends: Ends) -> HostClock:
    drifts: list[tuple[int, int, Fraction]] = []
    steps: list[tuple[int, int]] = []
    adjustments: list[Slew | Freeze] = []
    for event in events:
        assert event.host is not None, "an event about clocks has a host"
        if event.verb is Verb.CLOCK_STEP:
            steps.append((event.at_us, event.by_us))
        elif event.verb is Verb.CLOCK_SLEW:
            adjustments.append(Slew(event.at_us, event.by_us, event.ppm))
        elif event.verb is Verb.CLOCK_FREEZE:
            adjustments.append(Freeze(event.at_us, ends.end_of(event, event.host)))
        elif event.verb is Verb.CLOCK_DRIFT:
            # A drift that ends where the next one begins gives way to it: ends come before starts.
            drifts.append((event.at_us, Phase.START, event.ppm))
            if event.until_us is not None:
                drifts.append((event.until_us, Phase.END, Fraction(0)))
    drifts.sort(key=lambda drift: drift[:2])
    return HostClock(start_us, [(at_us, ppm) for at_us, _, ppm in drifts], steps, adjustments)


#: What a fault is about: the server, a node, or one direction of a node's network.
_Mark: TypeAlias = tuple[str, Way | None]


def _marks(event: Event) -> Iterator[_Mark]:
    """Yield what a lasting ``event``, or the verb that undoes one, is about."""
    if event.verb in _DIRECTED:
        for way in _WAYS[event.direction]:
            for name in event.nodes:
                yield name, way
    else:
        for target in _targets(event):
            yield target, None


def _targets(event: Event) -> tuple[str, ...]:
    if event.host is not None:
        return (event.host,)
    return event.nodes or (SERVER,)


class Ends:
    """When lasting events end, each by itself or by the first verb of ``events`` that undoes it."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._undone: dict[tuple[Verb, _Mark], list[int]] = {}
        for undo in sorted(events, key=lambda event: event.at_us):
            if undo.idle:
                continue
            for verb in _UNDOES.get(undo.verb, ()):
                for mark in _marks(undo):
                    self._undone.setdefault((verb, mark), []).append(undo.at_us)

    def end_of(self, event: Event, target: str, way: Way | None = None) -> int | None:
        """Return when ``event`` ends for ``target`` (and one direction of its network), ``None`` if it does not."""
        times = self._undone.get((event.verb, (target, way)), [])
        first = bisect_right(times, event.at_us)
        ends = times[first : first + 1] + ([] if event.until_us is None else [event.until_us])
        return min(ends, default=None)

    def over(self, event: Event) -> int | None:
        """Return when ``event`` is over for all that it is about, at once if it does not last; ``None``: never."""
        if event.verb not in _UNDONE and event.until_us is None:
            return event.at_us
        found = [self.end_of(event, target, way) for target, way in _marks(event)]
        known = [end for end in found if end is not None]
        return max(known) if len(known) == len(found) else None


# What can be wrong with a timeline.

#: What may or may not end the server's program, which only the run can tell, and as which verb it counts then.
_UNSURE = {
    # A start on other hardware, or on a full disk, fails, and then there is something to start still.
    Verb.IDENTITY_DRIFT: Verb.SERVER_CRASH_AT,
    Verb.SERVER_DESTROY: Verb.SERVER_DESTROY,
    Verb.SERVER_CRASH_AT: Verb.SERVER_CRASH_AT,
    Verb.DISK_FILL: Verb.SERVER_CRASH_AT,
}


def timeline_problems(events: Sequence[Event]) -> list[TimelineProblem]:
    """Return what is wrong with the ``events`` of a scenario taken together, in file order.

    Stops of one host that overlap, an undoing verb that finds nothing to undo, a state that comes back under a running
    program, a machine that is copied twice, drifts that overlap on one host, slews and freezes that do, two steps of
    one clock at one instant, and clocks that are led out of any calendar. Events restricted by ``only`` depend on the
    run and are left out.
    """
    problems = [
        *_overlapping_stops(events),
        *_nothing_to_undo(events),
        *_rollbacks_while_running(events),
        *_copied_twice(events),
        *_overlapping_drifts(events),
        *_overlapping_adjustments(events),
        *_clocks_gone_too_far(events),
    ]
    return sorted(problems, key=lambda problem: problem.event.index)


def _overlapping_stops(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    by_host: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: (event.at_us, event.index)):
        if event.verb in _DOWN and event.only is None and not event.idle:
            for target in _targets(event):
                by_host.setdefault(target, []).append(event)
    ends = Ends(events)
    reported: set[int] = set()
    for target, downs in by_host.items():
        for earlier, later in pairwise(downs):
            stopped = earlier.verb not in (Verb.SERVER_SUSPEND, Verb.SERVER_HANG, Verb.SERVER_DESTROY)
            if later.verb is Verb.SERVER_DESTROY and stopped:
                continue  # `-destroy` works on a stopped server too, though not on a frozen host.
            end_us = None if earlier.verb is Verb.SERVER_DESTROY else ends.end_of(earlier, target)
            if (end_us is None or later.at_us < end_us) and later.index not in reported:
                reported.add(later.index)
                yield TimelineProblem(
                    later,
                    "at",
                    f"{later.verb.value} while {target} is already down ({earlier.verb.value} of line {earlier.line})",
                    "stops of one host that do not overlap; end the earlier one first",
                )


def _rollbacks_while_running(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    ends = Ends(events)
    unsure = any(event.verb in _UNSURE for event in events)
    for event in events:
        if event.verb not in (Verb.SERVER_ROLLBACK, Verb.NODE_ROLLBACK):
            continue
        for target in _targets(event):
            downs = [
                (down.at_us, ends.end_of(down, target))
                for down in events
                if _DOWN.get(down.verb) in (Verb.SERVER_START, Verb.NODE_START)
                and target in _targets(down)
                and not down.idle
            ]
            down = any(since_us <= event.at_us and (end is None or event.at_us < end) for since_us, end in downs)
            if not down and not (unsure and target == SERVER):
                expected = "a program that was stopped before; what runs has its state in memory"
                yield TimelineProblem(event, "at", f"{event.verb.value} while {target} runs", expected)
                break


def _copied_twice(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    copied: dict[str, Event] = {}
    for event in sorted(events, key=lambda event: (event.at_us, event.index)):
        if event.verb in _COPIES:
            (target,) = _targets(event)
            earlier = copied.setdefault(target, event)
            if earlier is not event:
                found = f"a second {event.verb.value} to {target} (the first is that of line {earlier.line})"
                if event.verb is Verb.SERVER_CLONE:
                    found = f"a second {event.verb.value} (the first is that of line {earlier.line})"
                key = "node" if event.nodes else "do"
                yield TimelineProblem(event, key, found, "one copy of the server, and one copy for each node")


def _nothing_to_undo(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    #: Until when what was begun lasts by itself; what a verb has undone is out.
    begun: dict[tuple[Verb, _Mark], list[int | None]] = {}
    #: Verbs that some event may undo or not, which only the run can tell.
    unknown: set[Verb] = set()
    for at_us, grouped in groupby(sorted(events, key=lambda event: event.at_us), lambda event: event.at_us):
        together = list(grouped)
        undos = [event for event in together if event.verb in _UNDOES]
        # A pattern of hosts makes several events of one, which all together need something to undo.
        ones: dict[int, list[Event]] = {}
        for undo in undos:
            ones.setdefault(undo.index, []).append(undo)
        for undo, *others in ones.values():
            undone = [(verb, mark) for verb in _UNDOES[undo.verb] for one in (undo, *others) for mark in _marks(one)]
            in_force = any(end is None or end >= at_us for key in undone for end in begun.get(key, ()))
            if not in_force and unknown.isdisjoint(_UNDOES[undo.verb]):
                yield TimelineProblem(
                    undo,
                    "do",
                    f"{undo.verb.value} with nothing to undo",
                    f"an earlier {' or '.join(verb.value for verb in _UNDOES[undo.verb])} that is still in force",
                )
        # Ends come before starts, and two that undo the same at one instant both have something to undo.
        for undo in undos:
            for verb in _UNDOES[undo.verb] if undo.only is None else ():
                for mark in _marks(undo):
                    begun.pop((verb, mark), None)
        for event in together:
            if event.only is not None or event.idle:
                unknown.add(event.verb)
            elif event.verb in _UNSURE:
                unknown.add(_UNSURE[event.verb])
            if event.only is None and event.verb in _UNDONE:
                for mark in _marks(event):
                    begun.setdefault((event.verb, mark), []).append(event.until_us)


def _clocks_gone_too_far(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    for changes in _clock_events(events).values():
        gone_us = 0
        for event in (each for each in changes if each.verb in (Verb.CLOCK_STEP, Verb.CLOCK_SLEW)):
            gone_us += event.by_us
            if abs(gone_us) > _FARTHEST_US:
                yield TimelineProblem(
                    event,
                    "by",
                    f"a clock of {event.host} that is more than {_FARTHEST_YEARS} years off by then",
                    f"steps and slews that add up to at most {_FARTHEST_YEARS} years",
                )
                break


def _overlapping_drifts(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    for changes in _clock_events(events).values():
        for verb in (Verb.CLOCK_STEP, Verb.CLOCK_DRIFT):
            longest: Event | None = None  # Of those so far, the one that ends last.
            before: Event | None = None
            for event in (each for each in changes if each.verb is verb):
                earlier = before if before is not None and before.at_us == event.at_us else None
                if longest is not None and longest.until_us is not None and longest.until_us > event.at_us:
                    earlier = longest
                if earlier is not None:
                    yield TimelineProblem(
                        event,
                        "at",
                        f"{verb.value} of {event.host} while that of line {earlier.line} is in force",
                        "one change of a clock at a time; end the earlier one first",
                    )
                before = event
                if event.until_us is not None and (longest is None or event.until_us > (longest.until_us or 0)):
                    longest = event


def _overlapping_adjustments(events: Sequence[Event]) -> Iterator[TimelineProblem]:
    ends = Ends(events)
    for host, changes in _clock_events(events).items():
        # How long a slew takes depends on the drift meanwhile, and on nothing else.
        drifts = [each for each in changes if each.verb is Verb.CLOCK_DRIFT]
        longest: tuple[Event, int | None] | None = None  # Of those so far, the one that ends last.
        for event in (each for each in changes if each.verb in (Verb.CLOCK_SLEW, Verb.CLOCK_FREEZE)):
            ((_, end_us),) = _clock(0, [*drifts, event], ends).adjusting
            if longest is not None:
                earlier, until_us = longest
                if until_us is None or until_us > event.at_us:
                    what = f"the {earlier.verb.value} of line {earlier.line}"
                    yield TimelineProblem(
                        event,
                        "at",
                        f"{event.verb.value} of {host} while {what} is in force",
                        "one slew or freeze of a clock at a time; end the earlier one first",
                    )
                if until_us is None or (end_us is not None and end_us <= until_us):
                    continue
            longest = event, end_us
