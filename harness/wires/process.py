"""The server program in a process of its own, on a pretended machine, with clocks that stand where they are set.

What is common to the wires that run the real program: its life, its licence file, its state on the disk. The wall clock
is libfaketime's, so that the libraries see it, too; the boot-time clock, which that cannot change, is read from a file
(`reference_server.program.clocks`). Both are exact to the microsecond, and nothing of the real time gets in.

A program is ended by SIGKILL, however the scenario calls it: what it has answered is stored, or it is lost. One whose
disk is full ends itself: it may write no byte to any file (RLIMIT_FSIZE), which then fails as on a full disk.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer

from harness.wires.installed import (
    as_root,
    dying_with_parent,
    free_port,
    licence_for,
    machine,
    scratch,
    unpacked,
    use_file,
)
from harness.wires.wire import Started, Unfit
from reference_server.authority import Change, Reply
from reference_server.licence import Licence
from reference_server.machine.identity import this_machine
from reference_server.program.clocks import BOOT_CLOCK
from reference_server.program.exits import Exit
from reference_server.program.messages import Speaker, Text
from reference_server.program.openapi import REQUESTS, STATUS
from reference_server.program.record import BundleRecord
from reference_server.protocol import Instant, ProtocolError, Request, decode_answer, encode_request

__all__ = ["FAKETIME", "NO_FAKETIME", "ProcessWire", "ProgramError", "faketime"]

#: Where the library that sets the wall clock of a process is found.
FAKETIME = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime")
NO_FAKETIME = "libfaketime, which sets the clock of the server program, is not installed (apt-get install faketime)"
#: How long a program may take to start, in seconds.
_START_SECONDS = 60.0
#: How long one may take to end by itself, in seconds.
_END_SECONDS = 30.0
#: Somebody else may take a port between its choice and its use.
_PORTS_TRIED = 5
_REFUSALS = frozenset({Exit.DESTROYED, Exit.FOREIGN_MACHINE, Exit.SECOND_PROGRAM})


class ProgramError(Exception):
    """The program did what it should not: it ended, or refused for a reason of which the scenario knows nothing."""


def faketime() -> Path | None:
    """Return the library that sets the wall clock of a process, ``None`` if it is not installed."""
    for pattern in FAKETIME:
        for folder in sorted(Path("/").glob(pattern.lstrip("/"))):
            if (library := folder / "libfaketimeMT.so.1").exists():
                return library
    return None


class ProcessWire:
    """A server program in a process of its own. Whoever inherits it brings the requests there.

    :param bind: the address on which it listens.
    :param before: what stands before its command.
    :param environment: what it finds in its environment besides.
    """

    sees_slots = False

    def __init__(
        self,
        licence: Licence,
        *,
        bind: str,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        library = faketime()
        if library is None:
            raise Unfit(NO_FAKETIME)
        self._temporary = scratch()
        self.folder = Path(self._temporary.name)
        self._machine = machine(self.folder / "machine")
        self._licensed = this_machine(self._machine).fingerprint
        issued = licence_for(self._licensed, licence)
        self._bundle = unpacked(self.folder / "bundle", issued)
        self._serial = issued.serial
        self._record = BundleRecord(self._machine / "var/lib/fdl-harness", issued.bundle)
        self._clocks = _Clocks(self.folder, library)
        program = (sys.executable, "-P", "-m", "reference_server.program.cli")
        self._command = [*as_root(), *dying_with_parent(), *before, *program]
        self._environment = {
            **os.environ,
            **self._clocks.environment,
            "FDL_HARNESS_MACHINE": str(self._machine),
            "FDL_HARNESS_BUNDLE": str(self._bundle),
            "FDL_HARNESS_BIND": bind,
            **(environment or {}),
        }
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self._full = False

    @property
    def ca(self) -> Path:
        """The certificate that nodes need, which the program makes at its first start."""
        return self._bundle / "tls/ca.pem"

    # The program's life.

    def start(self, now: Instant, *, downtime_us: int) -> Started:
        """Start the program. It may refuse to run: destroyed, on a foreign machine, or on a full disk."""
        self._clocks.set(now)
        self._process = self._launched()
        if self._process is None:
            return Started(False, ())
        if self._full:
            raise ProgramError("the server program runs, though it can store nothing on its full disk")
        self._connect()
        return Started(True, ())

    def _launched(self) -> subprocess.Popen[str] | None:
        """Return the program that listens on `port`, ``None`` if it refuses to run."""
        for _ in range(_PORTS_TRIED):
            self.port = self._free_port()
            process, code = self._run(self.port)
            if process is not None or code in _REFUSALS or (self._full and code == Exit.STATE_DAMAGED):
                return process
            if code != Exit.PORT_IN_USE:
                raise ProgramError(f"the server program ended with {code}: {self._log()}")
        raise ProgramError(f"{_PORTS_TRIED} ports in turn were taken by others")

    def _run(self, port: int) -> tuple[subprocess.Popen[str] | None, int]:
        """Run the program until it listens, and return it, or else its exit code."""
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - nobody else has a say in it
                [*self._command, "-port", str(port), "-language", "en"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # A program that may write nothing is told so by an error, not killed by the signal that comes too.
                preexec_fn=_write_nothing if self._full else None,
                restore_signals=not self._full,
            )
        assert process.stdout is not None, "it is a pipe"
        listens = Speaker("en").say(Text.BANNER_RUNNING, port=port)
        hanging = Timer(_START_SECONDS, process.kill)
        hanging.start()
        try:
            if any(line.strip() == listens.strip() for line in process.stdout):
                return process, 0
        finally:
            hanging.cancel()
        _finish(process)
        return None, process.returncode

    def _free_port(self) -> int:
        """Return a port that nobody uses just now."""
        return free_port()

    def _log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-2000:].strip()

    def stop(self, now: Instant) -> None:
        """Kill the program."""
        if self._process is not None:
            self._process.kill()
        self._ended()

    def lose_power(self) -> None:
        """The store has promised all that was answered to be on the disk."""

    def _ended(self) -> None:
        self._disconnect()
        if self._process is not None:
            _finish(self._process)
            self._process = None

    def destroy(self) -> Sequence[Change]:
        """Call the program with ``-destroy``, once the one that runs has ended.

        It would end that one itself, but waiting for it is beyond a program whose clock stands still.
        """
        if self._process is not None:
            self._process.terminate()
        self._ended()
        done = subprocess.run(  # noqa: S603 - nobody else has a say in it
            [*self._command, "-destroy", "-language", "en"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode == Exit.FOREIGN_MACHINE:
            raise Unfit("a server on a machine whose identity has drifted refuses -destroy, too")
        if done.returncode != Exit.DONE:
            raise ProgramError(f"-destroy ended with {done.returncode}: {done.stdout}{done.stderr}")
        return ()

    def second(self, now: Instant) -> bool:
        """Start a second program on another port of the machine."""
        self._clocks.set(now)
        process, _ = self._run(self._free_port())
        if process is None:
            return False
        process.kill()
        _finish(process)
        return True

    # What the issuer and the machine do.

    def use(self, licence: Licence) -> None:
        """Put a newer licence file in place."""
        self._serial += 1
        use_file(self._bundle, licence_for(self._licensed, licence, serial=self._serial))

    def drift(self, drifted: bool) -> None:
        """Change the machine's id, or change it back."""
        (self._machine / "etc/machine-id").write_text("id-of-another\n" if drifted else "id-of-one\n")

    def fill(self, full: bool) -> None:
        """Let the program write nothing more, or let it write again."""
        self._full = full
        if self._process is not None:
            _limit(self._process.pid, full)

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Let the disk have room for a moment."""
        full = self._full
        self.fill(False)
        try:
            yield
        finally:
            self.fill(full)

    def _state_files(self) -> list[Path]:
        state = self._record.state
        return sorted(state.parent.glob(f"{state.name}*"))

    def image(self) -> dict[str, bytes]:
        """Return the files of the store. Its index of the log (``-shm``) is made anew from the others.

        What a destroyed server leaves is of no use to any program.
        """
        if self._record.receipt is not None:
            return {}
        return {path.name: path.read_bytes() for path in self._state_files() if not path.name.endswith("-shm")}

    def put_back(self, image: dict[str, bytes]) -> Sequence[Change]:
        """Let the next program find the files of ``image``, and no others."""
        for path in self._state_files():
            path.unlink()
        folder = self._record.folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in image.items():
            (folder / name).write_bytes(data)
        return ()

    # Requests.

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        """Send the request, and return the answer; what cannot be read is silence."""
        self._clocks.set(now)
        body = request if isinstance(request, bytes) else encode_request(request)
        own = source if isinstance(request, bytes) else request.address
        received = self._exchange("POST", REQUESTS, body, source, own)
        try:
            return Reply(decode_answer(received), [])
        except ProtocolError:
            return Reply(None, [])

    def ask_in_vain(self, request: Request | bytes, source: int, now: Instant) -> None:
        """Send the request to a program that cannot store it. It has to say nothing, and to end as it is documented.

        :raises ProgramError: if it does otherwise.
        """
        answer = self.ask(request, source, now).answer
        if answer is not None:
            raise ProgramError(f"the server program answered what it cannot have stored: {answer}")
        assert self._process is not None, "only a running program is asked"
        process = self._process
        # It waits for those who are connected.
        self._disconnect()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        if process.returncode != Exit.STORE_FAILED:
            did = "goes on" if process.returncode is None else f"ended with {process.returncode}"
            raise ProgramError(f"the server program, which cannot store anything, {did}; it said: {self._log()}")
        self._ended()

    def _exchange(self, method: str, path: str, body: bytes, source: int | None, own: int | None) -> bytes:
        """Return the body of the response to what a node at the address ``own`` sends, and the server sees come from
        ``source``; with ``None`` somebody at the server itself asks.
        """
        raise NotImplementedError

    def _connect(self) -> None:
        """Make ready for requests, since the program has just started."""

    def _disconnect(self) -> None:
        """Let go of connections, since the program has ended or is about to."""

    # What can be seen of the slots.

    def next_void_us(self) -> int | None:
        """Nobody can see the slots."""
        return None

    def expire(self, boot_us: int) -> Sequence[Change]:
        """The program does that itself."""
        return ()

    def registered(self, now: Instant) -> int:
        """Return the number that the program shows on its status page.

        Nobody asks that in the scenario, so a disk that is full in it has room for what the program may store then.
        """
        self._clocks.set(now)
        with self._room():
            return int(json.loads(self._exchange("GET", STATUS, b"", None, None))["registered"])

    def close(self) -> None:
        """Kill the program if it runs, and remove its folder."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._ended()
        self._clocks.close()
        self._temporary.cleanup()


