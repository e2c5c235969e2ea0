"""Nodes that are wrong about what an outcome makes of them: who gets in, what they become, when they expire."""

from __future__ import annotations

from fake_fdl_nodes.node import OPEN, Effect, Node, Reason, Status
from harness.proof import Bugs
from reference_server.protocol import Answer, Code, Grant, Instant

BUGS = Bugs()


# Who gets in.


class Lets(Node):
    """Lets users in in the statuses ``lets_in``."""

    lets_in: tuple[Status, ...] = OPEN

    @property
    def access(self) -> bool:
        return self.running and self.status in self.lets_in


@BUGS.breaking("R007")
class Shy(Lets):
    """Does not open access when it is registered."""

    lets_in = ()


@BUGS.breaking("R007")
class ClosesInAnOutage(Lets):
    """Closes access at the first poll that nobody answers."""

    lets_in = (Status.REGISTERED,)


@BUGS.breaking("R008")
class OpenWhileRejected(Lets):
    """Lets users in although it is rejected."""

    lets_in = (*OPEN, Status.REJECTED)


@BUGS.breaking("R008")
class OpenWhileLapsed(Lets):
    """Lets users in although it has lapsed."""

    lets_in = (*OPEN, Status.LAPSED)


@BUGS.breaking("R008")
class OpenForTrial(Lets):
    """Lets users in before it is registered."""

    lets_in = (*OPEN, Status.UNREGISTERED)


@BUGS.breaking("R008")
class OpenWhileStopped(Node):
    """Lets users in although the program does not run."""

    @property
    def access(self) -> bool:
        return self.status in OPEN


# What they become.


class Turns(Node):
    """Turns into another status than the law has it: ``_turned`` says into which."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return status

    def _become(self, status: Status, reason: Reason) -> list[Effect]:
        return super()._become(self._turned(status, reason), reason)


@BUGS.breaking("R008")
class Stubborn(Turns):
    """Stays registered, and open, when it is refused."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return self.status if reason is Reason.REFUSED else status


@BUGS.breaking("R008")
class RefusalIsSilence(Turns):
    """Takes a refusal for an interruption, and lets users in."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return Status.INTERRUPTED if reason is Reason.REFUSED else status


@BUGS.breaking("R092")
class RefusalIsTheEnd(Turns):
    """Is unregistered when it is refused."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return Status.UNREGISTERED if reason is Reason.REFUSED else status


@BUGS.breaking("R008")
class RefusalLapses(Turns):
    """Lapses when it is refused."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return Status.LAPSED if reason is Reason.REFUSED else status


@BUGS.breaking("R027")
class Unmoved(Turns):
    """Does not notice that nobody answers."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return self.status if reason is Reason.UNANSWERED else status


@BUGS.breaking("R027", "R008")
class SilenceRejects(Turns):
    """Is rejected by a poll that nobody answers."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return Status.REJECTED if reason is Reason.UNANSWERED else status


@BUGS.breaking("R028", "R007")
class StaysInterrupted(Turns):
    """Stays interrupted when it is answered again."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return self.status if self.status is Status.INTERRUPTED and reason is Reason.GRANTED else status


@BUGS.breaking("R007")
class StaysRejected(Turns):
    """Stays rejected when it is granted again."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return self.status if self.status is Status.REJECTED and reason is Reason.GRANTED else status


@BUGS.breaking("R007")
class StaysLapsed(Turns):
    """Stays lapsed when its administrator has registered it again."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return self.status if self.status is Status.LAPSED and reason is Reason.GRANTED else status


@BUGS.breaking("R008")
class Softens(Node):
    """Takes a missed poll for an interruption although it is rejected."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION and self.status is Status.REJECTED:
            effects += self._become(Status.INTERRUPTED, Reason.UNANSWERED)
        return effects


@BUGS.breaking("R027")
class InterruptedFromTheStart(Node):
    """Is interrupted, and open, by a first register that nobody answers."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION and self.status is Status.UNREGISTERED:
            self.contact_us = now.boot_us
            effects += self._become(Status.INTERRUPTED, Reason.UNANSWERED)
        return effects


