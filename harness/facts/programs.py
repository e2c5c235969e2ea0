"""How the programs are run: to their end, as an administrator or not, and servers that go on running."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.facts.checking import BrokenError, NotCheckedError
from harness.wires.installed import as_root, dying_with_parent

__all__ = ["PATIENCE_S", "Commands", "Done", "Server", "is_listening"]

#: How long a command may take to end, or a server to start, in seconds.
PATIENCE_S = 30.0
_LOOKS_EVERY_S = 0.01
#: The user that is nobody in particular.
_NOBODY = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that has ended: what was typed, its exit code, what it printed and what it complained of."""

    command: str
    code: int
    printed: str
    complained: str

    @property
    def said(self) -> str:
        """Everything that it said."""
        return self.printed + self.complained

    def must(self, holds: object, expected: str) -> None:
        """Say that something must hold of it.

        :raises BrokenError: if it does not.
        """
        if not holds:
            raise BrokenError(expected, f"exit code {self.code} and {_quoted(self.said)}", self.command)

    def await_that(self, holds: Callable[[], bool], expected: str, patience_s: float) -> None:
        """Say what must come to hold after it.

        :param patience_s: how long it may take, in seconds.
        :raises BrokenError: if it does not.
        """
        until = time.monotonic() + patience_s
        while not holds():
            if time.monotonic() > until:
                raise BrokenError(expected, f"that it does not within {patience_s:.0f} s", self.command)
            time.sleep(_LOOKS_EVERY_S)

    def must_end_with(self, code: int, *says: str) -> Done:
        """Say how it must end, and what it must say in any case.

        :raises BrokenError: if it does not.
        """
        expected = "".join([f"exit code {code}", *(f" and {each!r}" for each in says)])
        self.must(self.code == code and all(each in self.said for each in says), expected)
        return self


def _quoted(text: str) -> str:
    shown = " ".join(text.split())
    return f"{shown[:300]!r}" if shown else "nothing said"


@dataclass(frozen=True, slots=True)
class Commands:
    """Where the programs are found.

    :param folder: its commands take the place of the installed ones of the same name; ``None`` for none.
    :param patience_s: how long a command may take to end, or a server to start, in seconds.
    """

    folder: Path | None = None
    patience_s: float = PATIENCE_S

    @property
    def path(self) -> str:
        """Where commands are looked for, as in ``PATH``."""
        own = [str(self.folder)] if self.folder is not None else []
        return os.pathsep.join([*own, str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def find(self, name: str) -> Path:
        """Return the file of a command.

        :raises NotCheckedError: if it is not installed.
        """
        found = shutil.which(name, path=self.path)
        if found is None:
            raise NotCheckedError(f"{name} is not installed")
        return Path(found)

    def environment(self, machine: Path | None, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment in which programs run on ``machine``, or on the one that this is."""
        played = {} if machine is None else {"FDL_HARNESS_MACHINE": str(machine)}
        # What a tool cuts off at the edge of a terminal is to be seen, too.
        wide = {"COLUMNS": "1000"}
        return {**os.environ, "FDL_HARNESS_BIND": "127.0.0.1", **wide, **played, "PATH": self.path, **more}

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        machine: Path | None = None,
        admin: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a command to its end.

        :param folder: the folder to run it in.
        :param machine: the pretended machine that it runs on.
        :param admin: whether an administrator runs it.
        :raises BrokenError: if it goes on running.
        """
        if "/" not in command[0]:
            self.find(command[0])
        typed = shlex.join(command)
        try:
            ended = subprocess.run(  # noqa: S603 - nobody else has a say in it
                [*self.before(admin=admin), *command],
                cwd=folder,
                env=self.environment(machine, environment or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self.patience_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BrokenError(f"that it ends within {self.patience_s:.0f} s", "that it goes on", typed) from None
        return Done(command=typed, code=ended.returncode, printed=ended.stdout, complained=ended.stderr)

    def before(self, *, admin: bool) -> Sequence[str]:
        """Return what stands before a command that an administrator is to run, or somebody else.

        :raises NotCheckedError: if no such person can run one here.
        """
        return _as_administrator() if admin else self._as_nobody()

    def _as_nobody(self) -> Sequence[str]:
        """Return what stands before a command that somebody else than the administrator is to run."""
        if os.geteuid() != 0:
            return ()
        for before in (
            ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"),
            ("unshare", "--user"),
        ):
            # A user who may not read the programs would fail for another reason than the one in question. That user's
            # shell starts them, since setpriv itself may still do what its own user may.
            trial = [*before, "sh", "-c", f"exec {shlex.quote(str(self.find('fdl-machine')))} --help"]
            if _succeeds(trial, self.environment(None, {})):
                return before
        raise NotCheckedError("no other user than the administrator can run the programs here")


@cache
def _as_administrator() -> Sequence[str]:
    before = as_root()
    if before and not _succeeds([*before, "true"], os.environ):
        raise NotCheckedError(f"no administrator runs this, and none can be played: {shlex.join(before)} fails")
    return before


def _succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    try:
        tried = subprocess.run(  # noqa: S603 - nobody else has a say in it
            command, env=environment, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except OSError:
        return False
    return tried.returncode == 0


class Server:
    """A server program that was started. It either runs, or has ended; `code` tells.

    :param port: the port that it was given.
    :param before: what stands before the command.
    :param folder: where what it says is written; it runs in the folder ``inside``.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        before: Sequence[str],
        port: int,
        folder: Path,
        inside: Path,
        environment: Mapping[str, str],
        patience_s: float,
    ) -> None:
        self.port = port
        self._patience_s = patience_s
        self._typed = shlex.join(command)
        self._out, self._log = folder / "server.out", folder / "server.log"
        with self._out.open("wb") as out, self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - nobody else has a say in it
                [*before, *dying_with_parent(), *command],
                cwd=inside,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )
        try:
            self.done.await_that(
                lambda: self.code is not None or '"event": "started"' in self._said(self._log),
                "that it starts or ends",
                patience_s,
            )
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    @staticmethod
    def _said(file: Path) -> str:
        return file.read_text(encoding="utf-8", errors="replace")

    @property
    def code(self) -> int | None:
        """Its exit code, ``None`` while it runs."""
        return self.process.poll()

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._said(self._out)

    @property
    def done(self) -> Done:
        """What it has come to. One that runs has the exit code 0."""
        return Done(command=self._typed, code=self.code or 0, printed=self.printed, complained=self._said(self._log))

    @property
    def url(self) -> str:
        """Its Server Address."""
        return f"https://127.0.0.1:{self.port}"

    def end(self, how: signal.Signals | None = signal.SIGTERM) -> int:
        """End it, unless it has ended, and return its exit code. ``None`` waits for it to end."""
        if self.code is None and how is not None:
            self.process.send_signal(how)
        try:
            return self.process.wait(self._patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            expected = "that it ends" if how is None else f"that {how.name} ends it"
            raise BrokenError(expected, "that it goes on", self._typed) from None


def is_listening(port: int) -> bool:
    """Return whether anybody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
