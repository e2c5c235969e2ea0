"""What running and destroying both have to find first: the bundle, on the machine that it is for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from reference_server.bundle import LICENCE_NAME, IssuedLicence
from reference_server.machine.identity import MachineError, record_folder, this_machine
from reference_server.program.exits import Exit, StopError
from reference_server.program.messages import Text
from reference_server.program.record import BundleRecord
from reference_server.program.service import LicenceFile
from reference_server.sealed import SealError

__all__ = ["Here", "find"]


class Here(NamedTuple):
    """A bundle on the machine that it is for."""

    folder: Path
    file: LicenceFile
    licence: IssuedLicence
    record: BundleRecord


def _bundle_folder() -> Path:
    named = os.environ.get("FDL_HARNESS_BUNDLE")
    if named:
        return Path(named)
    # Called by hand: from the bundle's folder, or from bin in it.
    here = Path.cwd()
    return here.parent if here.name == "bin" and (here.parent / LICENCE_NAME).exists() else here


def find() -> Here:
    """Return the bundle that this program was started from.

    :raises StopError: if there is none, it is not as issued, or for another machine, or not run by the administrator.
    """
    if os.geteuid() != 0:
        raise StopError(Exit.NOT_ADMIN, Text.NOT_ADMIN)
    folder = _bundle_folder()
    path = folder / LICENCE_NAME
    try:
        file = LicenceFile(path)
    except OSError as error:
        raise StopError(Exit.NO_BUNDLE, Text.NO_BUNDLE, folder=folder, reason=error.strerror) from None
    except SealError as error:
        raise StopError(Exit.TAMPERED, Text.TAMPERED, path=path, reason=error) from None
    licence = file.licence
    assert licence is not None, "a file that was just read"
    try:
        machine = this_machine()
    except MachineError as error:
        raise StopError(Exit.FOREIGN_MACHINE, Text.UNKNOWN_MACHINE, reason=error) from None
    if machine.fingerprint != licence.machine:
        shown = {"licensed": licence.machine[:16], "found": machine.fingerprint[:16]}
        raise StopError(Exit.FOREIGN_MACHINE, Text.FOREIGN_MACHINE, **shown)
    return Here(folder, file, licence, BundleRecord(record_folder(), licence.bundle))
