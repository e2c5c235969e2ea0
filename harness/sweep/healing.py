"""After the faults: a world is repaired, and every node that is entitled to a registration must have one.

Everything that is wrong is put right at one instant, by events that a file could have, too. Within a period of the
polls and a round trip after it, whoever still holds a slot is registered again by itself (Notes 10 and 11); the others
need their administrator, who registers every node then, and a round trip later all are registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import PERIOD_US
from harness.durations import format_instant
from harness.faults import timeline_problems
from harness.runner import Result
from harness.scenario import Event, LicenceSpec, Scenario, Verb
from harness.trace import SERVER_HOST, EdgeKind, SlotChange
from reference_server.licence import expiry_us

__all__ = ["Healed", "Unhealed", "heal", "unhealed"]

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_REST_US = _MINUTE_US
#: Verbs whose events last, and end at the repair if not before.
_LASTING = frozenset(
    {
        *(Verb.SERVER_STOP, Verb.SERVER_CRASH, Verb.SERVER_SUSPEND, Verb.SERVER_HANG, Verb.SERVER_SLOW),
        *(Verb.SERVER_CLONE, Verb.DISK_FILL, Verb.IDENTITY_DRIFT, Verb.LICENCE_SUSPEND),
        *(Verb.NODE_STOP, Verb.NODE_CRASH, Verb.NODE_REBOOT, Verb.NODE_SUSPEND, Verb.NODE_UPLINK, Verb.NODE_REPORT),
        *(Verb.NETWORK_CUT, Verb.NETWORK_DELAY, Verb.NETWORK_LOSS, Verb.NETWORK_REORDER, Verb.NETWORK_DUPLICATE),
        *(Verb.NETWORK_CORRUPT, Verb.FIREWALL_DROP, Verb.FIREWALL_REJECT, Verb.NAT_ADD, Verb.FORWARD_ADD),
        *(Verb.DNS_CHANGE, Verb.DNS_STOP, Verb.TLS_USE, Verb.ANSWER_SPOIL, Verb.CLOCK_DRIFT, Verb.CLOCK_FREEZE),
    }
)
#: After these a poll may be taken for that of a clone, once.
_MOVING = frozenset({Verb.NODE_MOVE, Verb.NODE_CLONE, Verb.NODE_UPLINK, Verb.NAT_ADD, Verb.FORWARD_ADD})
_LIVE = (SlotChange.TAKEN, SlotChange.MOVED, SlotChange.RESTORED, SlotChange.FOUND)
#: A last licensed day that no clock of a world comes to.
_NEVER = 2099


@dataclass(frozen=True, slots=True)
class Healed:
    """A world with its repair. Instants are us of true time.

    At ``repaired_us`` everything is put right, at ``asked_us`` administrators register everybody, and at
    ``registered_us`` all who are ``entitled`` are registered.
    """

    scenario: Scenario
    repaired_us: int
    asked_us: int
    registered_us: int
    entitled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unhealed:
    """A node that has no registration at ``at_us``, though it is entitled to one."""

    node: str
    at_us: int
    message: str


def heal(scenario: Scenario) -> Healed:
    """Return ``scenario`` with everything put right at its end, and time for the nodes to come back."""
    # What happens at the very end ends after that.
    repaired_us = scenario.duration_us + _REST_US
    round_trip_us = 2 * scenario.network.latency_us
    polls = 2 if any(event.verb in _MOVING for event in scenario.events) else 1
    # What is on its way, and what a node remembers of the DNS, is of before.
    late_us = scenario.server.ttl_us + max(map(_late_us, scenario.events), default=0)
    asked_us = repaired_us + late_us + polls * PERIOD_US + round_trip_us
    asked = [asked_us + k * (round_trip_us + 1) for k in range(_attempts(scenario))]
    registered_us = asked[-1] + round_trip_us
    licence = _renewed(scenario)
    entitled = tuple(node.name for node in scenario.nodes if _is_licensed(node, licence))
    events = list(scenario.events)
    for k, event in enumerate(events):
        if event.verb in _LASTING and (event.until_us is None or event.until_us > repaired_us):
            ended = [*events[:k], replace(event, until_us=repaired_us), *events[k + 1 :]]
            # A drift that gives way to the next one has ended before.
            events = events if timeline_problems(ended) else ended
    for verb, keys in _repairs(scenario, licence):
        index = events[-1].index + 1 if events else 0
        more = [*events, Event(index=index, at_us=repaired_us, verb=verb, **keys)]
        # What was undone before has nothing left to repair.
        events = events if timeline_problems(more) else more
    index = events[-1].index + 1 if events else 0
    # Who is not entitled is refused, and changes nothing.
    everybody = tuple(node.name for node in scenario.nodes if node.clone_of is None)
    for k, at_us in enumerate(asked):
        events.append(Event(index=index + k, at_us=at_us, verb=Verb.NODE_REGISTER, nodes=everybody))
    repaired = replace(scenario, duration_us=registered_us, events=tuple(events))
    return Healed(repaired, repaired_us, asked_us, registered_us, entitled)


def _attempts(scenario: Scenario) -> int:
    """Return how often administrators have to try.

    A node whose earlier state was put back counts its requests on from there, and the server, which knows its two
    latest requests again, repeats what it said to them.
    """
    return 3 if any(event.verb is Verb.NODE_ROLLBACK for event in scenario.events) else 1


def _late_us(event: Event) -> int:
    """Return how much later than others a packet of ``event`` can come; what chance draws is hardly ever later."""
    late = (Verb.NETWORK_DELAY, Verb.NETWORK_REORDER, Verb.NETWORK_DUPLICATE, Verb.SERVER_SLOW)
    return 2 * event.by_us + (_HOUR_US if event.jitter_us else 0) if event.verb in late else 0


def _renewed(scenario: Scenario) -> LicenceSpec:
    """Return the licence that every node of the scenario that it was made for can have."""
    licence = scenario.licence
    installations = len({node.installation for node in scenario.nodes})
    expires_us = None if licence.expires_us is None else _end_of(_NEVER)
    return replace(licence, capacity=max(licence.capacity, installations), expires_us=expires_us)


def _end_of(year: int) -> int:
    """Return the first wall-clock instant after ``year``, in UTC."""
    return expiry_us(date(year, 12, 31), UTC)


def _is_licensed(node: NodeSetup, licence: LicenceSpec) -> bool:
    """Tell whether ``node`` is entitled to a registration. A copy of another one is not."""
    return (
        node.clone_of is None
        and any(first <= node.address <= last for first, last in licence.ranges)
        and (not licence.applications or node.application in licence.applications)
        and (not licence.domains or node.domain in licence.domains)
        and (not licence.ports or node.port in licence.ports)
        and node.version == licence.version
    )


def _repairs(scenario: Scenario, licence: LicenceSpec) -> Iterator[tuple[Verb, dict[str, Any]]]:
    """Yield what puts right what does not end by itself."""
    verbs = {event.verb for event in scenario.events}
    names = tuple(node.name for node in scenario.nodes)
    if Verb.SERVER_DESTROY not in verbs:
        yield Verb.SERVER_START, {}
    if Verb.SERVER_MOVE in verbs:
        yield Verb.SERVER_MOVE, {"address": scenario.server.address}
    if verbs & {Verb.NODE_POINT, Verb.NODE_CLONE}:
        for by_name, address in ((True, None), (False, scenario.server.address)):
            if some := tuple(node.name for node in scenario.nodes if node.by_name is by_name):
                yield Verb.NODE_POINT, {"nodes": some, "address": address}
    if Verb.TLS_TRUST in verbs:
        yield Verb.TLS_TRUST, {"nodes": names, "ca": "site"}
    if Verb.NODE_MOVE in verbs:
        for node in scenario.nodes:
            yield Verb.NODE_MOVE, {"nodes": (node.name,), "address": node.address}
    if Verb.NODE_CLONE in verbs:
        yield Verb.NODE_STOP, {"nodes": tuple(node.name for node in scenario.nodes if node.clone_of is not None)}
    if Verb.LICENCE_CHANGE in verbs or licence != scenario.licence:
        changes: list[tuple[str, Any]] = [("capacity", licence.capacity)]
        changes += [("expires_us", licence.expires_us)] if licence.expires_us is not None else []
        yield Verb.LICENCE_CHANGE, {"changes": tuple(changes)}


def unhealed(healed: Healed, result: Result) -> list[Unhealed]:
    """Return every entitled node that has no registration when it must have one, in order of time.

    Nothing is said where no server could grant one: it was destroyed, or a crash was still to come at the repair.
    """
    trace = result.trace
    server = [edge for edge in trace.edges if edge.host == SERVER_HOST and edge.done]
    if any(
        edge.what == EdgeKind.DESTROYED or (edge.what == EdgeKind.CRASHED and edge.at_us > healed.repaired_us)
        for edge in server
    ):
        return []
    found = []
    for node in healed.entitled:
        before = result.status(node, at=f"{healed.asked_us - 1}us")
        if before in ("registered", "unregistered", "lapsed"):
            continue
        if trace.sees_slots and _holds_slot(result, node, healed.asked_us):
            since = format_instant(healed.repaired_us)
            message = f"{before}, though it holds a slot and everything was right from {since} on"
            found.append(Unhealed(node, healed.asked_us, message))
    for node in healed.entitled:
        after = result.status(node, at=f"{healed.registered_us}us")
        if after != "registered":
            message = f"{after}, though its administrator registered it at {format_instant(healed.asked_us)}"
            found.append(Unhealed(node, healed.registered_us, message))
    return found


def _holds_slot(result: Result, node: str, before_us: int) -> bool:
    """Tell whether the server holds a slot for ``node`` just before an instant."""
    nodes = result.scenario.nodes
    installation = next(each.installation for each in nodes if each.name == node)
    of_it = [place for place, each in enumerate(nodes) if each.installation == installation]
    changes = [
        slot.change for slot in result.trace.slots if slot.node in of_it and slot.server == 0 and slot.at_us < before_us
    ]
    return bool(changes) and changes[-1] in _LIVE
