"""The clocks of a program's machine, and the file that takes the place of the one that libfaketime leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from reference_server.program.clocks import BOOT_CLOCK, now


def test_the_machines_own_clocks() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    shown = now()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    assert before[0] // 1000 <= shown.boot_us <= after[0] // 1000
    assert before[1] // 1000 <= shown.wall_us <= after[1] // 1000


def test_a_simulated_boot_time_clock_is_read_anew_each_time(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_bytes(BOOT_CLOCK.pack(7))
    program = """
import sys
from reference_server.program.clocks import now
for line in sys.stdin:
    print(now().boot_us, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"FDL_HARNESS_BOOT_CLOCK": str(clock)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reading:
        assert reading.stdin is not None
        assert reading.stdout is not None
        for value in (7, 86_400_000_001, 3):
            with clock.open("r+b") as file:
                file.write(BOOT_CLOCK.pack(value))
            print(file=reading.stdin, flush=True)
            assert reading.stdout.readline() == f"{value}\n"
