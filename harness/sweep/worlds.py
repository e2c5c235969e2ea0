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
from harness.sweep.kinds import ADDRESSES, DAY, FIRST_ADDRESS, HOUR, KINDS, MINUTE, Cast

__all__ = ["PROFILES", "Profile", "World", "world"]

#: What a node can have that no licence of a random world allows.
_UNLICENSED: tuple[dict[str, Any], ...] = (
    {"application": "other"},
    {"address": FIRST_ADDRESS + ADDRESSES},
    {"version": "FineDataLink 9"},
    {"domain": "other.example"},
    {"port": 9000},
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
            name="clocks", summary="clocks that are wrong, and stops", kinds=("clocks", "stops", "freezes", "nodes")
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
    server = ServerSpec(autostart=draw.happens("autostart", 50))
    cast = Cast(nodes, duration_us, server.autostart)
    kinds = [name for name in profile.kinds if draw.happens(f"has {name}", 25)]
    events: list[Event] = []
    had: list[str] = []
    # A world without any kind is one in ten thousand, and worth a run, too.
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
            start_us=_START_US + draw.number("start", 0, 23) * HOUR,
            duration_us=duration_us,
            licence=_licence(draw.of("licence"), len(nodes)),
            server=server,
            nodes=nodes,
            events=tuple(events),
        ),
        tuple(name for name in KINDS if name in had),
    )


def _nodes(draw: Draws, profile: Profile) -> tuple[NodeSetup, ...]:
    nodes = fleet(
        "fdl",
        address=FIRST_ADDRESS,
        application="report1",
        count=draw.number("count", 1, profile.nodes),
        register_us=draw.pick("register", (0, 0, 1, 90 * MINUTE, 3 * HOUR, 26 * HOUR)),
        spread_us=draw.pick("spread", (0, 1, 10 * MINUTE, 40 * MINUTE, 15 * HOUR // 2)),
        cluster=draw.pick("cluster", (None, None, "c")),
        domain="fdl.example",
        port=8068,
        by_name=draw.happens("by name", 30),
    )
    nodes = tuple(node for node in nodes if (node.register_us or 0) <= 2 * DAY)
    if draw.happens("one is wrong", 25):
        # One node that is not licensed, for a reason of its own.
        nodes = (*nodes[:-1], replace(nodes[-1], **draw.pick("wrong", _UNLICENSED)))
    if "copies" in profile.kinds and draw.happens("clone", 20):
        nodes += (replace(nodes[0], name="copy", address=FIRST_ADDRESS + 9, register_us=None, clone_of=nodes[0].name),)
    return nodes


def _licence(draw: Draws, nodes: int) -> LicenceSpec:
    expires_us = None
    if draw.happens("expires", 25):
        # Midnight in one of three zones.
        expires_us = _START_US + draw.number("day", 1, 4) * DAY - draw.pick("zone", (-8, 0, 5)) * HOUR
    return LicenceSpec(
        capacity=max(1, nodes + draw.pick("capacity", (-2, -1, 0, 0, 1, 4))),
        ranges=((FIRST_ADDRESS, FIRST_ADDRESS + ADDRESSES - 1),),
        applications=draw.pick("applications", ((), ("report1",))),
        domains=draw.pick("domains", ((), ("fdl.example",))),
        ports=draw.pick("ports", ((), (8068,))),
        expires_us=expires_us,
    )
