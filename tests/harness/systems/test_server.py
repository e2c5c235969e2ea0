"""A server under test: three shapes of program behind one wire, and everything that they can do wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clock import HostClock
from harness.systems import Ambient, Host
from harness.systems.loading import System
from harness.systems.server import ServerUnderTest
from harness.trace import SERVER_HOST, EdgeKind
from reference_server.authority import Authority, Reply
from reference_server.licence import Licence
from reference_server.protocol import Instant, Poll, Refusal, decode_request, encode_answer
from reference_server.readings import LITERAL

START_US = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
ADDRESS = 0xC0A86419  # 192.168.100.25
LICENCE = Licence(capacity=3, ranges=((ADDRESS, ADDRESS),))
REQUEST = Poll(number=7, installation="one", address=ADDRESS, application="report1")
#: What all programs here answer. The reason says what they have seen.
SOME_ANSWER = Refusal(number=7, code=30003, reason="192.168.100.25")


def answered(source: str, body: bytes) -> bytes:
    return encode_answer(Refusal(number=decode_request(body).number, code=30003, reason=source))


class Validator:
    """A program that is a Python object."""

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        return 403, answered(source, body)

    def registered(self) -> int:
        return 2


def wsgi() -> Callable[..., Any]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        headers = [("Content-Type", "application/json")]
        if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("GET", "/v1/status"):
            start_response("200 OK", headers)
            return [b'{"registered": 2}']
        assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", "/v1/requests")
        assert environ["CONTENT_TYPE"] == "application/json"
        start_response("403 Forbidden", headers)
        body = answered(environ["REMOTE_ADDR"], environ["wsgi.input"].read())
        return [body[:5], body[5:]]

    return application


def asgi() -> Callable[..., Any]:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "it knows no lifespan"
        if (scope["method"], scope["path"]) == ("GET", "/v1/status"):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b'{"registered": 2}'})
            return
        assert (scope["method"], scope["path"]) == ("POST", "/v1/requests")
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 403})
        await send({"type": "http.response.body", "body": answered(scope["client"][0], body)})

    return application


class Stage:
    """A wire to a program and its host, at a true time that the test sets."""

    def __init__(self, factory: Callable[..., Any], limit_s: float = 5.0) -> None:
        self.now_us = 0
        self.clock = HostClock(START_US)
        self.wire = ServerUnderTest(System("shop:make", lambda: factory), LICENCE, LITERAL, limit_s=limit_s)
        self.wire.live_on(Host(SERVER_HOST, self.clock, lambda: self.now_us, Ambient()))

    def start(self) -> bool:
        return self.wire.start(self.clock.instant(self.now_us), downtime_us=0).runs

    def ask(self) -> Reply:
        return self.wire.ask(REQUEST, ADDRESS, self.clock.instant(self.now_us))

    @property
    def whats(self) -> list[str]:
        return [trouble.what for trouble in self.wire.troubles]


@pytest.fixture
def on() -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(*arguments: Any, **keywords: Any) -> Stage:
        stages.append(Stage(*arguments, **keywords))
        return stages[-1]

    yield make
    for stage in stages:
        stage.wire.close()


On = Callable[..., Stage]


@pytest.mark.parametrize("factory", [Validator, wsgi, asgi])
def test_three_shapes_of_program_answer_alike(on: On, factory: Callable[..., Any]) -> None:
    stage = on(factory)
    assert stage.start()
    assert stage.ask() == Reply(SOME_ANSWER, [])
    assert stage.ask() == Reply(SOME_ANSWER, [])
    assert stage.wire.registered(Instant(0, 0)) == 2
    assert not stage.wire.sees_slots
    assert (stage.wire.next_void_us(), stage.wire.expire(0)) == (None, ())
    assert stage.whats == []


def test_bytes_that_are_no_request_reach_the_program_as_they_are(on: On) -> None:
    seen: list[bytes] = []

    class Notes(Validator):
        def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
            seen.append(body)
            return 400, encode_answer(Refusal(number=0, code=10000, reason="no JSON"))

    stage = on(Notes)
    stage.start()
    reply = stage.wire.ask(b"\xff{", ADDRESS, Instant(0, START_US))
    assert reply.answer == Refusal(number=0, code=10000, reason="no JSON")
    assert seen == [b"\xff{"]


def test_the_factory_gets_what_it_asks_for(on: On) -> None:
    got: list[dict[str, Any]] = []

    def make(folder: Path, **more: Any) -> Validator:
        assert folder.is_dir()
        got.append(more)
        return Validator()

    stage = on(make)
    stage.now_us = 5_000_001
    stage.start()
    assert got == [{"licence": LICENCE, "now_us": START_US + 5_000_001, "reading": LITERAL, "drifted": False}]


def test_the_program_sees_its_hosts_clocks(on: On) -> None:
    # Made at 3 s, asked at 5 s.
    seen: list[int] = []

    class Asks(Validator):
        def __init__(self) -> None:
            seen.append(time.time_ns())

        def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
            seen.extend((time.time_ns(), time.monotonic_ns()))
            return super().respond(body, source)

    stage = on(Asks)
    stage.now_us = 3_000_000
    stage.start()
    stage.now_us = 5_000_000
    stage.ask()
    assert seen == [(START_US + 3_000_000) * 1_000, (START_US + 5_000_000) * 1_000, 5_000_000_000]


# Its life.


def test_a_start_makes_the_program_anew_and_the_folder_stays(on: On) -> None:
    made: list[int] = []
    closed: list[int] = []

    class Keeps(Validator):
        def __init__(self, folder: Path) -> None:
            file = folder / "starts"
            self.starts = int(file.read_text()) + 1 if file.exists() else 1
            file.write_text(str(self.starts))
            made.append(self.starts)

        def close(self) -> None:
            closed.append(self.starts)

    stage = on(Keeps)
    for _ in range(2):
        stage.start()
        stage.wire.stop(stage.clock.instant(0))
    stage.wire.stop(stage.clock.instant(0))
    assert (made, closed) == ([1, 2], [1, 2])
    stage.start()
    image = stage.wire.image()
    stage.wire.stop(stage.clock.instant(0))
    stage.start()
    stage.wire.stop(stage.clock.instant(0))
    stage.wire.put_back(image)
    stage.start()
    # The image was taken after the third start.
    assert made == [1, 2, 3, 4, 4]


@pytest.mark.parametrize("factory", [Validator, asgi])
def test_a_crash_does_not_ask_the_program_to_put_its_house_in_order(on: On, factory: Callable[..., Any]) -> None:
    closed: list[str] = []

    def make() -> Any:
        made = factory()
        made.close = lambda: closed.append("closed")
        return made

    stage = on(make)
    host = stage.wire._at
    for what in (EdgeKind.CRASHED, EdgeKind.POWER_LOST, EdgeKind.STOPPED):
        assert stage.start()
        host.happened(EdgeKind.STARTED)
        host.happened(what)
        stage.wire.stop(stage.clock.instant(0))
        closed.append(what.name)
    assert closed == ["CRASHED", "POWER_LOST", "closed", "STOPPED"]
    assert stage.whats == []


class Careless(Validator):
    """It writes how often it was asked, and syncs that the first time alone."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "asked"
        self.asked = int(self.file.read_text()) if self.file.exists() else 0

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        self.asked += 1
        with self.file.open("w") as file:
            file.write(str(self.asked))
            file.flush()
            if self.asked == 1:
                os.fsync(file.fileno())
        return super().respond(body, source)

    def registered(self) -> int:
        return self.asked


