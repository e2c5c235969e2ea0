"""The trace: the recorded history of one run, in columns.

The world writes it, and the rule book, the expectations and the reports read it; nobody else knows what
happened. Each table is a handful of int columns that are cheap to append to. All instants are
true time in microseconds since the scenario's start unless the name says otherwise (``*_boot_us`` is the
host's own boot-time clock, ``*_wall_us`` its wall clock since the Unix epoch). A node is its place in
``Scenario.nodes``, the server's host is `SERVER_HOST`, that of a copied server `COPY_HOST`, and "never" is `NEVER`.
Of servers, 0 is the server and 1 its copy.

A cruising node's polls are one row of `Trace.beats` instead of one row of `Trace.exchanges` each. The
digest covers transitions, failure rows, slot changes and the number of requests, and so does not depend
on which of the two was recorded.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from reference_server.protocol import Details

__all__ = [
    "COPY_HOST",
    "FAILED",
    "NEVER",
    "SERVER_HOST",
    "Access",
    "Beat",
    "Copy",
    "Count",
    "Edge",
    "EdgeKind",
    "Exchange",
    "Failure",
    "Outcome",
    "Slot",
    "SlotChange",
    "Spoilt",
    "Status",
    "Table",
    "Trace",
    "Transition",
    "TransitionReason",
    "Trouble",
    "Verdict",
]

NEVER = -1
SERVER_HOST = -1
#: The host of the machine that was copied from the server's.
COPY_HOST = -2
_SERVERS = {SERVER_HOST: "server", COPY_HOST: "copy of the server"}


class Status(IntEnum):
    """The statuses of a node, as the trace numbers them."""

    UNREGISTERED = 0
    REGISTERED = 1
    INTERRUPTED = 2
    REJECTED = 3
    LAPSED = 4


class TransitionReason(IntEnum):
    """What made a node change its status."""

    GRANTED = 0
    REFUSED = 1  #: a refusal, or a grant that the node's own validation did not pass
    UNANSWERED = 2
    EXPIRED = 3  #: the node's own reckoning of the expiry
    SILENCE = 4  #: 24 h without contact (or whatever the reading puts in their place)
    UNBOUND = 5
    COPIED = 6  #: the state of an earlier instant, or of another machine, took the place of its own


class Outcome(IntEnum):
    """What became of a request at the node that sent it."""

    OPEN = 0  #: the run ended first
    POSITIVE = 1
    NEGATIVE = 2
    UNANSWERED = 3
    ABANDONED = 4  #: superseded by a newer request, or the program ended


class Verdict(IntEnum):
    """What the server made of a request, where it is not the code of a refusal (0 or 10000 and up)."""

    BROKEN = -6  #: it reached the machine damaged, so that the connection broke
    UNTRUSTED = -5  #: it reached the machine, whose certificate the node did not trust
    REJECTED = -4  #: a firewall on the way refused the connection
    NONE = -3  #: the request never reached a running server, or one that does not answer
    CONNECTION_REFUSED = -2  #: it reached the machine, whose port refused
    GRANTED = -1


#: What is known of a connection that failed: the node hears of it, and no program has seen a request.
FAILED = (Verdict.BROKEN, Verdict.UNTRUSTED, Verdict.REJECTED, Verdict.CONNECTION_REFUSED)


class Spoilt(IntEnum):
    """What reached a node in place of the answer that was sent."""

    NO = 0  #: the answer itself
    BROKEN = 1  #: the end of the connection
    GARBAGE = 2  #: what cannot be read
    REPLAY = 3  #: an earlier answer to this node
    FOREIGN = 4  #: the answer, made out to another installation
    FORGED = 5  #: the answer, with a signature that is not the server's


class SlotChange(IntEnum):
    """What happened to a slot."""

    TAKEN = 0
    MOVED = 1  #: taken over by the same installation from another address
    FREED = 2  #: given back by an unbind
    VOID = 3  #: the server's 24 h passed
    DROPPED = 4  #: lost as a whole: a destroy, or a stop where the reading says so
    RESTORED = 5  #: void while the server was down, but not by the wall clock at its start
    LOST = 6  #: not in the earlier state that was put back
    FOUND = 7  #: in the earlier state that was put back


class EdgeKind(IntEnum):
    """What happened to a host or was asked of it."""

    STARTED = 0
    STOPPED = 1
    CRASHED = 2
    SUSPENDED = 3
    RESUMED = 4
    DESTROYED = 5
    MOVED = 6  #: ``value`` is the new address
    REGISTER_ASKED = 7
    UNBIND_ASKED = 8
    LICENCE_SUSPENDED = 9
    LICENCE_RESUMED = 10
    REBOOTED = 11
    HUNG = 12  #: the program runs, and answers nothing
    ROLLED_BACK = 13  #: the state of the instant ``value`` was put back
    CLONED = 14  #: the machine is a copy of that of the node at the place ``value``
    SECOND = 15  #: a second program was started beside the first
    DRIFTED = 16  #: the hardware identity is another one
    IDENTITY_RESTORED = 17
    POINTED = 18  #: the Server Address was changed
    DISK_FULL = 19
    DISK_CLEARED = 20
    POWER_LOST = 21  #: rebooted, and what was written and not synced is gone


class Exchange(NamedTuple):
    """One request and what became of it. Columns that do not apply hold `NEVER`."""

    node: int
    kind: int  #: `reference_server.protocol.Kind`
    number: int
    sent_us: int
    sent_boot_us: int  #: on the node's boot-time clock, the instant it was due
    reported: int  #: the address that the request reports
    source: int  #: the address that the packet came from
    form: int  #: 0 for a request, else the code (10000, 10001) of bytes that are none
    lost: int  #: 1 if the request was lost on the way
    server: int  #: which server's machine it came to, if it came to one
    arrived_us: int  #: at the server's machine, unless it was lost or found it suspended
    verdict: int  #: a `Verdict`, or the code of the refusal
    server_time_us: int  #: of a grant or release
    content: int  #: of a grant: its place in `Trace.contents`
    signature: int  #: of a grant or release: its place in `Trace.signatures`
    answer_lost: int  #: 1 if the answer (or the refused connection) was lost on the way
    spoilt: int  #: what reached the node in place of the answer: a `Spoilt`
    delivered_us: int  #: when the answer reached the running node
    ended_us: int  #: when the outcome was known
    outcome: int  #: an `Outcome`


class Copy(NamedTuple):
    """A second arrival of the request at ``place`` among the exchanges, and what the server made of it."""

    place: int
    arrived_us: int
    verdict: int
    server_time_us: int
    content: int
    signature: int


class Beat(NamedTuple):
    """A run of ``polls`` polls of a cruising node, all granted, that changed nothing.

    Poll *k* (from 0) has number ``first_number + k`` and was due at ``first_sent_boot_us + k * 2 h`` on the
    node's boot-time clock. ``first_sent_us`` and ``last_sent_us`` are true time.
    """

    node: int
    polls: int
    first_number: int
    first_sent_boot_us: int
    first_sent_us: int
    last_sent_us: int
    address: int


class Transition(NamedTuple):
    """A node changed its status."""

    at_us: int
    node: int
    before: int
    after: int
    reason: int


class Access(NamedTuple):
    """A node's access opened (1) or closed (0)."""

    at_us: int
    node: int
    opened: int


