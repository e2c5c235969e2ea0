"""How a node's requests travel: HTTPS to the authorization server, with httpx (R095)."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import httpx

from reference_server.protocol import Answer, ProtocolError, Refusal, Request, decode_answer, encode_request

__all__ = ["Client", "NotConnectedError"]

#: Where the server takes requests.
_PATH = "/v1/requests"
#: No answer of the protocol is longer, in bytes.
_LARGEST_ANSWER = 1 << 20


class NotConnectedError(Exception):
    """The connection failed before any answer: it was refused, broke, or its certificate is not to be trusted."""


class Client:
    """Connections from one node to its server. It waits as long as it has to: time limits are its user's business.

    :param server: the Server Address.
    :param ca: the certificate of the authority to trust; ``None`` for those that this machine trusts.
    :param address: the own address to connect from, ``None`` for whichever the machine takes.
    :raises OSError: if ``ca`` cannot be read or is no certificate.
    """

    def __init__(self, server: str, *, ca: Path | None, address: str | None) -> None:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        transport = httpx.AsyncHTTPTransport(verify=context, local_address=address)
        self._client = httpx.AsyncClient(base_url=server, transport=transport, timeout=None)  # noqa: S113

    async def ask(self, request: Request) -> Answer | None:
        """Send ``request`` and return the answer, ``None`` for one that cannot be read, which is silence.

        :raises NotConnectedError: if the connection fails.
        """
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        body = b""
        try:
            async with self._client.stream("POST", _PATH, content=encode_request(request), headers=headers) as response:
                async for part in response.aiter_raw():
                    body += part
                    if len(body) > _LARGEST_ANSWER:
                        return None
        except httpx.TransportError as error:
            raise NotConnectedError(str(error) or type(error).__name__) from None
        try:
            answer = decode_answer(body)
        except ProtocolError:
            return None
        if isinstance(answer, Refusal) and answer.number == 0:
            # The server could not read the number, but the connection tells which request it answers.
            return replace(answer, number=request.number)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
