"""FanruanLicenseServer.zip: what the issuer sends, and what a server program starts from (R004, R074), simulated.

The archive holds one folder: ``bin/server``, a launcher of the program; the licence, sealed by the issuer; the key by
which this bundle's server proves that it was destroyed; and a note that all of it is simulated. A bundle belongs to one
machine. A later file of the same bundle (extended, suspended, another capacity) has a higher serial number.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from reference_server.addresses import format_range, parse_ranges
from reference_server.licence import Licence, expiry_us
from reference_server.sealed import ISSUER_KEY, NOTICE, Sealer, SealError, opened, sealed

__all__ = [
    "ARCHIVE_NAME",
    "FOLDER_NAME",
    "LICENCE_NAME",
    "RECEIPT_NAME",
    "IssuedLicence",
    "Receipt",
    "archive",
    "bundle_key",
    "read_licence",
    "read_receipt",
    "sealed_licence",
]

ARCHIVE_NAME = "FanruanLicenseServer.zip"
FOLDER_NAME = "FanruanLicenseServer"
LICENCE_NAME = "licence.lic"
KEY_NAME = "receipt.key"
#: The documented name of the proof of destruction (R126, R127).
RECEIPT_NAME = "receipt.fr"

_LAUNCHER = """\
#!/bin/sh
# A simulated authorization server, started from its bundle. The program itself is installed with fdl-harness.
command -v fdl-server >/dev/null || { echo "fdl-server is not installed: install fdl-harness first" >&2; exit 127; }
FDL_HARNESS_BUNDLE="$(cd "$(dirname "$0")/.." && pwd)" exec fdl-server "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedLicence:
    """What one licence file says.

    ``licence`` stays with a contract for good, ``bundle`` is new for each machine or re-registration, and ``serial``
    grows with each file of a bundle. ``machine`` is the fingerprint of the machine it is for. ``expires`` is the last
    licensed day in the time zone ``zone``, ``None`` for never. ``replaces`` are bundles that must not start any more.
    """

    licence: str
    bundle: str
    serial: int
    company: str
    machine: str
    capacity: int
    ranges: tuple[tuple[int, int], ...]
    applications: tuple[str, ...] = ()
    access_domains: tuple[str, ...] = ()
    access_ports: tuple[int, ...] = ()
    function_points: tuple[str, ...] = ("FineDataLink",)
    version: str = "FineDataLink"
    expires: date | None = None
    zone: str = "UTC"
    suspended: bool = False
    server_domain: str | None = None
    server_address: str | None = None
    server_key: str = ""
    replaces: tuple[str, ...] = ()

    def as_licence(self) -> Licence:
        """Return what the authority needs to know of it."""
        return Licence(
            capacity=self.capacity,
            ranges=self.ranges,
            applications=self.applications,
            domains=self.access_domains,
            ports=self.access_ports,
            function_points=self.function_points,
            version=self.version,
            expires_us=None if self.expires is None else expiry_us(self.expires, ZoneInfo(self.zone)),
            suspended=self.suspended,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The proof that the server of a bundle was destroyed on its machine (R126)."""

    licence: str
    bundle: str
    machine: str
    destroyed: datetime

    def to_bytes(self, key: Sealer) -> bytes:
        """Return the file, sealed with the key of the bundle."""
        body = {
            "licence": self.licence,
            "bundle": self.bundle,
            "machine": self.machine,
            "destroyed": self.destroyed.astimezone(UTC).isoformat(),
        }
        return sealed("receipt", body, key)


def sealed_licence(licence: IssuedLicence) -> bytes:
    """Return the licence file."""
    body: dict[str, Any] = {
        "licence": licence.licence,
        "bundle": licence.bundle,
        "serial": licence.serial,
        "company": licence.company,
        "machine": licence.machine,
        "capacity": licence.capacity,
        "addresses": [format_range(first, last) for first, last in licence.ranges],
        "applications": list(licence.applications),
        "access_domains": list(licence.access_domains),
        "access_ports": list(licence.access_ports),
        "function_points": list(licence.function_points),
        "version": licence.version,
        "expires": None if licence.expires is None else licence.expires.isoformat(),
        "zone": licence.zone,
        "suspended": licence.suspended,
        "server_domain": licence.server_domain,
        "server_address": licence.server_address,
        "server_key": licence.server_key,
        "replaces": list(licence.replaces),
    }
    return sealed("licence", body, ISSUER_KEY)


def read_licence(data: bytes) -> IssuedLicence:
    """Return what a licence file says.

    :raises SealError: if it is none of the issuer's, or was changed since.
    """
    fields = dict(opened(data, "licence", ISSUER_KEY.public))
    try:
        ranges, troubles = parse_ranges("\n".join(fields.pop("addresses")))
        expires = fields.pop("expires")
        for key in ("applications", "access_domains", "access_ports", "function_points", "replaces"):
            fields[key] = tuple(fields[key])
        if troubles:
            raise SealError("its addresses cannot be read")
        read = IssuedLicence(ranges=ranges, expires=None if expires is None else date.fromisoformat(expires), **fields)
        read.as_licence()  # Its last day and zone have to make an instant.
        return read
    except (KeyError, TypeError, ValueError, OSError, OverflowError):
        raise SealError("its content is not that of a licence") from None


def read_receipt(data: bytes, public: str) -> Receipt:
    """Return what a receipt says.

    :param public: the public half of the key of the bundle that it is about.
    :raises SealError: if it is no receipt of that bundle, or was changed since.
    """
    fields = dict(opened(data, "receipt", public))
    try:
        return Receipt(destroyed=datetime.fromisoformat(fields.pop("destroyed")), **fields)
    except (KeyError, TypeError, ValueError):
        raise SealError("its content is not that of a receipt") from None


def archive(licence: IssuedLicence, key: Sealer) -> bytes:
    """Return the archive with the licence and the key of its bundle."""
    note = f"{NOTICE}\n\nLicence {licence.licence}, bundle {licence.bundle}, file {licence.serial}.\n"
    files = {
        "bin/server": (_LAUNCHER.encode(), 0o755),
        LICENCE_NAME: (sealed_licence(licence), 0o644),
        KEY_NAME: (f"{key.private}\n".encode(), 0o600),
        "SIMULATED.txt": (note.encode(), 0o644),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, (data, mode) in files.items():
            info = zipfile.ZipInfo(f"{FOLDER_NAME}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = (0o100000 | mode) << 16
            made.writestr(info, data)
    return packed.getvalue()


def bundle_key(folder: Path) -> Sealer:
    """Return the key of the bundle that was unpacked into ``folder``.

    :raises SealError: if it is not there, or is no key.
    """
    try:
        return Sealer((folder / KEY_NAME).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        raise SealError(f"{KEY_NAME} is missing or damaged") from None