def _finish(process: subprocess.Popen[str]) -> None:
    """Wait for the end of a process, and remove what libfaketime leaves of one that is killed."""
    process.communicate()
    for name in (f"faketime_shm_{process.pid}", f"sem.faketime_sem_{process.pid}"):
        Path("/dev/shm", name).unlink(missing_ok=True)  # noqa: S108 - where that library has them


def _limit(pid: int, full: bool) -> None:
    """Let a process write nothing to files, or whatever it was allowed at first."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else most, most))


def _write_nothing() -> None:
    _limit(0, True)


class _Clocks:
    """The clocks of a program's machine, the wall clock by libfaketime's ``library``. They stand still."""

    def __init__(self, folder: Path, library: Path) -> None:
        wall, boot = folder / "wall-clock", folder / "boot-clock"
        boot.write_bytes(bytes(BOOT_CLOCK.size))
        with boot.open("r+b") as file:
            self._boot = mmap.mmap(file.fileno(), BOOT_CLOCK.size)
        self._wall = wall.open("wb", buffering=0)
        self.environment = {
            "FDL_HARNESS_BOOT_CLOCK": str(boot),
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(wall),
            "FAKETIME_NO_CACHE": "1",
            # Waiting for something with a time limit would hang.
            "DONT_FAKE_MONOTONIC": "1",
            # The program sees by its date whether the licence file is another one.
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }

    def set(self, now: Instant) -> None:
        """Let the clocks show ``now``."""
        BOOT_CLOCK.pack_into(self._boot, 0, now.boot_us)
        shown = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now.wall_us)
        # libfaketime reads the fraction as a float and rounds down; half a microsecond more keeps that exact.
        os.pwrite(self._wall.fileno(), f"{shown:%Y-%m-%d %H:%M:%S.%f}5\n".encode(), 0)

    def close(self) -> None:
        """Close the files."""
        self._boot.close()
        self._wall.close()
