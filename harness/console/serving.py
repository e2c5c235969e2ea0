"""Serving a console on its port with uvicorn."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

from reference_server.program.serving import end_on_signals

__all__ = ["address_of", "hosts_of", "listen", "serve", "server_of"]

_BACKLOG = 64
#: How long open streams may take to end, in seconds.
_LAST_SECONDS = 1


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; with port 0 on a port that is free.

    :raises OSError: if the port is in use (``errno.EADDRINUSE``), or there is no such address.
    """
    family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, number)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        # Whoever asks for a port that is taken hears it now, and not when somebody connects.
        opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def address_of(host: str, listening: socket.socket, token: str) -> str:
    """Return the address of the console that listens there: what somebody opens."""
    shown = _in_url(_reached(host))
    return f"http://{shown}:{listening.getsockname()[1]}/{token}/"


def hosts_of(host: str, listening: socket.socket) -> list[str] | None:
    """Return the names under which a console on ``host`` may be asked; ``None`` for any, on all addresses."""
    if _is_any(host):
        return None
    port = listening.getsockname()[1]
    names = [_in_url(host), *(("localhost", "127.0.0.1", "[::1]") if _is_loopback(host) else ())]
    return [f"{name}:{port}" for name in dict.fromkeys(names)]


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Return a server of ``app`` that is to be run on a socket."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody stands between a browser and a console on the same machine.
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    return uvicorn.Server(config)


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until somebody ends it, with Ctrl-C or SIGTERM."""
    server = server_of(app)
    end_on_signals(server)
    server.run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _reached(host: str) -> str:
    return ("::1" if ":" in host else "127.0.0.1") if _is_any(host) else host


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