@pytest.mark.parametrize(
    ("before", "remembered"),
    [
        # Asked twice, and only the first was synced.
        ([EdgeKind.POWER_LOST], 1),
        # In time the kernel writes everything back: it has that while the program is down, and before it runs again.
        ([EdgeKind.STOPPED], 2),
        ([EdgeKind.CRASHED, EdgeKind.STARTED, EdgeKind.POWER_LOST], 2),
        # A crash alone keeps what the kernel has, and a power loss of the machine that is down does not.
        ([EdgeKind.CRASHED], 1),
    ],
)
def test_a_power_loss_takes_what_was_not_synced(on: On, before: list[EdgeKind], remembered: int) -> None:
    stage = on(Careless)
    host, now = stage.wire._at, stage.clock.instant(0)
    stage.start()
    stage.ask()
    stage.ask()
    for what in before:
        host.happened(what)
        if what is EdgeKind.STARTED:
            stage.start()
        else:
            stage.wire.stop(now)
    stage.wire.lose_power()
    stage.start()
    assert stage.wire.registered(now) == remembered
    assert stage.whats == []


def test_a_snapshot_that_is_put_back_is_on_the_disk(on: On) -> None:
    stage = on(Careless)
    now = stage.clock.instant(0)
    stage.start()
    stage.ask()
    stage.ask()
    image = stage.wire.image()
    stage.ask()
    stage.wire._at.happened(EdgeKind.CRASHED)
    stage.wire.stop(now)
    stage.wire.put_back(image)
    stage.wire.lose_power()
    stage.start()
    assert stage.wire.registered(now) == 2


def test_nothing_is_left_behind() -> None:
    folders: list[Path] = []

    def make(folder: Path) -> Validator:
        folders.append(folder)
        return Validator()

    stage = Stage(make)
    stage.start()
    stage.wire.image()
    stage.wire.close()
    assert not folders[0].parent.exists()


