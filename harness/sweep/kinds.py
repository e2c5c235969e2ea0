"""The kinds of fault that a random world can have: each draws events of its kind.

Instants crowd together on those that the timing law knows, give or take a tick, since that is where things go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

from fake_fdl_nodes.fleet import NodeSetup
from harness.scenario import SERVER, Certificate, Event, Verb
from harness.sweep.draws import Draws
from reference_server.addresses import format_address

__all__ = ["ADDRESSES", "DAY", "HOUR", "KINDS", "MINUTE", "Cast", "Kind"]

TICK = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: So many addresses are licensed, from that of the first node on.
ADDRESSES = 16
#: Where the server is, where it is not, and where a box forwards connections to it.
SERVER_ADDRESS, ELSEWHERE, BOX = 0xAC103F83, 0xAC103F99, 0xCB007105

#: The distances that the law knows: a tick, one way, a round trip, the timeout.
_NEAR = (
    *(0, 0, 0, TICK, -TICK, 5_000, -5_000, -5_000 - TICK, -5_000 + TICK, 10_000, 10_000 + TICK, -10_000),
    *(-30 * SECOND, -30 * SECOND - TICK),
)
_LENGTHS = (
    *(TICK, 5_000, 10_000, MINUTE, 5 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 5 * HOUR, 20 * HOUR, 22 * HOUR),
    *(23 * HOUR, DAY - 10_000, DAY - TICK, DAY, DAY + TICK, 25 * HOUR, 26 * HOUR, 26 * HOUR + 30 * SECOND, 30 * HOUR),
)
_STEPS = (-25 * HOUR, -2 * HOUR, -HOUR, -90 * SECOND, -TICK, TICK, 90 * SECOND, HOUR, 2 * HOUR, 25 * HOUR)
_PPMS = (-500_000, -50_000, -200, -1, 1, 200, 50_000, 1_000_000)
_RATES = (500, 6_000, 333_333, 500_000)
_LATE = (TICK, 5_000, SECOND, 31 * SECOND, 2 * HOUR, 5 * HOUR)
_COPIED_LATER = (TICK, 10 * MINUTE, 2 * HOUR, 3 * HOUR, 3 * HOUR, 5 * HOUR)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is in a world, and how long it lasts; at ``ends_us`` its licence ends, if it does."""

    nodes: tuple[NodeSetup, ...]
    duration_us: int
    autostart: bool
    ends_us: int | None

    @property
    def first_address(self) -> int:
        """The first licensed address, that of the first node."""
        return self.nodes[0].address

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(node.name for node in self.nodes)


