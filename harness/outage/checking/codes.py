"""Checks of the codes that failures carry ("Failure Reason"): whether each can mean what the table says."""

from __future__ import annotations

import re
from collections.abc import Callable

from fake_fdl_nodes.fleet import NodeSetup
from harness.outage.checking.evidence import Evidence, NodeEvidence
from harness.outage.checking.findings import Notes
from harness.outage.checking.judging import Finder, checks
from harness.outage.checking.seen import DAY_US, Seen, longest
from harness.scenario import LicenceSpec
from harness.trace import Status
from reference_server.codes import Code

__all__: list[str] = []

_INSTALLATION = "--installation FILE"
_LISTED = {int(code) for code in Code}
_NUMBER = re.compile(r"[0-9]{5}")


@checks("R107", "R120", wanted="a failure of a node")
def only_codes_of_the_table(evidence: Evidence, notes: Notes) -> None:
    """Every failure: its reason is one of the table, or "Incorrect License Format". A bare number that the table does
    not have, as 30006, was not shown by a page that follows the document.
    """
    for node in evidence.nodes:
        for row in node.rows:
            shown = row.it.text.strip()
            if _NUMBER.fullmatch(shown) and int(shown) not in _LISTED:
                notes.broken(f"{node.name} shows {shown}, which is no code of the table", row)
            elif row.it.code is not None:
                notes.obeyed("a reason of the table, or the general one", row)


@checks("R112", wanted=f"{_INSTALLATION}, with the licence's last day, and what nodes showed before or after it")
def expired_means_expired(evidence: Evidence, notes: Notes) -> None:
    """Every 30000: the licence has ended, by a clock that may be wrong by the clock error. And every register that
    succeeded, every status `registered` (and `interrupted`): it has not.

    That the licence was renewed meanwhile cannot be told from the record: the installation is that of all of its time.
    """
    if evidence.licence is None:
        for _, row in _rows_of(evidence, Code.LICENSE_EXPIRED):
            notes.open("a 30000", f"{_INSTALLATION}, with the last day of the licence", row)
        return
    ends_us = evidence.licence.expires_us
    # A node reckons on from what the server's clock showed at the last grant, over a reboot by its own wall clock.
    astray_us = 3 * evidence.error_us + longest(DAY_US) - DAY_US
    lets_in = (Status.REGISTERED,) if evidence.reading.refusal_is_silence else (Status.REGISTERED, Status.INTERRUPTED)
    for node, row in _rows_of(evidence, Code.LICENSE_EXPIRED):
        if ends_us is None or row.last_us + astray_us < ends_us:
            notes.broken(f"{node.name} lists that the licence has expired, and it has not", row)
        elif row.first_us >= ends_us:
            notes.obeyed("a 30000 after the end of the licence", row)
        else:
            notes.open("a 30000 at about the end of the licence", "by how much the clocks were wrong", row)
    if ends_us is None:
        return
    for node in evidence.nodes:
        for register in node.registered:
            if register.first_us - evidence.error_us - evidence.timeout_us > ends_us:
                notes.broken(f"{node.name} was registered when the licence had ended", register)
        for status in node.statuses:
            shown = status.it.status
            late = status.first_us - evidence.timeout_us - astray_us > ends_us
            if late and shown is not None and shown in lets_in and not node.just_started(status):
                notes.broken(f"{node.name} is {shown.name.lower()} when the licence has ended", status)


@checks("R111", wanted="a failure 20000")
def unbinding_what_is_not_bound(evidence: Evidence, notes: Notes) -> None:
    """Every 20000: it comes of an unbind, of a node that holds no slot. That it holds none is known after an unbind
    that was written down; what the server remembers of it otherwise is not recorded.
    """
    for node, row in _rows_of(evidence, Code.DO_NOT_NEED_DEACTIVATE):
        unbound = node.unbound.last_before(row.first_us)
        register = node.registered.last_before(row.last_us)
        if unbound is not None and (register is None or register.surely_before(unbound)):
            notes.obeyed("a 20000 of a node that was unbound before", unbound, row)
        else:
            notes.open("a 20000: somebody unbound a node that held no slot", "when it was unbound before", row)


_UNSEEN = {
    Code.JSON_PARSER_ERROR: ("R109", "the data that the node sent was malformed", "what the node sent"),
    Code.PARAM_INPUT_ERROR: ("R110", "a parameter that the node sent was bad", "what the node sent"),
    Code.ACCOUNT_STATUS_ERROR: ("R114", "the issuer had suspended the licence", "what the issuer says of the licence"),
}


def _cannot_be_seen(code: Code, sentence: str, asked: str) -> Finder:
    def find(evidence: Evidence, notes: Notes) -> None:
        for _, row in _rows_of(evidence, code):
            notes.open(f"a {code.label}: {sentence}, by the table", asked, row)

    find.__doc__ = f"""Every {code.label}: {sentence}, says the table. The record cannot show whether that was so."""
    return find


for _code, (_rule, _sentence, _asked) in _UNSEEN.items():
    checks(_rule, wanted=f"a failure {_code.label}")(_cannot_be_seen(_code, _sentence, _asked))


def _licensed(code: Code, what: str, fits: Callable[[NodeSetup, LicenceSpec], bool]) -> Finder:
    def find(evidence: Evidence, notes: Notes) -> None:
        for node, row in _rows_of(evidence, code):
            if evidence.licence is None or node.setup is None:
                notes.open(f"a {code.label}", f"{_INSTALLATION}, with the licence and the node", row)
            elif fits(node.setup, evidence.licence):
                notes.broken(f"{node.name} lists {code.label}, and its {what} is licensed", row)
            else:
                notes.obeyed(f"a {code.label} of a node whose {what} is not licensed", row)
        for node in evidence.nodes:
            if evidence.licence is not None and node.setup is not None and not fits(node.setup, evidence.licence):
                for register in node.registered:
                    notes.broken(f"{node.name} was registered, and its {what} is not licensed", register)

    find.__doc__ = (
        f"Every {code.label}: the {what} of the node is not licensed. And every register that succeeded: it is. "
        "Both are told by the installation, which is taken to be that of all of the record's time."
    )
    return find


checks("R113", wanted=f"{_INSTALLATION}, and a failure 30001")(
    _licensed(Code.REPORT_VERSION_ERROR, "version", lambda node, licence: node.version == licence.version)
)
checks("R116", wanted=f"{_INSTALLATION}, and a failure 30004")(
    _licensed(
        Code.LICENSE_DOMAIN_ERROR,
        "access domain",
        lambda node, licence: not licence.domains or node.domain in licence.domains,
    )
)
checks("R117", wanted=f"{_INSTALLATION}, and a failure 30005")(
    _licensed(
        Code.LICENSE_APPNAME_ERROR,
        "application",
        lambda node, licence: not licence.applications or node.application in licence.applications,
    )
)


def _rows_of(evidence: Evidence, code: Code) -> list[tuple[NodeEvidence, Seen]]:
    return [(node, row) for node in evidence.nodes for row in node.rows if row.it.code is code]
