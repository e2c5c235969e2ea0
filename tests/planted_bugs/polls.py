"""Nodes that ask at the wrong time, with the wrong number, or wait too long for an answer."""

from __future__ import annotations

from typing import Any

from fake_fdl_nodes.node import PERIOD_US, Effect, Node, Status, Timer
from harness.proof import Bugs
from reference_server.protocol import Answer, Code, Instant, Register, Unbind

BUGS = Bugs()
_MINUTE_US = 60_000_000


# The rhythm.


class Rhythm(Node):
    """Polls ``every_us`` after the last register or poll."""

    every_us = PERIOD_US

    def __init__(self, *setup: Any, **more: Any) -> None:
        super().__init__(*setup, **more, period_us=self.every_us)


@BUGS.breaking("R031")
class Hasty(Rhythm):
    """Polls every 90 minutes."""

    every_us = 90 * _MINUTE_US


@BUGS.breaking("R031")
class PollsATickEarly(Rhythm):
    """Polls a microsecond before two hours have passed."""

    every_us = PERIOD_US - 1


@BUGS.breaking("R031")
class PollsATickLate(Rhythm):
    """Polls a microsecond after two hours have passed."""

    every_us = PERIOD_US + 1


@BUGS.breaking("R031")
class CountsFromTheAnswer(Node):
    """Counts the two hours from the answer, in place of the request."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        effects = super().answer(answer, now)
        if effects and self.poll_due_us is not None:
            self.poll_due_us = now.boot_us + PERIOD_US
        return effects


@BUGS.breaking("R031")
class KeepsItsGrid(Node):
    """Polls on the grid of its first poll, and makes up for each that it has missed."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        due_us = self.poll_due_us
        effects = super()._ask(message, now)
        if message is not Register and due_us is not None and self.poll_due_us is not None:
            self.poll_due_us = due_us + PERIOD_US if message is not Unbind else due_us
        return effects

    def resume(self, now: Instant) -> list[Effect]:
        due_us = self.poll_due_us
        effects = super().resume(now)
        self.poll_due_us = due_us
        return effects


@BUGS.breaking("R031")
class RegistersKeepTheRhythm(Node):
    """Goes on polling when it would have, although it was registered again meanwhile."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        due_us = self.poll_due_us
        effects = super()._ask(message, now)
        if message is Register and due_us is not None and due_us > now.boot_us:
            self.poll_due_us = due_us
        return effects


@BUGS.breaking("R031")
class UnbindsShiftTheRhythm(Node):
    """Polls two hours after an unbind that did not succeed."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        effects = super()._ask(message, now)
        if self.poll_due_us is not None and effects:
            self.poll_due_us = now.boot_us + PERIOD_US
        return effects


@BUGS.breaking("R031")
class TriesAgain(Node):
    """Tries again ten minutes after a poll that nobody answered."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION and self.poll_due_us is not None:
            self.poll_due_us = now.boot_us + 10 * _MINUTE_US
        return effects


@BUGS.breaking("R028", "R031")
class Discouraged(Node):
    """Stops polling after a poll that nobody answered."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        if code is Code.NO_CONNECTION:
            self.poll_due_us = None
        return effects


@BUGS.breaking("R031")
class RestsWhenRejected(Node):
    """Does not poll while it is rejected, and so never recovers."""

    @property
    def _polls(self) -> bool:
        return super()._polls and self.status is not Status.REJECTED


@BUGS.breaking("R031")
class WaitsAfterAStart(Node):
    """Waits two hours after its start before it polls."""

    def start(self, now: Instant) -> list[Effect]:
        effects = super().start(now)
        self.poll_due_us = None if self.poll_due_us is None else now.boot_us + PERIOD_US
        return effects


@BUGS.breaking("R031")
class StartsWhereItLeftOff(Node):
    """Polls after a restart when it would have, instead of at once."""

    def start(self, now: Instant) -> list[Effect]:
        due_us = self.poll_due_us
        effects = super().start(now)
        self.poll_due_us = due_us if due_us is not None and due_us > now.boot_us else self.poll_due_us
        return effects


