"""The workshop: a scratch folder with machines, an issuer's desk and bundles, in which facts have the programs run.

A machine is a folder that holds the few files by which one is told from another. Everything listens on loopback. What
takes time and is not changed by whoever uses it is made once, and shared.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Self, TypeVar

from harness.facts.checking import BrokenError
from harness.facts.mails import CONTRACTS, mail
from harness.facts.programs import PATIENCE_S, Commands, Done, Server
from harness.wires.installed import free_port, machine, scratch

__all__ = ["ENGLISH", "LOOPBACK", "Desk", "Place", "Workshop"]

ENGLISH = ("-language", "en")
#: The rows of an application for a server and nodes that are all on loopback.
LOOPBACK: dict[str, str | None] = {"FineDataLink IP address": "127.0.0.1 - 127.0.0.99"}
#: The exit code of a server whose port is in use, and how many ports are tried.
_OCCUPIED, _PORTS_TRIED = 9, 5
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Place:
    """A bundle that was unpacked, and the machine that it is for."""

    machine: Path
    bundle: Path

    @property
    def launcher(self) -> str:
        """The server's command."""
        return str(self.bundle / "bin/server")

    @property
    def ca(self) -> Path:
        """The certificate that nodes need."""
        return self.bundle / "tls/ca.pem"

    @property
    def receipt(self) -> Path:
        """Where the proof of its destruction is written."""
        return self.bundle / "bin/receipt.fr"


class Workshop:
    """A folder to work in, which is removed in the end with all that still runs in it.

    :param programs: a folder whose commands take the place of the installed ones of the same name.
    :param patience_s: how long a command may take to end, or a server to start, in seconds.
    """

    def __init__(self, programs: Path | None = None, *, patience_s: float = PATIENCE_S) -> None:
        self.commands = Commands(programs, patience_s)
        self._ending = ExitStack()
        # Programs are run in it, which a file system in memory often forbids.
        self._temporary = scratch(Path(gettempdir()))
        self._made: dict[tuple[Any, ...], Any] = {}
        self._folders = 0

    def __enter__(self) -> Self:
        self._ending.callback(self._temporary.cleanup)
        # Other users have to get in, to see that programs refuse them.
        Path(self._temporary.name).chmod(0o755)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def once(self, make: Callable[..., Made], *about: object) -> Made:
        """Return what ``make`` makes of this and ``about``, made at the first call for it, and shared."""
        key = (make, *about)
        if key not in self._made:
            self._made[key] = make(self, *about)
        made: Made = self._made[key]
        return made

    # Folders and machines.

    def folder(self) -> Path:
        """Return a new folder."""
        self._folders += 1
        made = Path(self._temporary.name, f"{self._folders:03}")
        made.mkdir()
        return made

    def machine(self, name: str = "one", **files: str) -> Path:
        """Return a new pretended machine called ``name``.

        :param files: more of its files: ``product_name``, ``architecture``.
        """
        root = machine(self.folder() / "machine", name)
        places = {"product_name": "sys/class/dmi/id/product_name", "architecture": "proc/sys/kernel/arch"}
        for which, content in files.items():
            path = root / places[which]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n", encoding="utf-8")
        return root

    # Programs.

    def run(
        self, *command: str, machine: Path | None = None, inside: Path | None = None, admin: bool = True, **more: str
    ) -> Done:
        """Run a command to its end, in the folder ``inside`` or a new one.

        :param more: what it finds in its environment besides.
        """
        folder = self.folder() if inside is None else inside
        return self.commands.run(command, folder=folder, machine=machine, admin=admin, environment=more)

    def rif(self, machine: Path) -> bytes:
        """Have ``fdl-machine`` describe a machine, and return the file."""
        folder = self.folder()
        done = self.run("fdl-machine", machine=machine, inside=folder).must_end_with(0)
        file = folder / "require/MachineInfo.rif"
        done.must(file.is_file(), "a file require/MachineInfo.rif")
        return file.read_bytes()

    def desk(self) -> Desk:
        """Return the desk of a new issuer."""
        folder = self.folder()
        (folder / "contracts.toml").write_text(CONTRACTS, encoding="utf-8")
        return Desk(self, folder)

    def licensed(self, name: str = "one", **fields: str | None) -> Place:
        """Have a bundle for a new machine issued and unpacked; its nodes are on loopback.

        :param fields: rows of the application that differ, with ``_`` for the spaces of their labels.
        """
        desk, root = self.desk(), self.machine(name)
        rows = LOOPBACK | {label.replace("_", " "): value for label, value in fields.items()}
        desk.issue(mail(self.rif(root), fields=rows)).must_end_with(0)
        return Place(root, desk.unpacked())

    @contextmanager
    def server(
        self,
        place: Place,
        *options: str,
        command: Sequence[str] = (),
        inside: Path | None = None,
        port: int | None = None,
        machine: Path | None = None,
        admin: bool = True,
    ) -> Iterator[Server]:
        """Start the server of a bundle, and end it afterwards if it still runs.

        :param options: what is typed after ``-port``.
        :param command: what is typed for the launcher, in the folder ``inside``.
        :param port: a free one unless it is given; with 0 no ``-port`` is typed.
        :param machine: the machine it runs on, unless on its own.
        :param admin: whether an administrator starts it.
        """
        started = self._started(place, options, command, inside, port, machine, admin=admin)
        for _ in range(_PORTS_TRIED):
            if port is not None or started.code != _OCCUPIED:
                break
            # Somebody else has taken the port between its choice and its use.
            started = self._started(place, options, command, inside, port, machine, admin=admin)
        try:
            yield started
        finally:
            if started.code is None:
                started.process.kill()
            started.process.wait()

    def _started(
        self,
        place: Place,
        options: Sequence[str],
        command: Sequence[str],
        inside: Path | None,
        port: int | None,
        machine: Path | None,
        *,
        admin: bool,
    ) -> Server:
        port = free_port() if port is None else port
        return Server(
            [*(command or (place.launcher,)), *(("-port", str(port)) if port else ()), *options],
            before=self.commands.before(admin=admin),
            port=port,
            folder=self.folder(),
            inside=place.bundle.parent if inside is None else inside,
            environment=self.commands.environment(place.machine if machine is None else machine, {}),
            patience_s=self.commands.patience_s,
        )

    @contextmanager
    def running(self, place: Place, *options: str, **how: Any) -> Iterator[Server]:
        """Start the server of a bundle, which must run.

        :raises BrokenError: if it does not.
        """
        with self.server(place, *options, **how) as started:
            started.done.must(started.code is None, "a server that runs")
            yield started

    def refused(self, place: Place, code: int, *options: str, **how: Any) -> Done:
        """Start the server of a bundle, which must refuse to run and end with the exit code ``code``.

        :raises BrokenError: if it does not.
        """
        with self.server(place, *options, **how) as started:
            if started.code is None:
                raise BrokenError(f"exit code {code}", "a server that runs", started.done.command)
            return started.done.must_end_with(code)

    def shared(self) -> tuple[Place, Server]:
        """Return a server that runs in English, for as long as the workshop is there. Nobody changes it."""
        return self.once(_shared)

    def keep(self, made: Any) -> Any:
        """Enter a context, which is left when the workshop is closed, and return what it gives."""
        return self._ending.enter_context(made)

    def node(self, place: Place, server: str, state: Path, *more: str, address: str = "127.0.0.1") -> Done:
        """Have a node register once at the address ``server``, and keep what it is in the file ``state``."""
        application = ("--application", "report1", "--ca", str(place.ca), "--address", address, "--once")
        return self.run("fdl-node", "register", server, *application, "--state", str(state), *more)


