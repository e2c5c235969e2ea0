"""What happens when: the events of a scenario, resolved into one timeline before anything runs.

An event that lasts is a fault with a start and an end. `plan` finds each one's end (its own, or the verb that
undoes it), builds the clocks and the network, which are pure functions of true time, and lays out what the
world has to do: `Happening` values in order, by instant and, at one instant, ends before starts before the
actions of administrators, each in file order (the timing law's order of ties).

Since all of it is known beforehand, so are the instants at which anything about a node can change
(`Plan.edges_after`). Between two of them a node on a clean path can cruise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from harness.clock import HostClock
from harness.network import Network, Way
from harness.scenario import SERVER, Event, Scenario, Verb

__all__ = ["Happening", "Phase", "Plan", "TimelineProblem", "plan", "timeline_problems"]


class Phase(IntEnum):
    """The part of an instant in which something happens."""

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
    Verb.SERVER_SUSPEND: Verb.SERVER_RESUME,
    Verb.SERVER_DESTROY: None,
    Verb.NODE_STOP: Verb.NODE_START,
    Verb.NODE_CRASH: Verb.NODE_START,
    Verb.NODE_SUSPEND: Verb.NODE_RESUME,
}
_UNDOES = {
    Verb.SERVER_START: (Verb.SERVER_STOP, Verb.SERVER_CRASH, Verb.SERVER_DESTROY),
    Verb.SERVER_RESUME: (Verb.SERVER_SUSPEND,),
    Verb.NODE_START: (Verb.NODE_STOP, Verb.NODE_CRASH),
    Verb.NODE_RESUME: (Verb.NODE_SUSPEND,),
    Verb.NETWORK_HEAL: (Verb.NETWORK_CUT,),
    Verb.LICENCE_RESUME: (Verb.LICENCE_SUSPEND,),
}
_ACTIONS = (Verb.NODE_REGISTER, Verb.NODE_UNBIND, Verb.NODE_MOVE)
#: Played by the clocks and the network themselves; the world has nothing to do.
_PASSIVE = (Verb.CLOCK_STEP, Verb.CLOCK_DRIFT, Verb.NETWORK_CUT, Verb.NETWORK_HEAL)
_WAYS = {"both": (Way.UP, Way.DOWN), "requests": (Way.UP,), "answers": (Way.DOWN,)}
#: What ends a lasting event when its time is up.
_ENDS = {**_DOWN, Verb.LICENCE_SUSPEND: Verb.LICENCE_RESUME}


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario, resolved: clocks and network as values, and what the world has to do in order."""

    happenings: tuple[Happening, ...]
    network: Network
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


def plan(scenario: Scenario) -> Plan:
    """Resolve the events of ``scenario``. It has to be free of `timeline_problems`."""
    place = {node.name: index for index, node in enumerate(scenario.nodes)}
    happenings = [
        Happening(node.register_us, Phase.ACTION, index, Verb.NODE_REGISTER, (index,), None)
        for index, node in enumerate(scenario.nodes)
        if node.register_us is not None
    ]
    cuts: dict[tuple[int, Way], list[tuple[int, int | None]]] = {}
    common: set[int] = set()
    own: dict[int, set[int]] = {}

    def edge(instants: Iterable[int | None], host: str | None, nodes: tuple[int, ...]) -> None:
        known = [at_us for at_us in instants if at_us is not None]
        if host == SERVER:
            common.update(known)
        for node in nodes if host is None or host == SERVER else (place[host],):
            own.setdefault(node, set()).update(known)

    heals = _Heals(scenario)
    for event in scenario.events:
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
        if event.verb is Verb.NETWORK_CUT:
            for name, node in zip(event.nodes, nodes, strict=True):
                for way in _WAYS[event.direction]:
                    until_us = heals.end_of(event, name, way)
                    cuts.setdefault((node, way), []).append((event.at_us, until_us))
                    edge((event.at_us, until_us), None, (node,))
        else:
            host = event.host if event.verb in _PASSIVE else (None if event.nodes else SERVER)
            if event.verb is not Verb.NETWORK_HEAL:
                edge((event.at_us, event.until_us), host, nodes)

    for registration in happenings:
        # A node that another event registers earlier may already cruise when its fleet's registration comes.
        if registration.event is None and registration.nodes[0] in own:
            edge((registration.at_us,), None, registration.nodes)

    exact = HostClock(scenario.start_us)
    moved = {event.host for event in scenario.events if event.host is not None}
    clocks = {host: _clock(scenario, host) for host in sorted(moved)}
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    edges = [tuple(sorted(own.get(index, ()))) for index in range(len(scenario.nodes))]
    return Plan(
        happenings=tuple(sorted(happenings, key=lambda h: (h.at_us, h.phase, h.order))),
        network=Network(scenario.network.latency_us, dict(cuts)),
        server_clock=clocks.get(SERVER, exact),
        node_clocks=tuple(clocks.get(node.name, exact) for node in scenario.nodes),
        _common_edges=tuple(sorted(common)),
        _own_edges=tuple(shared.setdefault(each, each) for each in edges),
    )


def _clock(scenario: Scenario, host: str) -> HostClock:
    drifts: list[tuple[int, int, Fraction]] = []
    steps: list[tuple[int, int]] = []
    for event in scenario.events:
        if event.host != host:
            continue
        if event.verb is Verb.CLOCK_STEP:
            steps.append((event.at_us, event.by_us))
        else:
            # A drift that ends where the next one begins gives way to it: ends come before starts.
            drifts.append((event.at_us, Phase.START, event.ppm))
            if event.until_us is not None:
                drifts.append((event.until_us, Phase.END, Fraction(0)))
    drifts.sort(key=lambda drift: drift[:2])
    return HostClock(
        scenario.start_us,
        [(at_us, ppm) for at_us, _, ppm in drifts],
        sorted(steps, key=lambda step: step[0]),
    )


