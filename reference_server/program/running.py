"""Running the server of a bundle: its store, its port, its certificate, and then the requests of nodes."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from reference_server.authority import Authority
from reference_server.machine.identity import record_folder, this_machine
from reference_server.program.clocks import now
from reference_server.program.exits import Exit, StopError
from reference_server.program.face import face
from reference_server.program.here import Here, find
from reference_server.program.logs import open_log
from reference_server.program.messages import Speaker, Text
from reference_server.program.record import BundleRecord, LockHeldError, Role, lock, machine_lock
from reference_server.program.service import Service
from reference_server.program.serving import end_on_signals, most_connections, open_port, serve, server_of
from reference_server.program.store import CannotWriteError, Store, StoreError
from reference_server.program.tls import certificate, local_addresses
from reference_server.readings import LITERAL

__all__ = ["run"]


def run(speaker: Speaker, port: int) -> None:
    """Run the server on ``port`` until it is told to end.

    :raises StopError: if something keeps it from running.
    """
    here = find()
    with _alone(here.record):
        # With the locks held, nobody destroys or replaces the bundle any more.
        if here.record.receipt is not None:
            raise StopError(Exit.DESTROYED, Text.DESTROYED, bundle=here.licence.bundle)
        if here.record.replaced:
            raise StopError(Exit.REPLACED, Text.REPLACED, bundle=here.licence.bundle)
        store = _store(here)
        host = os.environ.get("FDL_HARNESS_BIND", "0.0.0.0")  # noqa: S104 - nodes are on other machines
        try:
            listening = open_port(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StopError(Exit.PORT_IN_USE, Text.PORT_IN_USE, port=port) from None
            raise StopError(Exit.PORT_IN_USE, Text.PORT_FORBIDDEN, port=port, reason=error.strerror) from None
        try:
            _serve(speaker, here, store, listening)
        finally:
            listening.close()
            store.close()


def _tell(line: str) -> None:
    """Print a line. A server goes on whether anybody can read it or not."""
    try:
        click.echo(line)
    except OSError:
        # What is left in its buffer would fail once more as the program ends, and be its exit code.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _store(here: Here) -> Store:
    record, licence = here.record, here.licence
    if record.started and not record.state.exists():
        raise StopError(Exit.STATE_DAMAGED, Text.STATE_MISSING, path=record.state)
    try:
        record.folder.mkdir(parents=True, exist_ok=True)
        store = Store(record.state, licence.bundle, fresh=not record.started)
        newest = store.serial
        if licence.serial < newest:
            raise StopError(Exit.OLD_FILE, Text.OLD_FILE, serial=licence.serial, newest=newest)
        store.use_serial(licence.serial)
        record.start()
        for bundle in licence.replaces:
            BundleRecord(record_folder(), bundle).replace()
    except StoreError as error:
        raise _unusable(record, error) from None
    except OSError as error:
        raise StopError(Exit.STATE_DAMAGED, Text.CANNOT_WRITE, path=record.folder, reason=error.strerror) from None
    return store


def _unusable(record: BundleRecord, error: StoreError) -> StopError:
    # Nobody destroys a bundle because a disk is full.
    text = Text.CANNOT_WRITE if isinstance(error, CannotWriteError) else Text.STATE_DAMAGED
    return StopError(Exit.STATE_DAMAGED, text, path=record.state, reason=error)


def _serve(speaker: Speaker, here: Here, store: Store, listening: socket.socket) -> None:
    licence, log = here.licence, open_log()
    host, port = listening.getsockname()
    failed: list[StoreError] = []
    authority = Authority(licence.as_licence(), LITERAL)
    try:
        stored = store.load()
        authority.restore(stored)
        started = now()
        gone = [change.installation for change in authority.start(started)]
        store.save(authority, gone)
    except StoreError as error:
        raise _unusable(here.record, error) from None
    service = Service(authority, store, here.file, now, lambda: this_machine().fingerprint)
    for slot in stored.slots:
        if slot.installation not in gone:
            service.heard_us[slot.installation] = started.boot_us - max(0, started.wall_us - slot.stored_us)

    def give_up(error: StoreError) -> None:
        failed.append(error)
        server.should_exit = True

    # The addresses on which somebody listens: all of the machine's, or the one that was asked for.
    addresses = local_addresses() if host == "0.0.0.0" else [host]  # noqa: S104
    extra = [name for name in (licence.server_domain, licence.server_address) if name]
    try:
        context, ca = certificate(here.folder / "tls", [*addresses, "127.0.0.1", "localhost", *extra])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StopError(Exit.NO_CERTIFICATE, Text.NO_CERTIFICATE, path=here.folder / "tls", reason=reason) from None
    server = server_of(
        face(service, log, give_up),
        context,
        connections=most_connections(),
        simulated_sources=os.environ.get("FDL_HARNESS_SIMULATED_SOURCES") == "1" and host == "127.0.0.1",
    )
    # Whoever has read the banner may tell the program to end.
    end_on_signals(server)
    _tell(speaker.say(Text.BANNER))
    until = "∞" if licence.expires is None else f"{licence.expires} ({licence.zone})"
    known = {"licence": licence.licence, "bundle": licence.bundle, "capacity": licence.capacity, "until": until}
    _tell(speaker.say(Text.BANNER_LICENCE, **known))
    for address in [*extra, *addresses]:
        _tell(speaker.say(Text.BANNER_ADDRESS, url=f"https://{address}:{port}"))
    if ca is not None:
        _tell(speaker.say(Text.BANNER_CERTIFICATE, path=ca))
    _tell(speaker.say(Text.BANNER_RUNNING, port=port))
    log.info("started", port=port, licence=licence.licence, bundle=licence.bundle, slots=authority.live)
    serve(server, listening)
    log.info("stopped", port=port)
    if failed:
        raise StopError(Exit.STORE_FAILED, Text.STORE_FAILED, path=here.record.state, reason=failed[0])
    _tell(speaker.say(Text.STOPPED))


@contextmanager
def _alone(record: BundleRecord) -> Iterator[None]:
    """Hold the locks of the machine and of the bundle."""
    with ExitStack() as held:
        try:
            held.enter_context(lock(machine_lock(record_folder()), Role.SERVER))
            held.enter_context(lock(record.lock, Role.SERVER))
        except LockHeldError as other:
            raise StopError(Exit.SECOND_PROGRAM, Text.SECOND_PROGRAM, pid=other.pid or "?") from None
        except OSError as error:
            raise StopError(Exit.STATE_DAMAGED, Text.CANNOT_WRITE, path=record.folder, reason=error.strerror) from None
        yield
