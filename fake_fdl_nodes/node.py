"""A FineDataLink node as a pure state machine: its registration, its polls, its 24-hour law.

It takes an event and the `Instant` that its host's clocks show, and returns `Effect` values: a request to
send, a status that changed, a failure row. It reads no clock, sets no timer and opens no socket; whoever
drives it asks `next_timer` after each event and calls `fire` when that instant has come.

**Statuses.** The outcome of a request moves the node along this table, by the status when the outcome is
known. "Positive" means granted *and* passed by the node's own validation (R006)::

    status         positive      negative      unanswered
    unregistered   registered    stays         stays          (a register only)
    registered     registered    rejected      interrupted
    interrupted    registered    rejected      interrupted
    rejected       registered    rejected      rejected
    lapsed         registered    stays         stays          (a register only; a poll too in `revive`)

**The 24-hour law** (R033). The *last contact* is the instant at which the last positively answered register
or poll was *sent*; the deadline is 24 h later. What was sent at or before the deadline may still be answered
in time, so the node lapses at the first instant, at or after the deadline, at which no such request is
outstanding or due. With polls every two hours and a silent server the twelfth missed poll is sent at exactly
the deadline, and the node lapses when that one fails.

Intervals are measured on the boot-time clock. The wall clock only dates the failure rows.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import NamedTuple, TypeAlias

from fake_fdl_nodes.failures import FailureList, FailureRow, SavedFailures
from fake_fdl_nodes.fleet import NodeSetup
from reference_server.protocol import (
    Answer,
    Code,
    Details,
    Grant,
    Instant,
    Kind,
    Poll,
    Refusal,
    Register,
    Release,
    Request,
    Unbind,
    is_signed,
)
from reference_server.readings import Reading

__all__ = [
    "Changed",
    "Effect",
    "Ended",
    "Ending",
    "Failed",
    "Node",
    "NodeState",
    "Reason",
    "Send",
    "Status",
    "Timer",
]

_HOUR_US = 3_600_000_000
#: The routine interval of requests (R031, Note 11).
PERIOD_US = 2 * _HOUR_US
#: A registration outlives the last contact by this much (R033, Note 11).
LEASE_US = 24 * _HOUR_US
#: One reading counts failed attempts instead (Q05).
STRIKES = 12
#: A node makes sure that the grant covers the product it is.
FUNCTION_POINT = "FineDataLink"


class Status(Enum):
    """What a node is, in its own eyes."""

    UNREGISTERED = "unregistered"
    REGISTERED = "registered"
    INTERRUPTED = "interrupted"
    REJECTED = "rejected"
    LAPSED = "lapsed"


#: The statuses of a node that holds a registration, and so polls and may lapse.
HOLDING = (Status.REGISTERED, Status.INTERRUPTED, Status.REJECTED)
#: The statuses in which users get in, while the program runs.
OPEN = (Status.REGISTERED, Status.INTERRUPTED)


class Reason(Enum):
    """What made a node change its status."""

    GRANTED = "granted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    EXPIRED = "expired"
    SILENCE = "silence"
    UNBOUND = "unbound"


class Timer(IntEnum):
    """What a node waits for. The values are the order of those that are due at one instant."""

    TIMEOUT = 0
    EXPIRY = 1
    POLL = 2
    DEADLINE = 3


class Send(NamedTuple):
    """Send ``request`` (or bytes that may be one) to the authorization server.

    ``sent_us`` is its instant on the boot-time clock.
    """

    request: Request | bytes
    sent_us: int


class Ending(Enum):
    """What became of a request."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNANSWERED = "unanswered"
    ABANDONED = "abandoned"


class Ended(NamedTuple):
    """The outstanding request ``number`` ended."""

    number: int
    ending: Ending


class Changed(NamedTuple):
    """The status changed."""

    before: Status
    after: Status
    reason: Reason


class Failed(NamedTuple):
    """A row was added to the failure list. ``number`` is the failed request, 0 if no attempt ended.

    ``shown`` is the failure that the list shows from then on.
    """

    row: FailureRow
    number: int
    shown: Code


Effect: TypeAlias = Send | Ended | Changed | Failed


class NodeState(NamedTuple):
    """What a node keeps over the end of its program: id and grant, last contact, and the failure list.

    ``grant`` are the items of the last grant (R005), which are only shown: what the node goes by is ``expires_us``.
    """

    number: int
    status: Status
    contact_us: int | None
    expires_us: int | None
    capacity: int | None
    strikes: int
    failures: SavedFailures
    grant: Details | None = None

    def later_by(self, us: int) -> NodeState:
        """Return the same on a boot-time clock that shows ``us`` more, as after a reboot."""
        contact_us, expires_us = self.contact_us, self.expires_us
        return self._replace(
            contact_us=None if contact_us is None else contact_us + us,
            expires_us=None if expires_us is None else expires_us + us,
        )


