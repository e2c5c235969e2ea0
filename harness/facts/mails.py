"""Applications as e-mails: a right one, with anything of it changed (R054 to R073)."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage

__all__ = ["CONTRACTS", "FIELDS", "mail", "mail_of_another"]

#: The issuer's contracts, under which the right application is one.
CONTRACTS = """\
[[contracts]]
number = "C-17"
company = "Example Ltd"
sender = "it@example.com"
signed = 2026-01-15

[[contracts]]
number = "C-18"
company = "Other Ltd"
sender = "it@other.example"
signed = 2026-01-16
"""
#: The rows of the document's table, filled in.
FIELDS = {
    "Company name": "Example Ltd",
    "Project name": "Data",
    "Contract signing date": "2026/01/15",
    "Registration method": "Private cloud authentication",
    "FineDataLink version": "FineDataLink",
    "FineDataLink IP address": "192.168.100.25 - 192.168.100.26",
    "FineDataLink project name": "report1, report2",
    "Authorization server domain": "licence.example.com",
    "Public IP address of the authorization server": "",
    "Authorization capacity": "2",
}


def mail(
    rif: bytes | None,
    *,
    sender: str = "it@example.com",
    to: str = "business@fanruan.com",
    subject: str = "Example Ltd Registration for FineDataLink Official Authorization File",
    receipt: bytes | None = None,
    fields: Mapping[str, str | None] | None = None,
    body: str | None = None,
) -> bytes:
    """Return an application as bytes.

    :param rif: the MachineInfo.rif to attach, ``receipt`` the receipt.fr; ``None`` for none.
    :param fields: rows that differ from the right ones. One that is ``None`` is left out.
    :param body: what stands in the place of all rows.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    values = {**FIELDS, **(fields or {})}
    lines = [f"{label}: {value}" for label, value in values.items() if value is not None]
    message.set_content("\n".join(lines) if body is None else body)
    for name, data in (("MachineInfo.rif", rif), ("receipt.fr", receipt)):
        if data is not None:
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return bytes(message)


def mail_of_another(rif: bytes, fields: Mapping[str, str | None] | None = None) -> bytes:
    """Return a right application of the other company, which has a contract and a licence of its own.

    :param rif: the MachineInfo.rif to attach.
    :param fields: rows that differ from the right ones. One that is ``None`` is left out.
    """
    own = {"Company name": "Other Ltd", "Contract signing date": "2026/01/16"}
    subject = "Other Ltd Registration for FineDataLink Official Authorization File"
    return mail(rif, sender="it@other.example", subject=subject, fields={**own, **(fields or {})})
