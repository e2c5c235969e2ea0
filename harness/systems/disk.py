"""The folder of a server under test as a disk: what is promised to be on it, and what a power loss leaves.

What a program writes is the kernel's at first, and it is on the disk for sure only once it was synced. So at the edge
of each call into code under test `os.fsync`, `os.fdatasync` and `os.sync` are exchanged (`harness.systems.ambient`) for
functions that take note, and wait for no real disk. A sync of a file promises its contents, and all names in the folder
as they are then: that is what ext4 does, which commits its journal.

At a power loss the folder is set back to what was promised. A file has the contents of its last sync. One that was
never synced, but whose name was promised by the sync of another one, is there and empty; any other is not there. A
real kernel writes the rest back too, when it likes; here it does so while a program is down in order, and at a start.

Of files that are written without Python's knowledge nobody can say what was synced: a SQLite database, known by its
header, and its log and journal are left as they were written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["WATCHED", "Disk", "watching"]

_SQLITE = b"SQLite format 3\0"
_OF_SQLITE = ("", "-wal", "-journal", "-shm")


class _Name(NamedTuple):
    """What a name in the folder stands for: a file, a folder, or with ``target`` a symbolic link."""

    mode: int
    inode: int
    target: str | None


class Disk:
    """What is promised of ``folder``. At first that is all that is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: By the path in the folder, parents first.
        self._names: dict[str, _Name] = {}
        #: What the last sync of a file has found in it, by its inode.
        self._contents: dict[int, bytes] = {}
        #: The promised files are kept open, so that no other file gets the number of their inode.
        self._open: dict[int, int] = {}
        self.write_back()

    def write_back(self) -> None:
        """Let all be promised that is there now."""
        self._promise_names(self._found())
        for inode in self._open:
            self._promise_contents(inode)

    def sync(self, handle: int) -> bool:
        """Sync an open file, or a folder, and tell whether it is in here at all.

        :raises OSError: if nothing is open by that number.
        """
        file, folder, found = os.fstat(handle), os.stat(self._folder), self._found()
        if file.st_dev != folder.st_dev or file.st_ino not in {folder.st_ino, *(it.inode for it in found.values())}:
            return False
        self._promise_names(found)
        if file.st_ino in self._open:
            self._promise_contents(file.st_ino)
        return True

    def lose_power(self) -> None:
        """Set the folder back to what was promised."""
        databases = self._databases()
        for path in reversed([*_below(self._folder)]):
            if _is(path, stat.S_ISDIR):
                with suppress(OSError):  # A database in it stays.
                    path.rmdir()
            elif path not in databases:
                path.unlink()
        made: dict[int, Path] = {}
        for name, it in self._names.items():
            path = self._folder / name
            if stat.S_ISDIR(it.mode):
                path.mkdir(exist_ok=True)
            elif path in databases:
                continue
            elif it.target is not None:
                path.symlink_to(it.target)
            elif it.inode in made:
                path.hardlink_to(made[it.inode])
            else:
                path.write_bytes(self._contents.get(it.inode, b""))
                path.chmod(stat.S_IMODE(it.mode))
                made[it.inode] = path
        self.write_back()

    def close(self) -> None:
        """Close what is kept open."""
        for handle in self._open.values():
            os.close(handle)
        self._open.clear()

    def _promise_names(self, found: dict[str, _Name]) -> None:
        self._names = found
        files = {it.inode: name for name, it in found.items() if stat.S_ISREG(it.mode)}
        for inode in [inode for inode in self._open if inode not in files]:
            os.close(self._open.pop(inode))
            self._contents.pop(inode, None)
        for inode, name in files.items():
            if inode not in self._open:
                self._open[inode] = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)

    def _promise_contents(self, inode: int) -> None:
        handle = self._open[inode]
        self._contents[inode] = os.pread(handle, os.fstat(handle).st_size, 0)

    def _found(self) -> dict[str, _Name]:
        """Return the names in the folder, but those of databases and of what is no file (a socket, say)."""
        databases = self._databases()
        found = {}
        for path in _below(self._folder):
            it = path.lstat()
            if path not in databases and (stat.S_ISREG(it.st_mode) or stat.S_ISDIR(it.st_mode)):
                found[str(path.relative_to(self._folder))] = _Name(it.st_mode, it.st_ino, None)
            elif stat.S_ISLNK(it.st_mode):
                found[str(path.relative_to(self._folder))] = _Name(it.st_mode, it.st_ino, os.readlink(path))
        return found

    def _databases(self) -> set[Path]:
        """Return the files of SQLite."""
        found = set()
        for path in _below(self._folder):
            if _is(path, stat.S_ISREG):
                with path.open("rb") as file:
                    if file.read(len(_SQLITE)) == _SQLITE:
                        found |= {path.with_name(path.name + suffix) for suffix in _OF_SQLITE}
        return found


def _below(folder: Path) -> Iterator[Path]:
    """Yield what is below ``folder``, each folder before what is in it."""
    for path in sorted(folder.iterdir()):
        yield path
        if _is(path, stat.S_ISDIR):
            yield from _below(path)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    return kind(path.lstat().st_mode)


# What is exchanged.

#: Whose folder the code under test that is being called has, if it has one.
_watched: Disk | None = None


@contextmanager
def watching(disk: Disk | None) -> Iterator[None]:
    """Let syncs that come now be those of the program whose folder ``disk`` is."""
    global _watched
    before, _watched = _watched, disk
    try:
        yield
    finally:
        _watched = before


def _of_file(real: Callable[[Any], None]) -> Callable[[Any], None]:
    def fake(file: Any) -> None:
        if _watched is None or not _watched.sync(file if isinstance(file, int) else file.fileno()):
            real(file)

    return fake


def _of_all(real: Callable[[], None]) -> Callable[[], None]:
    def fake() -> None:
        if _watched is None:
            real()
        else:
            _watched.write_back()

    return fake


#: The real functions, each with what takes its place during a call. Not every system has them all.
WATCHED: tuple[tuple[Callable[..., None], Callable[..., None]], ...] = tuple(
    (getattr(os, name), exchanged(getattr(os, name)))
    for name, exchanged in (("fsync", _of_file), ("fdatasync", _of_file), ("sync", _of_all))
    if hasattr(os, name)
)
