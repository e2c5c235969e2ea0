"""What somebody recorded of an outage, as a value: who saw what, when, and where it is written.

A record is what a customer can know: rows of failure lists, statuses that somebody looked up, restarts, moves, notes.
It says nothing about what happened between. Its times are those of the clocks that wrote them, which may be wrong, and
are as coarse as they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from harness.problems import Problem
from harness.scenario import SERVER
from harness.trace import Status
from reference_server.codes import Code
from reference_server.protocol import Kind

__all__ = ["NETWORK", "Observation", "Record", "What"]

#: The source of what is recorded of the network. The server is `SERVER`, every other source is the name of a node.
NETWORK = "network"


class What(Enum):
    """What was observed. The value is the word of a timeline."""

    STARTED = "started"  #: a program; of the network: whole again
    STOPPED = "stopped"  #: a program; of the network: cut
    REGISTERED = "registered"  #: an administrator registered the node, and it succeeded
    UNBOUND = "unbound"  #: an administrator gave the node's slot back
    FAILED = "failed"  #: a row of the node's failure list
    STATUS = "status"  #: the status that a page showed; of the server: how many nodes are registered
    ADDRESS = "address"  #: the host has another address from here on
    CLOCK = "clock"  #: the host's wall clock was corrected
    NOTE = "note"  #: words that nothing is concluded from


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One line of a record.

    ``at_us`` is what the clock that wrote it showed, in microseconds since the Unix epoch; a time of whole minutes has
    a ``unit_us`` of one minute. ``code`` is that of a failure, ``asked`` what failed, where that was written down, too;
    most rows are those of polls. ``status`` is that of a node, ``count`` the server's number of registered nodes,
    ``address`` the new IPv4 address as an integer, ``by_us`` the correction of a clock (positive: forward), ``nodes``
    those whom a cut of the network concerns, empty for all. ``text`` is the detail as written.
    """

    line: int
    at_us: int
    unit_us: int = 1_000_000
    source: str
    what: What
    code: Code | None = None
    asked: Kind | None = None
    status: Status | None = None
    count: int | None = None
    address: int | None = None
    by_us: int | None = None
    nodes: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Record:
    """All that was observed, in order of time and, at one time, of the lines.

    ``left_out`` are the lines that cannot be read and were left out because that was asked for.
    """

    file: str
    observations: tuple[Observation, ...]
    left_out: tuple[Problem, ...] = field(default=())

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it tells of, in the order of their names' first lines."""
        named = sorted(self.observations, key=lambda each: each.line)
        names = dict.fromkeys(name for each in named for name in (each.source, *each.nodes))
        return tuple(name for name in names if name not in (SERVER, NETWORK))

    def of(self, source: str) -> Iterator[Observation]:
        """Yield what was observed of one source, in order of time."""
        return (each for each in self.observations if each.source == source)
