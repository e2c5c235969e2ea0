"""What a machine remembers of the server programs that ran on it, whatever folder they ran from (R014, R016, R125).

Everything about one bundle lies in a folder of its own below the machine's record folder: its state, and once it was
destroyed or replaced, a tombstone. So a copy of the bundle's folder, made before, does not start again. There are two
locks: the machine's, so that one server runs on it, and each bundle's, so that nobody starts what is being destroyed.
The kernel drops a lock when the program that holds it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from reference_server.files import write_whole

__all__ = ["BundleRecord", "LockHeldError", "Role", "lock", "machine_lock"]


class Role(Enum):
    """What a program that holds a lock is doing."""

    SERVER = "server"
    DESTROYER = "destroy"


class LockHeldError(Exception):
    """Another program holds the lock: process ``pid``, in a ``role``; 0 and ``None`` as long as it does not say."""

    def __init__(self, pid: int, role: Role | None) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid
        self.role = role


@contextmanager
def lock(path: Path, role: Role) -> Iterator[None]:
    """Hold the lock at ``path``, which says who holds it.

    :raises LockHeldError: if another program holds it.
    :raises OSError: if it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(os.pread(handle, 100, 0)) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {_began(os.getpid())} {role.value}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _held(said: bytes) -> LockHeldError:
    """Read who holds a lock. What a program that was killed has left is about nobody, even if its number lives on."""
    words = said.decode("ascii", "replace").split()
    if len(words) != 3 or not words[0].isdecimal() or _began(int(words[0])) != words[1]:
        return LockHeldError(0, None)
    return LockHeldError(int(words[0]), Role(words[2]))


def _began(pid: int) -> str:
    """Return what tells a process from a later one of the same number, nothing if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def machine_lock(folder: Path) -> Path:
    """Return where the lock of the machine is whose record folder is ``folder``."""
    return folder / "server.lock"


class BundleRecord:
    """What the machine keeps of one bundle. ``folder`` is where."""

    def __init__(self, folder: Path, bundle: str) -> None:
        # The name of a bundle may hold anything, that of a folder may not.
        self.folder = folder / hashlib.sha256(bundle.encode()).hexdigest()[:32]
        self.state = self.folder / "server.sqlite3"
        self.lock = self.folder / "bundle.lock"
        self._started = self.folder / "started"
        self._receipt = self.folder / "destroyed.receipt"
        self._replaced = self.folder / "replaced"

    @property
    def started(self) -> bool:
        """Whether its server has ever run here."""
        return self._started.exists()

    @property
    def receipt(self) -> bytes | None:
        """The receipt of its destruction, ``None`` if it was not destroyed."""
        return self._receipt.read_bytes() if self._receipt.exists() else None

    @property
    def replaced(self) -> bool:
        """Whether a newer bundle of this machine has taken its place."""
        return self._replaced.exists()

    def start(self) -> None:
        """Note that its server has run here, so that a state that is missing later is noticed."""
        if not self.started:
            self._note(self._started, b"")

    def destroy(self, receipt: bytes) -> None:
        """Leave the tombstone. There is no way back."""
        self._note(self._receipt, receipt)

    def replace(self) -> None:
        """Note that a newer bundle has taken its place."""
        if not self.replaced:
            self._note(self._replaced, b"")

    def _note(self, path: Path, data: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
