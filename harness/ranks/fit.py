"""Who can stand in rank: the preconditions under which columns of nodes are exact.

What a fleet in rank can live through is an administrator's register, stops of the server's program, and cuts of the
network. Clocks are right, latency is constant, everybody is licensed, and no licence ends. Whoever is not sure that a
scenario is like that leaves it to the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fake_fdl_nodes.node import FUNCTION_POINT
from harness.faults import Ends
from harness.network import Way
from harness.scenario import SERVER, Event, LicenceSpec, Scenario, Verb
from reference_server.authority import STRANGERS
from reference_server.readings import LITERAL, Reading

__all__ = ["Batch", "Orders", "Stretch", "can_part", "odd_nodes", "orders_for", "scenario_of"]

Ints: TypeAlias = NDArray[np.int64]

_HOUR_US = 3_600_000_000
#: An end that never comes; far enough from the largest int to be added to.
FOREVER = 1 << 61
_DOWN = (Verb.SERVER_STOP, Verb.SERVER_CRASH)
_ENDS = (Verb.SERVER_START, Verb.NETWORK_HEAL)
_WAYS = {"both": (Way.UP, Way.DOWN), "requests": (Way.UP,), "answers": (Way.DOWN,)}
#: What makes a request come twice, or its number.
_REPEATING = (
    Verb.NETWORK_DUPLICATE,
    Verb.NETWORK_REORDER,
    Verb.NETWORK_DELAY,
    Verb.NODE_ROLLBACK,
    Verb.NODE_CLONE,
    Verb.ANSWER_SPOIL,
)
#: Who can be registered in rank: by status those who do not poll, or everybody.
_REGISTERED = ("lapsed", "unregistered", None)


class Stretch(NamedTuple):
    """From ``start_us`` up to, not including, ``end_us``, which may be `FOREVER`."""

    start_us: int
    end_us: int


class Batch(NamedTuple):
    """At ``at_us`` the administrator registers those of ``nodes`` that have the status ``only``; ``None``: all."""

    at_us: int
    nodes: Ints | None
    only: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a fleet in rank lives through.

    ``register_us`` is by node, negative for never. ``downs`` are the server's, in order; ``cuts`` those of all nodes,
    and ``own_cuts`` those of single nodes, by direction.
    """

    register_us: Ints
    downs: tuple[tuple[Stretch, Event], ...]
    cuts: dict[Way, list[Stretch]]
    own_cuts: dict[Way, dict[int, list[Stretch]]]
    batches: tuple[Batch, ...]

    def part(self, start: int, end: int) -> Orders:
        """Return what the nodes from the place ``start`` up to ``end`` live through, which count from there."""

        def within(batch: Batch) -> Batch:
            nodes = batch.nodes
            return batch if nodes is None else batch._replace(nodes=nodes[(start <= nodes) & (nodes < end)] - start)

        return replace(
            self,
            register_us=self.register_us[start:end],
            own_cuts={
                way: {node - start: cut for node, cut in cuts.items() if start <= node < end}
                for way, cuts in self.own_cuts.items()
            },
            batches=tuple(map(within, self.batches)),
        )


def orders_for(scenario: Scenario, reading: Reading) -> Orders | None:
    """Return what the nodes of ``scenario`` live through in rank, ``None`` if they have to be simulated one by one."""
    events = [event for event in scenario.events if not event.idle]
    if not _ordinary(scenario, reading) or _odd(scenario).any():
        return None
    ends = Ends(events)
    downs = [(_stretch(event, ends, SERVER), event) for event in events if event.verb in _DOWN]
    downs.sort(key=lambda down: down[0])
    if any(later.start_us < earlier.end_us for (earlier, _), (later, _) in pairwise(downs)):
        return None
    places = _Places(scenario)
    registers = (-1 if node.register_us is None else node.register_us for node in scenario.nodes)
    register_us = np.fromiter(registers, np.int64, len(scenario.nodes))
    batches = _batches(scenario, events, register_us, places)
    if batches is None:
        return None
    cuts: dict[Way, list[Stretch]] = {way: [] for way in Way}
    own_cuts: dict[Way, dict[int, list[Stretch]]] = {way: {} for way in Way}
    heals = any(event.verb is Verb.NETWORK_HEAL for event in events)
    for event in (event for event in events if event.verb is Verb.NETWORK_CUT):
        for way in _WAYS[event.direction]:
            if not heals and places.all(event):
                cuts[way].append(Stretch(event.at_us, FOREVER if event.until_us is None else event.until_us))
                continue
            for name in event.nodes:
                own = own_cuts[way].setdefault(places.of(name), [])
                own.append(_stretch(event, ends, name, way))
    return Orders(register_us=register_us, downs=tuple(downs), cuts=cuts, own_cuts=own_cuts, batches=batches)


def odd_nodes(scenario: Scenario, reading: Reading) -> Ints | None:
    """Return the places of the nodes that cannot stand in rank, ``None`` if nobody can."""
    return np.flatnonzero(_odd(scenario)) if _ordinary(scenario, reading) else None


