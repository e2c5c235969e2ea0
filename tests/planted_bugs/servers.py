"""Deliberately wrong authorization servers, each a small override of the right one.

Each class says in its docstring what it gets wrong; `tests.planted_bugs.test_planted_bugs` says which rule has to
notice, and in which world.
"""

from __future__ import annotations

from dataclasses import replace

from harness.wires import Memory
from reference_server.authority import Authority, Change, Power, Reply
from reference_server.checks import Arrival, first_failure
from reference_server.licence import Licence
from reference_server.protocol import (
    Code,
    Grant,
    Instant,
    Kind,
    Malformed,
    Refusal,
    Release,
    Request,
    signature_of,
)
from reference_server.readings import Reading

_HOUR_US = 3_600_000_000


class Lenient(Authority):
    """Skips the checks whose codes are in ``forgiven``."""

    forgiven: tuple[Code, ...] = ()

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        return None if code in self.forgiven else code


class ForgivesExpiry(Lenient):
    """Grants under an expired licence."""

    forgiven = (Code.LICENSE_EXPIRED,)


class ForgivesVersion(Lenient):
    """Grants to another version."""

    forgiven = (Code.REPORT_VERSION_ERROR,)


class ForgivesSuspension(Lenient):
    """Grants under a suspended licence."""

    forgiven = (Code.ACCOUNT_STATUS_ERROR,)


class ForgivesAddress(Lenient):
    """Grants to any address, translated or not."""

    forgiven = (Code.LICENSE_IP_ERROR,)


class ForgivesDomain(Lenient):
    """Grants to any access domain."""

    forgiven = (Code.LICENSE_DOMAIN_ERROR,)


class ForgivesApplication(Lenient):
    """Grants to any application name."""

    forgiven = (Code.LICENSE_APPNAME_ERROR,)


class AnyoneFits(Authority):
    """Knows no limit of capacity."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        return None if code is Code.REGISTER_OUT_OF_LIMIT else code


class OneTooFew(Authority):
    """Thinks that it is full when one slot is left (``<`` for ``<=``)."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.kind is Kind.REGISTER and self.live >= max(1, self.licence.capacity - 1):
            return Code.REGISTER_OUT_OF_LIMIT
        return super()._slot_failure(request, source, now)


class FullMeansFormat(Authority):
    """Says "Incorrect License Format" where 30007 is due."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        return Code.INCORRECT_LICENSE_FORMAT if code is Code.REGISTER_OUT_OF_LIMIT else code


class Reluctant(Authority):
    """Refuses a first register, without a code."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.kind is Kind.REGISTER and request.number == 1:
            return Code.INCORRECT_LICENSE_FORMAT
        return super()._slot_failure(request, source, now)


class PollsAnyone(Authority):
    """Gives a slot to a poll that has none, even when it is full."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        return None if request.kind is Kind.POLL else super()._slot_failure(request, source, now)


class UnbindsAnyone(Authority):
    """Says 10001 to an unbind of a machine that has no slot."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        return Code.PARAM_INPUT_ERROR if code is Code.DO_NOT_NEED_DEACTIVATE else code


class OneOfACluster(Authority):
    """Registers the first member of a cluster only."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.cluster is not None and request.kind is Kind.REGISTER and self.live >= 1:
            return Code.REGISTER_OUT_OF_LIMIT
        return super()._slot_failure(request, source, now)


class BoundToAddress(Authority):
    """Ties a registration to the address that it was made from."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if self.holder_address(request.installation) not in (None, source):
            return Code.LICENSE_IP_ERROR
        return super()._slot_failure(request, source, now)


class FirstOfRange(Authority):
    """Takes a range of addresses for its first one."""

    def __init__(self, licence: Licence, reading: Reading) -> None:
        first_ones = tuple((first, first) for first, _ in licence.ranges)
        super().__init__(replace(licence, ranges=first_ones), reading)


class EmptyMeansNone(Authority):
    """Takes a licence without application names for one that names none."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        if not self.licence.applications:
            return Code.LICENSE_APPNAME_ERROR
        return super()._check_failure(request, source)


class LastFailure(Authority):
    """Answers with the last failing check instead of the first."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        if code is Code.LICENSE_IP_ERROR:
            healed = replace(self.licence, ranges=((source, source),))
            arrival = Arrival(request, source, self.date_us, healed, self.integrity_lost)
            return first_failure(arrival) or code
        return code


class Uncoded(Authority):
    """Gives the access port the code that the table leaves out."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if isinstance(reply.answer, Refusal) and reply.answer.code == 0:
            return reply._replace(answer=replace(reply.answer, code=30006))
        return reply


class SwallowsMalformed(Authority):
    """Calls every malformed request a bad parameter and every bad parameter malformed."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        if isinstance(request, Malformed):
            malformed = request.code is Code.JSON_PARSER_ERROR
            swapped = Code.PARAM_INPUT_ERROR if malformed else Code.JSON_PARSER_ERROR
            request = replace(request, code=swapped)
        return super().handle(request, source, now)


class Mute(Authority):
    """Handles every third request without answering it."""

    handled = 0

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        self.handled += 1
        return reply._replace(answer=None) if self.handled % 3 == 0 else reply