class Failure(NamedTuple):
    """A row was added to a node's failure list. ``code`` is a `reference_server.protocol.Code`.

    ``number`` is the request that failed, `NEVER` for a row that ends no attempt. ``shown`` is the code
    that the node shows from then on.
    """

    at_us: int
    node: int
    wall_us: int
    code: int
    number: int
    shown: int


class Slot(NamedTuple):
    """The slot of a node's installation changed at a ``server``. ``live`` is how many live ones that has afterwards."""

    at_us: int
    node: int
    change: int
    address: int
    live: int
    server: int


class Count(NamedTuple):
    """So many slots of a ``server`` were live after everything at this instant, as its program said when asked.

    ``live`` is `NEVER` from an instant on at which it cannot be asked.
    """

    at_us: int
    live: int
    server: int


class Edge(NamedTuple):
    """Something happened to a host, or its administrator asked something of it.

    A crash in the course of a request has that exchange's place plus one as its ``value``.
    ``done`` is 0 if it had no effect (a stopped node was asked to register, say).
    """

    at_us: int
    host: int
    what: int
    value: int
    done: int


class Trouble(NamedTuple):
    """Something went wrong inside a system under test that is no verdict: it raised, say.

    ``what`` tells it in a line, ``detail`` in full where there is more to tell (a traceback). A ``fatal`` one means
    that there was nothing to test.
    """

    at_us: int
    host: int
    what: str
    detail: str = ""
    fatal: bool = False


Row = TypeVar("Row", bound=tuple[Any, ...])


