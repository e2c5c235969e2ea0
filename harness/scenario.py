"""A scenario as a value: what exists, what happens when, and what must hold.

A `Scenario` is plain frozen data with every default filled in, every pattern expanded to node names and
every time an int of microseconds. It comes from a TOML file (`harness.scenario_file`) or from Python; the
world plays it, the rule book and the expectations judge what came of it. Nothing here is checked again:
`harness.scenario_file` names the mistakes of a file, and `harness.faults` those that only the whole
timeline shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Literal

from fake_fdl_nodes.fleet import NodeSetup

__all__ = [
    "SERVER",
    "Between",
    "Direction",
    "Event",
    "Expect",
    "LicenceSpec",
    "NetworkSpec",
    "Scenario",
    "Verb",
]

#: The name of the server's host, wherever a host is named.
SERVER = "server"

Direction = Literal["both", "requests", "answers"]


class Verb(Enum):
    """What an event can do. The value is the verb as a scenario file writes it."""

    SERVER_STOP = "server.stop"
    SERVER_CRASH = "server.crash"
    SERVER_SUSPEND = "server.suspend"
    SERVER_DESTROY = "server.destroy"
    SERVER_START = "server.start"
    SERVER_RESUME = "server.resume"
    NODE_STOP = "node.stop"
    NODE_CRASH = "node.crash"
    NODE_SUSPEND = "node.suspend"
    NODE_START = "node.start"
    NODE_RESUME = "node.resume"
    NODE_REGISTER = "node.register"
    NODE_UNBIND = "node.unbind"
    NODE_MOVE = "node.move"
    NETWORK_CUT = "network.cut"
    NETWORK_HEAL = "network.heal"
    CLOCK_STEP = "clock.step"
    CLOCK_DRIFT = "clock.drift"
    CLOCK_SLEW = "clock.slew"
    CLOCK_FREEZE = "clock.freeze"
    CLOCK_THAW = "clock.thaw"
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
class NetworkSpec:
    """Latency each way, and how long a node waits for an answer."""

    latency_us: int = 5_000
    timeout_us: int = 30_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the file, in file order (``index`` from 0).

    ``until_us`` is its end where it has a ``lasts``, ``None`` if it lasts until undone or is over at once.
    ``nodes`` are the names it means, in file order of the nodes; for a cut, the nodes cut off from the
    server. ``only`` restricts a ``node.*`` verb to the nodes that have that status when it happens.
    ``address`` is the address that the first node of a move gets, each next one the one above. ``ppm`` is
    how fast clocks drift, or how fast a wall clock is slewed.
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
    nodes: tuple[NodeSetup, ...]
    events: tuple[Event, ...] = ()
    expects: tuple[Expect, ...] = ()
