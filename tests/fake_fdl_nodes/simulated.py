"""Nodes whose pages are served without a program: the pure machines of node and server, called one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import uvicorn

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Effect, Node, Send
from fake_fdl_nodes.page import Attempt, Complaint, Member
from fake_fdl_nodes.program.administration import NotAskedError, administration
from fake_fdl_nodes.program.serving import open_port
from reference_server.authority import Authority
from reference_server.licence import Licence
from reference_server.protocol import (
    SIMULATED_KEY,
    Answer,
    Instant,
    ProtocolError,
    Refusal,
    Request,
    decode_request,
    encode_request,
)
from reference_server.readings import LITERAL

SECOND = 1_000_000
#: 2026-03-01T00:00:00Z, in microseconds since the Unix epoch.
EPOCH = 1_772_323_200 * SECOND
FIRST_ADDRESS = 0xC0A86419
LICENCE = Licence(capacity=2, ranges=((FIRST_ADDRESS, FIRST_ADDRESS + 9),))


def setup(name: str, address: int = FIRST_ADDRESS, **more: object) -> NodeSetup:
    """Return a node as it is installed."""
    return replace(NodeSetup(name=name, address=address, application="report1"), **more)  # type: ignore[arg-type]


@dataclass
class Simulated:
    """Nodes and their server, a second apart from request to request.

    ``server`` is the Server Address at which it is found, and ``damage`` what becomes of a request on the way.
    """

    setups: Sequence[NodeSetup]
    licence: Licence = LICENCE
    server: str = "https://172.16.63.131:8081"
    damage: Callable[[bytes], bytes] = lambda body: body
    #: If it is there, each answer waits for it.
    gate: asyncio.Event | None = None
    now_us: int = 0
    nodes: dict[str, Node] = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority(self.licence, LITERAL)
        self.authority.start(self._now())
        self.nodes = {each.name: Node(each, LITERAL, timeout_us=30 * SECOND, key=SIMULATED_KEY) for each in self.setups}
        for node in self.nodes.values():
            node.start(self._now())

    def members(self) -> list[Member]:
        """Return each node as the pages show it."""
        return [Member.of(name, node.saved()) for name, node in self.nodes.items()]

    async def register(self, server: str) -> list[Attempt]:
        """Register each node in order; only at ``self.server`` is there one."""
        if server == "https://nobody:1":
            raise NotAskedError(Complaint("Server Address", "found {found}, which nobody knows", repr(server)))
        return [await self._ask(name, Node.register, server) for name in self.nodes]

    async def unbind(self, name: str) -> list[Attempt]:
        """Have a node give its slot back."""
        return [await self._ask(name, Node.unbind, self.server)]

    async def _ask(self, name: str, ask: Callable[[Node, Instant], list[Effect]], server: str) -> Attempt:
        if self.gate is not None:
            await self.gate.wait()
        node = self.nodes[name]
        self.now_us += SECOND
        listed = len(node.failures.rows)
        (send,) = (each for each in ask(node, self._now()) if isinstance(each, Send))
        assert not isinstance(send.request, bytes)
        if server == self.server:
            node.answer(self._answer(send.request), self._now())
        else:
            node.connection_refused(send.request.number, self._now())
        rows = node.failures.rows[listed:]
        return Attempt(name, rows[0] if rows else None)

    def _answer(self, request: Request) -> Answer:
        try:
            arrived = decode_request(self.damage(encode_request(request)))
        except ProtocolError as error:
            return Refusal(number=request.number, code=int(error.code), reason=error.reason)
        answer = self.authority.handle(arrived, request.address, self._now()).answer
        assert answer is not None
        return answer

    def _now(self) -> Instant:
        return Instant(self.now_us, EPOCH + self.now_us)


@contextmanager
def served(nodes: Simulated) -> Iterator[str]:
    """Serve the pages of simulated nodes, and give their address."""
    opened = open_port("127.0.0.1", 0)
    app = administration(lambda _: nodes, token="token-of-forms")
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
    server.should_exit = True
    thread.join()
    opened.close()
