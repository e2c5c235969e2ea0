"""What a walk needs to know of a scenario, in arrays: who registers when, and what stands between whom and the server.

Nodes that are cut off by just the same events share a *path*: all of them have one timeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fake_fdl_nodes.fleet import NodeSetup
from harness.scenario import Event, Scenario, Verb

__all__ = ["FOREVER", "NEVER", "Ask", "Bools", "Ints", "Setting", "setting_of"]

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

#: Beyond every instant, and before every one; both far enough from the ends of 64 bits to be added to.
FOREVER = 1 << 61
NEVER = -(1 << 61)

_STOPS = (Verb.SERVER_STOP, Verb.SERVER_CRASH)


class Ask(NamedTuple):
    """An event that lets nodes be registered: those with the status ``only``, or all. ``nodes`` is ``None`` for all."""

    at_us: int
    only: str | None
    nodes: Ints | None
    event: Event


class Cuts(NamedTuple):
    """All cuts, ordered by path: those of path *k* are at ``first[k]`` up to ``first[k + 1]``."""

    first: Ints
    up: Bools  #: of requests, else of answers
    start_us: Ints
    end_us: Ints


@dataclass(frozen=True)
class Setting:
    """A scenario for which the preconditions hold.

    ``register_us`` is when each node is registered, `FOREVER` for never. ``path`` is the path of each node.
    ``welcome`` tells who passes the checks of the licence. ``stops`` are the stretches ``[start, end)`` in which the
    server's port refuses.
    """

    nodes: tuple[NodeSetup, ...]
    duration_us: int
    latency_us: int
    timeout_us: int
    capacity: int
    register_us: Ints
    welcome: Bools
    stops: tuple[tuple[int, int], ...]
    path: Ints
    cuts: Cuts
    asks: tuple[Ask, ...]

    @cached_property
    def contested(self) -> bool:
        """Whether more nodes may want a slot than there are."""
        wanted = self.welcome & (self.register_us < FOREVER)
        for ask in self.asks:
            members = slice(None) if ask.nodes is None else ask.nodes
            wanted[members] = self.welcome[members]
        return int(wanted.sum()) > self.capacity


def setting_of(scenario: Scenario) -> Setting:
    """Return what is to be known of ``scenario``, which has to meet the conditions and be free of timeline problems."""
    nodes, events = scenario.nodes, [event for event in scenario.events if not event.idle]
    members = _Members(scenario)
    registers = [FOREVER if node.register_us is None else node.register_us for node in nodes]
    path, cuts = _paths(events, members, len(nodes))
    asks = [
        Ask(event.at_us, event.only, members.of(event), event)
        for event in sorted(events, key=lambda event: (event.at_us, event.index))
        if event.verb is Verb.NODE_REGISTER
    ]
    return Setting(
        nodes=nodes,
        duration_us=scenario.duration_us,
        latency_us=scenario.network.latency_us,
        timeout_us=scenario.network.timeout_us,
        capacity=scenario.licence.capacity,
        register_us=np.array(registers, np.int64),
        welcome=_welcome(scenario),
        stops=_stops(events),
        path=path,
        cuts=cuts,
        asks=tuple(asks),
    )


class _Members:
    """Which nodes an event means, as sorted places, ``None`` for all of them."""

    def __init__(self, scenario: Scenario) -> None:
        self._nodes = scenario.nodes
        self._known: dict[tuple[str, ...], Ints] = {}

    @cached_property
    def _place(self) -> dict[str, int]:
        return {node.name: place for place, node in enumerate(self._nodes)}

    def of(self, event: Event) -> Ints | None:
        if len(event.nodes) == len(self._nodes):
            return None
        known = self._known.get(event.nodes)
        if known is None:
            known = np.array(sorted(self._place[name] for name in event.nodes), np.int64)
            self._known[event.nodes] = known
        return known


def _welcome(scenario: Scenario) -> Bools:
    """Return which nodes pass the checks of the licence (R108): version, address, domain, application, port."""
    licence, nodes = scenario.licence, scenario.nodes
    address = np.fromiter(map(attrgetter("address"), nodes), np.int64, len(nodes))
    allowed = np.zeros(len(nodes), np.bool_)
    for first, last in licence.ranges:
        allowed |= (first <= address) & (address <= last)
    for what, named in (
        ("version", (licence.version,)),
        ("domain", licence.domains),
        ("application", licence.applications),
        ("port", licence.ports),
    ):
        # What the licence names none of may be any.
        if named:
            said = map(attrgetter(what), nodes)
            allowed &= np.fromiter((each in named for each in said), np.bool_, len(nodes))
    return allowed


def _stops(events: list[Event]) -> tuple[tuple[int, int], ...]:
    starts = sorted(event.at_us for event in events if event.verb is Verb.SERVER_START)
    stops = []
    for event in events:
        if event.verb in _STOPS:
            ends = [at_us for at_us in starts if at_us > event.at_us][:1]
            ends += [FOREVER if event.until_us is None else event.until_us]
            stops.append((event.at_us, min(ends)))
    return tuple(sorted(stops))


def _paths(events: list[Event], members: _Members, count: int) -> tuple[Ints, Cuts]:
    """Return the path of each node and the cuts of each path."""
    about = [event for event in events if event.verb in (Verb.NETWORK_CUT, Verb.NETWORK_HEAL)]
    label = np.zeros(count, np.int64)
    fresh = 1
    for event in about:
        # Whoever is meant parts from those who have fared like him so far.
        some = members.of(event)
        if some is not None:
            apart, parted = np.unique(label[some], return_inverse=True)
            label[some] = fresh + parted
            fresh += len(apart)
    labels, path = np.unique(label, return_inverse=True)

    def paths_of(event: Event) -> Ints:
        some = members.of(event)
        return np.arange(len(labels)) if some is None else np.unique(path[some])

    heals = [(event, paths_of(event)) for event in about if event.verb is Verb.NETWORK_HEAL]
    pieces: list[tuple[Ints, Bools, Ints, Ints]] = []
    for event in about:
        if event.verb is not Verb.NETWORK_CUT:
            continue
        cut = paths_of(event)
        for up in (True, False):
            if not _concerns(event, up=up):
                continue
            ends = np.full(len(cut), FOREVER if event.until_us is None else event.until_us)
            for heal, healed in heals:
                if heal.at_us > event.at_us and _concerns(heal, up=up):
                    ends[np.isin(cut, healed)] = np.minimum(ends[np.isin(cut, healed)], heal.at_us)
            pieces.append((cut, np.full(len(cut), up), np.full(len(cut), event.at_us), ends))
    if not pieces:
        empty = np.zeros(0, np.int64)
        return path, Cuts(np.zeros(len(labels) + 1, np.int64), empty.astype(np.bool_), empty, empty)
    of, up_, start_us, end_us = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(of, kind="stable")
    first = np.searchsorted(of[order], np.arange(len(labels) + 1))
    return path, Cuts(first, up_[order], start_us[order], end_us[order])


def _concerns(event: Event, *, up: bool) -> bool:
    return event.direction in ("both", "requests" if up else "answers")
