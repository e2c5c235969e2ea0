"""A host's clocks, as exact functions of true time.

Every host reads only its own clocks, and each is a view of true time: the **boot-time clock** drifts but
never steps and goes on while the host is suspended; the **wall clock** drifts along and can be stepped. Since
every drift and every step of a scenario is known before it runs, a clock is a value: a list of segments,
within which the boot-time clock is a straight line with a rational slope. A reading is a whole number of
microseconds, the floor of the exact value, and a timer fires at the first true microsecond at which the
reading has reached its due instant. The **monotonic clock** is the boot-time clock less what passed on it while
the host was suspended; nothing in the licensing law asks for it, but a program that does gets 24 h wrong.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from reference_server.protocol import Instant

__all__ = ["HostClock"]


class _Segment(NamedTuple):
    """From ``from_us`` on the exact boot-time value is ``(base + (t - from_us) * slope) / unit``."""

    from_us: int
    base: int
    slope: int
    unit: int

    def reading(self, true_us: int) -> int:
        return (self.base + (true_us - self.from_us) * self.slope) // self.unit


class HostClock:
    """The clocks of one host.

    :param start_wall_us: what the wall clock of a right host shows at true time 0 (us since the Unix epoch).
    :param drifts: (true us, ppm) pairs in order of time: from then on the clocks run by that much fast.
    :param steps: (true us, by us) pairs in order of time: the wall clock is set forward by that much.
    """

    def __init__(
        self,
        start_wall_us: int,
        drifts: Sequence[tuple[int, Fraction]] = (),
        steps: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._segments = [_Segment(0, 0, 1, 1)]
        for at_us, ppm in drifts:
            last = self._segments[-1]
            value = Fraction(last.base + (at_us - last.from_us) * last.slope, last.unit)
            rate = 1 + ppm / 1_000_000
            unit = value.denominator * rate.denominator
            segment = _Segment(at_us, value.numerator * rate.denominator, rate.numerator * value.denominator, unit)
            if at_us == last.from_us:
                self._segments.pop()
            self._segments.append(segment)
        self._starts = [segment.from_us for segment in self._segments]
        self._start_readings = [segment.reading(segment.from_us) for segment in self._segments]
        self._exact = len(self._segments) == 1 and self._segments[0].slope == self._segments[0].unit
        self._step_times = [at_us for at_us, _ in steps]
        self._offsets = [start_wall_us]
        for _, by_us in steps:
            self._offsets.append(self._offsets[-1] + by_us)

    def boot_us(self, true_us: int) -> int:
        """Return what the boot-time clock shows at ``true_us``; it shows 0 at 0."""
        if self._exact:
            return true_us
        return self._segments[bisect_right(self._starts, true_us) - 1].reading(true_us)

    def offset_us(self, true_us: int) -> int:
        """Return wall clock minus boot-time clock at ``true_us``, a step at that instant included."""
        if not self._step_times:
            return self._offsets[0]
        return self._offsets[bisect_right(self._step_times, true_us)]

    def wall_us(self, true_us: int) -> int:
        """Return what the wall clock shows at ``true_us``, in microseconds since the Unix epoch."""
        return self.boot_us(true_us) + self.offset_us(true_us)

    def instant(self, true_us: int) -> Instant:
        """Return both clocks at ``true_us``, a step at that instant included."""
        boot_us = self.boot_us(true_us)
        return Instant(boot_us, boot_us + self.offset_us(true_us))

    def instant_before_steps(self, true_us: int) -> Instant:
        """Return both clocks at ``true_us`` as the end of an event sees them: ends come before starts."""
        boot_us = self.boot_us(true_us)
        return Instant(boot_us, boot_us + self._offsets[bisect_left(self._step_times, true_us)])

    def monotonic_us(self, true_us: int, suspensions: Sequence[tuple[int, int | None]]) -> int:
        """Return what the monotonic clock shows at ``true_us``: it stands still during ``suspensions``.

        :param suspensions: (start, end) pairs of true time that do not overlap; an open one has ``None``.
        """
        asleep_us = 0
        for start_us, end_us in suspensions:
            if start_us < true_us:
                last_us = true_us if end_us is None else min(end_us, true_us)
                asleep_us += self.boot_us(last_us) - self.boot_us(start_us)
        return self.boot_us(true_us) - asleep_us

    def true_us(self, boot_us: int) -> int:
        """Return the first true microsecond at which the boot-time clock shows at least ``boot_us``.

        It may be negative for an instant before the start.
        """
        if self._exact:
            return boot_us
        # The last segment that starts below the instant reaches it, at the latest where the next one starts.
        segment = self._segments[max(0, bisect_left(self._start_readings, boot_us) - 1)]
        return segment.from_us - (segment.base - boot_us * segment.unit) // segment.slope
