"""MachineInfo.rif: the exported description of a machine (R003, R042), in our own simulated format.

Each export carries a nonce of its own, by which the issuer tells a fresh one from one that it has seen (R015, R128).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reference_server.machine.identity import Machine
from reference_server.sealed import TOOL_KEY, SealError, opened, sealed

__all__ = ["RIF_NAME", "Rif", "new_rif", "read_rif"]

#: The documented name of the file, in the folder ``require`` (R041, R042).
RIF_NAME = "MachineInfo.rif"
_KIND = "machine-information"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rif:
    """A machine as it was described at one moment. ``exported`` is that moment."""

    machine: Machine
    nonce: str
    exported: datetime

    def to_bytes(self) -> bytes:
        """Return the file."""
        body = {"machine": self.machine.as_body(), "nonce": self.nonce, "exported": self.exported.isoformat()}
        return sealed(_KIND, body, TOOL_KEY)


def new_rif(machine: Machine, now: datetime) -> Rif:
    """Return a fresh description of ``machine``."""
    return Rif(machine=machine, nonce=secrets.token_hex(16), exported=now.astimezone(UTC))


def read_rif(data: bytes) -> Rif:
    """Return the description in a file.

    :raises SealError: if it is none, or was changed after the export.
    """
    body = opened(data, _KIND, TOOL_KEY.public)
    try:
        fields: dict[str, Any] = {**body["machine"]}
        cards = tuple(fields.pop("network_cards"))
        exported = datetime.fromisoformat(body["exported"])
        return Rif(machine=Machine(**fields, network_cards=cards), nonce=body["nonce"], exported=exported)
    except (KeyError, TypeError, ValueError):
        raise SealError("its content is not that of a machine") from None
