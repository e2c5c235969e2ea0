"""Ambient clocks: what code under test sees when it asks for the time, and that nobody else sees it."""

from __future__ import annotations

import asyncio
import datetime as datetime_module
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from threading import Thread
from time import monotonic as imported_monotonic
from time import time_ns as imported_time_ns
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from harness.clock import HostClock
from harness.systems import Ambient, Host
from harness.systems.ambient import Readings
from harness.trace import SERVER_HOST, EdgeKind
from reference_server.protocol import Instant

#: 2026-03-01T00:00:00Z. The 20 513 days since the epoch: 56 years with 14 leap days (1972 to 2024) are 20 454, and
#: January and February 2026 have 59.
START_US = 20_513 * 86_400_000_000
HOUR_US = 3_600_000_000

#: The wall clock a microsecond past 05:00, the host awake for 3 h and 2 us of the 4 h and 3 us that it is up.
SHOWN = Readings(START_US + 5 * HOUR_US + 1, 3 * HOUR_US + 2, 4 * HOUR_US + 3)


def shown(ask: Callable[[], Any], readings: Readings = SHOWN) -> Any:
    """Return what ``ask`` returns in a call to code under test."""
    with Ambient().showing(readings):
        return ask()


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda: datetime.now(), "2026-03-01T05:00:00.000001"),
        (lambda: datetime.now(UTC), "2026-03-01T05:00:00.000001+00:00"),
        (lambda: datetime.now(ZoneInfo("Asia/Shanghai")), "2026-03-01T13:00:00.000001+08:00"),
        (lambda: datetime.today(), "2026-03-01T05:00:00.000001"),
        (lambda: datetime_module.datetime.now(), "2026-03-01T05:00:00.000001"),
        (lambda: datetime.now().astimezone(), "2026-03-01T05:00:00.000001+00:00"),
        (lambda: datetime.fromtimestamp(time.time()), "2026-03-01T05:00:00.000001"),
        (lambda: date.today(), "2026-03-01"),
        (lambda: datetime_module.date.today(), "2026-03-01"),
    ],
)
def test_dates_are_those_of_the_wall_clock_and_local_time_is_utc(ask: Callable[[], date], answer: str) -> None:
    assert shown(ask).isoformat() == answer


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        # 1 772 323 200 s are 20 513 days; five hours are 18 000 s more.
        (lambda: time.time_ns(), 1_772_341_200_000_001_000),
        (lambda: imported_time_ns(), 1_772_341_200_000_001_000),
        (lambda: time.time(), 1_772_341_200.000001),
        (lambda: time.clock_gettime_ns(time.CLOCK_REALTIME), 1_772_341_200_000_001_000),
        (lambda: time.monotonic_ns(), 10_800_000_002_000),
        (lambda: time.monotonic(), 10_800.000002),
        (lambda: imported_monotonic(), 10_800.000002),
        (lambda: time.perf_counter_ns(), 10_800_000_002_000),
        (lambda: time.perf_counter(), 10_800.000002),
        (lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC), 10_800_000_002_000),
        (lambda: time.clock_gettime(time.CLOCK_MONOTONIC_RAW), 10_800.000002),
        (lambda: time.clock_gettime_ns(6), 10_800_000_002_000),  # CLOCK_MONOTONIC_COARSE
        (lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME), 14_400_000_003_000),
        (lambda: time.clock_gettime(time.CLOCK_BOOTTIME), 14_400.000003),
        (lambda: time.gmtime()[:6], (2026, 3, 1, 5, 0, 0)),
        (lambda: time.localtime()[:6], (2026, 3, 1, 5, 0, 0)),
        (lambda: time.localtime(0)[:6], (1970, 1, 1, 0, 0, 0)),
        (lambda: time.ctime(), "Sun Mar  1 05:00:00 2026"),
        (lambda: time.asctime(), "Sun Mar  1 05:00:00 2026"),
        (lambda: time.strftime("%Y-%m-%dT%H:%M:%S"), "2026-03-01T05:00:00"),
        (lambda: time.strftime("%Y", (1999, 1, 1, 0, 0, 0, 4, 1, 0)), "1999"),
    ],
)
def test_every_clock_is_exact_to_the_microsecond(ask: Callable[[], Any], answer: object) -> None:
    assert shown(ask) == answer


