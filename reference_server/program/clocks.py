"""This machine's clocks, as the machines of this project read them."""

from __future__ import annotations

import time

from reference_server.protocol import Instant

__all__ = ["now"]


def now() -> Instant:
    """Return the boot-time clock (it counts suspension and is never set) and the wall clock, in microseconds."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns() // 1000)
