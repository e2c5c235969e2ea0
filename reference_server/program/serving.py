"""Serving the HTTP face over TLS with uvicorn, so that a slow client costs nobody else anything.

A connection has `HEADER_SECONDS` for the head of each request, and the application a limit of its own for the body.
Beyond `MOST_CONNECTIONS` a new connection is closed at once: better one node that tries again than a server in which
nobody gets through.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import ssl
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reference_server.protocol import Code, Refusal, encode_answer

__all__ = [
    "HEADER_SECONDS",
    "MOST_CONNECTIONS",
    "end_on_signals",
    "most_connections",
    "open_port",
    "serve",
    "server_of",
]

#: How long the head of a request may take to come, from the connection or its first byte on, in seconds.
HEADER_SECONDS = 10.0
#: How long a connection may be idle between two requests, in seconds.
IDLE_SECONDS = 75
MOST_CONNECTIONS = 4096
_BACKLOG = 2048


class _Connection(H11Protocol):
    """One connection, with a limit on the time that the head of a request may take."""

    header_seconds = HEADER_SECONDS
    most_connections = MOST_CONNECTIONS
    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._wait_no_longer()
        elif self._waiting is None:
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Whoever reads none of its answers holds the connection no longer than one that sends nothing.
        self._unread = self.loop.call_later(self.header_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, with a body of the protocol."""
        refusal = Refusal(number=0, code=int(Code.JSON_PARSER_ERROR), reason=msg)
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (response, h11.Data(data=encode_answer(refusal)), h11.EndOfMessage()):
            if (data := self.conn.send(event)) is not None:
                self.transport.write(data)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class _Server(uvicorn.Server):
    """uvicorn's server, with a limit on the time that the handshake of TLS may take."""

    handshake_seconds = HEADER_SECONDS

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on ``sockets``."""
        await self.lifespan.startup()
        config, loop = self.config, asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        self.servers = [
            await loop.create_server(
                connection,
                sock=listening,
                ssl=config.ssl,
                ssl_handshake_timeout=self.handshake_seconds,
                backlog=config.backlog,
            )
            for listening in sockets or ()
        ]
        self.started = True


def most_connections() -> int:
    """Return how many connections this process can have, after asking the system for as many as it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Files, and connections that are still in their handshake, need some of them.
    return max(1, min(MOST_CONNECTIONS, hard // 2))


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    :raises OSError: if the port is in use (``errno.EADDRINUSE``), or may not be opened.
    """
    # asyncio sends without delay on sockets of which it knows that they are TCP; otherwise the second part of each
    # answer waits 40 ms for an acknowledgement.
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        # Whoever asks for a port that is taken hears it now, and not when somebody connects.
        opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def server_of(
    app: Callable[..., Any],
    context: ssl.SSLContext,
    *,
    header_seconds: float = HEADER_SECONDS,
    connections: int = MOST_CONNECTIONS,
    simulated_sources: bool = False,
) -> uvicorn.Server:
    """Return a server of ``app`` that is to be run on a socket.

    :param header_seconds: how long the head of a request may take, and so may a handshake, and an answer to be read.
    :param connections: beyond so many, a new one is closed.
    :param simulated_sources: believe a connection from 127.0.0.1 that its requests come from the address in their
        header ``x-forwarded-for``, which is how a simulation on one machine tells its nodes apart.
    """
    limits: dict[str, Any] = {"header_seconds": header_seconds, "most_connections": connections}
    config = uvicorn.Config(
        app,
        http=type("_LimitedConnection", (_Connection,), limits),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever could choose where a request comes from could register from any address.
        proxy_headers=simulated_sources,
        forwarded_allow_ips="127.0.0.1",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=3,
        backlog=_BACKLOG,
    )
    config.load()
    config.ssl = context
    server = _Server(config)
    server.handshake_seconds = header_seconds
    return server


def end_on_signals(server: uvicorn.Server) -> None:
    """Let SIGTERM and Ctrl-C end ``server``, also when they come before it runs.

    While it runs uvicorn takes these signals itself, ends, and raises them again for us.
    """

    def end(_number: int, _frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until the program is told to end."""
    server.run(sockets=[listening])
