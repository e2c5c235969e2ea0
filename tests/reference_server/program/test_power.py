"""The store's promise under a power loss: what was acknowledged is on the disk, whatever the kernel has yet to write.

A child process lives with the real store, and strace notes its system calls. From these every state is made in which
a power loss could leave the folder: after each call, all that was synced is there, and of the rest nothing,
everything, or one of a few subsets that are named below. (This is the way of ALICE: Pillai et al., "All File Systems
Are Not Created Equal", OSDI 2014.) What a file system promises is taken as little as POSIX has it: a sync of a file
is one of its contents, and its name needs a sync of the folder. In each state the real store has to open, with every
transaction that was acknowledged, and with the one that was not yet either wholly or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.wires.installed import scratch
from reference_server.authority import Authority
from reference_server.licence import Licence
from reference_server.program.store import Store, StoreError
from reference_server.protocol import Instant, Poll, Register, Unbind
from reference_server.readings import LITERAL
from reference_server.stored import Stored
from tests.programs import ROOT
from tests.reference_server.bench import EPOCH, FIRST, HOUR

ACKNOWLEDGED = b"stored\n"
NAME = "server.sqlite3"
INSTALLATIONS = "abc"
#: Two slots for three nodes: grants, releases and refusals. Each number is used once, since each is stored.
STEPS: tuple[tuple[type[Register | Poll | Unbind], str], ...] = (
    (Register, "a"),
    (Register, "b"),
    (Register, "c"),
    (Poll, "a"),
    (Unbind, "b"),
    (Register, "c"),
    (Poll, "c"),
    (Unbind, "a"),
    (Unbind, "c"),
    (Register, "b"),
)
#: After so many steps the program ends in order and is started again.
RESTARTED_AFTER = 6


class Known(NamedTuple):
    """What a store has to know."""

    stored: Stored
    serial: int


def lives() -> Iterator[tuple[Authority, str]]:
    """Play the steps, and yield after each the authority, and whose row is to be saved."""
    authority = Authority(Licence(capacity=2, ranges=((FIRST, FIRST),)), LITERAL)
    authority.start(Instant(0, EPOCH))
    for number, (kind, who) in enumerate(STEPS, 1):
        request = kind(number=number, installation=who, address=FIRST, application="r")
        authority.handle(request, FIRST, Instant(number * HOUR, EPOCH + number * HOUR))
        yield authority, who


def known_by_then() -> list[Known]:
    """Return what has to be known after each acknowledgement, by the authority that never was in a store."""
    empty = Stored(date_us=-(1 << 62), slots=(), answers=())
    # The store is opened, and then it remembers a licence file.
    known = [Known(empty, 0), Known(empty, 7)]
    for authority, _ in lives():
        slots = [row for who in INSTALLATIONS if (row := authority.slot_row(who)) is not None]
        answers = [row for who in INSTALLATIONS for row in authority.answer_rows(who)]
        known.append(Known(Stored(authority.date_us, tuple(slots), tuple(answers)), 7))
    return known


# The child.


class InParts:
    """A connection on which every statement is a transaction of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.close = connection.close

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement at once."""
        return self._connection.execute("" if statement in ("BEGIN IMMEDIATE", "COMMIT") else statement, *values)


def live(folder: Path, planted: str) -> None:
    """Store one step after the other in ``folder``, and acknowledge each.

    :param planted: what is wrong with the store: "OFF" or "NORMAL" synchronization, "in parts", or nothing.
    """

    def opened(*, fresh: bool) -> Store:
        store = Store(folder / NAME, "B", fresh=fresh)
        # So that a short life has its checkpoints, too.
        store._connection.execute("PRAGMA wal_autocheckpoint = 12")
        if planted == "in parts":
            store._connection = InParts(store._connection)  # type: ignore[assignment]
        elif planted:
            store._connection.execute(f"PRAGMA synchronous = {planted}")
        return store

    def acknowledge() -> None:
        os.write(1, ACKNOWLEDGED)

    store = opened(fresh=True)
    acknowledge()
    store.use_serial(7)
    acknowledge()
    for number, (authority, who) in enumerate(lives(), 1):
        store.save(authority, [who])
        acknowledge()
        if number == RESTARTED_AFTER:
            store.close()
            store = opened(fresh=False)
    # It is killed, and not told.
    os._exit(0)


# What it did.


class Call(NamedTuple):
    """A system call that changes the folder, or promises something of it.

    ``what`` is "create" or "remove" (a name, of the file with the number ``file``), "write" or "truncate" (at
    ``offset``), "sync" of a file, "sync names", or "acknowledge".
    """

    what: str
    file: int = 0
    name: str = ""
    offset: int = 0
    data: bytes = b""


_HEX = r"((?:\\x[0-9a-f]{2})*)"
_OPENAT = re.compile(rf'openat\([^,]*, "{_HEX}", ([A-Z_|]+)(?:, \d+)?\)')
_ON_HANDLE = re.compile(rf'(\w+)\((\d+)<{_HEX}>(?:\(deleted\))?(?:, "{_HEX}")?((?:, \d+)*)\)')
_UNLINK = re.compile(rf'unlink(?:at\([^,]*, |\()"{_HEX}"')
#: Everything by which one could write, so that nothing is overlooked.
_TRACED = (
    "openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,"
    "fsync,fdatasync,sync,syncfs,sync_file_range,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
)


def _text(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def calls(log: str, folder: Path) -> list[Call]:
    """Return what strace noted as calls on ``folder``. The index of the log (``-shm``) is made anew by every start."""
    found: list[Call] = []
    #: The numbers of the files, by their names in the folder.
    names: dict[str, int] = {}
    made = 0
    inside = f"{folder}{os.sep}"
    for line in log.splitlines():
        call, _, result = line.rpartition(" = ")
        call = call.rstrip()
        if not result[:1].isdecimal():
            continue  # It failed.
        if opened := _OPENAT.fullmatch(call):
            path, flags = _text(opened[1]).decode(), opened[2].split("|")
            name = path.removeprefix(inside)
            if name != path and not name.endswith("-shm"):
                assert "O_TRUNC" not in flags, line
                if "O_CREAT" in flags and name not in names:
                    made += 1
                    names[name] = made
                    found.append(Call("create", made, name))
        elif removed := _UNLINK.match(call):
            path = _text(removed[1]).decode()
            name = path.removeprefix(inside)
            if name != path and not name.endswith("-shm"):
                found.append(Call("remove", names.pop(name), name))
        elif handled := _ON_HANDLE.fullmatch(call):
            what, handle, path = handled[1], int(handled[2]), _text(handled[3]).decode()
            data, numbers = _text(handled[4] or ""), [int(each) for each in handled[5].split(", ")[1:]]
            name = path.removeprefix(inside)
            if (what, handle, data) == ("write", 1, ACKNOWLEDGED):
                found.append(Call("acknowledge"))
            elif path == str(folder):
                assert what in ("fsync", "fdatasync"), line
                found.append(Call("sync names"))
            elif name == path or name.endswith("-shm"):
                continue
            elif what in ("fsync", "fdatasync"):
                found.append(Call("sync", names[name]))
            elif what == "pwrite64":
                count, offset = numbers
                assert count == len(data) == int(result), line
                found.append(Call("write", names[name], offset=offset, data=data))
            else:
                assert what == "ftruncate", line
                found.append(Call("truncate", names[name], offset=numbers[0]))
        else:
            assert inside not in re.sub(_HEX, lambda found: _text(found[1]).decode("latin-1"), call), line
    return found


# What the disk may hold.


def disk(applied: Sequence[Call]) -> dict[str, bytes]:
    """Return the files that these calls make, by their names."""
    contents: dict[int, bytearray] = {}
    names: dict[str, int] = {}
    for call in applied:
        file = contents.setdefault(call.file, bytearray())
        if call.what == "create":
            names[call.name] = call.file
        elif call.what == "remove":
            names.pop(call.name, None)
        else:
            file.extend(bytes(max(0, call.offset - len(file))))
            if call.what == "truncate":
                del file[call.offset :]
            else:
                file[call.offset : call.offset + len(call.data)] = call.data
    return {name: bytes(contents[file]) for name, file in names.items()}


@dataclass
class Written:
    """All that was done up to some call, and what of it is synced."""

    calls: list[Call] = field(default_factory=list)
    synced: set[int] = field(default_factory=set)
    acknowledged: int = 0

    def add(self, call: Call) -> None:
        if call.what == "acknowledge":
            self.acknowledged += 1
        elif call.what == "sync names":
            self.synced |= {k for k, each in enumerate(self.calls) if each.name}
        elif call.what == "sync":
            self.synced |= {k for k, each in enumerate(self.calls) if each.file == call.file and not each.name}
        else:
            self.calls.append(call)

    def possible(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Yield what the disk may hold if the power fails now, with a name for what of the unsynced is there."""
        pending = [k for k in range(len(self.calls)) if k not in self.synced]

        def holding(some: Sequence[int], last: Call | None = None) -> dict[str, bytes]:
            kept = [call for k, call in enumerate(self.calls) if k in self.synced or k in some]
            return disk(kept if last is None else [*kept, last])

        yield "nothing", holding([])
        if not pending:
            return
        yield "everything", holding(pending)
        yield "all but the last call", holding(pending[:-1])
        yield "the last call alone", holding(pending[-1:])
        yield "all but the first call", holding(pending[1:])
        yield "the names alone", holding([k for k in pending if self.calls[k].name])
        for file in dict.fromkeys(self.calls[k].file for k in pending):
            yield f"file {file} alone", holding([k for k in pending if self.calls[k].file == file])
        last = self.calls[pending[-1]]
        if last.what == "write":
            # Disks write sectors.
            cut = len(last.data) // 2 // 512 * 512
            yield "half of the last write", holding(pending[:-1], last._replace(data=last.data[:cut]))


