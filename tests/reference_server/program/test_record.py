"""What a machine remembers: the lock of one program, tombstones, and what has run (R014, R016, R125)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reference_server.program.record import BundleRecord, LockHeldError, machine_lock


def test_one_program_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    with machine_lock(tmp_path, "b"):
        with pytest.raises(LockHeldError) as held, machine_lock(tmp_path, "b"):
            pass
        assert (held.value.pid, held.value.bundle) == (os.getpid(), "b")
    with machine_lock(tmp_path, "b"):
        pass


def test_a_program_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from reference_server.program.record import machine_lock\n"
        "with machine_lock(Path(sys.argv[1]), 'b'):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(LockHeldError), machine_lock(tmp_path, "b"):
        pass
    process.kill()
    process.communicate()
    with machine_lock(tmp_path, "b"):
        pass


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
