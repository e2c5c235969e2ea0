"""Servers that count the 24 hours of a slot wrongly: how long, since when, by which clock, and what renews it."""

from __future__ import annotations

from harness.proof import Bugs
from reference_server.authority import Authority, Change, Reply
from reference_server.licence import Licence
from reference_server.protocol import Code, Instant, Kind, Malformed, Request
from reference_server.readings import Reading

BUGS = Bugs()
_HOUR_US = 3_600_000_000
_SECOND_US = 1_000_000


class LeaseOf(Authority):
    """Voids slots after ``lease_us`` instead of 24 h."""

    lease_us = 24 * _HOUR_US

    def __init__(self, licence: Licence, reading: Reading) -> None:
        super().__init__(licence, reading)
        self._lease_us = self.lease_us


@BUGS.breaking("R034")
class VoidsATickEarly(LeaseOf):
    """Takes a request at exactly 24 h for late (``<`` for ``<=``)."""

    lease_us = 24 * _HOUR_US - 1


@BUGS.breaking("R034")
class VoidsATickLate(LeaseOf):
    """Holds a slot for a microsecond too long."""

    lease_us = 24 * _HOUR_US + 1


@BUGS.breaking("R034")
class VoidsAtTheLastPoll(LeaseOf):
    """Counts eleven missed polls, and voids a slot after 22 h."""

    lease_us = 22 * _HOUR_US


@BUGS.breaking("R034")
class GivesAPeriodMore(LeaseOf):
    """Waits for a thirteenth poll, and voids a slot after 26 h."""

    lease_us = 26 * _HOUR_US


@BUGS.breaking("R026", "R030", "R081")
class NeverVoids(LeaseOf):
    """Keeps every slot for ever."""

    lease_us = 10_000 * 24 * _HOUR_US


@BUGS.breaking("R034")
class KeepsWholeSeconds(Authority):
    """Keeps the instant of a request in whole seconds, and voids a slot up to a second early."""

    def _renew(self, request: Request, source: int, now: Instant) -> list[Change]:
        whole = Instant(*(us // _SECOND_US * _SECOND_US for us in now))
        return super()._renew(request, source, whole)


@BUGS.breaking("R034")
class RegistersCountOnce(Authority):
    """Counts the 24 h from the register, and renews nothing by a poll."""

    def _renew(self, request: Request, source: int, now: Instant) -> list[Change]:
        return [] if request.installation in self._slots else super()._renew(request, source, now)


@BUGS.breaking("R034")
class FailuresRenew(Authority):
    """Renews the slot of a poll that it refuses."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        if code is not None and request.installation in self._slots and request.kind is Kind.POLL:
            self.renew_unseen(request.installation, self._now)
        return code

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self._now = now
        return super().handle(request, source, now)


@BUGS.breaking("R034")
class UnbindsRenew(FailuresRenew):
    """Renews the slot of an unbind that it refuses."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = Authority._check_failure(self, request, source)
        if code is not None and request.installation in self._slots and request.kind is Kind.UNBIND:
            self.renew_unseen(request.installation, self._now)
        return code


@BUGS.breaking("R034")
class ClonesRenew(Authority):
    """Renews the slot when a clone polls, which it refuses."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        if code is not None and request.kind is Kind.POLL and request.installation in self._slots:
            self.renew_unseen(request.installation, now)
        return code


@BUGS.breaking("R034")
class CopiesRenew(Authority):
    """Takes a copy of a request for a new one, and lets a slot live on by it."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        if not isinstance(request, Malformed):
            self._answered.pop(request.installation, None)
        return super().handle(request, source, now)


@BUGS.breaking("R034", "R032")
class RemembersOne(Authority):
    """Knows a copy of the last request only, not of the one before."""

    def _remember(self, request: Request, source: int, answer: object) -> tuple[str, ...]:
        self._answered.pop(request.installation, None)
        return super()._remember(request, source, answer)  # type: ignore[arg-type]


@BUGS.breaking("R034")
class AgesByTheWallClock(Authority):
    """Counts the age of a slot on the wall clock, also while it runs: a step of that clock makes slots older."""

    _ahead_us: int | None = None

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        ahead_us = now.wall_us - now.boot_us
        if self._ahead_us is not None:
            for slot in self._slots.values():
                slot.arrived_us -= ahead_us - self._ahead_us
                slot.silent_us -= ahead_us - self._ahead_us
            self._voids = sorted((slot.silent_us + self._lease_us + 1, name) for name, slot in self._slots.items())
        self._ahead_us = ahead_us
        return super().handle(request, source, now)


@BUGS.breaking("R034")
class WithoutItsSleep(Authority):
    """Counts on the monotonic clock, which stands still while the machine is suspended.

    It notices that only when it is asked again: what passed in silence since the last request it takes for sleep, if
    that was more than five hours.
    """

    _last_us = 0
    _slept_us = 0

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        if now.boot_us - self._last_us > 5 * _HOUR_US:
            self._slept_us += now.boot_us - self._last_us
        self._last_us = now.boot_us
        return super().handle(request, source, now._replace(boot_us=now.boot_us - self._slept_us))

    def next_void_us(self) -> int | None:
        return None
