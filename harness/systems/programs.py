"""What a factory can make: a validator, an ASGI or a WSGI application, each as one program with one interface.

Applications are spoken to as a node speaks to the real server program: ``POST /v1/requests`` with JSON, from the node's
address. How many slots are live is asked with ``GET /v1/status``, whose JSON has it as ``registered``.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import httpx

from harness.problems import Mistake
from reference_server.authority import Authority

__all__ = ["HangsError", "NoAnswerError", "Program", "limited", "program_of"]

_BASE = "https://server.simulated"
_HEADERS = {"content-type": "application/json", "accept-encoding": "identity"}
#: The port that a node connects from; it means nothing.
_NODE_PORT = 49_152
#: How long what is cancelled may take to end, in seconds of real time.
_GRACE_S = 1.0
Result = TypeVar("Result")


class NoAnswerError(Exception):
    """The program answered what is no answer. ``detail`` is what it wrote about it itself."""

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(what, detail)
        self.what = what
        self.detail = detail


class HangsError(BaseException):
    """The program did not answer in the real time that it is given. No ``except Exception`` of its own keeps it."""


class Program(Protocol):
    """A running server program."""

    #: What the factory made.
    made: Any

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        """Return the HTTP status and the body of the answer to a request.

        :param source: the IPv4 address that it came from.
        :raises HangsError: if it does not answer.
        """

    def registered(self) -> int | None:
        """Return the number of live slots, ``None`` if it does not tell."""

    def end(self) -> None:
        """End it in order, as far as it knows how to."""

    def drop(self) -> None:
        """End it as a crash does: it is not told."""


def program_of(made: Any, limit_s: float) -> Program:
    """Return what the factory ``made`` as a program.

    :param limit_s: how long it may take to answer, in seconds of real time.
    :raises Mistake: if it is none.
    """
    expected = (
        "an object with respond(body, source), a WSGI application (environ, start_response) or an ASGI application "
        "(scope, receive, send)"
    )
    if isinstance(made, Authority):
        raise Mistake(
            f"an Authority made by what does not say so ({type(made).__name__})",
            "the class itself, or a function with the annotation -> Authority",
        )
    if inspect.iscoroutine(made):
        made.close()
        raise Mistake("a coroutine", f"a factory without async, which makes {expected}")
    if callable(getattr(made, "respond", None)):
        return _Validator(made, limit_s)
    found = "None (does the factory return what it made?)" if made is None else f"an object of the type {_named(made)}"
    if not callable(made):
        raise Mistake(found, expected)
    count = _parameters(made)
    if count == 3 or (count is None and _is_async(made)):
        return _Asgi(made, limit_s)
    if count in (2, None):
        return _Wsgi(made, limit_s)
    raise Mistake(f"{found}, which is called with {count} argument{'' if count == 1 else 's'}", expected)


def _named(made: Any) -> str:
    return f"{type(made).__module__}.{type(made).__qualname__}".removeprefix("builtins.")


def _parameters(application: Any) -> int | None:
    """Return how many arguments ``application`` is called with, ``None`` if it does not say."""
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(
        each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        for each in parameters
    )


def _is_async(application: Any) -> bool:
    return inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(type(application).__call__)


@contextmanager
def limited(limit_s: float) -> Iterator[None]:
    """Raise `HangsError` in the code that runs here when ``limit_s`` seconds of real time have passed.

    Only the main thread can be interrupted, and where there are no signals nothing can.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise HangsError

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, in case that the code catches everything.
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)
        signal.signal(signal.SIGALRM, before)


def _count_of(status: int, body: bytes) -> int | None:
    try:
        count = json.loads(body)["registered"] if status == 200 else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return count if type(count) is int and 0 <= count < 1 << 63 else None


def _close(made: Any) -> None:
    for name in ("close", "stop"):
        end = getattr(made, name, None)
        if callable(end):
            end()
            return


class _Validator:
    """An object with ``respond`` and perhaps ``registered``."""

    def __init__(self, made: Any, limit_s: float) -> None:
        self.made = made
        self._limit_s = limit_s

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        with limited(self._limit_s):
            answered = self.made.respond(body, source)
        if not (
            isinstance(answered, tuple)
            and len(answered) == 2
            and isinstance(answered[0], int)
            and isinstance(answered[1], bytes)
        ):
            raise NoAnswerError(f"respond returned {answered!r:.80}, expected a status and bytes")
        return answered

    def registered(self) -> int | None:
        if not callable(getattr(self.made, "registered", None)):
            return None
        with limited(self._limit_s):
            count = self.made.registered()
        return count if type(count) is int and 0 <= count < 1 << 63 else None

    def end(self) -> None:
        with limited(self._limit_s):
            _close(self.made)

    def drop(self) -> None:
        self.made = None


