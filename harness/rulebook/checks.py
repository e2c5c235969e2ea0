"""The rule book's own statement of the server's ordered checks (R108).

`due` says what each request that a running server received has to be answered: a grant, or the code of the first check
that fails. It is computed once for a history and shared by the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.rulebook.history import History
from harness.rulebook.ledger import NEVER_SEEN, LeaseView, Ledger
from harness.trace import Exchange, Verdict
from reference_server.protocol import Code, Kind

__all__ = ["CLONE_US", "Due", "beyond", "due", "due_by_node", "in_ranges", "reaches"]

#: A poll from a new address sooner than this after the last accepted request comes from a clone (Q42).
CLONE_US = 105 * 60 * 1_000_000


class Due(NamedTuple):
    """What one request has to be answered, and every check that it fails, in order."""

    place: int
    exchange: Exchange
    view: LeaseView
    verdict: int
    failing: tuple[str, ...]

    @property
    def fresh(self) -> bool:
        """Whether it was not seen before: what was gets the same answer again, whatever has changed since."""
        return self.view.seen == NEVER_SEEN


def in_ranges(history: History, address: int, true_us: int) -> bool:
    """Tell whether ``address`` is licensed at ``true_us``, ends included."""
    return any(first <= address <= last for first, last in history.licence(true_us).ranges)


def beyond(ranges: Iterable[tuple[int, int]], address: int) -> int:
    """Return how far ``address`` lies beyond the nearest end of ``ranges``: 0 at an end, negative within."""
    return min(max(first - address, address - last) for first, last in ranges)


def due(history: History) -> list[Due]:
    """Return what is due to each request that a running server received, in the order of the trace."""
    return history.once(_all_due)


def due_by_node(history: History) -> dict[int, list[Due]]:
    """Return the same by node, without unbinds."""
    return history.once(_by_node)


def _by_node(history: History) -> dict[int, list[Due]]:
    by_node: dict[int, list[Due]] = {}
    for each in due(history):
        if each.exchange.kind != Kind.UNBIND:
            by_node.setdefault(each.exchange.node, []).append(each)
    return by_node


def _all_due(history: History) -> list[Due]:
    before = history.once(Ledger).before
    return [_due(history, place, history.exchanges[place], before[place]) for place in sorted(before)]


#: Each check by name, with the answer that its failure brings, in the order of the law.
_CODES = {
    "data": Code.JSON_PARSER_ERROR,
    "parameters": Code.PARAM_INPUT_ERROR,
    "integrity": Code.INCORRECT_LICENSE_FORMAT,
    "expiry": Code.LICENSE_EXPIRED,
    "version": Code.REPORT_VERSION_ERROR,
    "account": Code.ACCOUNT_STATUS_ERROR,
    "address": Code.LICENSE_IP_ERROR,
    "domain": Code.LICENSE_DOMAIN_ERROR,
    "application": Code.LICENSE_APPNAME_ERROR,
    "port": Code.INCORRECT_LICENSE_FORMAT,
    "slot": Code.INCORRECT_LICENSE_FORMAT,
    "clone": Code.INCORRECT_LICENSE_FORMAT,
    "capacity": Code.REGISTER_OUT_OF_LIMIT,
    "bound": Code.DO_NOT_NEED_DEACTIVATE,
}


_PLACES = {name: place for place, name in enumerate(_CODES)}


def reaches(each: Due, check: str) -> bool:
    """Tell whether a register or poll passes every check before ``check``."""
    asked = each.exchange
    if asked.form or asked.kind == Kind.UNBIND or not each.fresh:
        return False
    return not each.failing or _PLACES[each.failing[0]] >= _PLACES[check]


def _due(history: History, place: int, asked: Exchange, view: LeaseView) -> Due:
    licence, setup = history.licence(asked.arrived_us), history.scenario.nodes[asked.node]
    if asked.form:
        # Nothing else can be read from bytes that are no request.
        failing: tuple[str, ...] = ("data" if asked.form == Code.JSON_PARSER_ERROR else "parameters",)
        return Due(place, asked, view, asked.form, failing)
    if view.seen != NEVER_SEEN:
        return Due(place, asked, view, view.seen, ())
    fails = {
        # A copy of the machine has the identity of the one that it was copied from.
        "integrity": asked.server == 0 and history.identity_drifted(asked.arrived_us),
        "expiry": licence.expires_us is not None and view.date_us >= licence.expires_us,
        "version": setup.version != licence.version,
        "account": history.licence_suspended(asked.arrived_us),
        "address": asked.source != asked.reported or not in_ranges(history, asked.source, asked.arrived_us),
        "domain": bool(licence.domains) and setup.domain not in licence.domains,
        "application": bool(licence.applications) and setup.application not in licence.applications,
        "port": bool(licence.ports) and setup.port not in licence.ports,
    }
    if asked.kind == Kind.POLL:
        fails["slot"] = not view.live
        fails["clone"] = view.live and view.address != asked.source and view.age_us < CLONE_US
    elif asked.kind == Kind.REGISTER:
        fails["capacity"] = not view.live and not view.unit_live and view.live_units >= licence.capacity
    else:
        fails = {"integrity": fails["integrity"], "address": fails["address"], "bound": not view.live}
    failing = tuple(name for name, failed in fails.items() if failed)
    return Due(place, asked, view, _CODES[failing[0]] if failing else Verdict.GRANTED, failing)
