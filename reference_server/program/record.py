"""What a machine remembers of the server programs that ran on it, whatever folder they ran from (R014, R016, R125).

Everything about one bundle lies in a folder of its own below the machine's record folder: its state, and once it was
destroyed or replaced, a tombstone. So a copy of the bundle's folder, made before, does not start again. The lock is the
machine's: the kernel drops it when the program that holds it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reference_server.files import write_whole

__all__ = ["BundleRecord", "LockHeldError", "machine_lock"]


class LockHeldError(Exception):
    """Another program holds the machine's lock: process ``pid``, 0 if it does not say, for a bundle by its record."""

    def __init__(self, pid: int, bundle: str) -> None:
        super().__init__(f"held by process {pid} for {bundle}")
        self.pid = pid
        self.bundle = bundle


@contextmanager
def machine_lock(folder: Path, bundle: str) -> Iterator[None]:
    """Hold the lock that lets one server program run on a machine.

    :param folder: the machine's record folder.
    :param bundle: the name of the record of the bundle that it is for.
    :raises LockHeldError: if another program holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, holder = os.pread(handle, 100, 0).decode("ascii", "replace").strip().partition(" ")
            raise LockHeldError(int(pid) if pid.isdigit() else 0, holder) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {bundle}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


class BundleRecord:
    """What the machine keeps of one bundle. ``folder`` is where."""

    def __init__(self, folder: Path, bundle: str) -> None:
        # The name of a bundle may hold anything, that of a folder may not.
        self.folder = folder / hashlib.sha256(bundle.encode()).hexdigest()[:32]
        self.state = self.folder / "server.sqlite3"
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
