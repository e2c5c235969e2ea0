"""``fdl-server``, started from a bundle as ``bin/server``: runs the authorization server, or destroys it.

Its options are the documented ones, with one dash (R078 to R080, R122 to R124). Two environment variables serve tests:
``FDL_HARNESS_BUNDLE`` is the folder of the bundle (the launcher sets it), ``FDL_HARNESS_BIND`` the address to listen
on, all of the machine's if left out.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click

from reference_server.authority import Authority
from reference_server.bundle import LICENCE_NAME, RECEIPT_NAME, IssuedLicence, Receipt, bundle_key, read_receipt
from reference_server.files import write_whole
from reference_server.machine.identity import MachineError, record_folder, this_machine
from reference_server.program.clocks import now
from reference_server.program.exits import Exit, StopError
from reference_server.program.face import face
from reference_server.program.logs import open_log
from reference_server.program.messages import DEFAULT_LANGUAGE, LANGUAGES, Speaker, Text
from reference_server.program.record import BundleRecord, LockHeldError, machine_lock
from reference_server.program.service import LicenceFile, Service
from reference_server.program.serving import open_port, serve, server_of
from reference_server.program.store import Store, StoreError
from reference_server.program.tls import certificate, local_addresses
from reference_server.readings import LITERAL
from reference_server.sealed import SealError

__all__ = ["main"]

DEFAULT_PORT = 8081
_STOP_SECONDS = 15.0


class _Call(NamedTuple):
    port: int
    language: str
    destroy: bool
    help: bool


@click.command(add_help_option=False)
@click.option("-port", "port", default=str(DEFAULT_PORT))
@click.option("-language", "language", default=DEFAULT_LANGUAGE)
@click.option("-destroy", "destroy", is_flag=True)
@click.option("-help", "show_help", is_flag=True)
@click.argument("more", nargs=-1)
def _options(port: str, language: str, destroy: bool, show_help: bool, more: tuple[str, ...]) -> _Call:
    if more:
        raise StopError(Exit.USAGE, Text.UNEXPECTED_ARGUMENT, argument=repr(more[0]))
    if language not in LANGUAGES:
        raise StopError(Exit.USAGE, Text.BAD_LANGUAGE, language=repr(language))
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
        raise StopError(Exit.USAGE, Text.BAD_PORT, port=repr(port))
    return _Call(int(port), language, destroy, show_help)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program with the command line ``arguments``, by default those that it was called with."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    speaker = Speaker(_wanted_language(given))
    try:
        call = _parsed(given)
        if call.help:
            click.echo(speaker.say(Text.USAGE))
        elif call.destroy:
            _destroy(speaker)
        else:
            _run(speaker, call.port)
    except StopError as stop:
        click.echo(speaker.say(stop.text, **stop.values), err=True)
        raise SystemExit(stop.code) from None


def _wanted_language(given: list[str]) -> str:
    """Return the language for whatever is said about the call itself."""
    for option, value in pairwise(given):
        if option == "-language" and value in LANGUAGES:
            return value
    return DEFAULT_LANGUAGE


def _parsed(given: list[str]) -> _Call:
    try:
        call = _options.main(given, prog_name="server", standalone_mode=False)
    except click.NoSuchOption as error:
        # click names the part that it stumbled over, a person wants to see what was typed.
        typed = next((each for each in given if each.startswith(error.option_name)), error.option_name)
        raise StopError(Exit.USAGE, Text.UNKNOWN_OPTION, option=typed) from None
    except click.BadOptionUsage as error:
        raise StopError(Exit.USAGE, Text.OPTION_NEEDS_VALUE, option=error.option_name) from None
    assert isinstance(call, _Call), "the command returns one"
    return call


# What both have to find first.


class _Here(NamedTuple):
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


def _here() -> _Here:
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
    return _Here(folder, file, licence, BundleRecord(record_folder(), licence.bundle))


@contextmanager
def _alone(record: BundleRecord) -> Iterator[None]:
    try:
        with machine_lock(record_folder(), record.folder.name):
            yield
    except LockHeldError as held:
        raise StopError(Exit.SECOND_PROGRAM, Text.SECOND_PROGRAM, pid=held.pid or "?") from None


# Running.


def _run(speaker: Speaker, port: int) -> None:
    here = _here()
    if here.record.receipt is not None:
        raise StopError(Exit.DESTROYED, Text.DESTROYED, bundle=here.licence.bundle)
    if here.record.replaced:
        raise StopError(Exit.REPLACED, Text.REPLACED, bundle=here.licence.bundle)
    with _alone(here.record):
        store = _store(here)
        host = os.environ.get("FDL_HARNESS_BIND", "0.0.0.0")  # noqa: S104 - nodes are on other machines
        try:
            listening = open_port(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StopError(Exit.PORT_IN_USE, Text.PORT_IN_USE, port=port) from None
            raise StopError(Exit.PORT_IN_USE, Text.PORT_FORBIDDEN, port=port, reason=error.strerror) from None
        try:
            _serve(speaker, here, store, listening.getsockname()[1], listening)
        finally:
            listening.close()
            store.close()


def _store(here: _Here) -> Store:
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
        raise StopError(Exit.STATE_DAMAGED, Text.STATE_DAMAGED, path=record.state, reason=error) from None
    except OSError as error:
        raise StopError(Exit.STATE_DAMAGED, Text.CANNOT_WRITE, path=record.folder, reason=error.strerror) from None
    return store


def _serve(speaker: Speaker, here: _Here, store: Store, port: int, listening: object) -> None:
    licence, log = here.licence, open_log()
    failed: list[StoreError] = []
    authority = Authority(licence.as_licence(), LITERAL)
    try:
        stored = store.load()
        authority.restore(stored)
        started = now()
        gone = [change.installation for change in authority.start(started)]
        store.save(authority, gone)
    except StoreError as error:
        raise StopError(Exit.STATE_DAMAGED, Text.STATE_DAMAGED, path=here.record.state, reason=error) from None
    service = Service(authority, store, here.file, now, lambda: this_machine().fingerprint)
    for slot in stored.slots:
        if slot.installation not in gone:
            service.heard_us[slot.installation] = started.boot_us - max(0, started.wall_us - slot.stored_us)

    def give_up(error: StoreError) -> None:
        failed.append(error)
        server.should_exit = True

    addresses = local_addresses()
    extra = [name for name in (licence.server_domain, licence.server_address) if name]
    try:
        context, ca = certificate(here.folder / "tls", [*addresses, "localhost", *extra])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StopError(Exit.NO_CERTIFICATE, Text.NO_CERTIFICATE, path=here.folder / "tls", reason=reason) from None
    server = server_of(face(service, log, give_up), context)
    click.echo(speaker.say(Text.BANNER))
    until = "∞" if licence.expires is None else f"{licence.expires} ({licence.zone})"
    known = {"licence": licence.licence, "bundle": licence.bundle, "capacity": licence.capacity, "until": until}
    click.echo(speaker.say(Text.BANNER_LICENCE, **known))
    for address in [*extra, *addresses]:
        click.echo(speaker.say(Text.BANNER_ADDRESS, url=f"https://{address}:{port}"))
    if ca is not None:
        click.echo(speaker.say(Text.BANNER_CERTIFICATE, path=ca))
    click.echo(speaker.say(Text.BANNER_RUNNING, port=port))
    log.info("started", port=port, licence=licence.licence, bundle=licence.bundle, slots=authority.live)
    serve(server, listening)  # type: ignore[arg-type]
    log.info("stopped", port=port)
    if failed:
        raise StopError(Exit.STORE_FAILED, Text.STORE_FAILED, path=here.record.state, reason=failed[0])
    click.echo(speaker.say(Text.STOPPED))


# Destroying.


def _destroy(speaker: Speaker) -> None:
    here = _here()
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
    """Stop the program of this bundle, whichever folder it runs from, and keep it from starting meanwhile (Q34).

    The machine's program of another bundle, if it has one, is no concern of this one.
    """
    told = False
    until = time.monotonic() + _STOP_SECONDS
    while True:
        try:
            with machine_lock(record_folder(), record.folder.name):
                yield
                return
        except LockHeldError as held:
            if held.bundle not in ("", record.folder.name):
                yield
                return
            if time.monotonic() > until or not held.pid:
                raise StopError(Exit.SECOND_PROGRAM, Text.OTHER_STAYS, pid=held.pid or "?") from None
            if not told:
                told = True
                click.echo(speaker.say(Text.STOPPING_OTHER, pid=held.pid))
                with suppress(ProcessLookupError):  # It may just have ended by itself.
                    os.kill(held.pid, signal.SIGTERM)
            time.sleep(0.05)
