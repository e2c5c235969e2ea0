"""A console that is served in a thread, for a browser in the same process."""

from __future__ import annotations

import asyncio
from threading import Thread
from time import monotonic_ns

from harness.console.app import console_app
from harness.console.serving import address_of, hosts_of, listen, server_of
from harness.console.session import Session
from harness.console.shared import Console
from harness.scenario_file import Document
from tests.harness.console.worlds import LITERALLY

__all__ = ["Served"]


class Served:
    """A console of the scenario ``text``, which is said to come from ``file``, on a port of its own."""

    def __init__(self, text: str, *, file: str) -> None:
        self._listening = listen("127.0.0.1", 0)
        session = Session.of(Document(text, file))
        console = Console(session, LITERALLY, now_us=lambda: monotonic_ns() // 1000)
        hosts = hosts_of("127.0.0.1", self._listening)
        self.address = address_of("127.0.0.1", self._listening, "a-token")
        self._server = server_of(console_app(console, token="a-token", hosts=hosts))
        self._thread = Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listening])

    def drop(self) -> None:
        """Break all connections."""

        def abort() -> None:
            for connection in [*self._server.server_state.connections]:
                connection.transport.abort()

        self._loop.call_soon_threadsafe(abort)

    def end(self) -> None:
        """End it, once no browser listens any more."""
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()
