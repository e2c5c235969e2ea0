"""Ambient clocks: what code under test sees when it asks the machine that it runs on for the time.

Code under test asks `datetime.now()`, `time.time()`, `time.monotonic()` and their like, and has to be shown the clocks
of its own host. So at the edge of each call into it the functions that tell the time are exchanged, wherever a module
holds them, and put back after it: outside of such a call everybody sees the real time, and in it everybody but the
libraries of the harness does not. What is shown stands still during a call, as simulated time does. The functions
that sync files are exchanged along with them, for `harness.systems.disk`.

The wall clock comes with freezegun's ``datetime`` and ``date``, which know how to pass for the real ones. The other
clocks are not freezegun's, whose monotonic clock goes back when the wall clock is set: ``time.monotonic`` shows the
host's monotonic clock and CLOCK_BOOTTIME its boot-time clock, both since the start of the scenario or the last reboot.
Local time is UTC.

What does not ask Python cannot be shown anything: SQLite's ``now``, the times of files, OpenSSL. `time.sleep` and the
timeouts of asyncio and of threads go by the real time, and waiting for simulated time to pass would be for ever.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from harness.clock import HostClock
from harness.systems.disk import WATCHED, Disk, watching
from harness.trace import EdgeKind
from reference_server.protocol import Instant

__all__ = ["Ambient", "Host", "Readings"]

#: Modules that see the real time also during a call: those of the harness, and those that wait for something real.
_REAL_TO = tuple(
    f"{name}."
    for name in (
        *("harness", "simpy", "freezegun", "httpx", "httpcore", "anyio", "click", "rich"),
        *("pytest", "_pytest", "pluggy", "xdist", "execnet", "hypothesis", "coverage"),
        *("asyncio", "concurrent", "multiprocessing", "queue", "selectors", "signal", "socketserver", "subprocess"),
        *("threading",),
    )
)
_WALL = ("CLOCK_REALTIME", "CLOCK_TAI")
_MONOTONIC = ("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_UPTIME")
#: The coarse variants have no name in Python.
_LINUX_COARSE = {5: 0, 6: 1} if sys.platform == "linux" else {}


class Readings(NamedTuple):
    """What a host's clocks show, in us: its wall clock since the Unix epoch, the others since it was booted."""

    wall_us: int
    monotonic_us: int
    boot_us: int


class Host:
    """A host of a running world, with its clocks as they are now.

    :param place: how the trace numbers it.
    :param clock: the host's clocks.
    :param true_us: returns what the true time is.
    :param ambient: shows the clocks to code that asks for the time.
    """

    def __init__(self, place: int, clock: HostClock, true_us: Callable[[], int], ambient: Ambient) -> None:
        self.place = place
        self.ambient = ambient
        self._clock = clock
        self._true_us = true_us
        self._suspensions: list[tuple[int, int | None]] = []
        self._booted_us = 0
        #: Whether the latest that happened to it is that its program ended without being told.
        self.crashed = False
        #: The disk whose syncs are watched while code on this host is called.
        self.disk: Disk | None = None

    @property
    def true_us(self) -> int:
        """The true time."""
        return self._true_us()

    def happened(self, what: EdgeKind) -> None:
        """Take note of what happens to the host now: a suspended one's monotonic clock stands still.

        At a reboot this clock and the boot-time clock begin anew.
        """
        now_us = self.true_us
        self.crashed = what in (EdgeKind.CRASHED, EdgeKind.POWER_LOST)
        if what is EdgeKind.SUSPENDED:
            self._suspensions.append((now_us, None))
        elif what in (EdgeKind.REBOOTED, EdgeKind.POWER_LOST):
            self._suspensions.clear()
            self._booted_us = now_us
        elif what is EdgeKind.RESUMED and self._suspensions and self._suspensions[-1][1] is None:
            start_us, _ = self._suspensions.pop()
            self._suspensions.append((start_us, now_us))

    def readings(self, at: Instant | None = None) -> Readings:
        """Return what the clocks show now, or what they show at ``at``, which is the same tick by another reckoning.

        (A timer is handled as if at its due instant, and a start does not see a step of its own instant.)
        """
        true_us = self.true_us
        since_start_us, wall_us = self._clock.instant(true_us) if at is None else at
        asleep_us = self._clock.boot_us(true_us) - self._clock.monotonic_us(true_us, self._suspensions)
        boot_us = since_start_us - self._clock.boot_us(self._booted_us)
        return Readings(wall_us, boot_us - asleep_us, boot_us)

    @contextmanager
    def seen(self, at: Instant | None = None) -> Iterator[None]:
        """Let whoever asks for the time be shown the `readings` of this host, and syncs be those of its disk."""
        with watching(self.disk), self.ambient.showing(self.readings(at)):
            yield