class _Heals:
    """When the network is healed, by node and direction."""

    def __init__(self, scenario: Scenario) -> None:
        self._times: dict[tuple[str, Way], list[int]] = {}
        for heal in scenario.events:
            if heal.verb is Verb.NETWORK_HEAL:
                for name in heal.nodes:
                    for way in _WAYS[heal.direction]:
                        self._times.setdefault((name, way), []).append(heal.at_us)
        for times in self._times.values():
            times.sort()

    def end_of(self, cut: Event, name: str, way: Way) -> int | None:
        """Return when a cut ends for one node and direction: its own end, or the first heal that matches."""
        times = self._times.get((name, way), [])
        first = bisect_right(times, cut.at_us)
        ends = times[first : first + 1] + ([] if cut.until_us is None else [cut.until_us])
        return min(ends, default=None)


# What can be wrong with a timeline.


def timeline_problems(scenario: Scenario) -> list[TimelineProblem]:
    """Return what is wrong with the events taken together, in file order.

    Stops of one host that overlap, an undoing verb that finds nothing to undo, drifts that overlap on one host,
    and two steps of one clock at one instant. Events restricted by ``only`` depend on the run and are left out.
    """
    problems = [*_overlapping_stops(scenario), *_nothing_to_undo(scenario), *_overlapping_drifts(scenario)]
    return sorted(problems, key=lambda problem: problem.event.index)


def _targets(event: Event) -> tuple[str, ...]:
    return event.nodes if event.verb.value.startswith("node.") else (SERVER,)


def _end_of(scenario: Scenario, event: Event, target: str) -> int | None:
    """Return when a lasting ``event`` ends for ``target``: by itself, or by the first verb that undoes it."""
    ends = [
        other.at_us
        for other in scenario.events
        if other.at_us > event.at_us
        and event.verb in _UNDOES.get(other.verb, ())
        and (target == SERVER or target in other.nodes)
    ]
    if event.until_us is not None:
        ends.append(event.until_us)
    return min(ends, default=None)


def _overlapping_stops(scenario: Scenario) -> Iterator[TimelineProblem]:
    by_host: dict[str, list[Event]] = {}
    for event in scenario.events:
        if event.verb in _DOWN and event.only is None:
            for target in _targets(event):
                by_host.setdefault(target, []).append(event)
    reported: set[int] = set()
    for target, events in by_host.items():
        events.sort(key=lambda event: (event.at_us, event.index))
        for earlier, later in pairwise(events):
            if later.verb is Verb.SERVER_DESTROY and earlier.verb is not Verb.SERVER_DESTROY:
                continue  # `-destroy` works on a stopped server too.
            if earlier.verb is Verb.SERVER_DESTROY:
                end_us = None
            else:
                end_us = _end_of(scenario, earlier, target)
            if (end_us is None or later.at_us < end_us) and later.index not in reported:
                reported.add(later.index)
                yield TimelineProblem(
                    later,
                    "at",
                    f"{later.verb.value} while {target} is already down ({earlier.verb.value} of line {earlier.line})",
                    "stops of one host that do not overlap; end the earlier one first",
                )


def _nothing_to_undo(scenario: Scenario) -> Iterator[TimelineProblem]:
    heals = _Heals(scenario)
    for undo in scenario.events:
        if undo.verb not in _UNDOES:
            continue
        undone = _UNDOES[undo.verb]
        for event in scenario.events:
            if event.verb not in undone or event.at_us >= undo.at_us:
                continue
            if event.only is not None or event.verb is Verb.SERVER_DESTROY:
                break
            if event.verb is Verb.NETWORK_CUT:
                names = [name for name in event.nodes if name in undo.nodes]
                ways = [way for way in _WAYS[event.direction] if way in _WAYS[undo.direction]]
                ends = [heals.end_of(event, name, way) for name in names for way in ways]
            else:
                targets = [t for t in _targets(event) if t == SERVER or t in undo.nodes]
                ends = [_end_of(scenario, event, target) for target in targets]
            # The event is undone here if this is the first verb that could, or one at the same instant.
            if any(end_us is None or end_us >= undo.at_us for end_us in ends):
                break
        else:
            yield TimelineProblem(
                undo,
                "do",
                f"{undo.verb.value} with nothing to undo",
                f"an earlier {' or '.join(verb.value for verb in undone)} that is still in force",
            )


def _overlapping_drifts(scenario: Scenario) -> Iterator[TimelineProblem]:
    changes = [event for event in scenario.events if event.verb in (Verb.CLOCK_STEP, Verb.CLOCK_DRIFT)]
    for event in changes:
        for earlier in changes:
            if earlier is event or earlier.host != event.host or earlier.verb is not event.verb:
                continue
            same_instant = earlier.at_us == event.at_us and earlier.index < event.index
            inside = earlier.at_us < event.at_us and (earlier.until_us is not None and event.at_us < earlier.until_us)
            if same_instant or inside:
                yield TimelineProblem(
                    event,
                    "at",
                    f"{event.verb.value} of {event.host} while that of line {earlier.line} is in force",
                    "one change of a clock at a time; end the earlier one first",
                )
