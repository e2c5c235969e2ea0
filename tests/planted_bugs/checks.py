"""Servers that check a request wrongly against their licence: a check left out, too strict, too lax, out of order."""

from __future__ import annotations

from dataclasses import fields, replace

from harness.proof import Bugs
from harness.wires import Memory
from reference_server.addresses import format_address
from reference_server.authority import Authority, Reply
from reference_server.checks import Arrival, first_failure
from reference_server.licence import Licence
from reference_server.protocol import Code, Instant, Kind, Malformed, Poll, Request

BUGS = Bugs()
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


# A check is left out.


class Lenient(Authority):
    """Skips the checks whose codes are in ``forgiven``, for requests of the kinds in ``kinds``."""

    forgiven: tuple[Code, ...] = ()
    kinds: tuple[Kind, ...] = tuple(Kind)

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        return None if code in self.forgiven and request.kind in self.kinds else code


@BUGS.breaking("R112")
class ForgivesExpiry(Lenient):
    """Grants under an expired licence."""

    forgiven = (Code.LICENSE_EXPIRED,)


@BUGS.breaking("R113")
class ForgivesVersion(Lenient):
    """Grants to another version."""

    forgiven = (Code.REPORT_VERSION_ERROR,)


@BUGS.breaking("R114")
class ForgivesSuspension(Lenient):
    """Grants under a suspended licence."""

    forgiven = (Code.ACCOUNT_STATUS_ERROR,)


@BUGS.breaking("R115")
class ForgivesAddress(Lenient):
    """Grants to any address, translated or not."""

    forgiven = (Code.LICENSE_IP_ERROR,)


@BUGS.breaking("R116")
class ForgivesDomain(Lenient):
    """Grants to any access domain."""

    forgiven = (Code.LICENSE_DOMAIN_ERROR,)


@BUGS.breaking("R117")
class ForgivesApplication(Lenient):
    """Grants to any application name."""

    forgiven = (Code.LICENSE_APPNAME_ERROR,)


@BUGS.breaking("R112")
class ExpiryAtRegistersOnly(Lenient):
    """Looks at the expiry when a node registers, and never again."""

    forgiven, kinds = (Code.LICENSE_EXPIRED,), (Kind.POLL,)


@BUGS.breaking("R114")
class SuspensionAtRegistersOnly(Lenient):
    """Looks at the account when a node registers, and never again."""

    forgiven, kinds = (Code.ACCOUNT_STATUS_ERROR,), (Kind.POLL,)


@BUGS.breaking("R023")
class AddressAtRegistersOnly(Lenient):
    """Looks at the address when a node registers, and lets it move anywhere afterwards."""

    forgiven, kinds = (Code.LICENSE_IP_ERROR,), (Kind.POLL,)


@BUGS.breaking("R066")
class ApplicationAtPollsOnly(Lenient):
    """Registers any application, and finds out at its first poll."""

    forgiven, kinds = (Code.LICENSE_APPNAME_ERROR,), (Kind.REGISTER,)


@BUGS.breaking("R115")
class UnbindsFromAnywhere(Lenient):
    """Lets anybody give a slot back, from whatever address."""

    forgiven, kinds = (Code.LICENSE_IP_ERROR,), (Kind.UNBIND,)


