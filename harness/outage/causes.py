"""Causes that a record may leave out: what each is, and what it makes of a case.

A cause is a value: a kind, whom it concerns, when it began and ended, and how much of it there was. `assumed` turns
several into what a scenario of the case has besides the recorded facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from fake_fdl_nodes.fleet import NodeSetup
from harness.durations import format_duration
from harness.outage.case import Assumed, Case
from harness.scenario import SERVER, Event, LicenceSpec, Verb
from reference_server.addresses import format_address
from reference_server.codes import Code

__all__ = ["Cause", "Kind", "assumed", "told"]

_HIGHEST_ADDRESS = (1 << 32) - 1


class Kind(Enum):
    """What can have happened. The value is how a report calls it."""

    STOP = "the server's program was stopped"
    CUT = "the network between them was cut"
    LOST_ANSWERS = "the server's answers were lost"
    NAT = "addresses were translated on the way"
    MOVED = "the address changed to one that is not licensed"
    CLOCK = "the wall clock was wrong"
    STEP = "the wall clock was set"
    DRIFT = "the clocks ran at another speed"
    EXPIRED = "the licence expired"
    RANGES = "the licensed addresses were changed"
    APPLICATIONS = "the licensed applications were changed"
    SUSPENDED = "the issuer suspended the licence"
    IDENTITY = "the hardware identity of the server's machine was another one"
    CAPACITY = "slots were taken by nodes that the record does not name"
    SECOND = "a second program ran with the same installation"
    RESTORED = "an earlier state of the server was put back"
    READING = "the document is read differently"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that the record does not say.

    ``nodes`` are those whom it concerns, empty for all or where it is the server's. ``end_us`` is ``None`` for what
    lasted to the end or has no end. ``by_us`` is the step of a clock, ``ppm`` a drift, ``to_us`` the instant whose
    state came back, ``count`` a number of slots, ``reading`` the name of a reading. ``own`` tells
    that the server's clock wrote what is recorded of the server; else somebody noted it whose clock no step concerns.
    What takes a stopped program and has an end comes with a stop of its own.
    """

    kind: Kind
    start_us: int = 0
    end_us: int | None = None
    nodes: tuple[str, ...] = ()
    host: str = SERVER
    by_us: int = 0
    ppm: Fraction = Fraction(0)
    to_us: int = 0
    count: int = 0
    reading: str = ""
    own: bool = False


def told(cause: Cause) -> str:
    """Return what a cause is, without its times."""
    if cause.kind is Kind.DRIFT:
        return f"the clocks of {cause.host} ran {abs(cause.ppm)} ppm too {'fast' if cause.ppm > 0 else 'slow'}"
    if cause.kind is Kind.STEP:
        way = "forward" if cause.by_us > 0 else "back"
        stopped = " while its program was stopped" if cause.host == SERVER and cause.end_us is not None else ""
        return f"the wall clock of {cause.host} was set {way} by {format_duration(abs(cause.by_us))}{stopped}"
    if cause.kind is Kind.CLOCK:
        way = "ahead" if cause.by_us > 0 else "behind"
        return f"the wall clock of {cause.host} was {format_duration(abs(cause.by_us))} {way}"
    if cause.kind is Kind.READING:
        return f"{cause.kind.value}: {cause.reading}"
    if cause.kind is Kind.CAPACITY:
        return f"{cause.kind.value}: {cause.count}"
    concerned = f", for {_listed(cause.nodes)}" if cause.nodes else ""
    return f"{cause.kind.value}{concerned}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def assumed(case: Case, causes: Sequence[Cause]) -> Assumed:
    """Return what ``causes`` add to the facts of ``case``."""
    events: list[Event] = []
    silences: list[tuple[tuple[str, ...], int, int]] = []
    others: list[NodeSetup] = []
    licence = case.installation.licence
    clocks = {
        host: case.clock(
            host,
            list(_steps(case, host, causes)),
            sum((each.ppm for each in causes if each.kind is Kind.DRIFT and each.host == host), Fraction(0)),
        )
        for host in (SERVER, *case.nodes)
    }
    for cause in causes:
        events += _events(case, cause)
        if cause.kind in (Kind.CUT, Kind.LOST_ANSWERS):
            end_us = case.duration_us if cause.end_us is None else cause.end_us
            silences.append((cause.nodes, cause.start_us, end_us))
        elif cause.kind is Kind.EXPIRED:
            licence = replace(licence, expires_us=case.start_us + cause.start_us)
        elif cause.kind is Kind.CAPACITY:
            others += _strangers(case, cause.count)
        elif cause.kind is Kind.SECOND:
            others += _twins(case, cause)
    return Assumed(
        events=tuple(events),
        clocks=clocks,
        silences=tuple(silences),
        licence=licence,
        others=tuple(others),
    )


