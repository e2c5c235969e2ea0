"""Serving the administration pages of this machine's nodes on a port of loopback, to whoever has their address.

The address that is printed carries a secret, which the browser keeps as a cookie. Without it nothing is shown: other
users of the machine, and other pages in the browser, do not know it.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn

from fake_fdl_nodes.program.administration import HEADERS, administration
from fake_fdl_nodes.program.pages import Installed
from fake_fdl_nodes.program.served import ServedNodes
from fake_fdl_nodes.program.state_file import StateError

__all__ = ["Guard", "listening", "open_port", "serve"]

_BACKLOG = 64


def listening(text: str) -> tuple[str, int]:
    """Return the host and port of ``HOST:PORT``, where port 0 stands for one that is free.

    :raises ValueError: if it is none.
    """
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError(f"found {text!r}, expected HOST:PORT such as 127.0.0.1:8090")
    return host.removeprefix("[").removesuffix("]"), int(port)


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    :raises StateError: if it cannot be opened; the message says what to do.
    """
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        why = "the address is in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error)).lower()
        raise StateError(f"{_netloc(host, port)}: {why}; choose another one with --listen HOST:PORT") from None
    return opened


class Guard:
    """Lets nobody through to an application who does not know the secret in its address.

    :param hosts: what a browser may call this address, empty for anything. A page elsewhere whose name has been made to
        lead here calls it by that name.
    """

    def __init__(self, app: Callable[..., Any], *, secret: str, port: int, hosts: Sequence[str]) -> None:
        self._app = app
        self._secret = secret.encode()
        # Cookies are those of a host, whatever the port.
        self._cookie = f"fdl-node-{port}"
        self._hosts = hosts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle a request, as ASGI has it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if self._hosts and headers.get("host") not in self._hosts:
            await _plain(send, 421, "This is another host than the one that was asked for.")
        elif scope["method"] == "GET" and self._knows(query.get("token")):
            del query["token"]
            # The secret leaves the address, so that it is not read from the screen or the history.
            target = f"{scope['path']}?{urlencode(query)}" if query else scope["path"]
            cookie = f"{self._cookie}={self._secret.decode()}; Path=/; HttpOnly; SameSite=Strict"
            await _plain(send, 303, "", {"location": target, "set-cookie": cookie})
        elif self._knows(_cookie(headers.get("cookie", ""), self._cookie)):
            await self._app(scope, receive, send)
        else:
            await _plain(send, 403, "Open the address that fdl-node serve has printed: it carries a token.")

    def _knows(self, said: str | None) -> bool:
        return said is not None and hmac.compare_digest(said.encode(), self._secret)


def serve(
    nodes: Sequence[Installed],
    opened: socket.socket,
    *,
    secret: str,
    token: str,
    tell: Callable[[str], None],
    poll_seconds: float | None = None,
) -> None:
    """Run the nodes and serve their pages on a socket that listens, until the program is told to end.

    :param secret: what the address carries.
    :param token: what forms carry.
    :param tell: told what happens, a line at a time.
    :raises StateError: if a state file is damaged.
    :raises OSError: if a state file or a certificate cannot be used, at once or later.
    """
    asyncio.run(_serve(nodes, opened, secret, token, tell, poll_seconds))


async def _serve(
    nodes: Sequence[Installed],
    opened: socket.socket,
    secret: str,
    token: str,
    tell: Callable[[str], None],
    poll_seconds: float | None,
) -> None:
    host, port = opened.getsockname()[:2]
    troubles: list[BaseException] = []

    def troubled(error: BaseException) -> None:
        troubles.append(error)
        server.should_exit = True

    served = ServedNodes(nodes, tell, troubled, poll_seconds=poll_seconds)
    guard = Guard(
        administration(lambda _: served, token=token),
        secret=secret,
        port=port,
        hosts=_hosts(host, port) if ip_address(host).is_loopback else [],
    )
    config = uvicorn.Config(
        guard,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    try:
        served.start()
        address = "127.0.0.1" if ip_address(host).is_unspecified else host
        tell(f"open http://{_netloc(address, port)}/?{urlencode({'token': secret})}")
        await server.serve(sockets=[opened])
    finally:
        await served.close()
    for error in troubles:
        raise error


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves the signals to the program: what it runs besides has to end, too."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def end(self) -> None:
        """Tell it to end."""
        self.should_exit = True


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _hosts(host: str, port: int) -> list[str]:
    """Return what a browser on this machine may call the address."""
    hosts = [_netloc(name, port) for name in (host, "localhost")]
    # Of the port that it takes anyway a browser says nothing.
    return [*hosts, *(name.removesuffix(":80") for name in hosts if name.endswith(":80"))]


def _cookie(header: str, name: str) -> str | None:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    return cookies[name].value if name in cookies else None


async def _plain(send: Any, status: int, text: str, more: dict[str, str] | None = None) -> None:
    headers = HEADERS | {"content-type": "text/plain; charset=utf-8"} | (more or {})
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": text.encode()})
