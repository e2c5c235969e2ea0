"""An application for an authorization file: the e-mail of the document's table (R054 to R073), read and checked.

The e-mail is a real one (RFC 5322), a file ending in ``.eml``. Its body has one ``label: value`` line for each row of
the table; a list may go on over the next lines. Attached are MachineInfo.rif and, if a server is being replaced, its
receipt.fr. `examine` finds everything that is wrong with it at once, each by its field and rule.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email.message import EmailMessage
from ipaddress import IPv4Address

from reference_server.addresses import format_range, parse_ranges, read_address
from reference_server.bundle import RECEIPT_NAME
from reference_server.issuer.contracts import Contract, contract_of
from reference_server.machine.rif import RIF_NAME, Rif, read_rif
from reference_server.sealed import SealError

__all__ = ["RECIPIENT", "Application", "Finding", "examine", "template"]

#: Where applications go (R056). It is only compared: nothing is ever mailed.
RECIPIENT = "business@fanruan.com"
_SUBJECT = "Registration for FineDataLink Official Authorization File"
_METHOD = "Private cloud authentication"
_PRODUCT = "FineDataLink"
#: What the parser of e-mails raises where a hostile one makes no sense.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")

COMPANY, PROJECT, SIGNED = "Company name", "Project name", "Contract signing date"
METHOD, VERSION, ADDRESSES = "Registration method", "FineDataLink version", "FineDataLink IP address"
APPLICATIONS, DOMAIN = "FineDataLink project name", "Authorization server domain"
PUBLIC, CAPACITY = "Public IP address of the authorization server", "Authorization capacity"
#: The labels of the table, each with the rule that it is about first.
RULES = {
    COMPANY: "R059",
    PROJECT: "R059",
    SIGNED: "R059",
    METHOD: "R060",
    VERSION: "R061",
    ADDRESSES: "R063",
    APPLICATIONS: "R066",
    DOMAIN: "R069",
    PUBLIC: "R070",
    CAPACITY: "R072",
}
LABELS = tuple(RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about one field of an application. A ``refusal`` stops it, anything else is a warning."""

    field: str
    rule: str
    found: str
    expected: str
    refusal: bool = True

    def __str__(self) -> str:
        kind = "refused" if self.refusal else "warning"
        return f"{kind}  {self.rule}  {self.field}: found {self.found}, expected {self.expected}"


