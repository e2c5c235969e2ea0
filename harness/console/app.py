"""The routes of a console, over Starlette: its page, what the page asks, and what it says.

Everything stands below a token that nobody can guess. Nothing is answered that a page from elsewhere asks for: by its
own word (``Origin``, ``Sec-Fetch-Site``), or under a name that is not this console's (``Host``), which is how a name
that was made to mean this machine would come.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from functools import cache
from hmac import compare_digest
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import anyio
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from harness.console.session import Refused
from harness.console.shared import Console
from harness.report.timeline.page import BOARD, SIMULATED, asset, bundled, filled

__all__ = ["console_app", "page"]

_SCRIPTS = ("time.js", "world.js", "acting.js", "console.js")
#: The largest text of a scenario that a page can open.
_LARGEST_BODY = 4 << 20
#: After how many milliseconds a page tries again that lost its console.
_RETRY_MS = 1000
#: How long a stream may take to end with its server, in seconds.
_LAST_SECONDS = 0.5
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # What a page may do is in the page; who may frame it can only be said here.
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def console_app(
    console: Console, *, token: str, hosts: Sequence[str] | None, beside: Sequence[BaseRoute] = ()
) -> ASGIApp:
    """Return the application.

    :param token: the first part of the path of every address.
    :param hosts: the names, with their port, under which it may be asked; ``None`` for any.
    :param beside: what else is served below the token, such as the pages to which the `Console` links.
    """

    async def said(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refused("what is said has to be JSON", 415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST_BODY:
                return _refused(f"that is longer than {_LARGEST_BODY >> 20} MB", 413)
        try:
            words = json.loads(body)
            # A half of a character can be written in JSON, and in no answer.
            json.dumps(words, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return _refused("what is said has to be JSON", 400)
        if not isinstance(words, dict):
            return _refused("what is said has to be an object", 400)
        try:
            await console.told(words)
        except Refused as error:
            # It was understood, and is answered as anything else: what was wrong is for the page to tell.
            return JSONResponse({"message": str(error)})
        return JSONResponse({})

    async def world(request: Request) -> Response:
        asked = request.query_params
        rows = [_number(each) for each in asked.get("rows", "").split(",") if each]
        host = _number(asked["host"]) if "host" in asked else None
        number, at_us = _number(asked.get("world")), _number(asked.get("at"))
        return JSONResponse(await asyncio.to_thread(console.world, number, at_us, rows, host))

    async def story(request: Request) -> Response:
        packed = await asyncio.to_thread(console.story, _number(request.query_params.get("world")))
        return Response(packed, media_type="application/json", headers={"content-encoding": "gzip"})

    async def text(request: Request) -> Response:
        return PlainTextResponse(await asyncio.to_thread(console.text, _number(request.query_params.get("world"))))

    async def file(request: Request) -> Response:
        asked = request.query_params
        number, at_us = _number(asked.get("world")), _number(asked.get("at"))
        toml = await asyncio.to_thread(console.file, number, at_us)
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(asked.get('name', 'scenario.toml'))}"}
        return Response(toml, media_type="application/toml", headers=headers)

    async def events(_request: Request) -> Response:
        ends = anyio.Event()
        return EventSourceResponse(_stream(console, ends), shutdown_event=ends, shutdown_grace_period=_LAST_SECONDS)

    async def index(_request: Request) -> Response:
        return HTMLResponse(page())

    routes = [
        Route("/", index),
        Route("/events", events),
        Route("/world", world),
        Route("/story", story),
        Route("/text", text),
        Route("/file", file),
        Route("/say", said, methods=["POST"]),
        *beside,
    ]
    inner = Starlette(routes=routes, exception_handlers={Refused: _told})
    return _Guarded(inner, token=token, hosts=hosts)


async def _stream(console: Console, ends: anyio.Event) -> AsyncIterator[dict[str, Any]]:
    """Yield an event for each state of ``console``, until the server ends."""
    states = console.states()
    ended = asyncio.ensure_future(ends.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(states))
            await asyncio.wait((coming, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                coming.cancel()
                return
            yield {"event": "state", "data": json.dumps(coming.result()), "retry": _RETRY_MS}
    finally:
        ended.cancel()


async def _told(_request: Request, error: Exception) -> Response:
    return _refused(str(error), 409)


def _refused(why: str, status: int) -> Response:
    return JSONResponse({"message": why}, status_code=status)


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 17:
        raise Refused(f"found {text!r}, expected a whole number")
    return int(text)


class _Guarded:
    """Lets through what may come in, without the token, and adds to each answer what keeps others away from it."""

    def __init__(self, inner: ASGIApp, *, token: str, hosts: Sequence[str] | None) -> None:
        self._inner = inner
        self._start = f"/{token}/"
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"]]}
                headers = MutableHeaders(raw=message["headers"])
                # What is served beside may know better.
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope)
        if answer is not None:
            await answer(scope, receive, with_headers)
            return
        path = scope["path"][len(self._start) - 1 :]
        await self._inner({**scope, "path": path, "raw_path": path.encode()}, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return what is answered in place of what was asked for, ``None`` if nothing is wrong with that."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and host not in self._hosts:
            return PlainTextResponse("This console is asked under another name than its own.\n", 421)
        # A page tells where it is from; so does a browser, whatever its page says.
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return PlainTextResponse("A console answers no page from elsewhere.\n", 403)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse("A console answers no page from elsewhere.\n", 403)
        start = scope["path"][: len(self._start)]
        if not compare_digest(start.encode(), self._start.encode()):
            return PlainTextResponse("There is nothing here. The console printed its whole address.\n", 404)
        return None


# The page.


@cache
def page() -> str:
    """Return the page, the same for every console: what it shows it asks for."""
    assets = files("harness.console") / "assets"
    own = {name: (assets / name).read_text(encoding="utf-8") for name in (*_SCRIPTS, "console.css", "console.html")}
    return filled(
        own["console.html"],
        styles=(asset("base.css"), asset("page.css"), own["console.css"]),
        scripts={
            "library": asset("echarts.min.js"),
            "script": bundled(*map(asset, BOARD), *(own[name] for name in _SCRIPTS)),
        },
        allowed=("connect-src 'self'",),
        foot=escape(SIMULATED),
    )