class Table(Generic[Row]):
    """Rows of ints of one `NamedTuple` type, kept in columns.

    ``table.add(*values)`` appends and returns the new row's place, ``table.column(name)`` is the live
    column (assign to its items to complete a row later), and iteration gives rows.
    """

    def __init__(self, row_type: type[Row]) -> None:
        self._make = row_type._make  # type: ignore[attr-defined]
        self._columns: dict[str, array[int]] = {name: array("q") for name in row_type._fields}  # type: ignore[attr-defined]
        self._appends = tuple(column.append for column in self._columns.values())
        self._first = next(iter(self._columns.values()))

    @classmethod
    def of(cls, row_type: type[Row], columns: Iterable[array[int]]) -> Table[Row]:
        """Return a table that has these columns, in the order of the row type's fields."""
        table = cls(row_type)
        table._columns = dict(zip(table._columns, columns, strict=True))
        table._appends = tuple(column.append for column in table._columns.values())
        table._first = next(iter(table._columns.values()))
        return table

    def add(self, *values: int) -> int:
        """Append one row and return its place. ``values`` follow the order of the row type's fields."""
        for append, value in zip(self._appends, values, strict=True):
            append(value)
        return len(self._first) - 1

    def column(self, name: str) -> array[int]:
        """Return the column ``name``."""
        return self._columns[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._columns)

    def columns(self) -> tuple[array[int], ...]:
        """Return all columns."""
        return tuple(self._columns.values())

    def __len__(self) -> int:
        return len(self._first)

    def __iter__(self) -> Iterator[Row]:
        return map(self._make, zip(*self._columns.values(), strict=True))

    def __getitem__(self, place: int) -> Row:
        row: Row = self._make(column[place] for column in self._columns.values())
        return row


class Trace:
    """The history of one run.

    ``nodes`` are the names of the nodes, in file order. ``contents`` holds each distinct pair of (capacity,
    `Details`) that a grant carried, ``signatures`` each signature. ``final_lists`` is, per node, the failure
    list as the node itself showed it at the end: (wall-clock us, code) pairs. ``requests`` counts the requests
    of each node, simulated or cruised. ``troubles`` are those of a system under test, in order of time. Where
    ``sees_slots`` is false, nobody could look at the slots: ``slots`` is empty, and ``counts`` holds how many were live
    whenever the program was asked.
    """

    #: Whether it is kept in legs (`harness.ranks`), and its tables are made when they are asked for.
    in_rank = False
    #: Those legs, in parts.
    parts: Sequence[Any] = ()

    def __init__(self, nodes: tuple[str, ...], *, sees_slots: bool = True) -> None:
        self.nodes = nodes
        self.sees_slots = sees_slots
        self.exchanges: Table[Exchange] = Table(Exchange)
        self.copies: Table[Copy] = Table(Copy)
        self.beats: Table[Beat] = Table(Beat)
        self.transitions: Table[Transition] = Table(Transition)
        self.access: Table[Access] = Table(Access)
        self.failures: Table[Failure] = Table(Failure)
        self.slots: Table[Slot] = Table(Slot)
        self.counts: Table[Count] = Table(Count)
        self.edges: Table[Edge] = Table(Edge)
        self.contents: list[tuple[int, Details]] = []
        self.signatures: list[str] = []
        self.final_lists: list[tuple[tuple[int, int], ...]] = [()] * len(nodes)
        self.requests: list[int] = [0] * len(nodes)
        self.troubles: list[Trouble] = []

    def host(self, place: int) -> str:
        """Return what a host is called."""
        return _SERVERS[place] if place < 0 else self.nodes[place]

    def digest(self) -> str:
        """Return the SHA-256, in hex, over transitions, failure rows, slot changes and counts of requests.

        The rows of one table are ordered by node, then instant, then as they happened, so that the digest does
        not depend on whether polls were simulated, cruised or taken in rank. Each value is eight bytes, the least
        first.
        """
        sha = hashlib.sha256()
        for name in ("transitions", "failures", "slots"):
            sha.update(name.encode())
            for values in self._in_order(name):
                sha.update(_least_first(values))
        sha.update(b"requests")
        sha.update(_least_first(array("q", self.requests)))
        return sha.hexdigest()

    def _in_order(self, table: str) -> Iterator[array[int]]:
        """Yield all values of a table, row by row, in order of nodes and instants."""
        rows: Table[Any] = getattr(self, table)
        yield array("q", chain.from_iterable(sorted(rows, key=_node_and_at)))

    @property
    def events(self) -> int:
        """How much happened: requests, changes of status, of slots and of hosts, and failure rows."""
        tables: tuple[Table[Any], ...] = (self.transitions, self.failures, self.slots, self.edges)
        return sum(map(len, tables)) + sum(self.requests)

    def about(self, nodes: Iterable[int]) -> Trace:
        """Return a trace that has what is known of ``nodes``, and of all slots; it may have more."""
        return self


def _least_first(values: array[int]) -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _node_and_at(row: Any) -> tuple[int, int]:
    return row[1], row[0]
