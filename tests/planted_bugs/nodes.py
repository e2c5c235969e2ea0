"""Deliberately wrong nodes, each a small override of the right one.

Each class says in its docstring what it gets wrong; `tests.planted_bugs.test_planted_bugs` says which rule has to
notice, and in which world.
"""

from __future__ import annotations

from typing import Any

from fake_fdl_nodes.node import Changed, Effect, Ended, Ending, Node, Reason, Send, Status, Timer
from reference_server.protocol import Answer, Code, Instant, Refusal, Release

_HOUR_US = 3_600_000_000


class Trusting(Node):
    """Takes every grant for good, without validating it."""

    def _validate(self, answer: Answer, asked: object, now: Instant) -> Code | None:
        return Code.shown_for(answer.code) if isinstance(answer, Refusal) else None


class Deaf(Node):
    """Takes a refusal for a grant."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        asked = self.outstanding
        if not isinstance(answer, Refusal) or asked is None or answer.number != asked.number:
            return super().answer(answer, now)
        self.outstanding = None
        self.contact_us = asked.sent_us
        return [Ended(asked.number, Ending.POSITIVE), *self._become(Status.REGISTERED, Reason.GRANTED)]


class Shy(Node):
    """Does not open access when it is registered."""

    @property
    def access(self) -> bool:
        return False


class Stubborn(Node):
    """Stays registered, and open, when it is refused."""

    def _become(self, status: Status, reason: Reason) -> list[Effect]:
        return [] if reason is Reason.REFUSED else super()._become(status, reason)


class SelfMade(Node):
    """Takes silence for a grant."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        asked = self.outstanding
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION and asked is not None:
            self.contact_us = asked.sent_us
            effects += self._become(Status.REGISTERED, Reason.GRANTED)
        return effects


class Hasty(Node):
    """Polls every 90 minutes."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        effects = super()._ask(message, now)
        if self.poll_due_us is not None:
            self.poll_due_us = now.boot_us + 90 * 60_000_000
        return effects


class Discouraged(Node):
    """Stops polling after a poll that nobody answered."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION:
            self.poll_due_us = None
        return effects


class Unmoved(Node):
    """Does not notice that nobody answers."""

    def _become(self, status: Status, reason: Reason) -> list[Effect]:
        return [] if reason is Reason.UNANSWERED else super()._become(status, reason)


class Immortal(Node):
    """Never lapses."""

    def _become(self, status: Status, reason: Reason) -> list[Effect]:
        return [] if reason is Reason.SILENCE else super()._become(status, reason)

    @property
    def deadline_us(self) -> int | None:
        return None


class LapsesAtMiss(Node):
    """Lapses at the eleventh hour: two hours early."""

    @property
    def deadline_us(self) -> int | None:
        deadline_us = super().deadline_us
        return None if deadline_us is None else deadline_us - 2 * _HOUR_US


class FromReceipt(Node):
    """Counts the 24 hours from the receipt of the answer instead of the sending of the request."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        effects = super().answer(answer, now)
        if self.contact_us is not None and self.outstanding is None and self.status is Status.REGISTERED:
            self.contact_us = now.boot_us
        return effects


class Undead(Node):
    """Goes on polling when it has lapsed, and comes back without its administrator."""

    @property
    def _polls(self) -> bool:
        return super()._polls or self.status is Status.LAPSED


class Silent(Node):
    """Lists no failure."""

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        super()._list(code, number, now)
        self.failures.rows.pop()
        return []


class Forgetful(Node):
    """Clears its failure list when it is registered again."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        effects = super().answer(answer, now)
        if self.status is Status.REGISTERED:
            self.failures.rows.clear()
        return effects


class Relabels(Node):
    """Lists every failure under the code ``instead_of`` maps it to."""

    instead_of: dict[Code, Code] = {}

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        return super()._list(self.instead_of.get(code, code), number, now)


class SilenceIsAVerdict(Relabels):
    """Lists an unanswered request as an incorrect licence."""

    instead_of = {Code.NO_CONNECTION: Code.INCORRECT_LICENSE_FORMAT}