def test_an_application_lives_from_startup_to_shutdown_with_its_state(on: On) -> None:
    heard: list[str] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                heard.append(kind)
                scope["state"]["source"] = f"kept {heard}"
                await send({"type": f"{kind}.complete"})
            return
        await send({"type": "http.response.start", "status": 403})
        answer = replace(SOME_ANSWER, reason=scope["state"]["source"])
        await send({"type": "http.response.body", "body": encode_answer(answer)})

    stage = on(lambda: application)
    assert stage.start()
    assert stage.ask().answer == replace(SOME_ANSWER, reason="kept ['lifespan.startup']")
    stage.wire.stop(stage.clock.instant(0))
    assert heard == ["lifespan.startup", "lifespan.shutdown"]
    assert stage.whats == []


def test_a_world_can_be_run_where_a_loop_runs_already(on: On) -> None:
    async def of_the_caller() -> Reply:
        stage = on(asgi)
        stage.start()
        return stage.ask()

    assert asyncio.run(of_the_caller()).answer == SOME_ANSWER


# What the issuer and the machine do.


def test_what_happens_around_it_is_told_to_a_program_that_listens(on: On) -> None:
    told: list[object] = []

    class Listens(Validator):
        def use(self, licence: Licence) -> None:
            told.append(licence)

        def drift(self, drifted: bool) -> None:
            told.append(drifted)

        def destroy(self) -> None:
            told.append("destroyed")

    stage = on(Listens)
    stage.start()
    suspended = replace(LICENCE, suspended=True)
    stage.wire.use(suspended)
    stage.wire.drift(True)
    stage.wire.stop(stage.clock.instant(0))
    stage.start()
    stage.wire.drift(False)
    stage.wire.destroy()
    stage.wire.destroy()
    assert told == [suspended, True, True, False, "destroyed"]
    assert stage.whats == []
    assert not stage.start()


def test_a_program_that_does_not_listen_is_said_not_to(on: On) -> None:
    licences: list[Licence] = []

    def make(licence: Licence) -> Validator:
        licences.append(licence)
        return Validator()

    stage = on(make)
    stage.start()
    suspended = replace(LICENCE, suspended=True)
    stage.wire.use(suspended)
    stage.wire.drift(True)
    stage.wire.stop(stage.clock.instant(0))
    stage.wire.drift(False)
    stage.start()
    stage.wire.destroy()
    assert licences == [LICENCE, suspended]
    assert stage.whats == [
        "the program has no use(licence), so it was not told",
        "the program has no drift(drifted), so it was not told",
        "the program has no destroy(), so it was not told",
    ]
    assert not stage.start()


# What can go wrong at a start.


def raises() -> None:
    raise KeyError("capacity")


def leaves() -> None:
    raise SystemExit(3)


async def a_coroutine() -> None: ...


class FailsToStart:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})


async def hangs_at_startup(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


def never_returns() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("factory", "what", "fatal"),
    [
        (raises, r"cannot be started: tests.harness.systems.test_server\.py:\d+: KeyError: 'capacity'$", True),
        (leaves, r"ended itself as it started \(exit 3\)$", False),
        (lambda: None, r"found None \(does the factory return what it made\?\), expected an object with respond", True),
        (dict, "found an object of the type dict, expected an object with respond", True),
        (a_coroutine, "found a coroutine, expected a factory without async", True),
        (lambda: lambda request: None, "called with 1 argument, expected an object with respond", True),
        (lambda: Authority(LICENCE, LITERAL), "with the annotation -> Authority", True),
        (FailsToStart, "cannot be started: its startup failed: no database$", True),
        (lambda: hangs_at_startup, "did not start in 0.05 s of real time", True),
        (never_returns, "did not start in 0.05 s of real time", True),
    ],
)
def test_a_program_that_cannot_be_started(on: On, factory: Callable[..., Any], what: str, fatal: bool) -> None:
    stage = on(factory, limit_s=0.05)
    stage.now_us = 9
    assert not stage.start()
    (trouble,) = stage.wire.troubles
    assert re.search(what, trouble.what)
    assert (trouble.at_us, trouble.host, trouble.fatal) == (9, SERVER_HOST, fatal)
    assert stage.wire.registered(Instant(0, 0)) is None


# What can go wrong at a request.


def answering(respond: Callable[[], Any]) -> Callable[[], Any]:
    """Return the factory of a validator whose answer is what ``respond`` returns."""

    class Answers:
        def respond(self, body: bytes, source: str) -> Any:
            return respond()

    return Answers


def responding(call: Callable[..., Any]) -> Callable[[], Any]:
    """Return the factory of a WSGI application that is ``call``."""
    return lambda: lambda environ, start_response: call(environ, start_response)