#: What draws the events of one occasion of a kind.
Drawing: TypeAlias = Callable[[Draws, Cast], list[Event]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its name, what it is in a few words, and what draws it."""

    name: str
    summary: str
    draw: Drawing


#: Every kind, by its name, in order.
KINDS: dict[str, Kind] = {}


def _kind(name: str) -> Callable[[Drawing], Drawing]:
    def register(drawing: Drawing) -> Drawing:
        summary = (drawing.__doc__ or "").strip().rstrip(".")
        KINDS[name] = Kind(name, summary, drawing)
        return drawing

    return register


# What the kinds draw from.


def _instant(draw: Draws, cast: Cast, what: str = "at") -> int:
    """Draw an instant: a half-hour, a poll of some node, the end of the licence, or any; most often near it."""
    near_us = draw.pick(f"{what} near", _NEAR)
    how = draw.pick(f"{what} how", ("half-hour", "half-hour", "poll", "poll", "any", "end", "end"))
    if how == "any":
        return draw.number(what, 0, cast.duration_us)
    if how == "end" and cast.ends_us is not None:
        at_us = cast.ends_us + draw.pick(f"{what} after", (0, HOUR, 5 * HOUR))
    elif how in ("half-hour", "end"):
        at_us = draw.number(what, 0, cast.duration_us // (HOUR // 2)) * (HOUR // 2)
    else:
        at_us = _poll(draw.of(what), cast)
    return min(max(at_us + near_us, 0), cast.duration_us)


def _poll(draw: Draws, cast: Cast, *names: str) -> int:
    """Draw an instant at which some node, or one of ``names``, polls if nothing has come in between."""
    node = draw.pick("of", [node for node in cast.nodes if not names or node.name in names])
    return (node.register_us or 0) + draw.number("poll", 0, cast.duration_us // (2 * HOUR)) * 2 * HOUR


def _until(draw: Draws, at_us: int, *, always: bool = False) -> int | None:
    """Draw an end, or none."""
    if not always and draw.happens("for good", 15):
        return None
    if draw.happens("any length", 20):
        return at_us + draw.number("length", TICK, 30 * HOUR)
    return at_us + draw.pick("length", _LENGTHS)


def _some(draw: Draws, cast: Cast) -> tuple[str, ...]:
    """Draw one node, or all."""
    return draw.pick("nodes", (cast.names, *((name,) for name in cast.names)))


def _host(draw: Draws, cast: Cast) -> str:
    return draw.pick("host", (*cast.names, SERVER, SERVER))


def _direction(draw: Draws) -> Any:
    return draw.pick("direction", ("both", "both", "requests", "answers"))


def _lasting(draw: Draws, cast: Cast, verb: Verb, **keys: Any) -> Event:
    at_us = _instant(draw, cast)
    return _event(verb, at_us, until_us=_until(draw, at_us), **keys)


def _event(verb: Verb, at_us: int, **keys: Any) -> Event:
    return Event(index=0, verb=verb, at_us=at_us, **keys)


# The server.


@_kind("stops")
def _stops(draw: Draws, cast: Cast) -> list[Event]:
    """The server stops or crashes, its machine is rebooted or loses its power."""
    verbs = [Verb.SERVER_STOP, Verb.SERVER_STOP, Verb.SERVER_CRASH, Verb.SERVER_REBOOT, Verb.SERVER_POWER_LOSS]
    verb = draw.pick("verb", verbs)
    down = _lasting(draw, cast, verb)
    if verb in (Verb.SERVER_REBOOT, Verb.SERVER_POWER_LOSS) and not cast.autostart and down.until_us is not None:
        # Nothing but its administrator starts it again.
        start = _event(Verb.SERVER_START, min(down.until_us, cast.duration_us))
        return [_event(verb, down.at_us), start]
    return [down]


@_kind("freezes")
def _freezes(draw: Draws, cast: Cast) -> list[Event]:
    """The server or a node is suspended, or the server hangs."""
    verb = draw.pick("verb", (Verb.SERVER_SUSPEND, Verb.SERVER_HANG, Verb.NODE_SUSPEND))
    if verb is Verb.NODE_SUSPEND:
        return [_to_the_deadline(draw, cast, _lasting(draw, cast, verb, nodes=_some(draw, cast)))]
    return [_lasting(draw, cast, verb)]


@_kind("crashes")
def _crashes(draw: Draws, cast: Cast) -> list[Event]:
    """The server crashes in the course of a request."""
    at_us = _instant(draw, cast)
    crash = _event(Verb.SERVER_CRASH_AT, at_us, moment=draw.pick("moment", ("received", "stored", "answered")))
    back_us = at_us + draw.pick("back", _LENGTHS)
    return [crash, _event(Verb.SERVER_START, back_us)] if back_us <= cast.duration_us else [crash]


@_kind("slowness")
def _slowness(draw: Draws, cast: Cast) -> list[Event]:
    """The server's answers leave it late."""
    return [_lasting(draw, cast, Verb.SERVER_SLOW, by_us=draw.pick("by", (TICK, 5_000, 29 * SECOND, 31 * SECOND)))]


@_kind("disks")
def _disks(draw: Draws, cast: Cast) -> list[Event]:
    """The server's disk is full."""
    return [_lasting(draw, cast, Verb.DISK_FILL)]


@_kind("identity")
def _identity(draw: Draws, cast: Cast) -> list[Event]:
    """The hardware of the server's machine is another one, or a second program is started on it."""
    if draw.happens("second", 25):
        return [_event(Verb.SERVER_SECOND, _instant(draw, cast))]
    return [_lasting(draw, cast, Verb.IDENTITY_DRIFT)]


@_kind("destruction")
def _destruction(draw: Draws, cast: Cast) -> list[Event]:
    """The server is destroyed, and perhaps started all the same."""
    at_us = _instant(draw, cast)
    again_us = at_us + draw.pick("again", _LENGTHS)
    tried = draw.happens("tried", 50) and again_us <= cast.duration_us
    return [_event(Verb.SERVER_DESTROY, at_us), *([_event(Verb.SERVER_START, again_us)] if tried else [])]


@_kind("snapshots")
def _snapshots(draw: Draws, cast: Cast) -> list[Event]:
    """An earlier state of the server or of a node is put back while its program is stopped."""
    down_us = _instant(draw, cast)
    until_us = _until(draw, down_us, always=True)
    assert until_us is not None
    back_us = min(down_us + (until_us - down_us) // 2, cast.duration_us)
    to_us = max(0, back_us - draw.pick("ago", (0, TICK, 5_000, HOUR, 3 * HOUR, 20 * HOUR, 25 * HOUR, *[back_us] * 5)))
    if draw.happens("of a node", 40):
        nodes = (draw.pick("node", cast.names),)
        stop = _event(Verb.NODE_STOP, down_us, until_us=until_us, nodes=nodes)
        return [stop, _event(Verb.NODE_ROLLBACK, back_us, to_us=to_us, nodes=nodes)]
    stop = _event(Verb.SERVER_STOP, down_us, until_us=until_us)
    return [stop, _event(Verb.SERVER_ROLLBACK, back_us, to_us=to_us)]


@_kind("copies")
def _copies(draw: Draws, cast: Cast) -> list[Event]:
    """The server's machine or that of a node is copied, and both run."""
    of_nodes = [node for node in cast.nodes if node.clone_of is not None]
    if of_nodes and draw.happens("of a node", 60):
        of, at_us = of_nodes[0].clone_of, _instant(draw, cast)
        assert of is not None, "a copy has an original"
        cloned = _event(Verb.NODE_CLONE, at_us, nodes=(of_nodes[0].name,), of=of)
        # The original polls again soon, where it is restarted.
        again_us = at_us + draw.pick("again", (10 * MINUTE, HOUR))
        if again_us > cast.duration_us or draw.happens("once", 50):
            return [cloned]
        return [cloned, _event(Verb.NODE_STOP, again_us, until_us=again_us + MINUTE, nodes=(of,))]
    clone = _lasting(draw, cast, Verb.SERVER_CLONE, address=ELSEWHERE)
    pointed = _event(Verb.NODE_POINT, _instant(draw, cast, "pointed"), nodes=_some(draw, cast), address=ELSEWHERE)
    return [clone, pointed]


# The nodes.


@_kind("nodes")
def _nodes(draw: Draws, cast: Cast) -> list[Event]:
    """Nodes stop, crash or are rebooted."""
    verb = draw.pick("verb", (Verb.NODE_STOP, Verb.NODE_CRASH, Verb.NODE_REBOOT))
    return [_to_the_deadline(draw, cast, _lasting(draw, cast, verb, nodes=_some(draw, cast)))]


def _to_the_deadline(draw: Draws, cast: Cast, down: Event) -> Event:
    """Let a node be back at just its deadline, now and then."""
    poll_us = _poll(draw, cast)
    if draw.happens("any time", 70) or poll_us + HOUR > cast.duration_us:
        return down
    until_us = poll_us + DAY + draw.pick("tick", (-TICK, 0, 0, TICK))
    return replace(down, at_us=poll_us + HOUR, until_us=until_us)


@_kind("administrators")
def _administrators(draw: Draws, cast: Cast) -> list[Event]:
    """Nodes are registered or unbound by their administrators."""
    verb = draw.pick("verb", (Verb.NODE_REGISTER, Verb.NODE_REGISTER, Verb.NODE_UNBIND))
    only = draw.pick("only", (None, None, "lapsed", "rejected", "interrupted")) if verb is Verb.NODE_REGISTER else None
    asked = _event(verb, _instant(draw, cast), nodes=_some(draw, cast), only=only)
    until_us = _poll(draw, cast) + DAY
    if verb is Verb.NODE_REGISTER or draw.happens("any time", 50) or until_us > cast.duration_us:
        return [asked]
    # An unbind waits in vain when the node has to lapse.
    cut = _event(Verb.NETWORK_CUT, until_us - DAY + HOUR, until_us=until_us + HOUR, nodes=asked.nodes)
    return [cut, replace(asked, at_us=until_us - draw.pick("before", (0, TICK, 10 * SECOND)))]


@_kind("moves")
def _moves(draw: Draws, cast: Cast) -> list[Event]:
    """A node moves to another address, within the licensed range or out of it."""
    nodes = (draw.pick("node", cast.names),)
    offset = draw.pick("offset", (0, 5, 9, 10, ADDRESSES - 1, ADDRESSES - 1, ADDRESSES, -1, 1000))
    address = cast.first_address + offset
    if draw.happens("restarted", 50):
        # It polls again as it is started, just about when that is no clone's poll any more.
        poll_us = _poll(draw, cast, *nodes)
        until_us = poll_us + 105 * MINUTE + draw.pick("tick", (-TICK, 0, 0, TICK))
        if until_us <= cast.duration_us:
            stop = _event(Verb.NODE_STOP, poll_us + HOUR, until_us=until_us, nodes=nodes)
            return [stop, _event(Verb.NODE_MOVE, poll_us + HOUR, nodes=nodes, address=address)]
    moved = _event(Verb.NODE_MOVE, _instant(draw, cast), nodes=nodes, address=address)
    if draw.happens("registered", 30):
        registered_us = moved.at_us + draw.pick("registered after", (0, MINUTE, HOUR))
        return [moved, _event(Verb.NODE_REGISTER, min(registered_us, cast.duration_us), nodes=nodes)]
    return [moved]


# The network.


@_kind("cuts")
def _cuts(draw: Draws, cast: Cast) -> list[Event]:
    """Packets of nodes are lost, one way or both."""
    return [_lasting(draw, cast, Verb.NETWORK_CUT, nodes=_some(draw, cast), direction=_direction(draw))]


@_kind("delays")
def _delays(draw: Draws, cast: Cast) -> list[Event]:
    """Packets come late, out of order or twice."""
    twice = Verb.NETWORK_DUPLICATE
    verb = draw.pick("verb", (Verb.NETWORK_DELAY, Verb.NETWORK_REORDER, twice, twice))
    by_us = draw.pick("by", _COPIED_LATER if verb is twice else _LATE)
    keys: dict[str, Any] = {"nodes": _some(draw, cast), "direction": _direction(draw), "by_us": by_us}
    if verb is not Verb.NETWORK_DELAY:
        keys["percent"] = Fraction(draw.pick("percent", ("100", "50", "12.5")))
    elif draw.happens("random", 50):
        keys["distribution"] = draw.pick("distribution", ("uniform", "normal", "exponential", "pareto"))
        keys["jitter_us"] = draw.pick("jitter", (3_000, SECOND))
    late = _lasting(draw, cast, verb, **keys)
    poll_us = _poll(draw, cast)
    if verb is not twice or draw.happens("any of them", 50) or not 0 < poll_us < cast.duration_us - 3 * HOUR:
        return [late]
    # A copy of one poll, after the next one or not, is the last that is heard of a node.
    late = replace(late, at_us=poll_us - SECOND, until_us=poll_us + SECOND, direction="requests", percent=Fraction(100))
    gone_us = poll_us + draw.pick("gone after", (MINUTE, 2 * HOUR + MINUTE))
    return [late, _event(Verb.NODE_CRASH, gone_us, nodes=late.nodes)]


@_kind("losses")
def _losses(draw: Draws, cast: Cast) -> list[Event]:
    """Some packets are lost or damaged, by chance."""
    verb = draw.pick("verb", (Verb.NETWORK_LOSS, Verb.NETWORK_CORRUPT))
    percent = Fraction(draw.pick("percent", ("100", "50", "12.5")))
    return [_lasting(draw, cast, verb, nodes=_some(draw, cast), direction=_direction(draw), percent=percent)]


@_kind("firewalls")
def _firewalls(draw: Draws, cast: Cast) -> list[Event]:
    """A firewall drops packets or rejects connections."""
    verb = draw.pick("verb", (Verb.FIREWALL_DROP, Verb.FIREWALL_REJECT))
    port = draw.pick("port", (None, 8081, 443))
    return [_lasting(draw, cast, verb, nodes=_some(draw, cast), direction=_direction(draw), port=port)]


@_kind("translations")
def _translations(draw: Draws, cast: Cast) -> list[Event]:
    """Source addresses are rewritten, or a node sends from another of its own."""
    address = cast.first_address + draw.pick("offset", (0, 60, 1000))
    nodes = _some(draw, cast)
    if draw.happens("uplink", 30):
        return [_lasting(draw, cast, Verb.NODE_UPLINK, nodes=nodes, address=address)]
    kind = draw.pick("kind", ("masquerade", "one-to-one", "carrier"))
    last = address + 3 if kind == "carrier" else None
    return [_lasting(draw, cast, Verb.NAT_ADD, nodes=nodes, kind=kind, address=address, last_address=last)]


@_kind("names")
def _names(draw: Draws, cast: Cast) -> list[Event]:
    """The server moves, its name leads elsewhere or nowhere, or nodes are pointed to another address."""
    verbs = (Verb.DNS_CHANGE, Verb.DNS_STOP, Verb.SERVER_MOVE, Verb.NODE_POINT, Verb.FORWARD_ADD)
    verb, at_us = draw.pick("verb", verbs), _instant(draw, cast)
    address = draw.pick("address", (SERVER_ADDRESS, ELSEWHERE, BOX))
    if verb is Verb.DNS_STOP:
        return [_lasting(draw, cast, verb)]
    if verb is Verb.DNS_CHANGE:
        return [_lasting(draw, cast, verb, address=address)]
    if verb is Verb.SERVER_MOVE:
        return [_event(verb, at_us, address=address)]
    pointed = _event(Verb.NODE_POINT, at_us, nodes=_some(draw, cast), address=None if draw.happens("name", 30) else BOX)
    if verb is Verb.NODE_POINT:
        return [pointed]
    return [_lasting(draw, cast, Verb.FORWARD_ADD, address=BOX, hairpin=draw.happens("hairpin", 30)), pointed]


@_kind("certificates")
def _certificates(draw: Draws, cast: Cast) -> list[Event]:
    """The server presents another certificate, or nodes trust another authority."""
    ca = draw.pick("ca", ("site", "other"))
    if draw.happens("trust", 35):
        return [_event(Verb.TLS_TRUST, _instant(draw, cast), nodes=_some(draw, cast), ca=ca)]
    name = draw.pick("name", (None, None, "172.16.63.131", "fdl.example.com"))
    return [_lasting(draw, cast, Verb.TLS_USE, ca=ca, certificate=Certificate(ca=ca, name=name))]


@_kind("answers")
def _answers(draw: Draws, cast: Cast) -> list[Event]:
    """Answers come spoilt, or nodes report an address in another form."""
    nodes = _some(draw, cast)
    if draw.happens("report", 35):
        own = format_address(cast.first_address)
        text = draw.pick("text", (f"::ffff:{own}", "fd00::25", own, "x"))
        return [_lasting(draw, cast, Verb.NODE_REPORT, nodes=nodes, text=text)]
    how = draw.pick("how", ("garbage", "replay", "foreign", "forged"))
    return [_lasting(draw, cast, Verb.ANSWER_SPOIL, nodes=nodes, how=how)]


# Time and the licence.


@_kind("rates")
def _rates(draw: Draws, cast: Cast) -> list[Event]:
    """Clocks run too fast or too slow, wall clocks are slewed or stand still."""
    verb, host = draw.pick("verb", (Verb.CLOCK_DRIFT, Verb.CLOCK_SLEW, Verb.CLOCK_FREEZE)), _host(draw, cast)
    if verb is Verb.CLOCK_DRIFT:
        return [_lasting(draw, cast, verb, host=host, ppm=Fraction(draw.pick("ppm", _PPMS)))]
    if verb is Verb.CLOCK_FREEZE:
        return [_lasting(draw, cast, verb, host=host)]
    rate = Fraction(draw.pick("rate", _RATES))
    return [_event(verb, _instant(draw, cast), host=host, by_us=draw.pick("by", _STEPS), ppm=rate)]


@_kind("steps")
def _steps(draw: Draws, cast: Cast) -> list[Event]:
    """Wall clocks are set, now and then while a server is stopped or a node waits."""
    host, at_us, by_us = _host(draw, cast), _instant(draw, cast), draw.pick("by", _STEPS)
    if host != SERVER:
        return _step_of_node(draw, cast, host, by_us)
    after_us = draw.pick("after", (HOUR, 3 * HOUR, 5 * HOUR))
    until_us = at_us + draw.pick("restarted", (MINUTE, MINUTE, 25 * HOUR))
    if cast.ends_us is not None and draw.happens("over the end", 70):
        # Somebody sets the clock back, so that the licence would go on.
        at_us = min(max(0, cast.ends_us + after_us), cast.duration_us)
        by_us = -after_us - draw.pick("back", (HOUR, 5 * HOUR))
        until_us = at_us + MINUTE
    wrong = _event(Verb.CLOCK_STEP, at_us, host=host, by_us=by_us)
    if at_us < HOUR or draw.happens("as it is", 25) or until_us > cast.duration_us:
        return [wrong]
    # The server is restarted under its wrong clock, and perhaps a node is never heard of again.
    restart = _event(Verb.SERVER_STOP, at_us - draw.pick("stopped", (MINUTE, HOUR)), until_us=until_us)
    gone = _event(Verb.NODE_CRASH, restart.at_us, nodes=(draw.pick("gone", cast.names),))
    return [restart, wrong, gone] if draw.happens("gone", 60) else [restart, wrong]


def _step_of_node(draw: Draws, cast: Cast, host: str, by_us: int) -> list[Event]:
    wrong = _event(Verb.CLOCK_STEP, _instant(draw, cast), host=host, by_us=by_us)
    poll_us = _poll(draw, cast, host)
    if draw.happens("any time", 60) or not 0 < poll_us < cast.duration_us - MINUTE:
        return [wrong]
    # Meanwhile it waits for an answer, which comes late or never.
    late = _event(Verb.SERVER_SLOW, poll_us - SECOND, until_us=poll_us + 2 * SECOND, by_us=20 * SECOND)
    if draw.happens("never", 40):
        late = _event(Verb.NETWORK_CUT, late.at_us, until_us=late.until_us, nodes=(host,))
    return [late, replace(wrong, at_us=poll_us + 10 * SECOND)]


@_kind("licences")
def _licences(draw: Draws, cast: Cast) -> list[Event]:
    """The issuer suspends the licence, or a new licence file changes it."""
    if draw.happens("suspended", 50):
        suspended = _lasting(draw, cast, Verb.LICENCE_SUSPEND)
        # Administrators try what may help.
        tried_us = min(suspended.at_us + draw.pick("tried", (0, TICK, HOUR)), cast.duration_us)
        return [suspended, _event(Verb.NODE_REGISTER, tried_us, nodes=cast.names)]
    changes: tuple[tuple[str, Any], ...] = (("capacity", draw.number("capacity", 1, len(cast.nodes) + 1)),)
    if draw.happens("ranges", 30):
        changes += (("ranges", ((cast.first_address, cast.first_address),)),)
    return [_event(Verb.LICENCE_CHANGE, _instant(draw, cast), changes=changes)]