def _steps(case: Case, host: str, causes: Sequence[Cause]) -> Iterator[tuple[int, int]]:
    """Yield the steps of a clock, as (true us, by us). A clock that was wrong throughout has one at 0."""
    for cause in causes:
        # Whoever notes what the server does may have a clock of his own, which no step of the server's concerns.
        steps = cause.kind is Kind.STEP and (host != SERVER or cause.own)
        if cause.host == host and (cause.kind is Kind.CLOCK or steps):
            yield cause.start_us, cause.by_us
        elif cause.kind is Kind.DRIFT and cause.host == host:
            # Nobody would have kept a clock that was wrong to begin with.
            first_us = min((case.wall_us(each) for each in case.by_source[host]), default=0)
            yield 0, -round(cause.ppm * first_us / 1_000_000)
        elif cause.kind is Kind.EXPIRED:
            # All nodes expire at one instant, so what their clocks showed then tells by how much each was wrong.
            shown = [
                case.wall_us(each) - cause.start_us
                for each in case.by_source[host]
                if each.code is Code.LICENSE_EXPIRED
            ]
            error_us = min(shown, key=abs, default=0)
            if 0 < abs(error_us) <= case.clock_error_us:
                yield 0, error_us


def _events(case: Case, cause: Cause) -> Iterator[Event]:
    """Yield the events of a cause, one for each of its nodes, so that a file can name them."""
    start_us, end_us = cause.start_us, cause.end_us
    nodes = cause.nodes or case.nodes
    if cause.kind is Kind.STOP:
        yield Event(index=0, at_us=start_us, verb=Verb.SERVER_STOP, until_us=end_us)
    elif cause.kind in (Kind.STEP, Kind.RESTORED) and cause.host == SERVER and not cause.own:
        at_us = start_us
        if end_us is not None:
            yield Event(index=0, at_us=start_us, verb=Verb.SERVER_STOP, until_us=end_us)
            at_us = (start_us + end_us) // 2
        if cause.kind is Kind.STEP:
            yield Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host=SERVER, by_us=cause.by_us)
        else:
            yield Event(index=0, at_us=at_us, verb=Verb.SERVER_ROLLBACK, to_us=cause.to_us)
    elif cause.kind is Kind.IDENTITY:
        yield Event(index=0, at_us=start_us, verb=Verb.IDENTITY_DRIFT, until_us=end_us)
    elif cause.kind is Kind.SUSPENDED:
        yield Event(index=0, at_us=start_us, verb=Verb.LICENCE_SUSPEND, until_us=end_us)
    elif cause.kind in (Kind.CUT, Kind.LOST_ANSWERS):
        direction = "both" if cause.kind is Kind.CUT else "answers"
        for some in [nodes] if len(nodes) == len(case.nodes) else [(name,) for name in nodes]:
            yield Event(
                index=0,
                at_us=start_us,
                verb=Verb.NETWORK_CUT,
                until_us=end_us,
                nodes=some,
                direction=direction,  # type: ignore[arg-type]
            )
    elif cause.kind is Kind.NAT:
        for some in [nodes] if len(nodes) == len(case.nodes) else [(name,) for name in nodes]:
            yield Event(index=0, at_us=start_us, verb=Verb.NAT_ADD, until_us=end_us, nodes=some, address=_free(case))
    elif cause.kind is Kind.MOVED:
        own = {node.name: node.address for node in case.installation.nodes}
        for place, name in enumerate(nodes):
            yield Event(index=0, at_us=start_us, verb=Verb.NODE_MOVE, nodes=(name,), address=_unlicensed(case) + place)
            if end_us is not None:
                yield Event(index=0, at_us=end_us, verb=Verb.NODE_MOVE, nodes=(name,), address=own[name])
    elif cause.kind in (Kind.RANGES, Kind.APPLICATIONS):
        changes = _narrowed(case, cause)
        yield Event(index=0, at_us=start_us, verb=Verb.LICENCE_CHANGE, changes=tuple(changes.items()))
        if end_us is not None:
            before = {key: getattr(case.installation.licence, key) for key in changes}
            yield Event(index=0, at_us=end_us, verb=Verb.LICENCE_CHANGE, changes=tuple(before.items()))
    elif cause.kind is Kind.EXPIRED and end_us is not None:
        yield Event(index=0, at_us=end_us, verb=Verb.LICENCE_CHANGE, changes=(("expires_us", None),))
    elif cause.kind is Kind.SECOND:
        for name in nodes:
            copy = (_copy_of(name),)
            yield Event(index=0, at_us=start_us, verb=Verb.NODE_CLONE, nodes=copy, of=name)
            yield Event(index=0, at_us=start_us, verb=Verb.NODE_REGISTER, nodes=copy)
            if end_us is not None:
                yield Event(index=0, at_us=end_us, verb=Verb.NODE_STOP, nodes=copy)


