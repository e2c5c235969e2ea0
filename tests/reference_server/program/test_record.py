"""What a machine remembers: the lock of one program, tombstones, and what has run (R014, R016, R125)."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reference_server.program.record import BundleRecord, LockHeldError, Role, lock


def test_one_program_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path / "l", Role.SERVER):
        with pytest.raises(LockHeldError) as held, lock(tmp_path / "l", Role.SERVER):
            pass
        assert (held.value.pid, held.value.role) == (os.getpid(), Role.SERVER)
    with lock(tmp_path / "l", Role.SERVER):
        pass


def test_a_program_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from reference_server.program.record import Role, lock\n"
        "with lock(Path(sys.argv[1]) / 'l', Role.SERVER):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(LockHeldError), lock(tmp_path / "l", Role.SERVER):
        pass
    process.kill()
    process.communicate()
    with lock(tmp_path / "l", Role.SERVER):
        pass


def test_what_a_killed_program_left_in_the_lock_is_about_nobody(tmp_path: Path) -> None:
    # This process lives, but it is not the one that began when the entry says; the lock is held by somebody who has not
    # yet said who it is.
    for left in (f"{os.getpid()} 1 server", "999999999 1 server", "nonsense", ""):
        with (tmp_path / "l").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            held.write(left)
            held.flush()
            with pytest.raises(LockHeldError) as caught, lock(tmp_path / "l", Role.DESTROYER):
                pass
            assert (caught.value.pid, caught.value.role) == (0, None)


def test_a_record_is_of_one_bundle(tmp_path: Path) -> None:
    # Whatever the name holds, it is no path.
    names = ["../../etc", "B/1", "B 1", "b 1", "授权"]
    for name in names:
        BundleRecord(tmp_path, name).start()
    assert len(list(tmp_path.iterdir())) == len(names)
    assert all(BundleRecord(tmp_path, name).started for name in names)
    assert not BundleRecord(tmp_path, "B").started


def test_a_tombstone_stays(tmp_path: Path) -> None:
    record = BundleRecord(tmp_path, "B")
    assert (record.receipt, record.replaced) == (None, False)
    record.destroy(b"evidence")
    record.replace()
    record.replace()
    again = BundleRecord(tmp_path, "B")
    assert (again.receipt, again.replaced, again.started) == (b"evidence", True, False)