def test_local_time_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EST5EDT")
    time.tzset()
    try:
        assert time.localtime(0)[:4] == (1969, 12, 31, 19)
        assert shown(lambda: (time.localtime()[3], time.localtime(0)[3], datetime.now().hour)) == (5, 0, 5)
        assert shown(lambda: datetime.now().timestamp()) == 1_772_341_200.000001
        assert time.localtime(0)[:4] == (1969, 12, 31, 19)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_outside_of_a_call_everything_is_as_it_was() -> None:
    namespaces = (vars(time), vars(datetime_module), globals())
    before = [dict(each) for each in namespaces]
    ambient = Ambient()
    with ambient.showing(SHOWN):
        inside = [dict(each) for each in namespaces]
    with pytest.raises(ZeroDivisionError), ambient.showing(SHOWN):
        1 / 0  # noqa: B018 - also when the code under test raises
    assert inside[0]["time"] is not before[0]["time"]
    assert inside[1]["datetime"] is not before[1]["datetime"]
    assert inside[2]["imported_monotonic"] is not before[2]["imported_monotonic"]
    assert [dict(each) for each in namespaces] == before


def test_what_was_kept_in_a_call_tells_the_real_time_after_it() -> None:
    kept = shown(lambda: (time.monotonic, time.time, time.clock_gettime, datetime_module.datetime.now))
    monotonic, wall, any_clock, now = kept
    first = time.monotonic(), time.clock_gettime(time.CLOCK_MONOTONIC)
    assert (monotonic(), any_clock(time.CLOCK_MONOTONIC)) >= first
    assert wall() > SHOWN.wall_us / 1_000_000
    assert now().year >= 2026


def test_a_date_made_in_a_call_is_a_date_outside() -> None:
    made = shown(lambda: datetime.now())
    assert isinstance(made, datetime)
    assert made - datetime(2026, 3, 1) == timedelta(hours=5, microseconds=1)


def module_of(name: str, source: str) -> ModuleType:
    """Return a module that ``source`` makes, which `sys.modules` knows."""
    module = ModuleType(name)
    exec(source, vars(module))
    sys.modules[name] = module
    return module


def test_a_module_first_imported_in_a_call_is_put_right_after_it() -> None:
    source = "from time import time_ns\nfrom datetime import datetime\nkept = time_ns\n"
    ambient = Ambient()
    with ambient.showing(SHOWN):
        module = module_of("imported_in_a_call", source)
        assert module.time_ns() == SHOWN.wall_us * 1_000
    del sys.modules["imported_in_a_call"]
    assert module.time_ns is time.time_ns
    assert module.kept is time.time_ns
    assert module.datetime is datetime
    with ambient.showing(SHOWN):
        assert module.kept() == SHOWN.wall_us * 1_000


@pytest.mark.parametrize("name", ["rich.progress_of_a_test", "_pytest.of_a_test", "harness.of_a_test"])
def test_the_libraries_of_the_harness_do_not_notice(name: str) -> None:
    # One thread of rich draws a progress bar while another calls the code under test.
    source = "import time\nfrom time import monotonic\ndef ask(): return monotonic(), time.monotonic(), time.time()\n"
    module = module_of(name, source)
    del sys.modules[name]
    before = time.monotonic(), time.monotonic(), time.time()
    inside = shown(module.ask, Readings(0, 0, 0))
    assert before <= inside <= (time.monotonic(), time.monotonic(), time.time())


def test_a_thread_of_the_code_under_test_sees_what_it_sees() -> None:
    seen: list[int] = []

    def in_a_thread() -> None:
        thread = Thread(target=lambda: seen.append(time.time_ns()))
        thread.start()
        thread.join()

    shown(in_a_thread)
    assert seen == [SHOWN.wall_us * 1_000]


def test_timeouts_of_asyncio_go_by_the_real_time() -> None:
    async def waits() -> str:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), timeout=0.001)
        except TimeoutError:
            return datetime.now().isoformat()
        return "it never came"

    assert shown(lambda: asyncio.run(waits())) == "2026-03-01T05:00:00.000001"


def test_calls_within_calls() -> None:
    ambient = Ambient()
    with ambient.showing(SHOWN):
        with ambient.showing(Readings(0, 0, 0)):
            assert time.time_ns() == 0
        assert time.time_ns() == SHOWN.wall_us * 1_000