#: What is shown now, ``None`` outside of every call into code under test.
_shown: Readings | None = None


def _seen() -> Readings | None:
    """Return what the caller of the function that calls this has to be shown, ``None`` for the real time."""
    if _shown is None:
        return None
    name = sys._getframe(2).f_globals.get("__name__", "")
    return None if f"{name}.".startswith(_REAL_TO) else _shown


# The functions of `time`, by their names there. Each is the real one outside of a call.

_real: dict[str, Callable[..., Any]] = {
    name: getattr(time, name)
    for name in (
        *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
        *("localtime", "gmtime", "ctime", "asctime", "strftime"),
        *(name for name in ("clock_gettime", "clock_gettime_ns") if hasattr(time, name)),
    )
}


def _of_wall(name: str, unit: Callable[[int], Any]) -> Callable[..., Any]:
    real = _real[name]

    def fake() -> Any:
        seen = _seen()
        return real() if seen is None else unit(seen.wall_us)

    return fake


def _of_monotonic(name: str, unit: Callable[[int], Any]) -> Callable[..., Any]:
    real = _real[name]

    def fake() -> Any:
        seen = _seen()
        return real() if seen is None else unit(seen.monotonic_us)

    return fake


def _of_any(name: str, unit: Callable[[int], Any]) -> Callable[..., Any]:
    real = _real[name]
    wall, monotonic = ({getattr(time, each) for each in names if hasattr(time, each)} for names in (_WALL, _MONOTONIC))

    def fake(clock: int) -> Any:
        seen = _seen()
        kind = _LINUX_COARSE.get(clock, clock)
        if seen is None:
            return real(clock)
        if kind in wall:
            return unit(seen.wall_us)
        if kind in monotonic:
            return unit(seen.monotonic_us)
        return unit(seen.boot_us) if kind == getattr(time, "CLOCK_BOOTTIME", None) else real(clock)

    return fake


