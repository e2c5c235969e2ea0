"""The ordered checks of a request against the licence: the first that fails is the answer (R108).

The table below is the order. What depends on the slots (no slot, a clone, no free slot) comes after all of
these and is the authority's own business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reference_server.licence import Licence
from reference_server.protocol import Code, Kind, Request

__all__ = ["CHECKS", "Arrival", "first_failure"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A well-formed request at the moment it is checked.

    ``source`` is the address that the packet came from, ``date_us`` the server's date (wall-clock
    microseconds since the Unix epoch), ``integrity_lost`` tells that the machine is no longer the one that
    was licensed.
    """

    request: Request
    source: int
    date_us: int
    licence: Licence
    integrity_lost: bool


def _integrity(a: Arrival) -> bool:
    return not a.integrity_lost


def _not_expired(a: Arrival) -> bool:
    return a.licence.expires_us is None or a.date_us < a.licence.expires_us


def _version(a: Arrival) -> bool:
    return a.request.version == a.licence.version


def _account(a: Arrival) -> bool:
    return not a.licence.suspended


def _address(a: Arrival) -> bool:
    # A source that differs from what the node reports was translated on the way (R025, Q40).
    return a.source == a.request.address and a.licence.allows_address(a.source)


def _domain(a: Arrival) -> bool:
    return not a.licence.domains or a.request.domain in a.licence.domains


def _application(a: Arrival) -> bool:
    return not a.licence.applications or a.request.application in a.licence.applications


def _port(a: Arrival) -> bool:
    return not a.licence.ports or a.request.port in a.licence.ports


#: Each check with the code of its failure, and whether an unbind has to pass it too.
CHECKS: tuple[tuple[Callable[[Arrival], bool], Code, bool], ...] = (
    (_integrity, Code.INCORRECT_LICENSE_FORMAT, True),
    (_not_expired, Code.LICENSE_EXPIRED, False),
    (_version, Code.REPORT_VERSION_ERROR, False),
    (_account, Code.ACCOUNT_STATUS_ERROR, False),
    (_address, Code.LICENSE_IP_ERROR, True),
    (_domain, Code.LICENSE_DOMAIN_ERROR, False),
    (_application, Code.LICENSE_APPNAME_ERROR, False),
    (_port, Code.INCORRECT_LICENSE_FORMAT, False),
)


def first_failure(arrival: Arrival) -> Code | None:
    """Return the code of the first check that ``arrival`` fails, ``None`` if it passes them all."""
    unbinding = arrival.request.kind is Kind.UNBIND
    for passes, code, binds_unbind in CHECKS:
        if (binds_unbind or not unbinding) and not passes(arrival):
            return code
    return None