class Tampers(Authority):
    """Sends other items than those that are licensed, rightly signed."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if not isinstance(reply.answer, Grant):
            return reply
        details = replace(reply.answer.details, application_names=("another",))
        grant = replace(reply.answer, details=details)
        return reply._replace(answer=replace(grant, signature=signature_of(grant, self.licence.key)))


class Dateless(Authority):
    """Dates its grants an hour back, so that nodes reckon with a later expiry."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if not isinstance(reply.answer, Grant):
            return reply
        grant = replace(reply.answer, server_time_us=reply.answer.server_time_us - _HOUR_US)
        return reply._replace(answer=replace(grant, signature=signature_of(grant, self.licence.key)))


class Forged(Authority):
    """Signs with a key that nobody trusts."""

    def __init__(self, licence: Licence, reading: Reading) -> None:
        super().__init__(replace(licence, key=b"somebody else's"), reading)


class LeaseOf(Authority):
    """Voids slots after ``lease_us`` instead of 24 h."""

    lease_us = 24 * _HOUR_US

    def __init__(self, licence: Licence, reading: Reading) -> None:
        super().__init__(licence, reading)
        self._lease_us = self.lease_us


class VoidsATickEarly(LeaseOf):
    """Takes a request at exactly +24 h for late (``<`` for ``<=``)."""

    lease_us = 24 * _HOUR_US - 1


class VoidsATickLate(LeaseOf):
    """Holds a slot for a microsecond too long."""

    lease_us = 24 * _HOUR_US + 1


class NeverVoids(LeaseOf):
    """Keeps every slot for ever."""

    lease_us = 10_000 * 24 * _HOUR_US


class ForgetsAtStart(Authority):
    """Loses its slots at every start."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        return self._drop_all() + super().start(now, downtime_us=downtime_us)


class RefreshesAtStart(Authority):
    """Rewrites what is stored at every start, so that nothing ages over a restart."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        for slot in self._slots.values():
            slot.renew(slot.address, now)
        return super().start(now, downtime_us=downtime_us)


class ForgesReleases(Authority):
    """Signs its releases with a key that nobody trusts."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if not isinstance(reply.answer, Release):
            return reply
        return reply._replace(answer=replace(reply.answer, signature=signature_of(reply.answer, b"another key")))


class MisdatesReleases(Authority):
    """Dates its releases an hour back."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if not isinstance(reply.answer, Release):
            return reply
        release = replace(reply.answer, server_time_us=reply.answer.server_time_us - _HOUR_US)
        return reply._replace(answer=replace(release, signature=signature_of(release, self.licence.key)))


class PromisesMore(Authority):
    """Tells the nodes of more connections than are licensed."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if not isinstance(reply.answer, Grant):
            return reply
        grant = replace(reply.answer, capacity=reply.answer.capacity + 1)
        return reply._replace(answer=replace(grant, signature=signature_of(grant, self.licence.key)))


class NotTheMachine(Authority):
    """Answers on a foreign machine as if on the licensed one."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        return first_failure(Arrival(request, source, self.date_us, self.licence, integrity_lost=False))


class StartsAnywhere(Authority):
    """Starts on a foreign machine."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        lost, self.integrity_lost = self.integrity_lost, False
        changes = super().start(now, downtime_us=downtime_us)
        self.integrity_lost = lost
        return changes


class Undestroyed(Authority):
    """Starts again after it was destroyed."""

    def destroy(self) -> list[Change]:
        changes = super().destroy()
        self.power = Power.OFF
        return changes


class TwoPrograms(Memory):
    """A machine on which a second program runs beside the first."""

    def second(self, now: Instant) -> bool:
        return True


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


class WithoutItsSleep(Authority):
    """Counts on the monotonic clock, which stands still while the machine is suspended.

    Here from ``asleep_us`` on its boot-time clock for ``slept_us``.
    """

    asleep_us = 24 * _HOUR_US + _HOUR_US // 2
    slept_us = 25 * _HOUR_US

    def _monotonic_us(self, boot_us: int) -> int:
        return boot_us - min(max(0, boot_us - self.asleep_us), self.slept_us)

    def next_void_us(self) -> int | None:
        due_us = super().next_void_us()
        return due_us if due_us is None or due_us <= self.asleep_us else due_us + self.slept_us

    def expire(self, boot_us: int) -> list[Change]:
        return super().expire(self._monotonic_us(boot_us))

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        return super().handle(request, source, now._replace(boot_us=self._monotonic_us(now.boot_us)))


class TrustsItsClock(Authority):
    """Takes the date to be what the wall clock shows, also where it has shown a later one."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self.date_us = now.wall_us
        return super().handle(request, source, now)


class AgesByBootTimeOverAStop(Authority):
    """Ages its slots over a stop on the boot-time clock, which counts what a frozen wall clock does not."""

    _seen: Instant | None = None

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self._seen = now
        return super().handle(request, source, now)

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        if self._seen is not None:
            now = Instant(now.boot_us, self._seen.wall_us + now.boot_us - self._seen.boot_us)
        return super().start(now, downtime_us=downtime_us)


class AnswersAnew(Authority):
    """Answers a copy of a request with a new grant, of another capacity, though it changes nothing."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        known = not isinstance(request, Malformed) and any(
            row.request == request for row in self.answer_rows(request.installation)
        )
        reply = super().handle(request, source, now)
        if known and isinstance(reply.answer, Grant):
            grant = replace(reply.answer, capacity=77)
            reply = reply._replace(answer=replace(grant, signature=signature_of(grant, self.licence.key)))
        return reply


class RenewsForCopies(Authority):
    """Takes a copy of a request for a new one, and lets a slot live on by it."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        if not isinstance(request, Malformed):
            self._answered.pop(request.installation, None)
        return super().handle(request, source, now)
