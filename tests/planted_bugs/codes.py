"""Servers that answer with a wrong code: checks in another order, or another code for the first that fails."""

from __future__ import annotations

from dataclasses import replace

from harness.proof import Bugs
from reference_server.authority import Authority, Reply
from reference_server.checks import CHECKS, Arrival
from reference_server.protocol import Code, Instant, Kind, Malformed, Refusal, Request
from tests.planted_bugs.validation import Mumbles

BUGS = Bugs()


# The checks are done in another order.


class Swapped(Authority):
    """Makes the check at ``place`` of the table and the next one in the wrong order."""

    place = 0

    def _check_failure(self, request: Request, source: int) -> Code | None:
        arrival = Arrival(request, source, self.date_us, self.licence, self.integrity_lost)
        before, (one, other), after = CHECKS[: self.place], CHECKS[self.place :][:2], CHECKS[self.place + 2 :]
        binding = [check for check in (*before, other, one, *after) if check[2] or request.kind is not Kind.UNBIND]
        return next((code for passes, code, _ in binding if not passes(arrival)), None)


@BUGS.breaking("R108")
class ExpiryBeforeIntegrity(Swapped):
    """Checks the expiry before the machine's identity."""

    place = 0


@BUGS.breaking("R108")
class VersionBeforeExpiry(Swapped):
    """Checks the version before the expiry."""

    place = 1


@BUGS.breaking("R108")
class AccountBeforeVersion(Swapped):
    """Checks the account before the version."""

    place = 2


@BUGS.breaking("R108")
class AddressBeforeAccount(Swapped):
    """Checks the address before the account."""

    place = 3


@BUGS.breaking("R108")
class DomainBeforeAddress(Swapped):
    """Checks the domain before the address."""

    place = 4


@BUGS.breaking("R108")
class ApplicationBeforeDomain(Swapped):
    """Checks the application name before the domain."""

    place = 5


@BUGS.breaking("R108")
class PortBeforeApplication(Swapped):
    """Checks the access port before the application name."""

    place = 6


class SlotsFirst(Authority):
    """Looks at the slots before it checks the licence, for requests of one kind."""

    first = Kind.REGISTER

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        if code is None or request.kind is not self.first:
            return code
        by_slots = self._slot_failure(request, source, self._now)
        return code if by_slots is None else by_slots

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self._now = now
        return super().handle(request, source, now)


@BUGS.breaking("R108")
class CapacityBeforePort(SlotsFirst):
    """Says that it is full before it checks the licence."""


@BUGS.breaking("R108")
class SlotBeforeApplication(SlotsFirst):
    """Looks for the slot of a poll before it checks the licence."""

    first = Kind.POLL


@BUGS.breaking("R108")
class UnboundBeforeAddress(SlotsFirst):
    """Says that there is nothing to unbind before it checks the address."""

    first = Kind.UNBIND


@BUGS.breaking("R108")
class LastFailure(Authority):
    """Answers with the last failing check instead of the first."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        arrival = Arrival(request, source, self.date_us, self.licence, self.integrity_lost)
        checks = CHECKS if request.kind is not Kind.UNBIND else [check for check in CHECKS if check[2]]
        return next((code for passes, code, _ in reversed(checks) if not passes(arrival)), None)


# The first failure is answered with another code.


class Recodes(Authority):
    """Answers with the code that ``instead_of`` gives for the right one."""

    instead_of: dict[Code, Code] = {}

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        return None if code is None else self.instead_of.get(code, code)

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        return None if code is None else self.instead_of.get(code, code)


@BUGS.breaking("R113")
class VersionIsAParameter(Recodes):
    """Says 10001 where the version is another."""

    instead_of = {Code.REPORT_VERSION_ERROR: Code.PARAM_INPUT_ERROR}


@BUGS.breaking("R114")
class SuspendedIsExpired(Recodes):
    """Says 30000 where the account is suspended."""

    instead_of = {Code.ACCOUNT_STATUS_ERROR: Code.LICENSE_EXPIRED}


@BUGS.breaking("R116", "R115")
class DomainIsAnAddress(Recodes):
    """Says 30003 where the domain is not licensed."""

    instead_of = {Code.LICENSE_DOMAIN_ERROR: Code.LICENSE_IP_ERROR}


@BUGS.breaking("R117")
class ApplicationIsADomain(Recodes):
    """Says 30004 where the application name is not licensed."""

    instead_of = {Code.LICENSE_APPNAME_ERROR: Code.LICENSE_DOMAIN_ERROR}


@BUGS.breaking("R118")
class FullMeansFormat(Recodes):
    """Says "Incorrect License Format" where 30007 is due."""

    instead_of = {Code.REGISTER_OUT_OF_LIMIT: Code.INCORRECT_LICENSE_FORMAT}


@BUGS.breaking("R111")
class UnboundIsAParameter(Recodes):
    """Says 10001 to an unbind of a machine that has no slot."""

    instead_of = {Code.DO_NOT_NEED_DEACTIVATE: Code.PARAM_INPUT_ERROR}


@BUGS.breaking("R120")
class Uncoded(Authority):
    """Gives the access port the code that the table leaves out."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if isinstance(reply.answer, Refusal) and reply.answer.code == 0:
            return reply._replace(answer=replace(reply.answer, code=30006))
        return reply


class Misparses(Authority):
    """Answers a request that cannot be read with another code: ``instead`` for ``code``."""

    code, instead = Code.JSON_PARSER_ERROR, Code.PARAM_INPUT_ERROR

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        if isinstance(request, Malformed) and request.code is self.code:
            request = replace(request, code=self.instead)
        return super().handle(request, source, now)


@BUGS.breaking("R109", node=Mumbles)
class MalformedIsAParameter(Misparses):
    """Says 10001 to what is no JSON at all."""


@BUGS.breaking("R110")
class ParameterIsMalformed(Misparses):
    """Says 10000 to a request whose parameters are wrong."""

    code, instead = Code.PARAM_INPUT_ERROR, Code.JSON_PARSER_ERROR


@BUGS.breaking("R109", node=Mumbles)
class IntegrityBeforeData(Misparses):
    """Checks the machine's identity before it looks whether there is a request at all."""

    instead = Code.INCORRECT_LICENSE_FORMAT

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self.code = Code.JSON_PARSER_ERROR if self.integrity_lost else Code.NO_CONNECTION
        return super().handle(request, source, now)
