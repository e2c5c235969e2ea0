"""Who can stand in rank: the preconditions under which columns of nodes are exact.

What a fleet in rank can live through is an administrator's register, stops of the server's program, and cuts of the
network. Clocks are right, latency is constant, everybody is licensed, and no licence ends. Whoever is not sure that a
scenario is like that leaves it to the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.faults import Ends
from harness.network import Way
from harness.scenario import SERVER, Event, Scenario, Verb
from reference_server.readings import LITERAL, Reading

__all__ = ["Batch", "Orders", "Stretch", "orders_for"]

_HOUR_US = 3_600_000_000
#: An end that never comes; far enough from the largest int to be added to.
FOREVER = 1 << 61
_DOWN = (Verb.SERVER_STOP, Verb.SERVER_CRASH)
_ENDS = (Verb.SERVER_START, Verb.NETWORK_HEAL)
_WAYS = {"both": (Way.UP, Way.DOWN), "requests": (Way.UP,), "answers": (Way.DOWN,)}
#: Of nodes of these statuses none polls, or has sent anything that is not decided yet.
_AT_REST = ("lapsed", "unregistered")


class Stretch(NamedTuple):
    """From ``start_us`` up to, not including, ``end_us``, which may be `FOREVER`."""

    start_us: int
    end_us: int


class Batch(NamedTuple):
    """At ``at_us`` the administrator registers those of ``nodes`` (``None``: all) that have the status ``only``."""

    at_us: int
    nodes: NDArray[np.int64] | None
    only: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a fleet in rank lives through.

    ``register_us`` is by node, negative for never. ``downs`` are the server's, in order; ``cuts`` those of all nodes,
    and ``own_cuts`` those of single nodes, by direction.
    """

    register_us: NDArray[np.int64]
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
    if reading != LITERAL or not _ordinary(scenario) or not _let_in(scenario):
        return None
    known = (*_DOWN, *_ENDS, Verb.NETWORK_CUT, Verb.NODE_REGISTER)
    if any(event.verb not in known for event in events):
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


def _ordinary(scenario: Scenario) -> bool:
    """Tell whether the network is quick enough, and no node the copy of another."""
    network = scenario.network
    if 2 * network.latency_us >= network.timeout_us or network.timeout_us >= _HOUR_US:
        return False
    return not any(node.clone_of for node in scenario.nodes)


def _let_in(scenario: Scenario) -> bool:
    """Tell whether nothing but a lack of slots can ever keep a node out."""
    licence = scenario.licence
    kinds = dict.fromkeys((node.application, node.domain, node.port, node.version) for node in scenario.nodes)
    for application, domain, port, version in kinds:
        if licence.applications and application not in licence.applications:
            return False
        if licence.domains and domain not in licence.domains:
            return False
        if licence.ports and port not in licence.ports:
            return False
        if version != licence.version:
            return False
    if "FineDataLink" not in licence.function_points:
        return False
    # A node reckons the end of its licence by itself, and may be early by a latency.
    last_us = scenario.start_us + scenario.duration_us + _HOUR_US
    if licence.expires_us is not None and licence.expires_us <= last_us:
        return False
    addresses = np.fromiter((node.address for node in scenario.nodes), np.int64, len(scenario.nodes))
    licensed = np.zeros(len(addresses), bool)
    for first, last in licence.ranges:
        licensed |= (first <= addresses) & (addresses <= last)
    return bool(licensed.all())


def _batches(
    scenario: Scenario, events: Sequence[Event], register_us: NDArray[np.int64], places: _Places
) -> tuple[Batch, ...] | None:
    """Return the registers of whole groups in order, ``None`` if one of them may find a request under way."""
    patience_us = scenario.network.timeout_us
    last_us = int(register_us.max(initial=-1))
    batches = []
    for event in sorted(events, key=lambda event: (event.at_us, event.index)):
        if event.verb is not Verb.NODE_REGISTER or event.at_us > scenario.duration_us:
            continue
        if event.only not in _AT_REST or event.at_us <= last_us + patience_us:
            return None
        last_us = event.at_us
        nodes = None if places.all(event) else np.array([places.of(name) for name in event.nodes], np.int64)
        batches.append(Batch(event.at_us, nodes, event.only))
    return tuple(batches)