@dataclass
class Findings:
    """What was found in all states: what was ``wrong``, and how often an unacknowledged step was there, and was not."""

    wrong: list[str] = field(default_factory=list)
    states: int = 0
    ahead: int = 0
    behind: int = 0


def examine(done: Sequence[Call]) -> Findings:
    """Open the store in every state in which a power loss could have left it."""
    findings, written, known = Findings(), Written(), known_by_then()
    with scratch() as made:
        for place, call in enumerate(done):
            written.add(call)
            allowed = known[max(0, written.acknowledged - 1) : written.acknowledged + 1]
            seen = set()
            for name, files in written.possible():
                key = tuple(sorted(files.items()))
                if key in seen:
                    continue
                seen.add(key)
                findings.states += 1
                found = opened(Path(made) / f"{place}-{len(seen)}", files, fresh=written.acknowledged == 0)
                where = f"after call {place} ({call.what}), {written.acknowledged} acknowledged, {name} of the rest"
                if isinstance(found, str):
                    findings.wrong.append(f"{where}: {found}")
                elif found not in allowed:
                    findings.wrong.append(f"{where}: found {found}")
                elif written.acknowledged:
                    findings.behind += found == allowed[0]
                    findings.ahead += found == allowed[-1] != allowed[0]
    return findings


