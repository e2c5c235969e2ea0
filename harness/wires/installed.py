"""What a server program needs around it: a pretended machine, and the bundle that the issuer made for it.

A machine is a folder that holds the few files by which one is told from another; the programs find it by an environment
variable (`reference_server.machine.identity`). The bundle is unpacked below it, with a licence file that can be
replaced by a newer one.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from zoneinfo import ZoneInfo, available_timezones

from reference_server.bundle import FOLDER_NAME, LICENCE_NAME, IssuedLicence, archive, sealed_licence
from reference_server.licence import Licence, expiry_us
from reference_server.sealed import new_key

__all__ = [
    "as_root",
    "dying_with_parent",
    "free_port",
    "last_day",
    "licence_for",
    "machine",
    "scratch",
    "unpacked",
    "use_file",
]


def as_root() -> tuple[str, ...]:
    """Return what stands before a command that wants an administrator, as the programs do.

    Who runs this is one, or plays one in a user namespace of their own.
    """
    return () if os.geteuid() == 0 else ("unshare", "--map-root-user")


def dying_with_parent() -> tuple[str, ...]:
    """Return what stands before a command that is not to outlive the process that runs it, whatever becomes of that."""
    return ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()


def free_port() -> int:
    """Return a port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scratch(where: Path | None = None) -> TemporaryDirectory[str]:
    """Return a temporary folder in ``where``, or else in memory where there is such a file system.

    What lies in it outlives the program of a server, as it has to, and not the machine that simulates it; so nothing is
    gained by waiting for a disk at every request. Its name carries the number of this process, and folders of processes
    that are gone without removing theirs are removed.
    """
    in_memory = Path("/dev/shm")  # noqa: S108 - a folder of an unforeseeable name is made in it
    if where is None and os.access(in_memory, os.W_OK):
        where = in_memory
    folder = Path(gettempdir()) if where is None else where
    for left in sorted(folder.glob("fdl-harness-*-*")):
        owner = left.name.split("-")[2]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    return TemporaryDirectory(prefix=f"fdl-harness-{os.getpid()}-", dir=folder)


def machine(root: Path, name: str = "one") -> Path:
    """Make the files of a machine called ``name`` below ``root``, and return it."""
    card = root / "sys/class/net/eth0"
    for folder in ("etc", "proc", "sys/class/dmi/id", "sys/class/net/br0"):
        (root / folder).mkdir(parents=True)
    (card / "device").mkdir(parents=True)
    (root / "etc/machine-id").write_text(f"id-of-{name}\n")
    (root / "sys/class/dmi/id/product_uuid").write_text(f"uuid-of-{name}\n")
    (card / "address").write_text("02:00:00:00:00:01\n")
    (root / "sys/class/net/br0/address").write_text("02:00:00:00:00:99\n")
    (root / "proc/cpuinfo").write_text("processor : 0\nmodel name : Some CPU\n")
    return root


def licence_for(fingerprint: str, licence: Licence, *, serial: int = 1) -> IssuedLicence:
    """Return what the issuer's file for a machine says, so that a program makes ``licence`` of it.

    :raises ValueError: if the licence ends at an instant at which no day ends anywhere.
    """
    expires, zone = (None, "UTC") if licence.expires_us is None else last_day(licence.expires_us)
    return IssuedLicence(
        licence="L-1",
        bundle="L-1-1",
        serial=serial,
        company="Example Ltd",
        machine=fingerprint,
        capacity=licence.capacity,
        ranges=licence.ranges,
        applications=licence.applications,
        access_domains=licence.domains,
        access_ports=licence.ports,
        function_points=licence.function_points,
        version=licence.version,
        expires=expires,
        zone=zone,
        suspended=licence.suspended,
    )


@cache
def last_day(end_us: int) -> tuple[date, str]:
    """Return a day and a time zone in which it ends at ``end_us`` (us since the Unix epoch).

    :raises ValueError: if there is none.
    """
    try:
        end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=end_us)
        for name in ("UTC", *sorted(available_timezones())):
            zone = ZoneInfo(name)
            day = (end.astimezone(zone) - timedelta(microseconds=1)).date()
            if expiry_us(day, zone) == end_us:
                return day, name
    except OverflowError:
        pass
    raise ValueError(f"the licence ends at {end_us} us since the Unix epoch, where no day ends in any time zone")


def unpacked(folder: Path, issued: IssuedLicence) -> Path:
    """Unpack a bundle of ``issued`` into ``folder``, and return the bundle's folder."""
    key = new_key()
    with zipfile.ZipFile(io.BytesIO(archive(replace(issued, server_key=key.public), key))) as made:
        made.extractall(folder)
    (folder / FOLDER_NAME / "bin/server").chmod(0o755)
    return folder / FOLDER_NAME


def use_file(bundle: Path, issued: IssuedLicence) -> None:
    """Put a newer licence file into the folder of a bundle."""
    part = bundle / "new.lic"
    part.write_bytes(sealed_licence(issued))
    part.replace(bundle / LICENCE_NAME)
