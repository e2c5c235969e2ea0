"""Issuers that are wrong on purpose."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from harness.planting import ProgramBugs, change, wrap

BUGS = ProgramBugs("fdl-issuer")


# Applications.


def _forgiving(*rules: str) -> None:
    """Let the issuer say nothing of what the rules are about."""

    def examining(examine: Callable[..., Any]) -> Callable[..., Any]:
        def blind(*application: Any, **how: Any) -> Any:
            found = examine(*application, **how)
            found.findings[:] = [each for each in found.findings if each.rule not in rules]
            return found

        return blind

    wrap("reference_server.issuer.cli.examine", examining)


def _correcting(around: Callable[[EmailMessage], None]) -> None:
    """Let the issuer read another e-mail than the one that came."""
    import email
    import email.policy

    def examining(examine: Callable[..., Any]) -> Callable[..., Any]:
        def other(data: bytes, *more: Any, **how: Any) -> Any:
            message = email.message_from_bytes(data, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            around(message)
            return examine(bytes(message), *more, **how)

        return other

    wrap("reference_server.issuer.cli.examine", examining)


@BUGS.breaking("R003")
def takes_any_machine_description() -> None:
    """Does not look into MachineInfo.rif."""
    _forgiving("R003")


@BUGS.breaking("R003", "R073", "R127")
def needs_no_machine_description() -> None:
    """Takes an application without MachineInfo.rif."""
    _forgiving("R073")


@BUGS.breaking("R073")
def looks_at_the_top_alone() -> None:
    """Finds no attachment that lies deeper."""

    def opened(parts: Callable[[EmailMessage], Any]) -> Callable[[EmailMessage], Any]:
        def shallow(message: EmailMessage) -> Any:
            texts, files = parts(message)
            return texts, files if any(part.get_filename() for part in message.iter_parts()) else {}

        return shallow

    wrap("reference_server.issuer.application._opened", opened)


@BUGS.breaking("R054")
def needs_no_contract() -> None:
    """Takes an application of a company without a contract."""
    _forgiving("R054")


@BUGS.breaking("R055")
def takes_any_sender_of_the_company() -> None:
    """Compares the sender's domain alone."""

    def corrected(message: EmailMessage) -> None:
        if str(message["From"]) == "someone@example.com":
            message.replace_header("From", "it@example.com")

    _correcting(corrected)


@BUGS.breaking("R056")
def takes_what_was_sent_elsewhere() -> None:
    """Takes an application that was sent to another address."""
    _forgiving("R056")


@BUGS.breaking("R056")
def compares_a_part_of_the_recipient() -> None:
    """Takes an address that begins with the right one."""

    def corrected(message: EmailMessage) -> None:
        if str(message["To"]).startswith("business@fanruan.com"):
            message.replace_header("To", "business@fanruan.com")

    _correcting(corrected)


@BUGS.breaking("R057")
def takes_any_subject() -> None:
    """Warns of no subject."""
    _forgiving("R057")


@BUGS.breaking("R058")
def needs_no_company_in_the_subject() -> None:
    """Takes a subject without the company's name."""

    def corrected(message: EmailMessage) -> None:
        subject = str(message["Subject"])
        if subject.startswith("Registration"):
            message.replace_header("Subject", f"Example Ltd {subject}")

    _correcting(corrected)


@BUGS.breaking("R059")
def takes_a_day_with_hyphens() -> None:
    """Takes the day of signing as YYYY-MM-DD, too."""

    def dated(date: Callable[[str], Any]) -> Callable[[str], Any]:
        return lambda text: date(text.replace("-", "/"))

    wrap("reference_server.issuer.application._date", dated)


@BUGS.breaking("R060")
def takes_any_method() -> None:
    """Takes an application for another registration method."""
    _forgiving("R060")


@BUGS.breaking("R061")
def takes_any_product() -> None:
    """Takes an application for another product."""
    _forgiving("R061")


@BUGS.breaking("R062")
def takes_all_of_172_for_private() -> None:
    """Takes the whole of 172.0.0.0/8 for private."""

    def looked(is_private: Callable[[int, int], bool]) -> Callable[[int, int], bool]:
        return lambda first, last: is_private(first, last) or first >> 24 == last >> 24 == 172

    wrap("reference_server.issuer.application._is_private", looked)


def _reading(corrected: Callable[[str], str]) -> None:
    """Let the issuer read other addresses than those that stand there."""

    def reading(parse_ranges: Callable[[str], Any]) -> Callable[[str], Any]:
        return lambda text: parse_ranges(corrected(text))

    wrap("reference_server.issuer.application.parse_ranges", reading)


@BUGS.breaking("R063")
def needs_spaces_round_the_dash() -> None:
    """Does not understand a range without spaces."""
    _reading(lambda text: text if " - " in text or "-" not in text else "a range")


