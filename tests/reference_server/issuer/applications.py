"""Applications for tests: a right one, with any of its fields changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from harness.facts.mails import mail
from reference_server.issuer.application import Application, examine
from reference_server.issuer.contracts import Contract
from reference_server.machine.identity import this_machine
from reference_server.machine.rif import Rif, new_rif
from tests.programs import machine

__all__ = ["CONTRACT", "NOW", "OTHER", "mail", "read", "rif_of"]

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTRACT = Contract(
    number="C-17",
    company="Example Ltd",
    sender="it@example.com",
    signed=date(2026, 1, 15),
    expires=date(2027, 1, 14),
)
OTHER = Contract(number="C-18", company="Other Ltd", sender="it@other.example", signed=date(2026, 1, 16))


def rif_of(folder: Path, name: str = "one", at: datetime = NOW) -> Rif:
    """Return a fresh description of the machine called ``name``."""
    root = folder / f"machine-{name}"
    return new_rif(this_machine(root if root.exists() else machine(root, name)), at)


def read(data: bytes, **more: bool) -> Application:
    """Return what an application asks for, under the two contracts."""
    return examine(data, (CONTRACT, OTHER), **more)