def can_part(scenario: Scenario) -> bool:
    """Tell whether the nodes do not depend on each other, so that some can be simulated without the others.

    They do by the slots alone, and where there are enough for all, they do not.
    """
    count = len(scenario.nodes)
    if count > STRANGERS and any(event.verb in _REPEATING for event in scenario.events):
        return False  # For how long a server remembers an answer depends on how many others it gives.
    return count <= scenario.licence.capacity


def scenario_of(scenario: Scenario, places: Ints) -> Scenario:
    """Return the scenario with the nodes at ``places`` alone, and no expectations."""
    nodes = tuple(scenario.nodes[place] for place in places.tolist())
    names = tuple(node.name for node in nodes)
    known = frozenset(names)
    events = []
    for event in scenario.events:
        if event.nodes:
            everybody = len(event.nodes) == len(scenario.nodes)
            meant = names if everybody else tuple(name for name in event.nodes if name in known)
            if meant:
                events.append(replace(event, nodes=meant))
        elif event.host is None or event.host == SERVER or event.host in known:
            events.append(event)
    return replace(scenario, nodes=nodes, events=tuple(events), expects=())


def _stretch(event: Event, ends: Ends, target: str, way: Way | None = None) -> Stretch:
    end_us = ends.end_of(event, target, way)
    return Stretch(event.at_us, FOREVER if end_us is None else end_us)


class _Places:
    """The places of nodes, looked up only if anybody asks."""

    def __init__(self, scenario: Scenario) -> None:
        self._nodes = scenario.nodes
        self._by_name: dict[str, int] = {}

    def all(self, event: Event) -> bool:
        """Tell whether an event means every node; names are in file order, each once."""
        return len(event.nodes) == len(self._nodes)

    def of(self, name: str) -> int:
        if not self._by_name:
            self._by_name = {node.name: place for place, node in enumerate(self._nodes)}
        return self._by_name[name]


def _ordinary(scenario: Scenario, reading: Reading) -> bool:
    """Tell whether the server, and what is common to all, is such that nodes can stand in rank."""
    network, licence = scenario.network, scenario.licence
    if reading != LITERAL or 2 * network.latency_us >= network.timeout_us or network.timeout_us >= _HOUR_US:
        return False
    if any(not _about_nodes(event) and event.verb not in (*_DOWN, *_ENDS) for event in scenario.events):
        return False
    # A node reckons the end of its licence by itself, and may be early by a latency.
    last_us = scenario.start_us + scenario.duration_us + _HOUR_US
    return licence.expires_us is None or licence.expires_us > last_us


def _about_nodes(event: Event) -> bool:
    return bool(event.nodes) or event.idle or event.host not in (None, SERVER)


def _odd(scenario: Scenario) -> NDArray[np.bool_]:
    """Tell which nodes cannot stand in rank: something else happens to them, they are copied, or not let in."""
    licence, nodes = scenario.licence, scenario.nodes
    names = {event.host for event in scenario.events if event.host is not None}
    for event in scenario.events:
        registered = event.verb is Verb.NODE_REGISTER and event.only in _REGISTERED
        if not event.idle and not registered and event.verb not in (*_ENDS, Verb.NETWORK_CUT):
            names.update(event.nodes)
    copies = [node for node in nodes if node.clone_of]
    names.update(name for node in copies for name in (node.name, node.clone_of or ""))
    addresses = np.fromiter((node.address for node in nodes), np.int64, len(nodes))
    licensed = np.zeros(len(nodes), bool)
    for first, last in licence.ranges:
        licensed |= (first <= addresses) & (addresses <= last)
    let_in = {
        kind: _let_in(licence, *kind)
        for kind in dict.fromkeys((node.application, node.domain, node.port, node.version) for node in nodes)
    }
    if len(let_in) > 1 or not all(let_in.values()):
        each = (let_in[node.application, node.domain, node.port, node.version] for node in nodes)
        licensed &= np.fromiter(each, bool, len(nodes))
    if names:
        licensed &= ~np.fromiter((node.name in names for node in nodes), bool, len(nodes))
    return ~licensed


def _let_in(licence: LicenceSpec, application: str, domain: str | None, port: int | None, version: str) -> bool:
    """Tell whether nothing but its address or a lack of slots can keep such a node out."""
    return (
        (not licence.applications or application in licence.applications)
        and (not licence.domains or domain in licence.domains)
        and (not licence.ports or port in licence.ports)
        and version == licence.version
        and FUNCTION_POINT in licence.function_points
    )


def _batches(
    scenario: Scenario, events: Sequence[Event], register_us: Ints, places: _Places
) -> tuple[Batch, ...] | None:
    """Return the registers of whole groups in order, ``None`` if one of them may find a request under way."""
    patience_us = scenario.network.timeout_us
    last_us = int(register_us.max(initial=-1))
    batches = []
    for event in sorted(events, key=lambda event: (event.at_us, event.index)):
        if event.verb is not Verb.NODE_REGISTER or event.at_us > scenario.duration_us:
            continue
        if event.only not in _REGISTERED or event.at_us <= last_us + patience_us:
            return None
        last_us = event.at_us
        nodes = None if places.all(event) else np.array([places.of(name) for name in event.nodes], np.int64)
        batches.append(Batch(event.at_us, nodes, event.only))
    return tuple(batches)
