"""A scenario as a value: what exists, what happens when, and what must hold.

A `Scenario` is plain frozen data with every default filled in, every pattern expanded to node names and
every time an int of microseconds. It comes from a TOML file (`harness.scenario_file`) or from Python; the
world plays it, the rule book and the expectations judge what came of it. Nothing here is checked again:
`harness.scenario_file` names the mistakes of a file, and `harness.faults` those that only the whole
timeline shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from typing import Any, Literal

from fake_fdl_nodes.fleet import NodeSetup

__all__ = [
    "SERVER",
    "Between",
    "Certificate",
    "Direction",
    "Event",
    "Expect",
    "LicenceSpec",
    "NetworkSpec",
    "NodeUse",
    "Scenario",
    "ServerSpec",
    "Verb",
]

#: The name of the server's host, wherever a host is named.
SERVER = "server"

Direction = Literal["both", "requests", "answers"]


class Verb(Enum):
    """What an event can do. The value is the verb as a scenario file writes it."""

    SERVER_STOP = "server.stop"
    SERVER_CRASH = "server.crash"
    SERVER_CRASH_AT = "server.crash_at"
    SERVER_REBOOT = "server.reboot"
    SERVER_POWER_LOSS = "server.power_loss"
    SERVER_LOGOUT = "server.logout"
    SERVER_SUSPEND = "server.suspend"
    SERVER_HANG = "server.hang"
    SERVER_SLOW = "server.slow"
    SERVER_DESTROY = "server.destroy"
    SERVER_START = "server.start"
    SERVER_RESUME = "server.resume"
    SERVER_SECOND = "server.second"
    SERVER_CLONE = "server.clone"
    SERVER_MOVE = "server.move"
    SERVER_ROLLBACK = "server.rollback"
    DISK_FILL = "disk.fill"
    DISK_CLEAR = "disk.clear"
    IDENTITY_DRIFT = "identity.drift"
    IDENTITY_RESTORE = "identity.restore"
    NODE_STOP = "node.stop"
    NODE_CRASH = "node.crash"
    NODE_REBOOT = "node.reboot"
    NODE_SUSPEND = "node.suspend"
    NODE_START = "node.start"
    NODE_RESUME = "node.resume"
    NODE_REGISTER = "node.register"
    NODE_UNBIND = "node.unbind"
    NODE_MOVE = "node.move"
    NODE_UPLINK = "node.uplink"
    NODE_POINT = "node.point"
    NODE_REPORT = "node.report"
    NODE_ROLLBACK = "node.rollback"
    NODE_CLONE = "node.clone"
    NETWORK_CUT = "network.cut"
    NETWORK_DELAY = "network.delay"
    NETWORK_LOSS = "network.loss"
    NETWORK_REORDER = "network.reorder"
    NETWORK_DUPLICATE = "network.duplicate"
    NETWORK_CORRUPT = "network.corrupt"
    NETWORK_HEAL = "network.heal"
    FIREWALL_DROP = "firewall.drop"
    FIREWALL_REJECT = "firewall.reject"
    FIREWALL_LIFT = "firewall.lift"
    NAT_ADD = "nat.add"
    NAT_REMOVE = "nat.remove"
    FORWARD_ADD = "forward.add"
    FORWARD_REMOVE = "forward.remove"
    DNS_CHANGE = "dns.change"
    DNS_STOP = "dns.stop"
    DNS_START = "dns.start"
    TLS_USE = "tls.use"
    TLS_TRUST = "tls.trust"
    ANSWER_SPOIL = "answer.spoil"
    CLOCK_STEP = "clock.step"
    CLOCK_DRIFT = "clock.drift"
    CLOCK_SLEW = "clock.slew"
    CLOCK_FREEZE = "clock.freeze"
    CLOCK_THAW = "clock.thaw"
    LICENCE_CHANGE = "licence.change"
    LICENCE_SUSPEND = "licence.suspend"
    LICENCE_RESUME = "licence.resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSpec:
    """What was licensed. ``ranges`` are (first, last) pairs of IPv4 integers, ends included.

    Empty ``applications``, ``domains`` or ``ports`` mean any. ``expires_us`` is the first wall-clock
    instant (microseconds since the Unix epoch) after the licensed days, ``None`` for never.
    """

    capacity: int = 1
    ranges: tuple[tuple[int, int], ...]
    applications: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    function_points: tuple[str, ...] = ("FineDataLink",)
    version: str = "FineDataLink"
    expires_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The certificate that the server presents: who issued it, for which host, and when it is valid.

    ``name`` is the only address or name that it is for, ``None`` for whichever a node asks for. ``from_us`` and
    ``until_us`` are wall-clock instants (us since the Unix epoch), the first and the last at which it is valid.
    """

    ca: str = "site"
    name: str | None = None
    from_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """The server's machine: where it listens, and what happens to its program without an administrator.

    ``name`` is its name in the DNS, whose answers nodes keep for ``ttl_us``. ``autostart`` tells that the program
    starts with the machine, ``nohup`` that it outlives the session in which it was started (R084 to R086). ``use``
    names what makes the server under test; its line and column in the file are its ``place``.
    """

    address: int = 0xAC103F83  # 172.16.63.131
    port: int = 8081
    name: str = "fdl.example.com"
    ttl_us: int = 300_000_000
    autostart: bool = False
    nohup: bool = True
    use: str | None = None
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """Latency each way, and how long a node waits for an answer."""

    latency_us: int = 5_000
    timeout_us: int = 30_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """What makes the nodes of one ``[[nodes]]`` (``index`` from 0) that are under test: ``use`` names it."""

    index: int
    nodes: tuple[str, ...]
    use: str
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the file, in file order (``index`` from 0).

    ``until_us`` is its end where it has a ``lasts``, ``None`` if it lasts until undone or is over at once. ``nodes``
    are the names it means, in file order of the nodes; for a cut, the nodes cut off from the server. ``only`` restricts
    a ``node.*`` verb to the nodes that have that status when it happens. ``address`` is the address that the first node
    of a move gets, each next one the one above; of a NAT, a forward, an uplink, a record or the server, the address
    that it is about, ``last_address`` the last one of a pool. ``percent`` is a chance. ``by_us`` and ``jitter_us`` are
    amounts of time. ``kind`` is that of a NAT, ``how`` an answer is spoilt, ``moment`` the part of a request at which
    the server crashes, ``to_us`` the instant whose state comes back, ``of`` the node that is cloned, ``text`` what a
    node reports as its address (if ``whole``, in place of all that it says), ``changes`` are fields of the licence with
    their new values. ``ppm`` is how fast clocks drift, or how fast a wall clock is slewed. ``idle`` tells that the
    event does nothing in this scenario.
    """

    index: int
    line: int = 0
    at_us: int
    verb: Verb
    until_us: int | None = None
    nodes: tuple[str, ...] = ()
    only: str | None = None
    direction: Direction = "both"
    address: int | None = None
    host: str | None = None
    by_us: int = 0
    ppm: Fraction = Fraction(0)
    percent: Fraction = Fraction(100)
    jitter_us: int = 0
    distribution: str = "constant"
    port: int | None = None
    last_address: int | None = None
    kind: str = "masquerade"
    hairpin: bool = False
    certificate: Certificate | None = None
    ca: str = "site"
    how: str = "garbage"
    moment: str = "stored"
    to_us: int = 0
    of: str | None = None
    text: str = ""
    whole: bool = False
    changes: tuple[tuple[str, Any], ...] = ()
    idle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """A closed stretch of time, and whether an expectation holds always or at least once in it."""

    first_us: int
    last_us: int
    hold: Literal["always", "ever"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What must hold of each of ``nodes`` (and of the server) at ``at_us``, or over ``between``.

    ``None`` means not stated. ``failure`` is the code of the failure shown, as in the file: a number,
    ``"/"``, ``"Incorrect License Format"``, or ``"none"`` where no failure was ever listed. ``registered``
    is the number of live slots. ``readings`` restricts it to those readings (empty: all of them).
    """

    index: int
    line: int = 0
    at_us: int | None = None
    between: Between | None = None
    nodes: tuple[str, ...] = ()
    status: str | None = None
    access: bool | None = None
    failure: int | str | None = None
    registered: int | None = None
    readings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything about one scenario. ``start_us`` is the wall-clock instant (Unix epoch) of true time 0."""

    title: str
    file: str = "<python>"
    rules: tuple[str, ...] = ()
    start_us: int
    duration_us: int
    reading: str | None = None
    licence: LicenceSpec
    network: NetworkSpec = field(default_factory=NetworkSpec)
    server: ServerSpec = field(default_factory=ServerSpec)
    nodes: tuple[NodeSetup, ...]
    node_uses: tuple[NodeUse, ...] = ()
    events: tuple[Event, ...] = ()
    expects: tuple[Expect, ...] = ()

    def licence_at(self, true_us: int) -> LicenceSpec:
        """Return what is licensed at ``true_us``: the licence, as its latest new file changes it."""
        changed = [event for event in self.events if event.verb is Verb.LICENCE_CHANGE and event.at_us <= true_us]
        if not changed:
            return self.licence
        return replace(self.licence, **dict(max(changed, key=lambda event: (event.at_us, event.index)).changes))