@BUGS.breaking("R107")
class ForgivesPort(Authority):
    """Grants to any access port, for which there is no code."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        return super()._check_failure(replace(request, port=next(iter(self.licence.ports), None)), source)


# A check is done with other values than those of the licence or of the request.


class Misreads(Authority):
    """Checks another licence than its own, or another request than that which came."""

    def _misread(self, licence: Licence) -> Licence:
        return licence

    def _misheard(self, request: Request, source: int) -> Request:
        return request

    def _check_failure(self, request: Request, source: int) -> Code | None:
        request, licence = self._misheard(request, source), self._misread(self.licence)
        return first_failure(Arrival(request, source, self.date_us, licence, self.integrity_lost))


class Later(Misreads):
    """Takes the licence to end later by ``later_us``."""

    later_us = 0

    def _misread(self, licence: Licence) -> Licence:
        expires_us = licence.expires_us
        return licence if expires_us is None else replace(licence, expires_us=expires_us + self.later_us)


@BUGS.breaking("R112")
class EndsATickLate(Later):
    """Grants at 00:00:00 after the last day (``<=`` for ``<``)."""

    later_us = 1


@BUGS.breaking("R112")
class EndsATickEarly(Later):
    """Refuses in the last microsecond of the last day."""

    later_us = -1


@BUGS.breaking("R112")
class EndsAsItsLastDayBegins(Later):
    """Takes the last licensed day for the first that is not."""

    later_us = -_DAY_US


@BUGS.breaking("R112")
class ForgetsDaylightSaving(Later):
    """Takes the offset of the zone's summer for that of its winter: the licence ends an hour late."""

    later_us = _HOUR_US


