"""The scenario of a seed.

Swarm testing (Groce et al., "Swarm testing", 2012): each world draws first which kinds of fault it has at all, since
what many kinds together hide, few of them show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.faults import timeline_problems
from harness.scenario import Event, LicenceSpec, Scenario, ServerSpec
from harness.sweep.draws import Draws
from harness.sweep.kinds import ADDRESSES, DAY, HOUR, KINDS, MINUTE, Cast

__all__ = ["PROFILES", "Profile", "World", "world"]

#: The first licensed address: a private one, one that has fewer digits than others in its range, and a public one.
_FIRST_ADDRESSES = (0xC0A86419, 0xC0A86419, 0xC0A86408, 0x0B162119)
#: When the first node registers: mostly on a full hour, or such that its polls arrive on full hours, give or take.
_REGISTERED_US = (
    *(0, 0, 0, 1, 90 * MINUTE, 3 * HOUR, 26 * HOUR),
    *(HOUR - 5_000, 2 * HOUR - 5_000, 2 * HOUR - 5_000 - 1, 2 * HOUR - 5_000 + 1),
)
#: What a node can have that is not licensed, where the licence lists what is. The first one never is.
_UNLICENSED: tuple[dict[str, Any], ...] = (
    {"version": "FineDataLink 9"},
    {"version": "finedatalink"},
    {"application": "other"},
    {"application": "Report1"},
    {"application": "report12"},
    {"domain": "other.example"},
    {"domain": "sub.fdl.example"},
    {"domain": None},
    {"port": 9000},
    {"port": None},
)
#: 2026-03-01T00:00:00Z; each world starts some hours later.
_START_US = 1_772_323_200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What worlds are like: which kinds of fault they may have, how many nodes, days and occasions at most."""

    name: str
    summary: str
    kinds: tuple[str, ...]
    nodes: int = 4
    days: int = 4
    occasions: int = 6


#: Every profile, by its name.
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="default", summary="every kind of fault, up to 4 nodes", kinds=tuple(KINDS)),
        Profile(
            name="outages",
            summary="outages as the document speaks of them: stops, crashes, cuts, restarts of nodes",
            kinds=("stops", "freezes", "crashes", "cuts", "firewalls", "nodes", "administrators"),
            days=6,
        ),
        Profile(
            name="clocks",
            summary="clocks that are wrong, and stops",
            kinds=("steps", "rates", "stops", "freezes", "nodes"),
        ),
        Profile(
            name="network",
            summary="what networks do to packets, names and certificates",
            kinds=("cuts", "delays", "losses", "firewalls", "translations", "names", "certificates", "answers"),
        ),
        Profile(
            name="capacity",
            summary="more nodes than slots, that come and go",
            kinds=("nodes", "administrators", "moves", "copies", "licences", "cuts", "crashes"),
            nodes=8,
            occasions=10,
        ),
        Profile(name="calm", summary="nothing goes wrong", kinds=(), nodes=8),
    )
}


@dataclass(frozen=True, slots=True)
class World:
    """A scenario, and the kinds of fault that are in it."""

    scenario: Scenario
    kinds: tuple[str, ...]


def world(seed: int, profile: Profile) -> World:
    """Return the world of ``seed``: the same on every machine, for as long as the version is the same."""
    draw = Draws(seed, "world", profile.name)
    nodes = _nodes(draw.of("nodes"), profile)
    duration_us = draw.number("days", 2, profile.days) * DAY
    start_us = _START_US + draw.number("start", 0, 23) * HOUR
    server = ServerSpec(autostart=draw.happens("autostart", 50))
    licence = _licence(draw.of("licence"), nodes)
    ends_us = None if licence.expires_us is None else licence.expires_us - start_us
    cast = Cast(nodes, duration_us, server.autostart, ends_us)
    kinds = [name for name in profile.kinds if draw.happens(f"has {name}", 25)]
    events: list[Event] = []
    had: list[str] = []
    # A world without any kind is rare where there are many, and worth a run, too.
    for occasion in range(draw.number("occasions", 1, profile.occasions) if kinds else 0):
        which = draw.of("occasion", occasion)
        kind = which.pick("kind", kinds)
        drawn = sorted([*events, *KINDS[kind].draw(which, cast)], key=lambda event: event.at_us)
        numbered = tuple(replace(event, index=index) for index, event in enumerate(drawn))
        if not timeline_problems(numbered):
            events = list(numbered)
            had.append(kind)
    return World(
        Scenario(
            title=f"the world of seed {seed}, profile {profile.name}",
            file=f"<seed {seed}>",
            start_us=start_us,
            duration_us=duration_us,
            licence=licence,
            server=server,
            nodes=nodes,
            events=tuple(events),
        ),
        tuple(name for name in KINDS if name in had),
    )


def _nodes(draw: Draws, profile: Profile) -> tuple[NodeSetup, ...]:
    first_address = draw.pick("address", _FIRST_ADDRESSES)
    nodes = fleet(
        "fdl",
        address=first_address,
        application="report1",
        count=draw.number("count", 1, profile.nodes),
        register_us=draw.pick("register", _REGISTERED_US),
        spread_us=draw.pick("spread", (0, 1, 10 * MINUTE, 40 * MINUTE, 15 * HOUR // 2)),
        cluster=draw.pick("cluster", (None, None, "c")),
        domain="fdl.example",
        port=8068,
        by_name=draw.happens("by name", 30),
    )
    nodes = tuple(node for node in nodes if (node.register_us or 0) <= 2 * DAY)
    if draw.happens("one is wrong", 35):
        # One node that is not licensed, for a reason or two of its own.
        outside = ({"address": first_address + ADDRESSES}, {"address": first_address - 1 - draw.number("below", 0, 9)})
        possible = (*_UNLICENSED, *(outside if len(nodes) > 1 else ()))
        wrong = draw.pick("wrong", possible)
        if draw.happens("twice wrong", 50):
            wrong = wrong | draw.pick("also wrong", possible)
        nodes = (*nodes[:-1], replace(nodes[-1], **wrong))
    if "copies" in profile.kinds and draw.happens("clone", 20):
        nodes += (replace(nodes[0], name="copy", address=first_address + 9, register_us=None, clone_of=nodes[0].name),)
    return nodes


def _licence(draw: Draws, nodes: tuple[NodeSetup, ...]) -> LicenceSpec:
    first, last = nodes[0].address, nodes[0].address + ADDRESSES - 1
    expires_us = None
    if draw.happens("expires", 35):
        # Midnight in one of three zones.
        expires_us = _START_US + draw.number("day", 1, 4) * DAY - draw.pick("zone", (-8, 0, 5)) * HOUR
    return LicenceSpec(
        capacity=max(1, len(nodes) + draw.pick("capacity", (-2, -1, 0, 0, 1, 4))),
        ranges=draw.pick("ranges", (((first, last),), ((first, first), (first + 1, last)))),
        applications=draw.pick("applications", ((), ("report1",), ("report0", "report1"))),
        domains=draw.pick("domains", ((), ("fdl.example",), ("fdl.example", "second.example"))),
        ports=draw.pick("ports", ((), (8068,), (8067, 8068))),
        expires_us=expires_us,
    )