def _shared(workshop: Workshop) -> tuple[Place, Server]:
    place = workshop.licensed(Authorization_capacity="99")
    return place, workshop.keep(workshop.running(place, *ENGLISH))


class Desk:
    """An issuer's folder: the contracts, the register, applications that come in and archives that go out."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.folder = folder
        self._workshop = workshop

    @property
    def archive(self) -> Path:
        """The archive that was issued last."""
        return self.folder / "FanruanLicenseServer.zip"

    def check(self, application: bytes, *options: str) -> Done:
        """Have an application checked."""
        return self._read("check", application, options)

    def issue(self, application: bytes, *options: str) -> Done:
        """Have a bundle issued for an application."""
        return self._read("issue", application, options)

    def _read(self, what: str, application: bytes, options: Sequence[str]) -> Done:
        (self.folder / "application.eml").write_bytes(application)
        contracts = ("--contracts", "contracts.toml")
        return self._workshop.run("fdl-issuer", what, "application.eml", *contracts, *options, inside=self.folder)

    def listed(self) -> list[str]:
        """Return the bundles of the register, a line for each; none if there is no register."""
        if not (self.folder / "issuer.sqlite3").exists():
            return []
        done = self._workshop.run("fdl-issuer", "list", inside=self.folder).must_end_with(0)
        return done.printed.splitlines()

    def unpacked(self) -> Path:
        """Unpack the archive that was issued last into a new folder, and return the bundle's folder."""
        folder = self._workshop.folder()
        with zipfile.ZipFile(self.archive) as packed:
            packed.extractall(folder)
            for each in packed.infolist():
                # The module does not restore what unzip does: who may do what.
                os.chmod(folder / each.filename, each.external_attr >> 16)
        return folder / "FanruanLicenseServer"