@BUGS.breaking("R063")
def drops_leading_zeros() -> None:
    """Reads an address with leading zeros."""
    _reading(lambda text: text.replace(".010.", ".10."))


@BUGS.breaking("R064")
def needs_no_addresses() -> None:
    """Takes an application without addresses."""
    _forgiving("R064")


@BUGS.breaking("R065")
def takes_addresses_from_zero() -> None:
    """Takes addresses below 1.0.0.0."""
    _reading(lambda text: text.replace("0.255.255.255", "1.255.255.255"))


@BUGS.breaking("R065")
def refuses_the_last_address() -> None:
    """Refuses 255.255.255.255."""
    _reading(lambda text: text.replace("255.255.255.255", "256.0.0.0") if "0.255" not in text else text)


@BUGS.breaking("R068", "R096")
def does_not_miss_a_domain() -> None:
    """Does not warn of an application without a domain."""
    _forgiving("R068")


@BUGS.breaking("R069")
def takes_a_domain_with_a_port() -> None:
    """Takes a domain with a scheme or a port."""
    _forgiving("R069")


@BUGS.breaking("R070")
def takes_a_private_address_for_public() -> None:
    """Takes a private address where the public one belongs."""
    _forgiving("R070")


# What the issuer sends, and when.


@BUGS.breaking("R004")
def leaves_the_note_out() -> None:
    """Leaves the note out of the archive, that it is simulated."""

    def packed(archive: Callable[..., bytes]) -> Callable[..., bytes]:
        def without(*what: Any) -> bytes:
            import io

            made = io.BytesIO()
            with zipfile.ZipFile(io.BytesIO(archive(*what))) as right, zipfile.ZipFile(made, "w") as wrong:
                for each in right.infolist():
                    if not each.filename.endswith(".txt"):
                        wrong.writestr(each, right.read(each))
            return made.getvalue()

        return without

    wrap("reference_server.issuer.register.archive", packed)


@BUGS.breaking("R087")
def packs_what_unzip_cannot_unpack() -> None:
    """Packs the archive by a method that unzip does not know."""

    class Packed(zipfile.ZipInfo):
        def __init__(self, *what: Any, **more: Any) -> None:
            super().__init__(*what, **more)
            self.compress_type = zipfile.ZIP_LZMA

    change("reference_server.bundle.zipfile.ZipInfo", Packed)


@BUGS.breaking("R074")
def records_what_it_cannot_send() -> None:
    """Records a bundle whose archive cannot be written."""

    def issuing(issue: Callable[..., Any]) -> Callable[..., Any]:
        def careless(self: Any, application: Any, now: Any, deliver: Callable[[bytes], None], **more: Any) -> Any:
            def try_to(made: bytes) -> None:
                try:
                    deliver(made)
                except OSError:
                    return

            return issue(self, application, now, try_to, **more)

        return careless

    wrap("reference_server.issuer.register.Register.issue", issuing)


def _overlooking(rule: str) -> None:
    """Let the issuer's register hold nothing against an application for a rule."""

    def refusing(refuse: Callable[..., None]) -> Callable[..., None]:
        def others(self: Any, where: str, which: str, found: str, expected: str) -> None:
            if which != rule:
                refuse(self, where, which, found, expected)

        return others

    wrap("reference_server.issuer.application.Application.refuse", refusing)


@BUGS.breaking("R014")
def two_servers_for_a_machine() -> None:
    """Does not see that a machine is another licence's."""
    _overlooking("R014")


@BUGS.breaking("R015")
def takes_a_description_twice() -> None:
    """Takes a MachineInfo.rif that was used before."""
    _overlooking("R015")


@BUGS.breaking("R016")
def replaces_nothing() -> None:
    """Does not tell a bundle which ones it replaces."""

    def licensed(licence: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **fields: licence(**{**fields, "replaces": ()})

    wrap("reference_server.issuer.register.IssuedLicence", licensed)


@BUGS.breaking("R127", "R129")
def needs_no_receipt() -> None:
    """Moves a server without its receipt."""
    _overlooking("R127")


@BUGS.breaking("R126", "R127")
def takes_any_receipt() -> None:
    """Does not look at the seal of a receipt."""

    def read(data: bytes, _public: str) -> Any:
        import json
        from datetime import datetime

        from reference_server.bundle import Receipt

        fields = json.loads(data)["body"]
        return Receipt(**{**fields, "destroyed": datetime.fromisoformat(fields["destroyed"])})

    change("reference_server.issuer.register.read_receipt", read)


@BUGS.breaking("R128")
def takes_an_early_description() -> None:
    """Takes a MachineInfo.rif from before the destruction."""
    _overlooking("R128")