@BUGS.breaking("R008")
class RejectedFromTheStart(Node):
    """Is rejected, and polls, when its first register is refused."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is not Code.NO_CONNECTION and self.status is Status.UNREGISTERED:
            self.contact_us = now.boot_us
            effects += self._become(Status.REJECTED, Reason.REFUSED)
        return effects


class SelfMade(Node):
    """Registers itself when a request fails as ``_believes`` says."""

    def _believes(self, code: Code, *, timed_out: bool) -> bool:
        return code is Code.NO_CONNECTION

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        asked = self.outstanding
        timed_out = asked is not None and now.boot_us >= asked.sent_us + self._timeout_us
        effects = super()._fail(code, now)
        if asked is not None and self._believes(code, timed_out=timed_out):
            self.contact_us = asked.sent_us
            effects += self._become(Status.REGISTERED, Reason.GRANTED)
        return effects


@BUGS.breaking("R013", "R097")
class SilenceIsAGrant(SelfMade):
    """Takes silence for a grant."""

    def _believes(self, code: Code, *, timed_out: bool) -> bool:
        return timed_out


@BUGS.breaking("R022")
class NobodyThereIsAGrant(SelfMade):
    """Takes a server that is out of reach for one that grants."""


@BUGS.breaking("R095")
class AnyCertificateWillDo(SelfMade):
    """Takes a connection that its own check of the certificate has ended for a grant."""

    def _believes(self, code: Code, *, timed_out: bool) -> bool:
        return code is Code.NO_CONNECTION and not timed_out


@BUGS.breaking("R100")
class AClosedPortIsAGrant(AnyCertificateWillDo):
    """Takes the firewall's refusal for a grant."""


# The expiry, by their own reckoning.


class Reckons(Node):
    """Reckons with an expiry that ``_reckoned`` makes of the right one."""

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        return expires_us

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        asked, contact_us = self.outstanding, self.contact_us
        effects = super().answer(answer, now)
        taken = asked is not None and self.outstanding is None and self.contact_us != contact_us
        if taken and asked is not None and isinstance(answer, Grant) and self.expires_us is not None:
            self.expires_us = self._reckoned(self.expires_us, answer, asked.sent_us, now)
        return effects


@BUGS.breaking("R008", "R036")
class ExpiresATickLate(Reckons):
    """Expires a microsecond late by its own reckoning."""

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        return expires_us + 1


@BUGS.breaking("R008", "R036")
class ExpiresATickEarly(Reckons):
    """Expires a microsecond early by its own reckoning."""

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        return expires_us - 1


@BUGS.breaking("R008", "R036")
class ExpiresFromReceipt(Reckons):
    """Pairs the grant's date with the instant of its receipt, in place of that of sending."""

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        return expires_us + now.boot_us - sent_us


@BUGS.breaking("R008", "R036")
class ExpiresByItsWallClock(Reckons):
    """Expires when its own wall clock says so, however wrong that is."""

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        assert grant.details.expires_us is not None, "it expires"
        return now.boot_us + grant.details.expires_us - now.wall_us


@BUGS.breaking("R008", "R036")
class LeavesExpiryToTheServer(Reckons):
    """Goes on when its licence has ended, until the server says so."""

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        return None


@BUGS.breaking("R008", "R036")
class RemembersTheFirstExpiry(Reckons):
    """Goes by the expiry of its first grant when a later one says otherwise."""

    _first: int | None = None

    def _reckoned(self, expires_us: int, grant: Grant, sent_us: int, now: Instant) -> int | None:
        self._first = self._first or expires_us
        return self._first


@BUGS.breaking("R008")
class ExpiryIsAnInterruption(Turns):
    """Is interrupted, and open, when its licence has ended."""

    def _turned(self, status: Status, reason: Reason) -> Status:
        return Status.INTERRUPTED if reason is Reason.EXPIRED else status


@BUGS.breaking("R031")
class ExpiryEndsPolling(Node):
    """Stops polling when its licence has ended, and so never learns of a new one."""

    def _expire(self, now: Instant) -> list[Effect]:
        self.poll_due_us = None
        return super()._expire(now)
