"""Nodes that count their 24 hours wrongly: from when, by which clock, up to when, and what still helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Effect, Node, Reason, Status
from harness.proof import Bugs
from reference_server.protocol import Answer, Code, Instant, Kind
from reference_server.readings import Reading
from tests.planted_bugs import leases

BUGS = Bugs()
_HOUR_US = 3_600_000_000


# Up to when.


class Deadline(Node):
    """Lapses ``later_us`` later than 24 h after its last contact."""

    later_us = 0

    @property
    def deadline_us(self) -> int | None:
        deadline_us = super().deadline_us
        return None if deadline_us is None else deadline_us + self.later_us

    def _is_last(self, asked: Any, now: Instant) -> bool:
        return super()._is_last(asked, now._replace(boot_us=now.boot_us - self.later_us))


@BUGS.breaking("R033")
class LapsesATickEarly(Deadline):
    """Lapses a microsecond before 24 h have passed."""

    later_us = -1


@BUGS.breaking("R033")
class LapsesATickLate(Deadline):
    """Lapses a microsecond after 24 h have passed."""

    later_us = 1


@BUGS.breaking("R033")
class LapsesAtTheEleventh(Deadline):
    """Lapses with the eleventh missed poll, at 22 h."""

    later_us = -2 * _HOUR_US


@BUGS.breaking("R033")
class LapsesAtTheThirteenth(Deadline):
    """Lapses with the thirteenth missed poll, at 26 h."""

    later_us = 2 * _HOUR_US


@BUGS.breaking("R030", "R029", server=leases.NeverVoids)
class Immortal(Node):
    """Never lapses, and is taken back by a server that never forgets."""

    def _become(self, status: Status, reason: Reason) -> list[Effect]:
        return [] if reason is Reason.SILENCE else super()._become(status, reason)

    @property
    def deadline_us(self) -> int | None:
        return None


@BUGS.breaking("R033")
class RejectedNeverLapse(Node):
    """Does not lapse while it is rejected."""

    @property
    def deadline_us(self) -> int | None:
        return None if self.status is Status.REJECTED else super().deadline_us

    def _is_last(self, asked: Any, now: Instant) -> bool:
        return self.status is not Status.REJECTED and super()._is_last(asked, now)


class Reads(Node):
    """Goes by another reading of the law: ``otherwise`` are the answers that differ."""

    otherwise: dict[str, Any] = {}

    def __init__(self, setup: NodeSetup, reading: Reading, **more: Any) -> None:
        super().__init__(setup, replace(reading, **self.otherwise), **more)


@BUGS.breaking("R033")
class TwelveStrikes(Reads):
    """Counts twelve failures, however fast they come, instead of 24 h."""

    otherwise = {"lapse_by_count": True}


@BUGS.breaking("R033")
class NeedsALaterMiss(Reads):
    """Lapses only when a poll fails that was sent after more than 24 h."""

    otherwise = {"lapse_needs_later_miss": True}


# From when, and by which clock.


@BUGS.breaking("R033")
class FromReceipt(Node):
    """Counts the 24 h from the receipt of the answer instead of the sending of the request."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        effects = super().answer(answer, now)
        if self.contact_us is not None and self.outstanding is None and self.status is Status.REGISTERED:
            self.contact_us = now.boot_us
        return effects


@BUGS.breaking("R033")
class FromTheFirstMiss(Node):
    """Counts the 24 h from the first poll that failed."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        if self.status is Status.REGISTERED and self.outstanding is not None:
            self.contact_us = self.outstanding.sent_us
        return super()._fail(code, now)


@BUGS.breaking("R033")
class RefusalsCount(Node):
    """Takes a refusal for a contact: somebody is there, after all."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        asked = self.outstanding
        if code is not Code.NO_CONNECTION and self.contact_us is not None and asked is not None:
            self.contact_us = asked.sent_us
        return super()._fail(code, now)


@BUGS.breaking("R033")
class UnbindsCount(Node):
    """Takes an unbind that did not succeed for a contact."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        asked = self.outstanding
        if asked is not None and asked.kind is Kind.UNBIND and self.contact_us is not None:
            self.contact_us = asked.sent_us
        return super()._fail(code, now)


@BUGS.breaking("R033")
class StartsAfresh(Node):
    """Begins its 24 h anew when its program is started again."""

    def start(self, now: Instant) -> list[Effect]:
        if self.contact_us is not None and self.running is False:
            self.contact_us = now.boot_us
        return super().start(now)


@BUGS.breaking("R033")
class ByTheWallClock(Node):
    """Counts its 24 h on the wall clock, so that a step of that clock lets them pass."""

    _ahead_us: int | None = None

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        ahead_us = now.wall_us - now.boot_us
        if self._ahead_us is not None and self.contact_us is not None:
            self.contact_us -= ahead_us - self._ahead_us
        self._ahead_us = ahead_us
        return super()._ask(message, now)


@BUGS.breaking("R033")
class SleepStopsItsClock(Node):
    """Counts on the monotonic clock, which stands still while the machine is suspended: here from its next poll on."""

    def resume(self, now: Instant) -> list[Effect]:
        if self.contact_us is not None and self.poll_due_us is not None:
            self.contact_us += max(0, now.boot_us - self.poll_due_us)
        return super().resume(now)


@BUGS.breaking("R033")
class StandsStillWhileStopped(Node):
    """Counts no time while its program does not run: what is left of the 24 h is what was left at its last request."""

    _last_us: int | None = None

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        self._last_us = now.boot_us
        return super()._ask(message, now)

    def start(self, now: Instant) -> list[Effect]:
        if self.contact_us is not None and self._last_us is not None:
            self.contact_us += now.boot_us - self._last_us
        return super().start(now)


# What still helps at the deadline.


@BUGS.breaking("R033")
class DoesNotWait(Node):
    """Lapses at the deadline, although a poll that was sent in time may still be answered."""

    def _in_time_outstanding(self, deadline_us: int) -> bool:
        return False


@BUGS.breaking("R033")
class UnbindsDelay(Node):
    """Waits at the deadline for the answer to an unbind, which is no contact."""

    def _in_time_outstanding(self, deadline_us: int) -> bool:
        return super()._in_time_outstanding(deadline_us) or self._unbinding

    @property
    def _unbinding(self) -> bool:
        return self.outstanding is not None and self.outstanding.kind is Kind.UNBIND


@BUGS.breaking("R033")
class RegistersAreTooLate(Node):
    """Does not wait at the deadline for the answer to a register."""

    def _in_time_outstanding(self, deadline_us: int) -> bool:
        registering = self.outstanding is not None and self.outstanding.kind is Kind.REGISTER
        return not registering and super()._in_time_outstanding(deadline_us)


@BUGS.breaking("R031", "R033")
class StartsTooLateAtTheDeadline(Node):
    """Lapses, and does not poll, when it starts or wakes at exactly the deadline (``<`` for ``<=``)."""

    def _judge_clock(self, now: Instant) -> list[Effect]:
        if now.boot_us == self.deadline_us:
            return self._lapse(now)
        return super()._judge_clock(now)


@BUGS.breaking("R033", "R008")
class RefusedInsteadOfLapsed(Node):
    """Is rejected by a refusal that comes at the deadline or later, and lapses after it."""

    def _is_last(self, asked: Any, now: Instant) -> bool:
        return False


# Coming back.


@BUGS.breaking("R035", server=leases.NeverVoids)
class Undead(Node):
    """Goes on polling when it has lapsed, and comes back without its administrator."""

    @property
    def _polls(self) -> bool:
        return super()._polls or self.status is Status.LAPSED
