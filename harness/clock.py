"""A host's clocks, as exact functions of true time.

Every host reads only its own clocks, and each is a view of true time: the **boot-time clock** drifts but
never steps and goes on while the host is suspended; the **wall clock** counts the ticks of the boot-time clock, and
can be stepped, slewed and frozen. Since every change of a clock is known before a scenario runs, a clock is a value: a
list of segments, within which the boot-time clock is a straight line with a rational slope. A reading is a whole number
of microseconds, the floor of the exact value, and a timer fires at the first true microsecond at which the
reading has reached its due instant. The **monotonic clock** is the boot-time clock less what passed on it while
the host was suspended; nothing in the licensing law asks for it, but a program that does gets 24 h wrong.

The wall clock shows the reading of the boot-time clock, and to that it adds where the scenario starts, every step so
far, and what slews and freezes have moved it by. A **slew** is what NTP does: it moves the clock gradually, at so many
microseconds for each second of the boot-time clock, until the whole correction is made. While it is **frozen** the wall
clock shows one value, and when it goes on it is behind by what the boot-time clock counted meanwhile. Neither ever
turns it back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from reference_server.protocol import Instant

__all__ = ["Freeze", "HostClock", "Slew"]

_MILLION = 1_000_000


class Slew(NamedTuple):
    """From true time ``at_us`` on the wall clock is moved by ``by_us``: ``ppm`` us in a second of its host's clocks."""

    at_us: int
    by_us: int
    ppm: Fraction


class Freeze(NamedTuple):
    """The wall clock stands still in true time from ``at_us`` to before ``until_us``, or for ever."""

    at_us: int
    until_us: int | None


class _Segment(NamedTuple):
    """From ``from_us`` on the exact boot-time value is ``(base + (t - from_us) * slope) / unit``."""

    from_us: int
    base: int
    slope: int
    unit: int

    def reading(self, true_us: int) -> int:
        return (self.base + (true_us - self.from_us) * self.slope) // self.unit


class _Bend(NamedTuple):
    """From the boot-time reading ``from_boot_us`` on the wall clock has moved by ``moved_us``, and ``rate`` of what
    passes on the boot-time clock.
    """

    from_boot_us: int
    moved_us: int
    rate: Fraction


