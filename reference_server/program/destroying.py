"""``-destroy``: revoking the authorization of a bundle on its machine for good (R121 to R126)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import click

from reference_server.bundle import RECEIPT_NAME, Receipt, bundle_key, read_receipt
from reference_server.files import write_whole
from reference_server.program.exits import Exit, StopError
from reference_server.program.here import find
from reference_server.program.messages import Speaker, Text
from reference_server.program.record import BundleRecord, LockHeldError, Role, lock
from reference_server.sealed import SealError

__all__ = ["destroy"]

#: How long the running program may take to end, in seconds.
STOP_SECONDS = 15.0


def destroy(speaker: Speaker) -> None:
    """Revoke the authorization, and write the receipt. Once that is done, doing it again writes the same receipt.

    :raises StopError: if something keeps it from being done.
    """
    here = find()
    licence, record = here.licence, here.record
    path = here.folder / "bin" / RECEIPT_NAME
    try:
        key = bundle_key(here.folder)
    except SealError as error:
        raise StopError(Exit.TAMPERED, Text.TAMPERED, path=here.folder, reason=error) from None
    with _nobody_else(speaker, record):
        try:
            evidence = record.receipt
            if evidence is None:
                destroyed = datetime.now(UTC)
                about = {"licence": licence.licence, "bundle": licence.bundle, "machine": licence.machine}
                evidence = Receipt(**about, destroyed=destroyed).to_bytes(key)
                record.destroy(evidence)
                click.echo(speaker.say(Text.DESTROYED_NOW, bundle=licence.bundle))
            else:
                when = read_receipt(evidence, key.public).destroyed.isoformat(timespec="seconds")
                click.echo(speaker.say(Text.DESTROYED_BEFORE, bundle=licence.bundle, when=when))
            path.parent.mkdir(exist_ok=True)
            write_whole(path, evidence)
        except OSError as error:
            raise StopError(Exit.STATE_DAMAGED, Text.CANNOT_WRITE, path=error.filename, reason=error.strerror) from None
        except SealError as error:
            raise StopError(Exit.STATE_DAMAGED, Text.STATE_DAMAGED, path=record.folder, reason=error) from None
    click.echo(speaker.say(Text.RECEIPT_WRITTEN, path=path))


@contextmanager
def _nobody_else(speaker: Speaker, record: BundleRecord) -> Iterator[None]:
    """Stop the server of this bundle, whichever folder it runs from, and keep it from starting meanwhile (Q34).

    Another one that is destroying the same bundle is waited for, and the server of another bundle is no concern.
    """
    told = False
    until = time.monotonic() + STOP_SECONDS
    while True:
        try:
            with lock(record.lock, Role.DESTROYER):
                yield
                return
        except LockHeldError as held:
            if time.monotonic() > until:
                raise StopError(Exit.SECOND_PROGRAM, Text.OTHER_STAYS, pid=held.pid or "?") from None
            if held.role is Role.SERVER and not told:
                told = True
                click.echo(speaker.say(Text.STOPPING_OTHER, pid=held.pid))
                with suppress(ProcessLookupError):  # It may just have ended by itself.
                    os.kill(held.pid, signal.SIGTERM)
            time.sleep(0.05)
        except OSError as error:
            raise StopError(Exit.STATE_DAMAGED, Text.CANNOT_WRITE, path=record.folder, reason=error.strerror) from None
