"""The rule book's own statement of what each host's clocks show.

Read off the scenario's clock events alone, and written apart from the clocks of the simulation on purpose: a mistake
shared by both would be invisible. The boot-time clock shows the whole microseconds of the exact time passed, sped up
or slowed down by the drift; the wall clock is the start of the scenario plus that, plus every step so far.
"""

from __future__ import annotations

from fractions import Fraction

from harness.scenario import Event, Scenario, Verb

__all__ = ["Clocks"]

_MILLION = 1_000_000


class Clocks:
    """The clocks of every host of ``scenario``; hosts are named as in it (`harness.scenario.SERVER`)."""

    def __init__(self, scenario: Scenario) -> None:
        self._start_us = scenario.start_us
        self._rates: dict[str, list[tuple[int, Fraction, Fraction]]] = {}
        self._steps: dict[str, list[tuple[int, int]]] = {}
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

    def steps(self, host: str) -> list[tuple[int, int]]:
        """Return the steps of a host's wall clock: (true us, by us), in order."""
        return self._steps.get(host, [])

    def drifts(self, host: str) -> bool:
        """Tell whether a host's clocks ever run fast or slow."""
        return host in self._rates

    def boot_us(self, host: str, true_us: int) -> int:
        """Return what the boot-time clock of ``host`` shows."""
        knots = self._rates.get(host)
        if knots is None:
            return true_us
        since_us, shown, rate = next(knot for knot in reversed(knots) if knot[0] <= true_us)
        return int((shown + (true_us - since_us) * rate) // 1)

    def wall_us(self, host: str, true_us: int, *, before_steps: bool = False) -> int:
        """Return what the wall clock of ``host`` shows; ``before_steps`` leaves out steps at that very instant."""
        steps = self._steps.get(host)
        wall_us = self._start_us + self.boot_us(host, true_us)
        if steps is None:
            return wall_us
        last_us = true_us - before_steps
        return wall_us + sum(by_us for at_us, by_us in steps if at_us <= last_us)

    def true_us(self, host: str, boot_us: int) -> int:
        """Return the first true microsecond at which the boot-time clock of ``host`` shows ``boot_us`` or more."""
        knots = self._rates.get(host)
        if knots is None:
            return boot_us
        # Go back from the last knot to the stretch in which the instant lies.
        for since_us, shown, rate in reversed(knots):
            if boot_us > shown or since_us == 0:
                return since_us - int((shown - boot_us) / rate // 1)
        raise AssertionError("the first knot is at 0")


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
