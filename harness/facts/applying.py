"""Facts about an application: each row of the document's table, right and wrong, before the issuer (R003, R054 to
R073).
"""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from harness.facts.checking import checks
from harness.facts.mails import mail, mail_of_another
from harness.facts.programs import Done
from harness.facts.workshop import Desk, Workshop

__all__: list[str] = []

SUBJECT = "Registration for FineDataLink Official Authorization File"
ADDRESSES, PUBLIC = "FineDataLink IP address", "Public IP address of the authorization server"
DOMAIN = "Authorization server domain"


def _rif(workshop: Workshop) -> bytes:
    return workshop.rif(workshop.machine())


def _desk(workshop: Workshop) -> Desk:
    return workshop.desk()


def _checked(workshop: Workshop, *options: str, **wrong: Any) -> Done:
    """Have the right application checked, but for what is ``wrong`` with it."""
    application = mail(wrong.pop("rif") if "rif" in wrong else workshop.once(_rif), **wrong)
    return workshop.once(_desk).check(application, *options)


def _rows(workshop: Workshop, label: str, value: str | None, *options: str) -> Done:
    return _checked(workshop, *options, fields={label: value})


def _right(workshop: Workshop) -> Done:
    return _checked(workshop)


def _is_right(workshop: Workshop) -> None:
    """The application that the others differ from in one thing is right, or nothing could be learnt from them."""
    _passes(workshop.once(_right))


def _passes(done: Done) -> None:
    done.must(done.code == 0 and "refused" not in done.printed, "exit code 0, and nothing that stops it")


def _is_refused(done: Done, *rules: str) -> None:
    found = [line.split()[1] for line in done.printed.splitlines() if line.startswith("refused  ")]
    done.must(done.code == 1 and found and set(found) <= set(rules), f"exit code 1, refused for {' or '.join(rules)}")


def _is_warned_of(done: Done, rule: str) -> None:
    done.must(done.code == 0 and f"warning  {rule}  " in done.printed, f"exit code 0, with a warning of {rule}")


@checks("R003")
def a_machine_description_is_sent(workshop: Workshop) -> None:
    """The right application passes. Without MachineInfo.rif, with one that was edited, or with another file of that
    name, it is refused.
    """
    _is_right(workshop)
    _is_refused(_checked(workshop, rif=None), "R003", "R073")
    edited = workshop.once(_rif).replace(b"id-of-one", b"id-of-two")
    _is_refused(_checked(workshop, rif=edited), "R003")
    _is_refused(_checked(workshop, rif=b"{}"), "R003")


@checks("R073")
def exactly_one_is_attached(workshop: Workshop) -> None:
    """No MachineInfo.rif or two are refused; one is found however deep it lies; a file of another name is none."""
    rif = workshop.once(_rif)
    _is_refused(_checked(workshop, rif=None), "R003", "R073")
    for change in ("twice", "renamed", "deep"):
        message = email.message_from_bytes(mail(rif), policy=email.policy.default)
        assert isinstance(message, EmailMessage), "the default policy makes these"
        (attached,) = message.iter_attachments()
        if change == "twice":
            message.attach(attached)
        elif change == "renamed":
            attached.replace_header("Content-Disposition", 'attachment; filename="Machine.rif"')
        else:
            outer = EmailMessage()
            for name in ("From", "To", "Subject"):
                outer[name] = message[name]
                del message[name]
            outer.make_mixed()
            outer.attach(message)
            message = outer
        done = workshop.once(_desk).check(bytes(message))
        if change == "deep":
            _passes(done)
        else:
            _is_refused(done, "R073")


@checks("R054")
def there_is_a_contract(workshop: Workshop) -> None:
    """The application of a company without a contract is refused; that of each of two with one passes."""
    _is_right(workshop)
    nobody = {"fields": {"Company name": "Nobody Ltd"}, "subject": f"Nobody Ltd {SUBJECT}"}
    _is_refused(_checked(workshop, **nobody), "R054")
    _passes(workshop.once(_desk).check(mail_of_another(workshop.once(_rif))))


@checks("R055")
def the_sender_is_the_address_in_the_contract(workshop: Workshop) -> None:
    """Another sender, the sender of another contract, several, or none: refused."""
    _is_right(workshop)
    for sender in ("someone@example.com", "it@other.example", "it@example.com, someone@example.com", ""):
        _is_refused(_checked(workshop, sender=sender), "R055")


@checks("R056")
def the_recipient(workshop: Workshop) -> None:
    """The application passes if it is addressed to business@fanruan.com, alone or beside others, and no other address
    will do. Nothing is mailed.
    """
    _is_right(workshop)
    _passes(_checked(workshop, to="someone@example.com, business@fanruan.com"))
    for to in ("sales@fanruan.com", "business@fanruan.com.example", ""):
        _is_refused(_checked(workshop, to=to), "R056")


@checks("R057")
def the_pattern_of_the_subject(workshop: Workshop) -> None:
    """The company name followed by the request passes without a word, in any case; another pattern is warned of."""
    plain = workshop.once(_right)
    plain.must("R057" not in plain.printed, "no warning of R057")
    _is_warned_of(_checked(workshop, subject="Example Ltd wants a licence"), "R057")