class _Wsgi:
    """A WSGI application."""

    def __init__(self, made: Any, limit_s: float) -> None:
        self.made = made
        self._limit_s = limit_s

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        return self._call(httpx.Request("POST", f"{_BASE}/v1/requests", content=body, headers=_HEADERS), source)

    def _call(self, request: httpx.Request, source: str) -> tuple[int, bytes]:
        said = io.StringIO()
        transport = httpx.WSGITransport(self.made, remote_addr=source, wsgi_errors=said)
        try:
            with limited(self._limit_s):
                response = transport.handle_request(request)
                try:
                    body = response.read()
                finally:
                    response.close()
        except AssertionError as error:
            _raise_if_of_httpx(error, "it did not call start_response before it returned, as WSGI has it")
            raise
        _look_at(response, said.getvalue())
        return response.status_code, body

    def registered(self) -> int | None:
        return _count_of(*self._call(httpx.Request("GET", f"{_BASE}/v1/status", headers=_HEADERS), "127.0.0.1"))

    def end(self) -> None:
        with limited(self._limit_s):
            _close(self.made)

    def drop(self) -> None:
        self.made = None


def _raise_if_of_httpx(error: AssertionError, what: str) -> None:
    """Raise what an assertion of httpx means; one of the application is its own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("httpx."):
        raise NoAnswerError(what) from None


def _look_at(response: httpx.Response, said: str) -> None:
    """Raise what a framework has made of an exception: a page of its own, and lines in the log."""
    if response.status_code >= 500 and said:
        last = said.strip().splitlines()[-1]
        raise NoAnswerError(f"it answered {response.status_code} and wrote: {last:.200}", said)


class _Asgi:
    """An ASGI application on an event loop of its own, with the protocol of its lifespan where it knows that."""

    def __init__(self, made: Any, limit_s: float) -> None:
        self.made = made
        self._limit_s = limit_s
        self._loop = asyncio.new_event_loop()
        self._state: dict[str, Any] = {}
        self._lifespan: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[str] | None = None
        try:
            self._run(self._start)
        except BaseException:
            self._end_loop()
            raise

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        request = httpx.Request("POST", f"{_BASE}/v1/requests", content=body, headers=_HEADERS)
        return self._run(lambda: self._call(request, source))

    def registered(self) -> int | None:
        request = httpx.Request("GET", f"{_BASE}/v1/status", headers=_HEADERS)
        return _count_of(*self._run(lambda: self._call(request, "127.0.0.1")))

    def end(self) -> None:
        try:
            self._run(self._shutdown)
            with limited(self._limit_s):
                _close(self.made)
        finally:
            self._end_loop()

    def drop(self) -> None:
        self._end_loop()
        self.made = None

    async def _call(self, request: httpx.Request, source: str) -> tuple[int, bytes]:
        transport = httpx.ASGITransport(self._with_state, client=(source, _NODE_PORT))
        try:
            response = await transport.handle_async_request(request)
        except AssertionError as error:
            _raise_if_of_httpx(error, "it returned without a whole response, as ASGI has it")
            raise
        return response.status_code, await response.aread()

    async def _with_state(self, scope: Any, receive: Any, send: Any) -> None:
        await self.made({**scope, "state": dict(self._state)}, receive, send)

    # The lifespan.

    async def _start(self) -> None:
        started: asyncio.Future[str | None] = self._loop.create_future()
        events: asyncio.Queue[str] = asyncio.Queue()
        self._events = events
        events.put_nowait("lifespan.startup")

        async def receive() -> dict[str, Any]:
            return {"type": await events.get()}

        async def send(message: dict[str, Any]) -> None:
            if not started.done() and message["type"] == "lifespan.startup.complete":
                started.set_result(None)
            elif not started.done() and message["type"] == "lifespan.startup.failed":
                started.set_result(str(message.get("message", "")) or "no reason given")

        async def live() -> None:
            scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
            await self.made(scope, receive, send)

        self._lifespan = asyncio.ensure_future(live())
        awaited: list[asyncio.Future[Any]] = [self._lifespan, started]
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if started.done() and started.result() is not None:
            raise NoAnswerError(f"its startup failed: {started.result()}")
        if self._lifespan.done():
            # An application that knows no lifespan says so by an exception, or by doing nothing.
            self._lifespan.exception()
            self._lifespan = None

    async def _shutdown(self) -> None:
        if self._lifespan is not None and self._events is not None:
            self._events.put_nowait("lifespan.shutdown")
            await self._lifespan

    # The loop.

    def _run(self, make: Callable[[], Awaitable[Result]]) -> Result:
        """Run what ``make`` makes on the loop, within the limit."""

        async def within() -> Result:
            task = asyncio.ensure_future(make())
            await asyncio.wait({task}, timeout=self._limit_s)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_GRACE_S)
                raise HangsError
            return task.result()

        # One that does not even let its loop go on is interrupted a little later.
        with _no_other_loop(), limited(self._limit_s + 2 * _GRACE_S):
            return self._loop.run_until_complete(within())

    def _end_loop(self) -> None:
        with _no_other_loop():
            pending = asyncio.all_tasks(self._loop)
            for task in pending:
                task.cancel()
            if pending:
                self._loop.run_until_complete(asyncio.wait(pending, timeout=_GRACE_S))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


@contextmanager
def _no_other_loop() -> Iterator[None]:
    """Let a loop run here although the caller's own may be running: the whole world is one call to it."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)
