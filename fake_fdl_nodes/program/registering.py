"""What registering a node takes on this machine: who it is, from where it connects, and a run of it."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import PERIOD_US, Effect, Ending, Node
from fake_fdl_nodes.program.client import Client
from fake_fdl_nodes.program.running import Runner
from fake_fdl_nodes.program.state_file import Kept, boot_id, checked, load, now
from fake_fdl_nodes.server_address import server_address
from reference_server.protocol import SIMULATED_KEY, parse_address
from reference_server.readings import LITERAL

__all__ = ["as_before", "known", "own_name", "registering", "run_node", "runner_of", "unbinding"]

_TIMEOUT_US = 30_000_000


def registering(setup: NodeSetup, server: str, *, ca: str | None, address: str | None) -> Kept:
    """Return a new node that is to register at ``server``, from ``address`` or whichever the machine takes.

    :raises ValueError: if something of it is wrong, with what was expected.
    :raises OSError: if the server's host is not known.
    """
    host, port = server_address(server)
    own = parse_address(address if address is not None else _own_address(host, port))
    setup = checked(replace(setup, address=own))
    return Kept(setup=setup, server=server.rstrip("/"), ca=ca, address=address, state=None)


def known(path: Path) -> Kept | None:
    """Return the node of a state file, ``None`` if there is no file.

    :raises StateError: if it is damaged.
    """
    return load(path, now(), boot_id()) if path.exists() else None


def as_before(new: Kept, path: Path) -> Kept:
    """Return what is to be kept of a node: if it has a state file already it stays the same one, whatever else changes.

    :raises StateError: if that is damaged.
    """
    before = known(path)
    if before is None:
        return new
    return replace(new, setup=replace(new.setup, name=before.setup.name), state=before.state)


def runner_of(path: Path, kept: Kept, tell: Callable[[str], None], *, poll_seconds: float | None = None) -> Runner:
    """Return a program for a node, which has not started.

    :param tell: told what happens, a line at a time.
    :param poll_seconds: how often it polls, if not every two hours.
    :raises OSError: if its certificate cannot be used.
    """
    period_us = PERIOD_US if poll_seconds is None else int(poll_seconds * 1_000_000)
    node = Node(kept.setup, LITERAL, timeout_us=_TIMEOUT_US, key=SIMULATED_KEY, period_us=period_us)
    if kept.state is not None:
        node.restore(kept.state)
    client = Client(kept.server, ca=None if kept.ca is None else Path(kept.ca), address=kept.address)
    tell(f"{kept.setup.name} at {kept.server}, {node.status.value}")
    return Runner(node, client, path, kept, tell)


def run_node(
    path: Path,
    kept: Kept,
    ask: Callable[[Node], list[Effect]],
    tell: Callable[[str], None],
    *,
    once: bool,
    poll_seconds: float | None = None,
) -> tuple[Ending | None, Node]:
    """Run the node, have it do what ``ask`` says, and return how its last request ended, and the node.

    :param once: whether it ends when that has been answered.
    """

    async def run() -> tuple[Ending | None, Node]:
        runner = runner_of(path, kept, tell, poll_seconds=poll_seconds)
        return await runner.run(ask, once=once), runner.node

    return asyncio.run(run())


def unbinding(node: Node) -> list[Effect]:
    """Have a node that has just been started give its slot back."""
    node.poll_due_us = None  # The poll of a start would take the place of this request.
    return node.unbind(now())


def own_name() -> str:
    """Return a name for a new node: that of this machine, with something of its own."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def _own_address(host: str, port: int) -> str:
    """Return the address from which this machine reaches ``host``. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        return str(probe.getsockname()[0])
