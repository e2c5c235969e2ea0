"""Servers that are wrong about their own life: starts, stops, what is stored, their machine and its end."""

from __future__ import annotations

from dataclasses import replace

from harness.proof import Bugs
from harness.wires import Memory
from reference_server.authority import Authority, Change, Power, Reply
from reference_server.licence import Licence
from reference_server.protocol import Instant, Malformed, Request
from reference_server.readings import Reading
from reference_server.stored import Stored

BUGS = Bugs()
_HOUR_US = 3_600_000_000


# What a start makes of the slots.


@BUGS.breaking("R028", "R082")
class ForgetsAtStart(Authority):
    """Loses its slots at every start."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        return self._drop_all() + super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R034")
class RefreshesAtStart(Authority):
    """Rewrites what is stored at every start, so that nothing ages over a restart."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        for slot in self._slots.values():
            slot.renew(slot.address, now)
        return super().start(now, downtime_us=downtime_us)


class StartsWithAges(Authority):
    """Takes every slot to be older by ``older_us`` when it starts than it is."""

    older_us = 0

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        for slot in self._slots.values():
            slot.stored_us -= self.older_us
        changes = super().start(now, downtime_us=downtime_us)
        for slot in self._slots.values():
            slot.stored_us += self.older_us
            slot.silent_us += self.older_us
        return changes


@BUGS.breaking("R034")
class StartsATickEarly(StartsWithAges):
    """Voids at its start what is exactly 24 h old (``>=`` for ``>``)."""

    older_us = 1


@BUGS.breaking("R034")
class StartsATickLate(StartsWithAges):
    """Keeps at its start what is a microsecond too old."""

    older_us = -1


@BUGS.breaking("R034")
class NegativeAges(Authority):
    """Lets a slot be younger than new where the wall clock was set back: it lives for longer than 24 h."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        changes = super().start(now, downtime_us=downtime_us)
        for slot in self._slots.values():
            slot.silent_us = now.boot_us - (now.wall_us - slot.stored_us)
        return changes


@BUGS.breaking("R034")
class AgesByBootTimeOverAStop(Authority):
    """Ages its slots over a stop on the boot-time clock, which counts what a frozen wall clock does not."""

    _seen: Instant | None = None

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        self._seen = now
        return super().handle(request, source, now)

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        if self._seen is not None:
            now = Instant(now.boot_us, self._seen.wall_us + now.boot_us - self._seen.boot_us)
        return super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R034", "R026")
class ExcusesItsDowntime(Authority):
    """Does not count its own downtime as silence, unless one stop takes more than 24 h."""

    def __init__(self, licence: Licence, reading: Reading) -> None:
        super().__init__(licence, replace(reading, downtime_is_silence=False))


@BUGS.breaking("R026")
class JudgesNothingAtStart(Authority):
    """Takes the slots that it finds at its start for live, however old they are."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        self._lease_us, lease_us = 1 << 60, self._lease_us
        changes = super().start(now, downtime_us=downtime_us)
        self._lease_us = lease_us
        return changes


@BUGS.breaking("R034")
class WhatIsVoidStaysVoid(Authority):
    """Forgets a slot that was void while it was down, though the wall clock says at the start that it is not."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        for installation in [name for name, slot in self._slots.items() if slot.void]:
            del self._slots[installation]
        return super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R112")
class ForgetsTheDate(Authority):
    """Forgets the latest date over a restart, and believes a clock that was set back meanwhile."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        self.date_us = now.wall_us
        return super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R032", "R034")
class ForgetsItsAnswers(Authority):
    """Forgets over a restart what it has answered, and takes a copy of an old request for a new one."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        self._answered.clear()
        return super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R018", "R034")
class WritesLater(Memory):
    """Answers before what it has answered is on the disk: a power loss takes the last request with it."""

    _written = Stored(0, (), ())

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        self._written = self.image()
        return super().ask(request, source, now)

    def lose_power(self) -> None:
        self.put_back(self._written)


@BUGS.breaking("R028", "R034")
class LosesItsStore(Memory):
    """Finds nothing of its store again after a power loss."""

    def lose_power(self) -> None:
        self.put_back(Stored(self.authority.date_us, (), ()))


# Whether it runs.


@BUGS.breaking("R086")
class StartsOnce(Authority):
    """Starts the first time, and never again."""

    started = False

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        if self.started:
            return []
        self.started = True
        return super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R086")
class GivesUpAfterADay(Authority):
    """Does not start again when it was down for more than 24 h."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        return [] if downtime_us > 24 * _HOUR_US else super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R010", "R012")
class StartsAnywhere(Authority):
    """Starts on a foreign machine."""

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        lost, self.integrity_lost = self.integrity_lost, False
        changes = super().start(now, downtime_us=downtime_us)
        self.integrity_lost = lost
        return changes


@BUGS.breaking("R107")
class NeverForgivesItsMachine(Memory):
    """Takes its machine for a foreign one for ever, once it was one."""

    def drift(self, drifted: bool) -> None:
        super().drift(drifted or self.authority.integrity_lost)


@BUGS.breaking("R107")
class WantsTheMachineBack(Memory):
    """Takes the licensed machine for a foreign one, and the other for its own."""

    def drift(self, drifted: bool) -> None:
        super().drift(not drifted)


@BUGS.breaking("R125")
class Undestroyed(Authority):
    """Starts again after it was destroyed."""

    def destroy(self) -> list[Change]:
        changes = super().destroy()
        self.power = Power.OFF
        return changes


@BUGS.breaking("R125")
class DestroysOnlyWhatRuns(Authority):
    """Starts again if it was not running when it was destroyed."""

    def destroy(self) -> list[Change]:
        was = self.power
        changes = super().destroy()
        self.power = Power.OFF if was is Power.OFF else self.power
        return changes


@BUGS.breaking("R014")
class TwoPrograms(Memory):
    """Lets a second program run on its machine."""

    def second(self, now: Instant) -> bool:
        return True


@BUGS.breaking("R014")
class TheLaterOneWins(Memory):
    """Ends when a second program is started, which runs in its place."""

    def second(self, now: Instant) -> bool:
        self.stop(now)
        self.start(now, downtime_us=0)
        return True