class HostClock:
    """The clocks of one host.

    :param start_wall_us: what the wall clock of a right host shows at true time 0 (us since the Unix epoch).
    :param drifts: (true us, ppm) pairs in order of time: from then on the clocks run by that much fast.
    :param steps: (true us, by us) pairs in order of time: the wall clock is set forward by that much.
    :param adjustments: slews and freezes in order of time; one is over when the next one begins.
    """

    def __init__(
        self,
        start_wall_us: int,
        drifts: Sequence[tuple[int, Fraction]] = (),
        steps: Sequence[tuple[int, int]] = (),
        adjustments: Sequence[Slew | Freeze] = (),
    ) -> None:
        self._segments = [_Segment(0, 0, 1, 1)]
        for at_us, ppm in drifts:
            last = self._segments[-1]
            value = Fraction(last.base + (at_us - last.from_us) * last.slope, last.unit)
            rate = 1 + ppm / _MILLION
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
        #: The stretches ``[start, end)`` of true time in which the wall clock is slewed or frozen.
        self.adjusting: list[tuple[int, int | None]] = []
        self._bends: list[_Bend] = []
        for adjustment in adjustments:
            self._bend(adjustment)
        self._bend_starts = [bend.from_boot_us for bend in self._bends]

    def _bend(self, adjustment: Slew | Freeze) -> None:
        """Add the bends of the wall clock where ``adjustment`` begins and ends."""
        from_boot_us = self.boot_us(adjustment.at_us)
        moved_us = self._bends[-1].moved_us if self._bends else 0
        if isinstance(adjustment, Slew):
            rate = adjustment.ppm / _MILLION
            # It is done at the first tick of the boot-time clock at which the whole of it is due.
            done_boot_us = from_boot_us - int(-abs(adjustment.by_us) / rate // 1)
            until_us: int | None = self.true_us(done_boot_us)
            by_us = adjustment.by_us
            rate = rate if by_us > 0 else -rate
        else:
            until_us = adjustment.until_us
            done_boot_us = from_boot_us if until_us is None else self.boot_us(until_us)
            by_us = from_boot_us - done_boot_us
            rate = Fraction(-1)
        self.adjusting.append((adjustment.at_us, until_us))
        self._bends.append(_Bend(from_boot_us, moved_us, rate))
        if until_us is not None:
            self._bends.append(_Bend(done_boot_us, moved_us + by_us, Fraction(0)))

    def boot_us(self, true_us: int) -> int:
        """Return what the boot-time clock shows at ``true_us``; it shows 0 at 0."""
        if self._exact:
            return true_us
        return self._segments[bisect_right(self._starts, true_us) - 1].reading(true_us)

    def offset_us(self, true_us: int) -> int:
        """Return wall clock minus boot-time clock at ``true_us``, a step at that instant included.

        Between steps it stays the same, as long as the clock is `steady`.
        """
        if not self._bends:
            return self._stepped_us(true_us)
        return self._stepped_us(true_us) + self._moved_us(self.boot_us(true_us))

    def wall_us(self, true_us: int) -> int:
        """Return what the wall clock shows at ``true_us``, in microseconds since the Unix epoch."""
        return self.boot_us(true_us) + self.offset_us(true_us)

    def instant(self, true_us: int) -> Instant:
        """Return both clocks at ``true_us``, a step at that instant included."""
        return self.instant_of(self.boot_us(true_us), true_us)

    def instant_of(self, boot_us: int, true_us: int) -> Instant:
        """Return both clocks where the boot-time clock shows ``boot_us``, with the steps up to ``true_us``.

        For what was due within the tick that ends at ``true_us``: a fast clock may have passed it.
        """
        wall_us = boot_us + self._stepped_us(true_us)
        return Instant(boot_us, wall_us + self._moved_us(boot_us) if self._bends else wall_us)

    def instant_before_steps(self, true_us: int) -> Instant:
        """Return both clocks at ``true_us`` as the end of an event sees them: ends come before starts.

        A clock that is stepped at 0 was wrong from the start: nobody has ever seen it right.
        """
        boot_us = self.boot_us(true_us)
        stepped_us = self._offsets[bisect_left(self._step_times, max(true_us, 1))]
        return Instant(boot_us, boot_us + self._moved_us(boot_us) + stepped_us)

    def _stepped_us(self, true_us: int) -> int:
        """Return where the wall clock started, and all steps up to ``true_us``."""
        if not self._step_times:
            return self._offsets[0]
        return self._offsets[bisect_right(self._step_times, true_us)]

    def _moved_us(self, boot_us: int) -> int:
        """Return by how much slews and freezes have moved the wall clock by the boot-time reading ``boot_us``.

        It is the floor of an exact value, so that the wall clock shows the floor of its own.
        """
        place = bisect_right(self._bend_starts, boot_us)
        if not place:
            return 0
        bend = self._bends[place - 1]
        return bend.moved_us + (boot_us - bend.from_boot_us) * bend.rate.numerator // bend.rate.denominator

    def turns(self) -> list[int]:
        """Return the instants (true us), in order, at which the wall clock is set or begins to run at another rate."""
        bends = {at_us for stretch in self.adjusting for at_us in stretch if at_us is not None}
        return sorted({*self._starts[1:], *self._step_times, *bends})

    def steady(self, true_us: int) -> bool:
        """Tell whether the wall clock runs like the boot-time clock at ``true_us``: neither slewed nor frozen."""
        return not any(
            start_us <= true_us and (end_us is None or true_us < end_us) for start_us, end_us in self.adjusting
        )

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
