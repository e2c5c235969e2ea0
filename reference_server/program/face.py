"""The HTTP face: an ASGI application over a `Service`.

Every answer has a body of the protocol, errors of HTTP included. What is no request (another content type, a body that
is too long or too slow) is refused with 10000 before anything is made of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_server.program.logs import Log
from reference_server.program.metrics import CONTENT_TYPE, metrics
from reference_server.program.openapi import LARGEST_BODY, REQUESTS, STATUS, description
from reference_server.program.service import Answered, Service
from reference_server.program.store import StoreError
from reference_server.protocol import Code

__all__ = ["BODY_SECONDS", "face"]

#: How long a body may take to come, in seconds.
BODY_SECONDS = 10.0
#: A body that is too long, but no longer than this, is let pass unread, and the connection goes on.
_PASSED_OVER = 1 << 20
OnStoreError: TypeAlias = Callable[[StoreError], None]


def face(service: Service, log: Log, on_store_error: OnStoreError, *, body_seconds: float = BODY_SECONDS) -> Starlette:
    """Return the application.

    :param on_store_error: called when an answer could not be stored. It has to end the program; the request gets 503.
    :param body_seconds: how long a body may take to come.
    """

    async def requests(request: Request) -> Response:
        source = request.client.host if request.client is not None else ""
        closing = False
        try:
            answered = _not_json(service, request) or await _body_or_refusal(service, request, body_seconds)
            if isinstance(answered, bytes):
                answered = service.respond(answered, source)
            else:
                # The connection goes on, unless its end would be waited for too long.
                closing = answered.status == 408 or (answered.status == 413 and _declared(request) > _PASSED_OVER)
        except StoreError as error:
            log.critical("not stored", error=str(error))
            on_store_error(error)
            answered = Answered(status=503, body=b"", verdict="not stored")
        log.info(
            "request",
            source=source,
            status=answered.status,
            verdict=answered.verdict,
            installation=answered.installation,
        )
        headers = {"connection": "close"} if closing else None
        return Response(answered.body, answered.status, headers, media_type="application/json")

    def looked() -> dict[str, Any] | None:
        """Return the status, ``None`` if what time has taken could not be stored."""
        try:
            return service.status()
        except StoreError as error:
            log.critical("not stored", error=str(error))
            on_store_error(error)
            return None

    async def status(_: Request) -> Response:
        found = looked()
        return Response(status_code=503) if found is None else JSONResponse(found)

    async def numbers(_: Request) -> Response:
        found = looked()
        return Response(status_code=503) if found is None else Response(metrics(found), media_type=CONTENT_TYPE)

    async def openapi(_: Request) -> Response:
        return JSONResponse(description())

    async def other(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "the handler is that of these"
        refused = service.refuse(Code.JSON_PARSER_ERROR, error.detail, status=error.status_code)
        return Response(refused.body, refused.status, error.headers, media_type="application/json")

    return Starlette(
        routes=[
            Route(REQUESTS, requests, methods=["POST"]),
            Route(STATUS, status, methods=["GET"]),
            Route("/metrics", numbers, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
        ],
        exception_handlers={HTTPException: other},
    )


def _not_json(service: Service, request: Request) -> Answered | None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() == "application/json" and charset in ("", "utf-8"):
        return None
    found = request.headers.get("content-type") or "no content type"
    return service.refuse(Code.JSON_PARSER_ERROR, f"{found!r:.80} is not application/json", status=415)


def _declared(request: Request) -> int:
    """Return the length that a body is said to have, a very large one if nothing is said of it that makes sense."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() and len(declared) <= 12 else 1 << 40


async def _body_or_refusal(service: Service, request: Request, seconds: float) -> bytes | Answered:
    too_long = f"the body is longer than {LARGEST_BODY} bytes"
    if "content-length" in request.headers and _declared(request) > LARGEST_BODY:
        return service.refuse(Code.JSON_PARSER_ERROR, too_long, status=413)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_BODY:
                    return service.refuse(Code.JSON_PARSER_ERROR, too_long, status=413)
    except (TimeoutError, ClientDisconnect):
        return service.refuse(Code.JSON_PARSER_ERROR, f"the body did not come within {seconds:g} s", status=408)
    return bytes(body)