class _Outstanding(NamedTuple):
    kind: Kind
    number: int
    sent_us: int


class Node:
    """One node, standalone or a member of a cluster (each member is a node of its own).

    :param setup: how it is installed.
    :param reading: the answers to what the document leaves open.
    :param timeout_us: for how long it waits for an answer.
    :param key: verifies the signature of a grant.
    :param period_us: how long after a register or poll it polls again; the documented two hours, except to show
        something in less time.
    """

    __slots__ = (
        "_key",
        "_period_us",
        "_reading",
        "_setup",
        "_strikes",
        "_timeout_us",
        "address",
        "capacity",
        "contact_us",
        "expires_us",
        "failures",
        "grant",
        "number",
        "outstanding",
        "poll_due_us",
        "running",
        "status",
    )

    def __init__(
        self, setup: NodeSetup, reading: Reading, *, timeout_us: int, key: bytes, period_us: int = PERIOD_US
    ) -> None:
        self._setup = setup
        self._reading = reading
        self._timeout_us = timeout_us
        self._key = key
        self._period_us = period_us
        self._strikes = 0
        self.address = setup.address
        self.status = Status.UNREGISTERED
        self.running = False
        self.failures = FailureList(reading)
        self.number = 0
        self.outstanding: _Outstanding | None = None
        #: When the last positively answered register or poll was sent.
        self.contact_us: int | None = None
        #: When the next poll is due, for a node whose status polls.
        self.poll_due_us: int | None = None
        #: What the last grant gave as Max Connections (R099).
        self.capacity: int | None = None
        #: The items of the last grant (R005).
        self.grant: Details | None = None
        #: When the licence expires by the node's own reckoning.
        self.expires_us: int | None = None

    # What a driver asks.

    @property
    def access(self) -> bool:
        """Whether users get in (R007, R008). A frozen host is its driver's business."""
        if self._reading.silence_closes_access:
            return self.running and self.status is Status.REGISTERED
        return self.running and self.status in OPEN

    @property
    def deadline_us(self) -> int | None:
        """The deadline of the 24-hour law, ``None`` where no instant lapses this node."""
        if self.contact_us is None or self.status not in HOLDING:
            return None
        if self._reading.lapse_by_count or self._reading.lapse_needs_later_miss:
            return None
        return self.contact_us + LEASE_US

    def next_timer(self) -> tuple[int, Timer] | None:
        """Return what the node waits for next and the boot-time instant of it, ``None`` if for nothing."""
        return min(self.timers(), default=None)

    def timers(self) -> list[tuple[int, Timer]]:
        """Return everything that the node waits for, each with its boot-time instant.

        Where the clock passes several of these instants in one true microsecond, the order is that of `Timer`.
        """
        if not self.running:
            return []
        timers: list[tuple[int, Timer]] = []
        if self.outstanding is not None:
            timers.append((self.outstanding.sent_us + self._timeout_us, Timer.TIMEOUT))
        if self.expires_us is not None and self.status in OPEN:
            timers.append((self.expires_us, Timer.EXPIRY))
        deadline_us = self.deadline_us
        if self.poll_due_us is not None and self._polls:
            # No poll is sent after the deadline.
            in_time = deadline_us is None or self.poll_due_us <= deadline_us
            timers += [(self.poll_due_us, Timer.POLL)] if in_time else []
        if deadline_us is not None and not self._in_time_outstanding(deadline_us):
            timers.append((deadline_us, Timer.DEADLINE))
        return timers

    # What a program keeps over its end.

    def saved(self) -> NodeState:
        """Return what has to be kept over the end of the program."""
        return NodeState(
            number=self.number,
            status=self.status,
            contact_us=self.contact_us,
            expires_us=self.expires_us,
            capacity=self.capacity,
            strikes=self._strikes,
            failures=self.failures.saved(),
            grant=self.grant,
        )

    def restore(self, state: NodeState) -> None:
        """Take back what was kept, in a program that has not started."""
        self.number, self.status, self.capacity = state.number, state.status, state.capacity
        self.contact_us, self.expires_us, self.grant = state.contact_us, state.expires_us, state.grant
        self._strikes = state.strikes
        self.failures.restore(state.failures)

    # Events of the program's life.

    def start(self, now: Instant) -> list[Effect]:
        """The program starts. Status, number, grant and last contact are those it ended with."""
        self.running = True
        if self._polls:
            self.poll_due_us = now.boot_us
        return self._judge_clock(now)

    def stop(self) -> list[Effect]:
        """The program ends, politely or by a crash. An outstanding request is abandoned without a row."""
        self.running = False
        return self._abandon()

    def resume(self, now: Instant) -> list[Effect]:
        """The host wakes from a suspension. However many polls fell due meanwhile, one is sent."""
        if not self.running:
            return []
        effects = []
        asked = self.outstanding
        if self.poll_due_us is not None:
            self.poll_due_us = max(self.poll_due_us, now.boot_us)
        if asked is not None and now.boot_us > asked.sent_us + self._timeout_us:
            # Its time was up while the host slept, so an answer that comes now is too late.
            effects = self._fail(Code.NO_CONNECTION, now)
        return effects + self._judge_clock(now)

    # What the administrator does.

    def register(self, now: Instant) -> list[Effect]:
        """ "Register Now". A stopped program does nothing."""
        return self._ask(Register, now)

    def unbind(self, now: Instant) -> list[Effect]:
        """Give the slot back. A stopped program does nothing."""
        return self._ask(Unbind, now)

    # Timers and answers.

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        """What ``next_timer`` announced has come."""
        if timer is Timer.TIMEOUT:
            return self._fail(Code.NO_CONNECTION, now)
        if timer is Timer.EXPIRY:
            return self._expire(now)
        if timer is Timer.POLL:
            return self._ask(Poll, now)
        return self._lapse(now)

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        """An answer arrives. One to any but the outstanding request changes nothing."""
        asked = self.outstanding
        if not self.running or asked is None or answer.number != asked.number:
            return []
        code = self._validate(answer, asked, now)
        if code is not None:
            return self._fail(code, now)
        self.outstanding = None
        self._strikes = 0
        self.failures.success()
        effects: list[Effect] = [Ended(asked.number, Ending.POSITIVE)]
        if isinstance(answer, Grant):
            self.contact_us = asked.sent_us
            self.capacity, self.grant = answer.capacity, answer.details
            expires_us = answer.details.expires_us
            # The grant's date belongs to the instant of sending; from there on the node reckons by itself.
            self.expires_us = None if expires_us is None else asked.sent_us + expires_us - answer.server_time_us
            return effects + self._become(Status.REGISTERED, Reason.GRANTED)
        self.contact_us = self.poll_due_us = self.expires_us = None
        return effects + self._become(Status.UNREGISTERED, Reason.UNBOUND)

    def connection_refused(self, number: int, now: Instant) -> list[Effect]:
        """The server's port refused the connection of request ``number``: that is no answer (R119)."""
        if not self.running or self.outstanding is None or self.outstanding.number != number:
            return []
        return self._fail(Code.NO_CONNECTION, now)

    def skip_polls(self, count: int, sent_us: int, remaining_us: int | None) -> None:
        """Take ``count`` polls, the last one sent at ``sent_us``, for sent and granted, without sending them.

        For a driver that has proven that each of them would be granted and change nothing (cruising).
        ``remaining_us`` is how long the licence had to run by the date that the last grant would have carried,
        ``None`` if it never expires.
        """
        assert (self.status, self.outstanding) == (Status.REGISTERED, None), "only a node at rest cruises"
        self.number += count
        self.contact_us = sent_us
        self.poll_due_us = sent_us + PERIOD_US
        self.expires_us = None if remaining_us is None else sent_us + remaining_us

    # Inside.

    @property
    def _polls(self) -> bool:
        """Whether the status is one that polls."""
        return self.status in HOLDING or (self.status is Status.LAPSED and self._reading.lapsed_node_polls)

    def _in_time_outstanding(self, deadline_us: int) -> bool:
        """Whether a register or poll sent at or before the deadline may still be answered in time."""
        asked = self.outstanding
        return asked is not None and asked.kind is not Kind.UNBIND and asked.sent_us <= deadline_us

    def _in_time_due(self, deadline_us: int, now: Instant) -> bool:
        """Whether a poll was due at or before the deadline that is sent now, in the tick in which its timer comes."""
        return self.poll_due_us is not None and self.poll_due_us <= min(now.boot_us, deadline_us)

    def _ask(self, message: type[Register | Poll | Unbind], now: Instant) -> list[Effect]:
        """Send a request. It supersedes an outstanding one, which is abandoned and adds no row."""
        if not self.running:
            return []
        effects = self._abandon()
        setup = self._setup
        self.number += 1
        request = message(
            number=self.number,
            installation=setup.installation,
            address=self.address,
            application=setup.application,
            version=setup.version,
            domain=setup.domain,
            port=setup.port,
            cluster=setup.cluster,
        )
        self.outstanding = _Outstanding(message.kind, self.number, now.boot_us)
        if message is not Unbind:
            self.poll_due_us = now.boot_us + self._period_us
        effects.append(Send(request, now.boot_us))
        # Whoever abandons the poll that kept a node alive past its deadline lapses it.
        return effects + self._lapse_if_past(now)

    def _abandon(self) -> list[Effect]:
        asked, self.outstanding = self.outstanding, None
        return [] if asked is None else [Ended(asked.number, Ending.ABANDONED)]

    def _validate(self, answer: Answer, asked: _Outstanding, now: Instant) -> Code | None:
        """Return why an answer is negative, ``None`` if it is positive (R006)."""
        if isinstance(answer, Refusal):
            return Code.shown_for(answer.code)
        fits = isinstance(answer, Release) == (asked.kind is Kind.UNBIND)
        if not fits or answer.installation != self._setup.installation or not is_signed(answer, self._key):
            return Code.INCORRECT_LICENSE_FORMAT
        if isinstance(answer, Release):
            return None
        details = answer.details
        setup = self._setup
        date_us = answer.server_time_us + now.boot_us - asked.sent_us
        if details.expires_us is not None and date_us >= details.expires_us:
            return Code.LICENSE_EXPIRED
        if details.access_domains and setup.domain not in details.access_domains:
            return Code.LICENSE_DOMAIN_ERROR
        if details.application_names and setup.application not in details.application_names:
            return Code.LICENSE_APPNAME_ERROR
        if details.access_ports and setup.port not in details.access_ports:
            return Code.INCORRECT_LICENSE_FORMAT
        if FUNCTION_POINT not in details.function_points:
            return Code.INCORRECT_LICENSE_FORMAT
        return None

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        """The outstanding request ended without a positive answer."""
        asked = self.outstanding
        assert asked is not None, "only an outstanding request can fail"
        self.outstanding = None
        ending = Ending.UNANSWERED if code is Code.NO_CONNECTION else Ending.NEGATIVE
        effects: list[Effect] = [Ended(asked.number, ending), *self._list(code, asked.number, now)]
        if asked.kind is Kind.UNBIND or self.status not in HOLDING:
            return effects
        self._strikes += 1
        if self._is_last(asked, now):
            return effects + self._become(Status.LAPSED, Reason.SILENCE)
        if code is Code.NO_CONNECTION:
            if self.status is Status.REJECTED:
                return effects
            return effects + self._become(Status.INTERRUPTED, Reason.UNANSWERED)
        return effects + self._become(self._negative, Reason.REFUSED)

    def _is_last(self, asked: _Outstanding, now: Instant) -> bool:
        """Whether the failure of ``asked`` lapses the node, by the reading's law."""
        assert self.contact_us is not None
        if self._reading.lapse_by_count:
            return self._strikes >= STRIKES
        if self._reading.lapse_needs_later_miss:
            return asked.sent_us > self.contact_us + LEASE_US
        deadline_us = self.contact_us + LEASE_US
        return now.boot_us >= deadline_us and not self._in_time_due(deadline_us, now)

    @property
    def _negative(self) -> Status:
        return Status.INTERRUPTED if self._reading.refusal_is_silence else Status.REJECTED

    def _expire(self, now: Instant) -> list[Effect]:
        """The licence expires by the node's own reckoning. It goes on polling: a later date restores it."""
        self.expires_us = None
        return self._list(Code.LICENSE_EXPIRED, 0, now) + self._become(self._negative, Reason.EXPIRED)

    def _judge_clock(self, now: Instant) -> list[Effect]:
        """Judge deadline, then expiry, after the program or its host was away."""
        lapsed = self._lapse_if_past(now)
        if self.status in OPEN and self.expires_us is not None and now.boot_us >= self.expires_us:
            return self._expire(now)
        return lapsed

    def _lapse_if_past(self, now: Instant) -> list[Effect]:
        deadline_us = self.deadline_us
        if deadline_us is None or now.boot_us <= deadline_us:
            return []
        if self._in_time_outstanding(deadline_us) or self._in_time_due(deadline_us, now):
            return []
        return self._lapse(now)

    def _lapse(self, now: Instant) -> list[Effect]:
        """Lapse while no attempt ends, which adds a "/" row of its own."""
        return self._list(Code.NO_CONNECTION, 0, now) + self._become(Status.LAPSED, Reason.SILENCE)

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        row = FailureRow(now.wall_us, code)
        return [Failed(row, number, self.failures.add(row))]

    def _become(self, status: Status, reason: Reason) -> list[Effect]:
        before = self.status
        if before is status:
            return []
        self.status = status
        return [Changed(before, status, reason)]
