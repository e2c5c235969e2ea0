"""One small world from a few lines, and what one looks at in its trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup
from harness.rulebook import Ruling, judge
from harness.scenario import Event, LicenceSpec, NetworkSpec, Scenario, Verb
from harness.trace import Exchange, Status, Trace
from harness.world import run
from reference_server.readings import READINGS
from tests.rulebook.hand import FIRST, HOUR, MS, SECOND, START, node

LATENCY = 5 * MS


def event(at_us: int, verb: Verb, *nodes: str, lasts_us: int | None = None, **more: Any) -> Event:
    until_us = None if lasts_us is None else at_us + lasts_us
    return Event(index=0, at_us=at_us, verb=verb, until_us=until_us, nodes=nodes, **more)


def play(*events: Event, reading: str = "literal", every_poll: bool = True, seed: int = 0, **world: Any) -> Trace:
    """Run one world, made by `a_world`, every poll simulated unless it may cruise."""
    return run(a_world(*events, **world), READINGS[reading], every_poll=every_poll, seed=seed)


def broken(*events: Event, reading: str = "literal", **world: Any) -> list[str]:
    """Return the rules that the reference machines break in a world made by `a_world`."""
    scenario = a_world(*events, **world)
    judged = judge(scenario, READINGS[reading], run(scenario, READINGS[reading], every_poll=True))
    return [rule for rule, judgement in judged.items() if judgement.ruling is Ruling.VIOLATED or judgement.trouble]


def a_world(
    *events: Event,
    nodes: tuple[NodeSetup, ...] = (),
    duration_us: int = 6 * HOUR,
    latency_us: int = LATENCY,
    timeout_us: int = 30 * SECOND,
    capacity: int = 9,
    **licence: Any,
) -> Scenario:
    """Return a world; without ``nodes`` there is `a`, registered at 0."""
    return Scenario(
        title="a world",
        start_us=START,
        duration_us=duration_us,
        licence=LicenceSpec(capacity=capacity, ranges=((FIRST, FIRST + 99),), **licence),
        network=NetworkSpec(latency_us=latency_us, timeout_us=timeout_us),
        nodes=nodes or (node("a"),),
        events=tuple(replace(each, index=index) for index, each in enumerate(events)),
    )


def exchanges(trace: Trace, place: int = 0) -> list[Exchange]:
    return [each for each in trace.exchanges if each.node == place]


def turns(trace: Trace, place: int = 0) -> list[tuple[int, Status]]:
    return [(change.at_us, Status(change.after)) for change in trace.transitions if change.node == place]