class NamesTheUnlisted(Relabels):
    """Gives a reason that the table does not list a code of the table."""

    instead_of = {Code.INCORRECT_LICENSE_FORMAT: Code.PARAM_INPUT_ERROR}


class OneReasonForAll(Relabels):
    """Shows the address as the reason, whatever the reason is."""

    instead_of = {code: Code.LICENSE_IP_ERROR for code in Code if code > 0}


class Mumbles(Node):
    """Sends bytes that are no request. ``words`` are sent in its place."""

    words = b"\xff not JSON"

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        return [
            Send(self.words, effect.sent_us) if isinstance(effect, Send) else effect
            for effect in super()._ask(message, now)
        ]


class MumblesParameters(Mumbles):
    """Sends a JSON object that lacks every parameter."""

    words = b"{}"


class Masquerades(Node):
    """Reports another address than the one that it sends from, as if it sat behind NAT."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        own, self.address = self.address, self.address + 1
        effects = super()._ask(message, now)
        self.address = own
        return effects


class OpenWhileStopped(Node):
    """Lets users in although the program does not run."""

    @property
    def access(self) -> bool:
        return self.status in (Status.REGISTERED, Status.INTERRUPTED)


class Patient(Node):
    """Waits for an answer twice as long as it may."""

    def __init__(self, *setup: Any, timeout_us: int, **more: Any) -> None:
        super().__init__(*setup, timeout_us=2 * timeout_us, **more)


class Softens(Node):
    """Takes a missed poll for an interruption although it is rejected."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION and self.status is Status.REJECTED:
            effects += self._become(Status.INTERRUPTED, Reason.UNANSWERED)
        return effects


class LongWait(Node):
    """Waits for an expiry that it has already passed: goes on when its licence has ended."""

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        if timer is Timer.EXPIRY:
            self.expires_us = None
            return []
        return super().fire(timer, now)


class SelfRegistering(Node):
    """Registers itself when it has lapsed, every two hours until it is registered."""

    @property
    def _polls(self) -> bool:
        return super()._polls or self.status is Status.LAPSED

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        if timer is Timer.POLL and self.status is Status.LAPSED:
            return self.register(now)
        return super().fire(timer, now)


class Unmanageable(Node):
    """Does nothing when its administrator wants it unbound."""

    def unbind(self, now: Instant) -> list[Effect]:
        return []


class Repetitive(Node):
    """Gives an unbind the number of the request before it."""

    def unbind(self, now: Instant) -> list[Effect]:
        self.number -= 1
        return super().unbind(now)


class ByTheWallClock(Node):
    """Counts its 24 hours on the wall clock, so that a step of that clock lets them pass."""

    _ahead_us: int | None = None

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        ahead_us = now.wall_us - now.boot_us
        if self._ahead_us is not None and self.contact_us is not None:
            self.contact_us -= ahead_us - self._ahead_us
        self._ahead_us = ahead_us
        return super()._ask(message, now)


class WithoutItsSleep(Node):
    """Counts on the monotonic clock, which stands still while the machine is suspended, here for ``asleep_us``."""

    asleep_us = 30 * _HOUR_US

    def resume(self, now: Instant) -> list[Effect]:
        if self.contact_us is not None and self.poll_due_us is not None:
            self.contact_us += self.asleep_us
            self.poll_due_us += self.asleep_us
        return super().resume(now)


class DatesByBootTime(Node):
    """Dates its failures by what has passed since it started, whatever became of the wall clock since."""

    _started: Instant | None = None

    def start(self, now: Instant) -> list[Effect]:
        self._started = now
        return super().start(now)

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        assert self._started is not None, "a node that fails has started"
        wall_us = self._started.wall_us + now.boot_us - self._started.boot_us
        return super()._list(code, number, Instant(now.boot_us, wall_us))


class KeepsAfterUnbind(Node):
    """Stays registered when its unbind is granted."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        status = self.status
        effects = super().answer(answer, now)
        if isinstance(answer, Release) and self.status is Status.UNREGISTERED:
            self.status = status
            effects = [each for each in effects if not isinstance(each, Changed)]
        return effects
