"""Servers that decide rightly and answer wrongly: no answer, other items or dates, signatures that nobody trusts."""

from __future__ import annotations

from dataclasses import replace

from harness.proof import Bugs
from reference_server.authority import Authority, Reply
from reference_server.licence import Licence
from reference_server.protocol import (
    SIMULATED_KEY,
    Answer,
    Code,
    Details,
    Grant,
    Instant,
    Kind,
    Malformed,
    Release,
    Request,
    signature_of,
)
from reference_server.readings import Reading

BUGS = Bugs()
_HOUR_US = 3_600_000_000


class Rewrites(Authority):
    """Sends what ``_rewritten`` makes of a right answer, and signs it again."""

    key = SIMULATED_KEY

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        return answer

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if reply.answer is None:
            return reply
        answer = self._rewritten(reply.answer, now)
        if isinstance(answer, (Grant, Release)) and answer != reply.answer:
            answer = replace(answer, signature=signature_of(answer, self.key))
        return reply._replace(answer=answer)


# The five items.


class Tampers(Rewrites):
    """Grants what ``_tampered`` makes of the five items."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, application_names=("another",))

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        return replace(answer, details=self._tampered(answer.details)) if isinstance(answer, Grant) else answer


@BUGS.breaking("R005")
class GrantsAnotherApplication(Tampers):
    """Hands over another application name than is licensed."""


@BUGS.breaking("R005")
class GrantsAnyApplication(Tampers):
    """Hands over no application names, which means any."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, application_names=())


@BUGS.breaking("R005")
class GrantsAnyDomain(Tampers):
    """Hands over no access domains, which means any."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, access_domains=())


@BUGS.breaking("R005")
class GrantsAnyPort(Tampers):
    """Hands over no access ports, which means any."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, access_ports=())


@BUGS.breaking("R005")
class GrantsNoFunctionPoint(Tampers):
    """Hands over no function points."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, function_points=())


@BUGS.breaking("R005")
class GrantsForEver(Tampers):
    """Hands over no expiry, which means never."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, expires_us=None)


@BUGS.breaking("R005")
class GrantsADayMore(Tampers):
    """Hands over an expiry that is a day late."""

    def _tampered(self, details: Details) -> Details:
        return replace(details, expires_us=None if details.expires_us is None else details.expires_us + 24 * _HOUR_US)


@BUGS.breaking("R005")
class GrantsTheFirstFile(Authority):
    """Hands over the items of its first licence file when there is a newer one."""

    _first: Details | None = None

    def _grant(self, request: Request) -> Grant:
        self._first = self._first or self.licence.details
        return self._signed(replace(super()._grant(request), details=self._first))


# The date, and whom an answer is for.


@BUGS.breaking("R005")
class Dateless(Rewrites):
    """Dates its grants an hour back, so that nodes reckon with a later expiry."""

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        if isinstance(answer, Grant):
            return replace(answer, server_time_us=answer.server_time_us - _HOUR_US)
        return answer


@BUGS.breaking("R005")
class MisdatesReleases(Rewrites):
    """Dates its releases an hour back."""

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        if isinstance(answer, Release):
            return replace(answer, server_time_us=answer.server_time_us - _HOUR_US)
        return answer


@BUGS.breaking("R005")
class DatesByTheWallClock(Rewrites):
    """Dates its grants by its wall clock, also where that was set back."""

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        return replace(answer, server_time_us=now.wall_us) if isinstance(answer, Grant) else answer


@BUGS.breaking("R005")
class DatesByTheMinute(Rewrites):
    """Cuts the date of its grants to whole minutes."""

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        if isinstance(answer, Grant):
            return replace(answer, server_time_us=answer.server_time_us // 60_000_000 * 60_000_000)
        return answer


class Forged(Authority):
    """Signs with a key that nobody trusts."""

    def __init__(self, licence: Licence, reading: Reading) -> None:
        super().__init__(replace(licence, key=b"somebody else's"), reading)


class ForgesReleases(Rewrites):
    """Signs its releases with a key that nobody trusts."""

    key = b"another key"

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        return replace(answer, signature="") if isinstance(answer, Release) else answer


# Max Connections.


@BUGS.breaking("R099")
class PromisesMore(Rewrites):
    """Tells the nodes of more connections than are licensed."""

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        return replace(answer, capacity=answer.capacity + 1) if isinstance(answer, Grant) else answer


@BUGS.breaking("R099")
class PromisesWhatIsTaken(Rewrites):
    """Tells the nodes how many connections there are, in place of how many there can be."""

    def _rewritten(self, answer: Answer, now: Instant) -> Answer:
        return replace(answer, capacity=self.live) if isinstance(answer, Grant) else answer


@BUGS.breaking("R099")
class PromisesTheFirstFile(Authority):
    """Tells the nodes of the capacity of its first licence file when there is a newer one."""

    _first = 0

    def _grant(self, request: Request) -> Grant:
        self._first = self._first or self.licence.capacity
        return self._signed(replace(super()._grant(request), capacity=self._first))


# An answer for each request, and one only.


@BUGS.breaking("R032")
class Mute(Authority):
    """Handles every third request without answering it."""

    handled = 0

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        self.handled += 1
        return reply._replace(answer=None) if self.handled % 3 == 0 else reply


class MuteTo(Authority):
    """Does not answer requests of the kind ``mute_to``."""

    mute_to = Kind.UNBIND

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        mute = not isinstance(request, Malformed) and request.kind is self.mute_to
        return reply._replace(answer=None) if mute else reply


@BUGS.breaking("R032")
class MuteToUnbinds(MuteTo):
    """Frees a slot and does not say so."""


@BUGS.breaking("R032")
class MuteToWhatItCannotRead(Authority):
    """Does not answer what is no request."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        return reply._replace(answer=None) if isinstance(request, Malformed) else reply


@BUGS.breaking("R032")
class RefusesInSilence(Authority):
    """Does not answer those whom it refuses."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        granted = isinstance(reply.answer, (Grant, Release))
        return reply if granted else reply._replace(answer=None)


@BUGS.breaking("R032")
class MuteToCopies(Authority):
    """Does not answer a request that it has seen before."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        rows = () if isinstance(request, Malformed) else self.answer_rows(request.installation)
        seen = any(row.request == request and row.source == source for row in rows)
        reply = super().handle(request, source, now)
        return reply._replace(answer=None) if seen else reply


@BUGS.breaking("R032")
class AnswersAnew(Authority):
    """Answers a copy of a request with a new grant, of another date, though it changes nothing."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        rows = () if isinstance(request, Malformed) else self.answer_rows(request.installation)
        reply = super().handle(request, source, now)
        if isinstance(reply.answer, Grant) and any(row.answer == reply.answer for row in rows):
            anew = self._signed(replace(reply.answer, server_time_us=now.wall_us + 1))
            reply = reply._replace(answer=anew)
        return reply


@BUGS.breaking("R107")
class KnowsByNumberAlone(Authority):
    """Takes a clone's request for that of the original, because it has the same number, and grants it."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        if not isinstance(request, Malformed):
            for row in self.answer_rows(request.installation):
                if row.request.number == request.number:
                    return Reply(row.answer, self.expire(now.boot_us))
        return super().handle(request, source, now)


@BUGS.breaking("R107")
class Reluctant(Authority):
    """Refuses a first register, without a code."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.kind is Kind.REGISTER and request.number == 1:
            return Code.INCORRECT_LICENSE_FORMAT
        return super()._slot_failure(request, source, now)
