"""Applications for tests: a right one, with any of its fields changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path

from reference_server.issuer.application import Application, examine
from reference_server.issuer.contracts import Contract
from reference_server.machine.identity import this_machine
from reference_server.machine.rif import Rif, new_rif
from tests.programs import machine

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTRACT = Contract(
    number="C-17",
    company="Example Ltd",
    sender="it@example.com",
    signed=date(2026, 1, 15),
    expires=date(2027, 1, 14),
)
OTHER = Contract(number="C-18", company="Other Ltd", sender="it@other.example", signed=date(2026, 1, 16))
RIGHT = {
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


def rif_of(folder: Path, name: str = "one", at: datetime = NOW) -> Rif:
    """Return a fresh description of the machine called ``name``."""
    root = folder / f"machine-{name}"
    return new_rif(this_machine(root if root.exists() else machine(root, name)), at)


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
    """Return an application as bytes. A field that is ``None`` is left out."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    values = {**RIGHT, **(fields or {})}
    lines = [f"{label}: {value}" for label, value in values.items() if value is not None]
    message.set_content("\n".join(lines) if body is None else body)
    for name, data in (("MachineInfo.rif", rif), ("receipt.fr", receipt)):
        if data is not None:
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return bytes(message)


def read(data: bytes, **more: bool) -> Application:
    """Return what an application asks for, under the two contracts."""
    return examine(data, (CONTRACT, OTHER), **more)