@BUGS.breaking("R112")
class EndsByUtc(Misreads):
    """Takes the last day's midnight for that of UTC, whatever the licence's zone: here for zones in the east."""

    def _misread(self, licence: Licence) -> Licence:
        expires_us = licence.expires_us
        return licence if expires_us is None else replace(licence, expires_us=-(-expires_us // _DAY_US) * _DAY_US)


@BUGS.breaking("R112")
class TrustsItsClock(Authority):
    """Takes the date to be what the wall clock shows, also where it has shown a later one."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self.date_us = now.wall_us
        return super().handle(request, source, now)


class Ranges(Misreads):
    """Checks the ranges that ``_misranged`` makes of one."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return first, last

    def _misread(self, licence: Licence) -> Licence:
        return replace(licence, ranges=tuple(self._misranged(first, last) for first, last in licence.ranges))


@BUGS.breaking("R021")
class FirstOfRange(Ranges):
    """Takes a range of addresses for its first one."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return first, first


@BUGS.breaking("R021")
class WithoutTheLast(Ranges):
    """Leaves out the last address of a range."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return first, max(first, last - 1)


@BUGS.breaking("R021")
class WithoutTheFirst(Ranges):
    """Leaves out the first address of a range."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return min(first + 1, last), last


@BUGS.breaking("R115")
class OneBeyond(Ranges):
    """Takes one address more at the end of a range."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return first, last + 1


@BUGS.breaking("R115")
class OneBefore(Ranges):
    """Takes one address more before a range."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return first - 1, last


@BUGS.breaking("R115", "R023")
class WholeSubnets(Ranges):
    """Licenses the whole subnet (/24) in which a range begins."""

    def _misranged(self, first: int, last: int) -> tuple[int, int]:
        return first & ~255, last | 255


@BUGS.breaking("R115")
class FirstEntryOnly(Misreads):
    """Reads the first of several addresses and ranges only."""

    def _misread(self, licence: Licence) -> Licence:
        return replace(licence, ranges=licence.ranges[:1])


@BUGS.breaking("R021")
class ComparesText(Misreads):
    """Compares addresses as texts, so that 192.168.100.9 comes after 192.168.100.25."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        ranges = [tuple(map(format_address, pair)) for pair in self.licence.ranges]
        if not any(first <= format_address(source) <= last for first, last in ranges):
            return Code.LICENSE_IP_ERROR
        return super()._check_failure(request, source)


@BUGS.breaking("R021", "R115")
class PrivateOnly(Authority):
    """Takes no address that is not private, although the whole span can be licensed."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        if source >> 24 != 10 and source >> 20 != 0xAC1 and source >> 16 != 0xC0A8:
            return Code.LICENSE_IP_ERROR
        return super()._check_failure(request, source)


@BUGS.breaking("R025")
class BelievesThePacket(Misreads):
    """Takes the packet's source for the node's address, and notices no translation on the way."""

    def _misheard(self, request: Request, source: int) -> Request:
        return replace(request, address=source)


@BUGS.breaking("R025")
class BelievesTheNode(Authority):
    """Takes the address that the node reports, wherever the packet comes from."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        return super()._check_failure(request, request.address)


@BUGS.breaking("R110")
class MappedIsUnknown(Memory):
    """Does not know an IPv4 address that is written as IPv6 (::ffff:192.168.100.25)."""

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        if isinstance(request, bytes) and b"::ffff:" in request:
            refused = Malformed(code=Code.PARAM_INPUT_ERROR, reason="no IPv4 address")
            return self.authority.handle(refused, source, now)
        return super().ask(request, source, now)


@BUGS.breaking("R115", "R025")
class MappedIsAnother(Memory):
    """Takes an IPv4 address that is written as IPv6 for another address than the packet's."""

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        mapped = isinstance(request, bytes) and b"::ffff:" in request
        return super().ask(request, source + 1 if mapped else source, now)


@BUGS.breaking("R113")
class AnyVersionThatBeginsSo(Misreads):
    """Takes "FineDataLink 9" for "FineDataLink"."""

    def _misheard(self, request: Request, source: int) -> Request:
        version = self.licence.version
        return replace(request, version=version) if request.version.startswith(version) else request


@BUGS.breaking("R116")
class AnySubdomain(Misreads):
    """Licenses every domain below a licensed one, too."""

    def _misheard(self, request: Request, source: int) -> Request:
        above = (request.domain or "").partition(".")[2]
        return replace(request, domain=above) if above in self.licence.domains else request


@BUGS.breaking("R116")
class NoDomainWillDo(Misreads):
    """Takes a node that names no access domain for one that has a licensed one."""

    def _misheard(self, request: Request, source: int) -> Request:
        return replace(request, domain=request.domain or next(iter(self.licence.domains), None))


@BUGS.breaking("R066", "R117")
class AnyCase(Misreads):
    """Takes "Report1" for "report1"."""

    def _misheard(self, request: Request, source: int) -> Request:
        known = {name.lower(): name for name in self.licence.applications}
        return replace(request, application=known.get(request.application.lower(), request.application))


@BUGS.breaking("R066", "R117")
class AnyApplicationThatBeginsSo(Misreads):
    """Takes "report12" for "report1"."""

    def _misheard(self, request: Request, source: int) -> Request:
        names = (name for name in self.licence.applications if request.application.startswith(name))
        return replace(request, application=next(names, request.application))


@BUGS.breaking("R117")
class FirstApplicationOnly(Misreads):
    """Reads the first of several application names only."""

    def _misread(self, licence: Licence) -> Licence:
        return replace(licence, applications=licence.applications[:1])


@BUGS.breaking("R067")
class EmptyMeansNone(Misreads):
    """Takes a licence without application names for one that names none."""

    def _misread(self, licence: Licence) -> Licence:
        return licence if licence.applications else replace(licence, applications=("none",))


@BUGS.breaking("R116")
class EveryNodeNeedsADomain(Misreads):
    """Takes a licence without access domains for one that names none."""

    def _misread(self, licence: Licence) -> Licence:
        return licence if licence.domains else replace(licence, domains=("none",))


@BUGS.breaking("R107")
class EveryNodeNeedsAPort(Misreads):
    """Takes a licence without access ports for one that names none."""

    def _misread(self, licence: Licence) -> Licence:
        return licence if licence.ports else replace(licence, ports=(0,))


@BUGS.breaking("R107")
class NoPortWillDo(Misreads):
    """Takes a node that names no access port for one that has a licensed one."""

    def _misheard(self, request: Request, source: int) -> Request:
        return replace(request, port=request.port or next(iter(self.licence.ports), None))


@BUGS.breaking("R009", "R010", "R012")
class NotTheMachine(Authority):
    """Answers on a foreign machine as if on the licensed one."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        return first_failure(Arrival(request, source, self.date_us, self.licence, integrity_lost=False))


@BUGS.breaking("R111", "R112")
class UnbindsUnderAllChecks(Authority):
    """Lets an unbind pass all the checks that a poll has to pass."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        as_poll = Poll(**{field.name: getattr(request, field.name) for field in fields(request)})
        return super()._check_failure(as_poll, source)