def _of_instant(name: str) -> Callable[..., Any]:
    real = _real[name]

    def fake(seconds: float | None = None) -> Any:
        seen = _seen()
        # The whole seconds, as the real ones of an instant cut off the rest.
        return real(seen.wall_us // 1_000_000 if seen is not None and seconds is None else seconds)

    return fake


def _asctime(*when: Any) -> str:
    seen = _seen()
    shown: str = _real["asctime"](*(when or (() if seen is None else (_real["gmtime"](seen.wall_us // 1_000_000),))))
    return shown


def _strftime(form: str, *when: Any) -> str:
    seen = _seen()
    now = () if seen is None else (_real["gmtime"](seen.wall_us // 1_000_000),)
    shown: str = _real["strftime"](form, *(when or now))
    return shown


def _seconds(value_us: int) -> float:
    return value_us / 1_000_000


def _nanoseconds(value_us: int) -> int:
    return value_us * 1_000


_fake: dict[str, Callable[..., Any]] = {
    "time": _of_wall("time", _seconds),
    "time_ns": _of_wall("time_ns", _nanoseconds),
    "monotonic": _of_monotonic("monotonic", _seconds),
    "monotonic_ns": _of_monotonic("monotonic_ns", _nanoseconds),
    "perf_counter": _of_monotonic("perf_counter", _seconds),
    "perf_counter_ns": _of_monotonic("perf_counter_ns", _nanoseconds),
    "localtime": _of_instant("localtime"),
    "gmtime": _of_instant("gmtime"),
    "ctime": _of_instant("ctime"),
    "asctime": _asctime,
    "strftime": _strftime,
}
if "clock_gettime" in _real:
    _fake["clock_gettime"] = _of_any("clock_gettime", _seconds)
    _fake["clock_gettime_ns"] = _of_any("clock_gettime_ns", _nanoseconds)

_AT_GREENWICH = datetime.timedelta(0)
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - freezegun keeps the time as UTC without a zone


def _wall_date() -> datetime.datetime:
    """Return the wall clock as freezegun asks for it."""
    assert _shown is not None, "freezegun is asked in a call alone"
    return _EPOCH + datetime.timedelta(microseconds=_shown.wall_us)


class _Place(NamedTuple):
    """A name of a module that holds something that is exchanged: what it holds outside of calls, and in them."""

    namespace: dict[str, Any]
    name: str
    outside: Any
    fake: Any


class Ambient:
    """Exchanges what tells the time and what syncs files, wherever a module holds it. One is made for each run.

    :raises ImportError: if freezegun is not installed.
    """

    def __init__(self) -> None:
        from freezegun import api

        self._frozen: Any = api
        if not api.tz_offsets:
            # What was kept of a frozen date, and is asked outside of a call, wants one there.
            api.tz_offsets.append(_AT_GREENWICH)
        pairs: list[tuple[Any, Any]] = [(api.real_datetime, api.FakeDatetime), (api.real_date, api.FakeDate)]
        pairs += [(_real[name], fake) for name, fake in _fake.items()]
        pairs += WATCHED
        #: What is exchanged, by its id. A test that freezes the time itself has freezegun's functions there.
        self._fakes = {id(getattr(api, f"fake_{name}", None)): fake for name, fake in _fake.items()}
        self._fakes |= {id(real): fake for real, fake in pairs}
        self._fakes.pop(id(None), None)
        self._reals = {id(fake): real for real, fake in pairs}
        self._places: list[_Place] = []
        self._known: dict[str, ModuleType] = {}
        self._count = -1

    @contextmanager
    def showing(self, readings: Readings) -> Iterator[None]:
        """Let whoever asks for the time be shown ``readings``."""
        global _shown
        before, _shown = _shown, readings
        if before is not None:
            try:
                yield
            finally:
                _shown = before
            return
        self._look_for_places(self._fakes)
        self._exchange()
        try:
            with _local_time_is_utc():
                yield
        finally:
            # A module that was imported in the call holds what it found there.
            self._look_for_places(self._reals, found_in_call=True)
            self._put_back()
            _shown = None

    def _exchange(self) -> None:
        self._frozen.freeze_factories.append(_wall_date)
        self._frozen.tz_offsets.append(_AT_GREENWICH)
        for namespace, name, outside, fake in self._places:
            if namespace.get(name) is outside:
                namespace[name] = fake

    def _put_back(self) -> None:
        for namespace, name, outside, fake in self._places:
            # What the code under test has put there itself stays.
            if namespace.get(name) is fake:
                namespace[name] = outside
        self._frozen.tz_offsets.pop()
        self._frozen.freeze_factories.pop()

    def look_again(self) -> None:
        """Look at every module anew: some have been imported a second time."""
        self._count = -1

    def _look_for_places(self, sought: dict[int, Any], *, found_in_call: bool = False) -> None:
        """Look through new modules for what is ``sought``: values by their ids, with their counterparts."""
        if len(sys.modules) == self._count:
            return
        self._count = len(sys.modules)
        for module_name, module in list(sys.modules.items()):
            if self._known.get(module_name) is module or f"{module_name}.".startswith(_REAL_TO):
                continue
            self._known[module_name] = module
            namespace = getattr(module, "__dict__", None)
            if not isinstance(namespace, dict):
                continue
            for name, value in list(namespace.items()):
                other = sought.get(id(value))
                if other is not None:
                    pair = (other, value) if found_in_call else (value, other)
                    self._places.append(_Place(namespace, name, *pair))


@contextmanager
def _local_time_is_utc() -> Iterator[None]:
    """Let the C library's local time be UTC, as the one of every simulated host is."""
    if not hasattr(time, "tzset") or (time.timezone, time.daylight) == (0, 0):
        yield
        return
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC0"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
