"""The network's lane: what was wrong with whose path, as the events of a scenario tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from harness.faults import Ends
from harness.network import Way
from harness.report.timeline.story import Lane, LaneKind, Mark, MarkKind, Span, Strip
from harness.scenario import SERVER, Event, Scenario, Verb

__all__ = ["network_lane", "path_strips"]

#: What is wrong with the network while such an event lasts, the gravest first.
_WORDS = {
    Verb.NETWORK_CUT: "cut",
    Verb.FIREWALL_DROP: "firewall drops",
    Verb.FIREWALL_REJECT: "firewall rejects",
    Verb.DNS_STOP: "no names",
    Verb.NETWORK_LOSS: "loses packets",
    Verb.NETWORK_CORRUPT: "damages packets",
    Verb.NETWORK_DELAY: "delays packets",
    Verb.NETWORK_REORDER: "reorders packets",
    Verb.NETWORK_DUPLICATE: "doubles packets",
    Verb.NAT_ADD: "translates addresses",
    Verb.NODE_UPLINK: "translates addresses",
    Verb.FORWARD_ADD: "forwards",
}
_GRAVITY = {word: place for place, word in reversed([*enumerate(_WORDS.values())])}
#: They can concern one direction alone.
_DIRECTED = (
    Verb.NETWORK_CUT,
    Verb.FIREWALL_DROP,
    Verb.FIREWALL_REJECT,
    Verb.NETWORK_LOSS,
    Verb.NETWORK_CORRUPT,
    Verb.NETWORK_DELAY,
    Verb.NETWORK_REORDER,
    Verb.NETWORK_DUPLICATE,
)
_WAYS = {"both": (Way.UP, Way.DOWN), "requests": (Way.UP,), "answers": (Way.DOWN,)}
#: At an instant, without anything that lasts.
_AT_ONCE = {
    Verb.DNS_CHANGE: "the server's name means another address",
    Verb.SERVER_MOVE: "the server has another address",
}
_CLEAR = "clear"
_NAMED = 3


class _Fault(NamedTuple):
    """Something that was wrong for some nodes (none: for all), up to ``end_us``."""

    start_us: int
    end_us: int
    word: str
    direction: str
    nodes: tuple[str, ...]

    def __str__(self) -> str:
        way = "" if self.direction == "both" else f" ({self.direction})"
        return f"{self.word}{way}"


def network_lane(scenario: Scenario) -> Lane:
    """Return the network's lane: at each instant the gravest fault, and all of them as its reason."""
    faults = [*_faults(scenario)]
    end_us = scenario.duration_us
    edges = sorted({0, end_us, *(at for fault in faults for at in fault[:2] if at < end_us)})
    spans: list[Span] = []
    for start_us, stop_us in pairwise(edges):
        here = [fault for fault in faults if fault.start_us <= start_us < fault.end_us]
        worst = min(here, key=lambda fault: _GRAVITY[fault.word], default=None)
        because = "; ".join(dict.fromkeys(map(_told, here)))
        spans.append(Span(start_us, stop_us, _CLEAR if worst is None else worst.word, because))
    marks = [Mark(fault.start_us, MarkKind.EVENT, _told(fault)) for fault in faults]
    marks += [Mark(fault.end_us, MarkKind.EVENT, f"over: {_told(fault)}") for fault in faults if fault.end_us <= end_us]
    marks += [
        Mark(event.at_us, MarkKind.EVENT, _AT_ONCE[event.verb]) for event in scenario.events if event.verb in _AT_ONCE
    ]
    marks.sort(key=lambda mark: mark.at_us)
    return Lane(name="network", kind=LaneKind.NETWORK, spans=tuple(spans), marks=tuple(marks))


def path_strips(scenario: Scenario) -> dict[str, list[Strip]]:
    """Return, by node, what was wrong with its path and for how long."""
    strips: dict[str, list[Strip]] = defaultdict(list)
    end_us = scenario.duration_us
    for fault in _faults(scenario):
        for node in fault.nodes:
            if fault.start_us < end_us:
                strips[node].append(Strip(fault.start_us, min(fault.end_us, end_us), str(fault)))
    return strips


def _faults(scenario: Scenario) -> Iterator[_Fault]:
    """Yield each fault, once for all nodes for which it ends at the same instant."""
    ends = Ends(scenario.events)
    for event in scenario.events:
        if event.verb not in _WORDS or event.idle:
            continue
        groups: dict[int, list[str]] = defaultdict(list)
        for name in event.nodes:
            groups[_end(event, name, ends, scenario)].append(name)
        if not event.nodes:
            groups[_end(event, SERVER, ends, scenario)] = []
        for end_us, names in groups.items():
            yield _Fault(event.at_us, end_us, _WORDS[event.verb], event.direction, tuple(names))


def _end(event: Event, target: str, ends: Ends, scenario: Scenario) -> int:
    """Return when ``event`` is over for ``target``: in all its directions, or beyond the end of the run."""
    ways = _WAYS[event.direction] if event.verb in _DIRECTED else (None,)
    found = [ends.end_of(event, target, way) for way in ways]
    beyond_us = scenario.duration_us + 1
    return max(beyond_us if each is None else min(each, beyond_us) for each in found)


def _told(fault: _Fault) -> str:
    if not fault.nodes:
        return str(fault)
    more = len(fault.nodes) - _NAMED
    who = ", ".join(fault.nodes[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{fault}: {who}"