def opened(folder: Path, files: dict[str, bytes], *, fresh: bool) -> Known | str:
    """Return what the store knows in a folder with these files, or why it cannot be used."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    try:
        store = Store(folder / NAME, "B", fresh=fresh)
        found = Known(store.load(), store.serial)
        store.close()
    except StoreError as error:
        return str(error)
    finally:
        shutil.rmtree(folder)
    return found


@cache
def why_not_traced() -> str | None:
    """Return why strace cannot be used here, ``None`` if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"nobody may trace a process here: {tried.stderr.strip()}" if tried.returncode else None


def lived(folder: Path, planted: str = "") -> list[Call]:
    """Let the child live, and return what it did."""
    if (why := why_not_traced()) is not None:
        pytest.skip(why)
    log = folder.parent / "strace"
    tracing = ["strace", "-qq", "-y", "-xx", "-s", "1000000", "-e", f"trace={_TRACED}", "-o", str(log)]
    folder.mkdir()
    subprocess.run(
        [*tracing, sys.executable, __file__, str(folder), planted],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        timeout=120,
        check=True,
    )
    return calls(log.read_text(), folder)


def test_what_was_acknowledged_survives_a_power_loss_at_any_moment(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    done = lived(folder)
    # The calls are understood: they make the very files that are there.
    changes = [call for call in done if call.what not in ("sync", "sync names", "acknowledge")]
    there = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}
    assert disk(changes) == there
    # Opened, one serial number, and the steps.
    assert sum(call.what == "acknowledge" for call in done) == 2 + len(STEPS)

    findings = examine(done)
    assert findings.wrong == []
    # Both ways it can be with a step that was not acknowledged have been.
    assert findings.ahead
    assert findings.behind
    assert findings.states > len(done)


@pytest.mark.parametrize("planted", ["OFF", "NORMAL", "in parts"])
def test_a_store_that_breaks_its_promise_is_found_out(tmp_path: Path, planted: str) -> None:
    assert examine(lived(tmp_path / "folder", planted)).wrong


def test_a_program_that_answers_before_it_has_stored_is_found_out(tmp_path: Path) -> None:
    done = lived(tmp_path / "folder")
    assert examine([Call("acknowledge"), *done]).wrong


if __name__ == "__main__":
    live(Path(sys.argv[1]), sys.argv[2])