@dataclass(slots=True, kw_only=True)
class Application:
    """What an application asks for, as far as it can be read."""

    contract: Contract | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    applications: tuple[str, ...] = ()
    server_domain: str | None = None
    server_address: str | None = None
    capacity: int = 1
    rif: Rif | None = None
    receipt: bytes | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether something stops it."""
        return any(finding.refusal for finding in self.findings)

    def refuse(self, where: str, rule: str, found: str, expected: str) -> None:
        """Add a reason for refusing it."""
        self.findings.append(Finding(field=where, rule=rule, found=found, expected=expected))

    def warn(self, where: str, rule: str, found: str, expected: str) -> None:
        """Add a warning."""
        self.findings.append(Finding(field=where, rule=rule, found=found, expected=expected, refusal=False))


def template(rif: bytes | None, receipt: bytes | None = None) -> bytes:
    """Return an application to fill in, with the files that are there already attached."""
    message = EmailMessage()
    message["From"] = "the address named in your contract <you@example.com>"
    message["To"] = RECIPIENT
    message["Subject"] = f"YOUR COMPANY {_SUBJECT}"
    values = {
        SIGNED: "YYYY/MM/DD",
        METHOD: _METHOD,
        VERSION: _PRODUCT,
        ADDRESSES: "192.168.100.25 - 192.168.100.26",
        CAPACITY: "1",
    }
    message.set_content("".join(f"{label}: {values.get(label, '')}".rstrip() + "\n" for label in LABELS))
    for name, data in ((RIF_NAME, rif), (RECEIPT_NAME, receipt)):
        if data is not None:
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes(policy=email.policy.default.clone(linesep="\n", max_line_length=200))


def examine(data: bytes, contracts: Sequence[Contract], *, private_only: bool = False) -> Application:
    """Return what the e-mail ``data`` applies for, with everything that is wrong with it.

    :param private_only: refuse addresses outside the private networks of RFC 1918, instead of a warning (Q13).
    """
    found = Application()
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage), "the default policy makes these"
    texts, files = _opened(message)
    values, twice = _values(texts[0] if texts else "")
    for label in twice:
        found.refuse(label, RULES[label], "it twice", "it once, or nobody knows which is meant")
    if not texts:
        found.refuse("body", "R059", "no plain text", "the table of the application as plain text")
    _contract(found, message, values, contracts)
    _heading(found, message, values)
    _basics(found, values)
    _what_may_register(found, values, private_only=private_only)
    _server(found, values)
    _attachments(found, files)
    return found


def _opened(message: EmailMessage) -> tuple[list[str], dict[str, list[bytes]]]:
    """Return the plain texts of an e-mail, and its files by name, however deep they lie."""
    texts: list[str] = []
    files: dict[str, list[bytes]] = {}
    for part in message.walk():
        if part.is_multipart():
            continue
        try:
            content = part.get_payload(decode=True)
            data = content if isinstance(content, bytes) else b""
            name = part.get_filename()
            if name or part.get_content_disposition() == "attachment":
                files.setdefault(name or "", []).append(data)
            elif part.get_content_type() == "text/plain":
                texts.append(data.decode(part.get_content_charset("utf-8"), "replace"))
        except _UNREADABLE:
            files.setdefault("an attachment that cannot be read", []).append(b"")
    return texts, files


def _values(body: str) -> tuple[dict[str, str], list[str]]:
    """Return the value of each label, and those that stand twice. A line without a label belongs to the one before."""
    labels = {label.casefold(): label for label in LABELS}
    values: dict[str, str] = {}
    twice: list[str] = []
    last: str | None = None
    for line in body.splitlines():
        before, colon, after = line.replace("\N{FULLWIDTH COLON}", ":").partition(":")
        label = labels.get(" ".join(before.split()).casefold()) if colon else None
        if label is not None:
            last = label
            twice += [label] if label in values else []
            values[label] = after.strip()
        elif not line.strip():
            last = None
        elif last is not None:
            values[last] = f"{values[last]}\n{line.strip()}".strip()
    return values, twice


def _date(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}/[0-9]{2}/[0-9]{2}", text):
        return None
    try:
        return datetime.strptime(text, "%Y/%m/%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _addresses(message: EmailMessage, name: str) -> list[str]:
    """Return the addresses in a header, none if it cannot be read, or only by guessing."""
    try:
        header = message[name]
        return [] if header is None or header.defects else [address.addr_spec for address in header.addresses]
    except _UNREADABLE:
        return []


def _contract(found: Application, message: EmailMessage, values: dict[str, str], contracts: Sequence[Contract]) -> None:
    """The contract and who may apply under it (R054, R055)."""
    company, signed = values.get(COMPANY, ""), _date(values.get(SIGNED, ""))
    contract = found.contract = contract_of(contracts, company, signed)
    if company and contract is None:
        found.refuse(COMPANY, "R054", repr(company), "a company with a signed contract")
    senders = _addresses(message, "From")
    sender = senders[0] if len(senders) == 1 else ""
    if not sender:
        found.refuse("From", "R055", "several senders" if senders else "no sender", "the address named in the contract")
    elif contract is not None and sender.casefold() != contract.sender.casefold():
        found.refuse("From", "R055", sender, f"{contract.sender}, the address named in contract {contract.number}")
    if contract is not None and signed is not None and signed != contract.signed:
        expected = f"{contract.signed:%Y/%m/%d}, when contract {contract.number} was signed"
        found.refuse(SIGNED, "R059", f"{signed:%Y/%m/%d}", expected)


def _heading(found: Application, message: EmailMessage, values: dict[str, str]) -> None:
    """Recipient and subject (R056 to R058)."""
    recipients = _addresses(message, "To")
    if RECIPIENT not in [recipient.casefold() for recipient in recipients]:
        found.refuse("To", "R056", ", ".join(recipients) or "no recipient", RECIPIENT)
    try:
        subject = " ".join(str(message.get("Subject", "")).split())
    except _UNREADABLE:
        subject = ""
    company = " ".join(values.get(COMPANY, "").split())
    if company and company.casefold() not in subject.casefold():
        found.refuse("Subject", "R058", repr(subject), f"the company name {company!r} in it")
    if not subject.casefold().endswith(_SUBJECT.casefold()):
        found.warn("Subject", "R057", repr(subject), f'"<company name> {_SUBJECT}"')


def _basics(found: Application, values: dict[str, str]) -> None:
    """Who applies, for what and how (R059 to R061)."""
    for label in (COMPANY, PROJECT):
        if not values.get(label):
            found.refuse(label, "R059", "nothing", f"the {label.lower()}")
    if _date(values.get(SIGNED, "")) is None:
        found.refuse(SIGNED, "R059", repr(values.get(SIGNED, "")), "the day of signing as YYYY/MM/DD")
    method = values.get(METHOD, "")
    if " ".join(method.split()).casefold() != _METHOD.casefold():
        found.refuse(METHOD, "R060", repr(method), f"{_METHOD!r}; every other method is applied for elsewhere")
    version = values.get(VERSION, "")
    if version != _PRODUCT:
        found.refuse(VERSION, "R061", repr(version), repr(_PRODUCT))


def _what_may_register(found: Application, values: dict[str, str], *, private_only: bool) -> None:
    """Addresses, project names and capacity (R062 to R067, R071, R072)."""
    text = values.get(ADDRESSES, "")
    form = 'addresses such as 192.168.0.1, or ranges such as "192.168.100.25 - 192.168.100.26"'
    found.ranges, troubles = parse_ranges(text)
    if not found.ranges and not troubles:
        found.refuse(ADDRESSES, "R064", "nothing", form)
    for entry, trouble in troubles:
        outside = trouble.startswith(("below", "IPv6"))
        expected = "an address from 1.0.0.0 to 255.255.255.255" if outside else form
        found.refuse(ADDRESSES, "R065" if outside else "R063", f"{entry!r} ({trouble})", expected)
    for first, last in found.ranges:
        if not _is_private(first, last):
            tell = found.refuse if private_only else found.warn
            tell(ADDRESSES, "R062", format_range(first, last), "addresses of a private network (RFC 1918)")
    names = [name.strip() for name in re.split("[,\n]", values.get(APPLICATIONS, ""))]
    found.applications = tuple(dict.fromkeys(name for name in names if name))
    for name in found.applications:
        if len(name) > 255:
            found.refuse(APPLICATIONS, "R066", f"a name of {len(name)} characters", "at most 255")
    capacity = values.get(CAPACITY, "")
    if not capacity:
        found.warn(CAPACITY, "R072", "nothing", "how many nodes may be registered at once; it is taken to be 1")
    elif re.fullmatch("[1-9][0-9]{0,6}", capacity):
        found.capacity = int(capacity)
    else:
        found.refuse(CAPACITY, "R072", repr(capacity), "a whole number from 1 to 9999999")


def _is_private(first: int, last: int) -> bool:
    for base, bits in ((0x0A000000, 24), (0xAC100000, 20), (0xC0A80000, 16)):
        if first >> bits == last >> bits == base >> bits:
            return True
    return False


def _server(found: Application, values: dict[str, str]) -> None:
    """How the nodes reach the server (R068 to R070)."""
    domain = values.get(DOMAIN, "")
    if domain and (not _HOST_NAME.fullmatch(domain) or len(domain) > 253):
        found.refuse(DOMAIN, "R069", repr(domain), "a bare host name such as www.example.com, without scheme and port")
    elif domain:
        found.server_domain = domain
    address = values.get(PUBLIC, "")
    if address:
        number, trouble = read_address(address)
        if trouble or not IPv4Address(number).is_global:
            trouble = trouble or "not a public address"
            found.refuse(PUBLIC, "R070", f"{address!r} ({trouble})", "the public IPv4 address of the server")
        else:
            found.server_address = address
    if not domain and not address:
        if any(IPv4Address(end).is_global for pair in found.ranges for end in pair):
            expected = "one, if nodes with public addresses reach the server by it"
            found.warn(PUBLIC, "R070", "nothing", expected)
        found.warn(DOMAIN, "R068", "nothing", "one, unless every node can reach the server by its address")


def _attachments(found: Application, files: Mapping[str, list[bytes]]) -> None:
    """MachineInfo.rif (R003, R073), and receipt.fr where a server is replaced (R127)."""
    rifs = files.get(RIF_NAME, [])
    if len(rifs) != 1:
        found.refuse("attachment", "R073", f"{len(rifs) or 'no'} {RIF_NAME}", f"one {RIF_NAME}")
    else:
        try:
            found.rif = read_rif(rifs[0])
        except SealError as error:
            found.refuse("attachment", "R003", f"a {RIF_NAME} that is no such file ({error})", "one from fdl-machine")
    found.receipt = files.get(RECEIPT_NAME, [None])[0]
    for name in files:
        if name not in (RIF_NAME, RECEIPT_NAME):
            found.warn("attachment", "R073", repr(name), f"{RIF_NAME}, and {RECEIPT_NAME} where a server is replaced")