@BUGS.breaking("R031")
class WaitsAfterItsSleep(Node):
    """Waits two hours after a suspension in which a poll fell due."""

    def resume(self, now: Instant) -> list[Effect]:
        if self.poll_due_us is not None and self.poll_due_us < now.boot_us:
            self.poll_due_us = now.boot_us + PERIOD_US
        return super().resume(now)


@BUGS.breaking("R031")
class AlwaysPollsAfterItsSleep(Node):
    """Polls after each suspension, whether a poll fell due in it or not."""

    def resume(self, now: Instant) -> list[Effect]:
        if self.poll_due_us is not None:
            self.poll_due_us = now.boot_us
        return super().resume(now)


@BUGS.breaking("R031")
class PollsByItsWallClock(Node):
    """Waits until two hours have passed on its wall clock, too."""

    _sent_us = 0

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        self._sent_us = now.wall_us
        return super()._ask(message, now)

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        early_us = self._sent_us + PERIOD_US - now.wall_us
        if timer is not Timer.POLL or early_us <= 0:
            return super().fire(timer, now)
        self.poll_due_us = now.boot_us + early_us
        return []


@BUGS.breaking("R031")
class PollsUnregistered(Node):
    """Polls from its start on, registered or not."""

    @property
    def _polls(self) -> bool:
        return super()._polls or self.status is Status.UNREGISTERED


@BUGS.breaking("R031")
class PollsWhenLapsed(Node):
    """Goes on polling when it has lapsed."""

    @property
    def _polls(self) -> bool:
        return super()._polls or self.status is Status.LAPSED


# Numbers, and what is given up.


@BUGS.breaking("R032")
class Repetitive(Node):
    """Gives an unbind the number of the request before it."""

    def unbind(self, now: Instant) -> list[Effect]:
        self.number -= 1
        return super().unbind(now)


@BUGS.breaking("R032")
class CountsAnew(Node):
    """Numbers its requests from 1 again when its program is started again."""

    def stop(self) -> list[Effect]:
        effects = super().stop()
        self.number = 0
        return effects


@BUGS.breaking("R032")
class RepeatsANumber(Node):
    """Gives a poll that follows a failed one the same number, as if it were the same request."""

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        effects = super()._fail(code, now)
        self.number -= 1
        return effects


@BUGS.breaking("R036")
class AbandonsAloud(Node):
    """Lists a request that it has given up for a newer one as failed."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        given_up = self.running and self.outstanding is not None
        row = self._list(Code.NO_CONNECTION, self.number, now) if given_up else []
        return row + super()._ask(message, now)


# The timeout.


class Waits(Node):
    """Waits for an answer ``longer_us`` longer than it may."""

    longer_us = 0

    def __init__(self, *setup: Any, timeout_us: int, **more: Any) -> None:
        super().__init__(*setup, timeout_us=timeout_us + self.longer_us, **more)


@BUGS.breaking("R036")
class WaitsTwiceAsLong(Waits):
    """Waits for an answer for a minute."""

    longer_us = 30_000_000


@BUGS.breaking("R036")
class WaitsATickMore(Waits):
    """Waits for an answer a microsecond too long (``<=`` for ``<``)."""

    longer_us = 1


@BUGS.breaking("R036")
class WaitsATickLess(Waits):
    """Takes an answer at exactly the timeout for late."""

    longer_us = -1


@BUGS.breaking("R036")
class TimesOutByItsWallClock(Node):
    """Lets a step of its wall clock end its patience: whoever waits over one has waited for too long."""

    _sent: Instant | None = None

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        self._sent = now
        return super()._ask(message, now)

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        waited_us = 0 if self._sent is None else now.wall_us - self._sent.wall_us
        if waited_us > self._timeout_us and self.outstanding is not None and answer.number == self.number:
            return self._fail(Code.NO_CONNECTION, now)
        return super().answer(answer, now)
