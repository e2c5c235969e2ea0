"""The administration pages of simulated nodes: what they show at the cursor, and what is pressed on them.

To the pages a node of a console is like any other. "Register Now" and "Unbind" are events at the cursor; the cursor
then goes on to the instant at which the node knows what came of them, so that the page shows that.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.routing import Mount

from fake_fdl_nodes.failures import FailureRow
from fake_fdl_nodes.node import Status
from fake_fdl_nodes.page import Attempt, Complaint, Member
from fake_fdl_nodes.program.administration import NotAskedError, administration
from fake_fdl_nodes.server_address import server_address
from harness.console.session import Refused, World
from harness.console.shared import Console
from harness.scenario import Scenario
from harness.trace import NEVER, Exchange, Outcome
from reference_server.addresses import format_address
from reference_server.codes import Code
from reference_server.protocol import Kind

__all__ = ["SimulatedNode", "member_at", "node_pages", "page_of"]

_NO_SERVER = "found {found}, where this scenario has no server"
_NOT_NOW = "{found}"


def page_of(_world: int, _at_us: int, name: str) -> str:
    """Return the address of the pages of a node, seen from the console's: they follow the cursor."""
    return f"node/{quote(name, safe='')}/"


def node_pages(console: Console, *, token: str) -> Mount:
    """Return the pages of all nodes of ``console``.

    :param token: what their forms carry, so that no other page can send one.
    """

    def find(request: Request) -> SimulatedNode | None:
        world, _ = console.now()
        name = request.path_params["name"]
        return SimulatedNode(console, name) if any(node.name == name for node in world.scenario.nodes) else None

    return Mount("/node/{name}", administration(find, token=token))


class SimulatedNode:
    """A node of a console, as its administration pages know it (`fake_fdl_nodes.program.administration.Nodes`)."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name

    def members(self) -> Sequence[Member]:
        """Return the node as it is at the cursor."""
        world, at_us = self._console.now()
        return [self._member(world, at_us)]

    async def register(self, server: str) -> Sequence[Attempt]:
        """Register it at the cursor, at the Server Address ``server``."""
        world, _ = self._console.now()
        if server_address(server) not in _addresses(world.scenario):
            raise NotAskedError(Complaint("Server Address", _NO_SERVER, repr(server)))
        return await self._ask("node.register", Kind.REGISTER)

    async def unbind(self, name: str) -> Sequence[Attempt]:
        """Have it give its slot back, at the cursor."""
        return await self._ask("node.unbind", Kind.UNBIND)

    async def _ask(self, verb: str, kind: Kind) -> Sequence[Attempt]:
        _, at_us = self._console.now()
        try:
            await self._console.told({"do": "event", "event": {"do": verb, "node": self._name}, "cursor_us": at_us})
            world, _ = self._console.now()
            asked = self._asked(world, at_us, kind)
            if asked is None:
                raise Refused("the node's program does not run, and so it asks for nothing")
            known_us = asked.ended_us if asked.ended_us != NEVER else world.scenario.duration_us
            await self._console.told({"do": "jump", "at_us": min(known_us, world.scenario.duration_us)})
        except Refused as refused:
            raise NotAskedError(Complaint("", _NOT_NOW, str(refused))) from None
        member = self._member(world, known_us)
        failed = asked.outcome != Outcome.POSITIVE
        return [Attempt(self._name, member.rows[-1] if failed and member.rows else None)]

    def _asked(self, world: World, at_us: int, kind: Kind) -> Exchange | None:
        """Return the request of that kind which the node has sent at the cursor."""
        place = self._console.played(world).places[self._name]
        trace = self._console.played(world).result.trace.about([place])
        sent = [each for each in trace.exchanges if each.node == place and each.kind == kind and each.sent_us == at_us]
        return sent[-1] if sent else None

    def _member(self, world: World, at_us: int) -> Member:
        return member_at(self._console, world, self._name, at_us)


def member_at(console: Console, world: World, name: str, at_us: int) -> Member:
    """Return a node as its pages show it at ``at_us`` (true us)."""
    played = console.played(world)
    place = played.places[name]
    trace = played.result.trace.about([place])
    failures = [row for row in trace.failures if row.node == place and row.at_us <= at_us]
    ended = [each for each in trace.exchanges if each.node == place and NEVER < each.ended_us <= at_us]
    granted = [each for each in ended if each.outcome == Outcome.POSITIVE and each.content != NEVER]
    success_us = max((each.ended_us for each in ended if each.outcome == Outcome.POSITIVE), default=NEVER)
    capacity, details = trace.contents[granted[-1].content] if granted else (None, None)
    failing = bool(failures) and failures[-1].at_us > success_us
    return Member(
        name=name,
        status=Status(str(played.timelines.of("status", name).at(at_us))),
        capacity=capacity,
        rows=tuple(FailureRow(row.wall_us, Code(row.code)) for row in failures),
        failing=Code(failures[-1].shown) if failing else None,
        grant=details,
        asked=any(each.node == place and each.sent_us <= at_us for each in trace.exchanges),
    )


def _addresses(scenario: Scenario) -> list[tuple[str, int]]:
    """Return the Server Addresses under which the scenario's server is found."""
    server = scenario.server
    return [(format_address(server.address), server.port), (server.name, server.port)]
