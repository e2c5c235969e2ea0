"""The wire ``tls``: the server program in a process of its own, reached by httpx over TLS on loopback.

Sockets bind and connect on 127.0.0.1 only, so the simulated address that a request comes from travels beside it, in a
header that the program believes in this setting alone.
"""

from __future__ import annotations

import ssl

import httpx

from harness.wires.process import ProcessWire, ProgramError
from harness.wires.wire import ServerFactory
from reference_server.licence import Licence
from reference_server.protocol import format_address
from reference_server.readings import Reading

__all__ = ["Tls"]

_LOOPBACK = "127.0.0.1"


class Tls(ProcessWire):
    """A server program behind TLS on loopback."""

    def __init__(self, server: ServerFactory, licence: Licence, reading: Reading) -> None:
        super().__init__(licence, bind=_LOOPBACK, environment={"FDL_HARNESS_SIMULATED_SOURCES": "1"})
        self._context: ssl.SSLContext | None = None
        self._client: httpx.Client | None = None

    def _connect(self) -> None:
        if self._context is None:
            self._context = ssl.create_default_context(cafile=str(self.ca))
        # Connections stay open, however much time passes between two requests in the simulation.
        transport = httpx.HTTPTransport(verify=self._context, limits=httpx.Limits(keepalive_expiry=None))
        self._client = httpx.Client(
            base_url=f"https://{_LOOPBACK}:{self.port}", transport=transport, timeout=30, trust_env=False
        )

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _exchange(self, method: str, path: str, body: bytes, source: int | None, own: int | None) -> bytes:
        assert self._client is not None, "only a running program is asked"
        headers = {"content-type": "application/json"}
        if source is not None:
            headers["x-forwarded-for"] = format_address(source)
        try:
            return self._client.request(method, path, content=body, headers=headers).content
        except httpx.TransportError as error:
            raise ProgramError(f"the server program cannot be reached: {error}; it said: {self._log()}") from error
