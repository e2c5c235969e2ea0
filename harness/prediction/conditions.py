"""What must be so for the closed form to hold, as far as the scenario alone tells."""

from __future__ import annotations

from collections.abc import Iterator

from harness.durations import format_duration, format_instant
from harness.scenario import Event, Scenario, Verb
from reference_server.readings import LITERAL, Reading

__all__ = ["LEASE_US", "PERIOD_US", "Unpredictable", "failing", "place_of"]

_HOUR_US = 3_600_000_000
#: The interval between two polls (R031).
PERIOD_US = 2 * _HOUR_US
#: What a registration and a slot outlive the last contact by (R033, R034).
LEASE_US = 24 * _HOUR_US

#: What every grant has to name for a node to take it (R006).
_FUNCTION_POINT = "FineDataLink"
_KNOWN = (
    Verb.SERVER_STOP,
    Verb.SERVER_CRASH,
    Verb.SERVER_START,
    Verb.NETWORK_CUT,
    Verb.NETWORK_HEAL,
    Verb.NODE_REGISTER,
)
#: The statuses in which a register changes no rhythm of polls, since there is none.
_AT_REST = (None, "lapsed", "unregistered")


class Unpredictable(ValueError):  # noqa: N818 - it says what a scenario is, not that something went wrong
    """A scenario that the closed form cannot express. The text is the precondition that fails."""


def place_of(event: Event) -> str:
    """Return where ``event`` stands in its file."""
    return f"line {event.line}" if event.line else f"events[{event.index}]"


def failing(scenario: Scenario, reading: Reading) -> Iterator[str]:
    """Yield the preconditions that fail, each in a sentence."""
    if reading != LITERAL:
        yield f"the closed form is that of the reading {LITERAL.name}, and this is {reading.name}"
    if scenario.server.use is not None or scenario.node_uses:
        yield "what a system under test does is not known beforehand"
    clone = next((node for node in scenario.nodes if node.clone_of is not None), None)
    if clone is not None:
        yield f"{clone.name} is a copy of {clone.clone_of}, with which it shares a slot"
    if _FUNCTION_POINT not in scenario.licence.function_points:
        yield f"the licence does not cover {_FUNCTION_POINT}, so the nodes refuse what the server grants"
    yield from _too_short(scenario)
    yield from _unknown_events(scenario)
    yield from _registered_beforehand(scenario)


def _too_short(scenario: Scenario) -> Iterator[str]:
    """Yield what ends too soon: the licence, or the time between two requests."""
    expires_us = scenario.licence.expires_us
    # A node that reckons from a grant is early by the latency, at most.
    last_us = scenario.start_us + scenario.duration_us + scenario.network.latency_us
    if expires_us is not None and expires_us <= last_us:
        yield "the licence expires within the run"
    if scenario.network.timeout_us >= PERIOD_US:
        yield f"a timeout of {format_duration(scenario.network.timeout_us)} is not below {format_duration(PERIOD_US)}"


def _unknown_events(scenario: Scenario) -> Iterator[str]:
    for event in scenario.events:
        if event.idle:
            continue
        if event.verb not in _KNOWN:
            yield f"{event.verb.value} ({place_of(event)}) is nothing that the closed form knows"
        elif event.verb is Verb.NODE_REGISTER and event.only not in _AT_REST:
            yield f"{event.verb.value} ({place_of(event)}) is of nodes that are {event.only}, whose polls it moves"


def _registered_beforehand(scenario: Scenario) -> Iterator[str]:
    """Yield the events that register a node which its own registration finds registered, or waiting."""
    early = [
        event
        for event in scenario.events
        if event.verb is Verb.NODE_REGISTER and event.only in (None, "unregistered") and not event.idle
    ]
    if not early:
        return
    last_us = max((node.register_us or 0 for node in scenario.nodes), default=0)
    own = {node.name: node.register_us for node in scenario.nodes}
    for event in early:
        if event.at_us > last_us:
            continue
        for name in event.nodes:
            own_us = own[name]
            if own_us is not None and event.at_us <= own_us <= scenario.duration_us:
                yield (
                    f"{event.verb.value} ({place_of(event)}) registers {name} "
                    f"before its own registration at {format_instant(own_us)}"
                )
                break