def _narrowed(case: Case, cause: Cause) -> dict[str, object]:
    """Return what a licence says that covers all nodes but those of ``cause``."""
    rest = [node for node in case.installation.nodes if node.name not in cause.nodes]
    if cause.kind is Kind.APPLICATIONS:
        return {"applications": tuple(dict.fromkeys(node.application for node in rest)) or ("another",)}
    allowed = tuple((node.address, node.address) for node in rest)
    return {"ranges": allowed or ((_unlicensed(case), _unlicensed(case)),)}


def _unlicensed(case: Case) -> int:
    """Return the first of some addresses that are not licensed, and that no node has."""
    return _gap(case.installation.licence, case)


def _free(case: Case) -> int:
    """Return an address that no node has: that of a box on the way."""
    taken = {node.address for node in case.installation.nodes}
    first = case.installation.server.address + 1
    return next(each for each in range(first, _HIGHEST_ADDRESS) if each not in taken)


def _gap(licence: LicenceSpec, case: Case) -> int:
    taken = {node.address for node in case.installation.nodes}
    room = len(taken) + 1
    edges = sorted(licence.ranges)
    below = 1 << 24
    for first, last in edges:
        if first - below >= room:
            return below
        below = max(below, last + 1)
    if _HIGHEST_ADDRESS - below >= room:
        return below
    raise ValueError(f"every address is licensed, up to {format_address(_HIGHEST_ADDRESS)}")


def _strangers(case: Case, count: int) -> list[NodeSetup]:
    first, _ = case.installation.licence.ranges[0]
    taken = {node.address for node in case.installation.nodes}
    free = iter(each for each in range(first, _HIGHEST_ADDRESS) if each not in taken)
    application = (*case.installation.licence.applications, "other")[0]
    return [
        NodeSetup(name=f"other-{place + 1}", address=next(free), application=application, register_us=0)
        for place in range(count)
    ]


def _twins(case: Case, cause: Cause) -> list[NodeSetup]:
    """Return, for each node, the copy of its machine."""
    by_name = {node.name: node for node in case.installation.nodes}
    first, _ = case.installation.licence.ranges[0]
    taken = {node.address for node in case.installation.nodes}
    free = iter(each for each in range(first, _HIGHEST_ADDRESS) if each not in taken)
    return [
        replace(by_name[name], name=_copy_of(name), clone_of=name, register_us=None, address=next(free))
        for name in cause.nodes
    ]


def _copy_of(name: str) -> str:
    return f"copy-of-{name}"
