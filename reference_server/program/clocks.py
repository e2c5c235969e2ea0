"""This machine's clocks, as the machines of this project read them.

A test that plays days in moments sets the wall clock with libfaketime, which leaves the boot-time clock alone. So that
clock is read from the file that ``FDL_HARNESS_BOOT_CLOCK`` names, if it names one: microseconds, as eight bytes.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from reference_server.protocol import Instant

__all__ = ["BOOT_CLOCK", "now"]

#: The form of the file.
BOOT_CLOCK = struct.Struct("<q")


def now() -> Instant:
    """Return the boot-time clock (it counts suspension and is never set) and the wall clock, in microseconds."""
    return Instant(_boot_us(), time.time_ns() // 1000)


def _boot_clock() -> Callable[[], int]:
    named = os.environ.get("FDL_HARNESS_BOOT_CLOCK")
    if not named:
        return lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    with Path(named).open("rb") as file:
        shown = mmap.mmap(file.fileno(), BOOT_CLOCK.size, access=mmap.ACCESS_READ)
    return lambda: int(BOOT_CLOCK.unpack_from(shown)[0])


_boot_us = _boot_clock()
