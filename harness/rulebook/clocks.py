"""The rule book's own statement of what each host's clocks show.

Read off the scenario's clock events alone, and written apart from the clocks of the simulation on purpose: a mistake
shared by both would be invisible. The boot-time clock shows the whole microseconds of the exact time passed, sped up
or slowed down by the drift; the wall clock is the start of the scenario plus that, plus every step so far, plus what
each slew has made good so far, less what each freeze has held back. Slews and freezes are told by that reading of the
boot-time clock, not by the exact time behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from harness.scenario import Event, Scenario, Verb

__all__ = ["Clocks"]

_MILLION = 1_000_000


class _Correction(NamedTuple):
    """What the wall clock is moved by, in all and at the most for each unit of boot-time from ``since_boot_us`` on.

    ``total_us`` is negative if the clock is held back, ``None`` for a freeze that never ends.
    """

    at_us: int
    since_boot_us: int
    pace: Fraction
    total_us: int | None

    def made(self, boot_us: int) -> Fraction:
        """Return how much of it is made when the boot-time clock shows ``boot_us``."""
        limit = max(0, boot_us - self.since_boot_us) * self.pace
        return -limit if self.total_us is None else max(-limit, min(limit, Fraction(self.total_us)))

    def over(self, boot_us: int) -> bool:
        """Tell whether all of it is made when the boot-time clock shows ``boot_us``."""
        return self.total_us is not None and self.made(boot_us) == self.total_us


class Clocks:
    """The clocks of every host of ``scenario``; hosts are named as in it (`harness.scenario.SERVER`)."""

    def __init__(self, scenario: Scenario) -> None:
        self._start_us = scenario.start_us
        self._rates: dict[str, list[tuple[int, Fraction, Fraction]]] = {}
        self._steps: dict[str, list[tuple[int, int]]] = {}
        self._corrections: dict[str, list[_Correction]] = {}
        drifts: dict[str, list[Event]] = {}
        for event in scenario.events:
            if event.verb is Verb.CLOCK_DRIFT and event.host is not None:
                drifts.setdefault(event.host, []).append(event)
            if event.verb is Verb.CLOCK_STEP and event.host is not None:
                self._steps.setdefault(event.host, []).append((event.at_us, event.by_us))
        for host, events in drifts.items():
            self._rates[host] = _knots(events)
        for steps in self._steps.values():
            steps.sort()
        for event in scenario.events:
            if event.verb in (Verb.CLOCK_SLEW, Verb.CLOCK_FREEZE) and event.host is not None:
                made = self._correction(event, event.host, scenario.events)
                self._corrections.setdefault(event.host, []).append(made)

    def _correction(self, event: Event, host: str, events: Iterable[Event]) -> _Correction:
        since_boot_us = self.boot_us(host, event.at_us)
        if event.verb is Verb.CLOCK_SLEW:
            return _Correction(event.at_us, since_boot_us, event.ppm / _MILLION, event.by_us)
        ends = [
            thaw.at_us
            for thaw in events
            if thaw.verb is Verb.CLOCK_THAW and thaw.host == host and thaw.at_us > event.at_us
        ]
        if event.until_us is not None:
            ends.append(event.until_us)
        held_us = self.boot_us(host, min(ends)) - since_boot_us if ends else None
        return _Correction(event.at_us, since_boot_us, Fraction(1), None if held_us is None else -held_us)

    def steps(self, host: str) -> list[tuple[int, int]]:
        """Return the steps of a host's wall clock: (true us, by us), in order."""
        return self._steps.get(host, [])

    def drifts(self, host: str) -> bool:
        """Tell whether a host's clocks ever run fast or slow."""
        return host in self._rates

    def wall_set(self, host: str, first_us: int, last_us: int) -> bool:
        """Tell whether the wall clock was stepped, slewed or frozen at any time from ``first_us`` to ``last_us``."""
        if any(first_us <= at_us <= last_us for at_us, _ in self.steps(host)):
            return True
        first_boot_us = self.boot_us(host, max(0, first_us))
        return any(each.at_us <= last_us and not each.over(first_boot_us) for each in self._corrections.get(host, ()))

    def boot_us(self, host: str, true_us: int) -> int:
        """Return what the boot-time clock of ``host`` shows."""
        knots = self._rates.get(host)
        if knots is None:
            return true_us
        since_us, shown, rate = next(knot for knot in reversed(knots) if knot[0] <= true_us)
        return floor(shown + (true_us - since_us) * rate)

    def wall_us(self, host: str, true_us: int, *, before_steps: bool = False, boot_us: int | None = None) -> int:
        """Return what the wall clock of ``host`` shows; ``before_steps`` leaves out steps at that very instant, but for
        those at 0, before which there was nothing.

        With ``boot_us`` it is what it showed when the boot-time clock did so, in the same tick.
        """
        if boot_us is None:
            boot_us = self.boot_us(host, true_us)
        wall_us = self._start_us + boot_us
        corrections = self._corrections.get(host)
        if corrections is not None:
            wall_us += floor(sum(each.made(boot_us) for each in corrections))
        steps = self._steps.get(host)
        if steps is None:
            return wall_us
        last_us = max(0, true_us - before_steps)
        return wall_us + sum(by_us for at_us, by_us in steps if at_us <= last_us)

    def true_us(self, host: str, boot_us: int) -> int:
        """Return the first true microsecond at which the boot-time clock of ``host`` shows ``boot_us`` or more."""
        knots = self._rates.get(host)
        if knots is None:
            return boot_us
        # Go back from the last knot to the stretch in which the instant lies; the first one is at 0.
        since_us, shown, rate = next(knot for knot in reversed(knots) if boot_us > knot[1] or knot[0] == 0)
        return since_us + ceil((boot_us - shown) / rate)


def _knots(events: list[Event]) -> list[tuple[int, Fraction, Fraction]]:
    """Return (since, exact boot-time reading there, rate from there on) for each change of a clock's rate."""
    changes: dict[int, Fraction] = {}
    for event in events:
        if event.until_us is not None:
            changes.setdefault(event.until_us, Fraction(0))
    for event in events:
        changes[event.at_us] = event.ppm  # Where one drift ends and the next begins, the next one counts.
    knots = [(0, Fraction(0), Fraction(1))]
    for at_us in sorted(changes):
        since_us, shown, rate = knots[-1]
        if at_us == since_us:
            knots.pop()
        knots.append((at_us, shown + (at_us - since_us) * rate, 1 + changes[at_us] / _MILLION))
    return knots
