"""Cruising: the arithmetic of polls that can change nothing.

A node that was just granted and is at rest sends its next polls at ``first, first + 2 h, ...`` on its own
boot-time clock. As long as nothing about it, the server or the path between them changes, each of them is granted
and leaves everything as it was but for the last contact, the slot's age and the server's date, and these follow
from the last one alone. So a stretch of such polls is one `Stretch` value instead of so many round trips.
"""

from __future__ import annotations

from typing import NamedTuple

from fake_fdl_nodes.node import LEASE_US, PERIOD_US
from harness.clock import HostClock

__all__ = ["Stretch", "stretch"]


class Stretch(NamedTuple):
    """``polls`` polls that need not be simulated. Instants are true time unless the name says otherwise."""

    polls: int
    first_sent_us: int
    last_sent_us: int
    last_sent_boot_us: int
    last_arrived_us: int


def stretch(
    clock: HostClock,
    server_clock: HostClock,
    *,
    first_boot_us: int,
    until_us: int,
    latency_us: int,
    timeout_us: int,
) -> Stretch | None:
    """Return the polls whose whole round trip is over by ``until_us``, ``None`` if arithmetic cannot tell.

    :param first_boot_us: when the first of them is due, on the node's boot-time clock.
    :param until_us: the last true instant before anything changes; no clock changes its rate before it.
    """
    sends_us = [clock.true_us(first_boot_us + k * PERIOD_US) for k in (-1, 0, 1)]
    reads_us = [server_clock.boot_us(sent_us) for sent_us in sends_us]
    # Within two microseconds of a boundary the roundings of single polls decide, so these are simulated: polls
    # that come too rarely for their slot, and round trips that take as long as the node waits.
    if max(reads_us[1] - reads_us[0], reads_us[2] - reads_us[1]) + 2 >= LEASE_US:
        return None
    if clock.boot_us(sends_us[1] + 2 * latency_us) - first_boot_us + 2 > timeout_us:
        return None
    polls = (clock.boot_us(until_us - 2 * latency_us) - first_boot_us) // PERIOD_US + 1
    if polls < 1:
        return None
    last_boot_us = first_boot_us + (polls - 1) * PERIOD_US
    last_us = clock.true_us(last_boot_us)
    return Stretch(polls, sends_us[1], last_us, last_boot_us, last_us + latency_us)