def logs_and_apologizes(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ["wsgi.errors"].write("Traceback (most recent call last):\n  ...\nKeyError: 'capacity'\n")
    start_response("500 Internal Server Error", [("Content-Type", "text/html")])
    return [b"<h1>Sorry</h1>"]


def apologizes(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/html")])
    return [b"<h1>Not here</h1>"]


async def returns_nothing(scope: Any, receive: Any, send: Any) -> None:
    return


async def divides(scope: Any, receive: Any, send: Any) -> None:
    1 / 0  # noqa: B018


@pytest.mark.parametrize(
    ("factory", "what"),
    [
        (answering(raises), r"no answer: tests.harness.systems.test_server\.py:\d+: KeyError: 'capacity'$"),
        (answering(leaves), r"test_server\.py:\d+: SystemExit: 3$"),
        (answering(lambda: None), "respond returned None, expected a status and bytes"),
        (answering(lambda: (200, "text")), r"respond returned \(200, 'text'\), expected a status and bytes"),
        (answering(lambda: (200, b"no JSON")), "200 with b'no JSON', which is none of the protocol"),
        (answering(lambda: (200, b"{}")), r"200 with b'{}', which is none of the protocol \('format' is missing\)"),
        (answering(lambda: (200, b" " * (1 << 21))), "2097152 bytes, expected at most 1048576"),
        (responding(lambda *_: raises()), r"test_server\.py:\d+: KeyError: 'capacity'$"),
        (responding(lambda *_: [b"{}"]), "did not call start_response before it returned, as WSGI has it"),
        (responding(lambda *_: None), r"TypeError: 'NoneType' object is not iterable$"),
        (responding(apologizes), "404 with b'<h1>Not here</h1>', which is none of the protocol"),
        (responding(logs_and_apologizes), "it answered 500 and wrote: KeyError: 'capacity'$"),
        (lambda: returns_nothing, "returned without a whole response, as ASGI has it"),
        (lambda: divides, r"test_server\.py:\d+: ZeroDivisionError: division by zero$"),
    ],
)
def test_what_is_no_answer_is_silence_and_the_result_tells(on: On, factory: Callable[..., Any], what: str) -> None:
    stage = on(factory)
    assert stage.start()
    assert stage.ask() == Reply(None, [])
    (trouble,) = stage.wire.troubles
    assert re.search(what, trouble.what)
    assert not trouble.fatal
    # It goes on, and the next request is put to it as if nothing had been.
    stage.ask()
    assert len(stage.wire.troubles) == 2


def test_a_trouble_can_be_told_in_full(on: On) -> None:
    stage = on(answering(raises))
    stage.start()
    stage.ask()
    detail = stage.wire.troubles[0].detail
    assert detail.startswith("Traceback (most recent call last):")
    assert "raise KeyError" in detail


async def waits(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await asyncio.Event().wait()


def catches_everything() -> None:
    while True:
        try:
            never_returns()
        except Exception:
            raise AssertionError("only the harness interrupts it") from None


@pytest.mark.parametrize("factory", [answering(never_returns), answering(catches_everything), lambda: waits])
def test_a_program_that_hangs_is_asked_three_times_and_no_more(on: On, factory: Callable[..., Any]) -> None:
    stage = on(factory, limit_s=0.02)
    stage.start()
    for _ in range(4):
        assert stage.ask() == Reply(None, [])
    waited = "no answer: it was waited for 0.02 s of real time"
    assert stage.whats == [*[waited] * 3, "it is not asked any more, since it did not answer 3 times"]
    # A new start is a new program.
    stage.wire.stop(stage.clock.instant(0))
    stage.start()
    stage.ask()
    assert stage.whats[-1] == waited


def test_a_program_that_raises_as_it_ends(on: On) -> None:
    class Clings(Validator):
        def close(self) -> None:
            raises()

    stage = on(Clings)
    stage.start()
    stage.wire.stop(stage.clock.instant(0))
    assert re.search(r"^it was ended: tests.*: KeyError: 'capacity'$", stage.whats[0])
    assert stage.start()


@pytest.mark.parametrize("body", [b"", b"no JSON", b"{}", b"[]", b'{"registered": "two"}', b'{"registered": -1}'])
def test_a_program_that_does_not_tell_its_count_is_asked_once(on: On, body: bytes) -> None:
    asked: list[str] = []

    def status(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [body]

    stage = on(responding(status))
    assert stage.wire.registered(Instant(0, 0)) is None
    stage.start()
    assert stage.wire.registered(Instant(0, 0)) is None
    assert stage.wire.registered(Instant(0, 0)) is None
    assert asked == ["/v1/status"]
    assert stage.whats == []


def test_a_count_is_only_a_count_if_all_is_well(on: On) -> None:
    def status(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return [json.dumps({"registered": 3}).encode()]

    stage = on(responding(status))
    stage.start()
    assert stage.wire.registered(Instant(0, 0)) is None