@checks("R058")
def the_company_is_in_the_subject(workshop: Workshop) -> None:
    """A subject without the company name, or with that of another company, is refused."""
    _is_right(workshop)
    for subject in (SUBJECT, f"Other Ltd {SUBJECT}", ""):
        _is_refused(_checked(workshop, subject=subject), "R058")


@checks("R059")
def the_basic_information(workshop: Workshop) -> None:
    """Company name, project name and the day of signing are needed; the day as YYYY/MM/DD, a day of the calendar, and
    that of the contract.
    """
    _is_right(workshop)
    for label in ("Company name", "Project name", "Contract signing date"):
        _is_refused(_rows(workshop, label, None), "R059")
    for day in ("15/01/2026", "2026-01-15", "2026/1/15", "2026/02/30", "2026/01/16"):
        _is_refused(_rows(workshop, "Contract signing date", day), "R059")


@checks("R060")
def the_registration_method(workshop: Workshop) -> None:
    """The registration method is private cloud authentication; another one, or none, is refused."""
    _is_right(workshop)
    for method in ("Public cloud authentication", None):
        _is_refused(_rows(workshop, "Registration method", method), "R060")


@checks("R061")
def the_version(workshop: Workshop) -> None:
    """The version is FineDataLink; another product, or none, is refused."""
    _is_right(workshop)
    for version in ("FineReport", "", None):
        _is_refused(_rows(workshop, "FineDataLink version", version), "R061")


@checks("R062")
def private_addresses(workshop: Workshop) -> None:
    """Addresses of the three private networks pass without a word, with --private-only too; others are warned of, and
    refused with --private-only.
    """
    for private in ("10.0.0.1", "172.16.0.1 - 172.31.255.255", "192.168.0.1"):
        done = _rows(workshop, ADDRESSES, private, "--private-only")
        _passes(done)
        done.must("R062" not in done.printed, f"no word of R062 about {private}")
    for public in ("11.0.0.1", "172.15.255.255 - 172.16.0.1"):
        _is_warned_of(_rows(workshop, ADDRESSES, public), "R062")
        _is_refused(_rows(workshop, ADDRESSES, public, "--private-only"), "R062")


@checks("R063")
def the_form_of_addresses(workshop: Workshop) -> None:
    """The document's own range and address pass, with and without spaces round the dash, several with commas or on
    lines of their own; reversed ends, leading zeros and other notations are refused.
    """
    for right in (
        "192.168.100.25 - 192.168.100.26",
        "192.168.100.25-192.168.100.26",
        "192.168.0.1",
        "192.168.0.1, 192.168.100.25 - 192.168.100.26",
        "192.168.0.1\n192.168.0.3",
    ):
        _passes(_rows(workshop, ADDRESSES, right))
    for wrong in ("192.168.100.26 - 192.168.100.25", "192.168.010.1", "192.168.0.0/24", "192.168.0", "localhost"):
        _is_refused(_rows(workshop, ADDRESSES, wrong), "R063")


@checks("R064")
def addresses_are_needed(workshop: Workshop) -> None:
    """Without the row of addresses, or with an empty one, the application is refused."""
    _is_right(workshop)
    for nothing in ("", None):
        _is_refused(_rows(workshop, ADDRESSES, nothing), "R064")


@checks("R065")
def the_span_of_addresses(workshop: Workshop) -> None:
    """1.0.0.0, 255.255.255.255 and the range between them pass; 0.255.255.255, 256.0.0.0 and IPv6 are refused."""
    for right in ("1.0.0.0", "255.255.255.255", "1.0.0.0 - 255.255.255.255"):
        _passes(_rows(workshop, ADDRESSES, right))
    for wrong in ("0.255.255.255", "0.0.0.0 - 1.0.0.0", "fd00::1"):
        _is_refused(_rows(workshop, ADDRESSES, wrong), "R065")
    _is_refused(_rows(workshop, ADDRESSES, "256.0.0.0"), "R063", "R065")


@checks("R069")
def the_domain_is_a_bare_host_name(workshop: Workshop) -> None:
    """A host name passes; with a scheme, a port or a path it is refused."""
    _passes(_rows(workshop, DOMAIN, "www.example.com"))
    for wrong in ("https://www.example.com", "www.example.com:8081", "www.example.com/fdl", "www example com"):
        _is_refused(_rows(workshop, DOMAIN, wrong), "R069")


@checks("R070")
def the_public_address(workshop: Workshop) -> None:
    """A public address passes; a private one, a range and a name are refused. If nodes with public addresses are to
    register, and neither it nor a domain is given, that is warned of.
    """
    _passes(_rows(workshop, PUBLIC, "8.8.8.8"))
    for wrong in ("192.168.0.1", "8.8.8.8 - 8.8.8.9", "www.example.com"):
        _is_refused(_rows(workshop, PUBLIC, wrong), "R070")
    away = {ADDRESSES: "8.8.4.4", DOMAIN: ""}
    _is_warned_of(_checked(workshop, fields=away), "R070")
    given = _checked(workshop, fields={**away, PUBLIC: "8.8.8.8"})
    given.must("R070" not in given.printed, "no word of R070 where the address is given")