def test_a_test_that_froze_the_time_itself() -> None:
    from freezegun import freeze_time

    with freeze_time("2020-01-01"):
        assert shown(lambda: (datetime.now().year, time.time_ns())) == (2026, SHOWN.wall_us * 1_000)
        assert datetime.now().year == 2020
        assert time.time() == 1_577_836_800


def test_a_wall_clock_out_of_any_calendar_cannot_be_a_date() -> None:
    far = Readings(100_000 * 365 * 86_400_000_000, 0, 0)
    assert shown(lambda: time.time_ns(), far) == far.wall_us * 1_000
    with pytest.raises(OverflowError):
        shown(lambda: datetime.now(), far)


# What the clocks of a host show.


def host(clock: HostClock, now: list[int]) -> Host:
    return Host(SERVER_HOST, clock, lambda: now[0], Ambient())


def test_a_step_of_the_wall_clock_moves_nothing_else() -> None:
    now = [6 * HOUR_US]
    stepped = host(HostClock(START_US, steps=[(5 * HOUR_US, -2 * HOUR_US)]), now)
    assert stepped.readings() == (START_US + 4 * HOUR_US, 6 * HOUR_US, 6 * HOUR_US)


def test_drift_moves_all_three() -> None:
    # 100 ppm of two hours are 720 ms.
    now = [2 * HOUR_US]
    fast = host(HostClock(START_US, drifts=[(0, Fraction(100))]), now)
    shown_us = 2 * HOUR_US + 720_000
    assert fast.readings() == (START_US + shown_us, shown_us, shown_us)


def test_the_monotonic_clock_stands_still_while_the_host_is_suspended() -> None:
    now = [1 * HOUR_US]
    napping = host(HostClock(START_US), now)
    napping.happened(EdgeKind.SUSPENDED)
    now[0] = 4 * HOUR_US
    assert napping.readings() == (START_US + 4 * HOUR_US, 1 * HOUR_US, 4 * HOUR_US)
    napping.happened(EdgeKind.RESUMED)
    now[0] = 6 * HOUR_US
    napping.happened(EdgeKind.SUSPENDED)
    now[0] = 7 * HOUR_US
    napping.happened(EdgeKind.RESUMED)
    now[0] = 8 * HOUR_US
    # Asleep from 1 to 4 and from 6 to 7: four hours of eight.
    assert napping.readings() == (START_US + 8 * HOUR_US, 4 * HOUR_US, 8 * HOUR_US)


def test_a_program_that_hangs_does_not_stop_the_clocks() -> None:
    now = [1 * HOUR_US]
    hung = host(HostClock(START_US), now)
    hung.happened(EdgeKind.HUNG)
    now[0] = 4 * HOUR_US
    hung.happened(EdgeKind.RESUMED)
    assert hung.readings() == (START_US + 4 * HOUR_US, 4 * HOUR_US, 4 * HOUR_US)


@pytest.mark.parametrize("what", [EdgeKind.REBOOTED, EdgeKind.POWER_LOST])
def test_a_reboot_begins_anew_and_the_wall_clock_goes_on(what: EdgeKind) -> None:
    now = [1 * HOUR_US]
    # 100 ppm of two hours are 720 ms, of three 1080.
    rebooted = host(HostClock(START_US, drifts=[(0, Fraction(100))]), now)
    rebooted.happened(EdgeKind.SUSPENDED)
    now[0] = 2 * HOUR_US
    rebooted.happened(what)
    assert rebooted.readings() == (START_US + 2 * HOUR_US + 720_000, 0, 0)
    now[0] = 3 * HOUR_US
    assert rebooted.readings() == (START_US + 3 * HOUR_US + 1_080_000, HOUR_US + 360_000, HOUR_US + 360_000)


def test_a_timer_is_handled_as_if_at_its_due_instant() -> None:
    now = [2 * HOUR_US]
    napping = host(HostClock(START_US), now)
    napping.happened(EdgeKind.SUSPENDED)
    now[0] = 3 * HOUR_US
    napping.happened(EdgeKind.RESUMED)
    at = Instant(3 * HOUR_US - 1, START_US + 3 * HOUR_US - 1)
    assert napping.readings(at) == (START_US + 3 * HOUR_US - 1, 2 * HOUR_US - 1, 3 * HOUR_US - 1)
    with napping.seen(at):
        assert time.time_ns() == (START_US + 3 * HOUR_US - 1) * 1_000
