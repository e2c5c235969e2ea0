"""``fdl-node``: a fake FineDataLink node as a process."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import HOLDING, LEASE_US, OPEN, PERIOD_US, Effect, Ending, Node
from fake_fdl_nodes.program.client import Client, server_address
from fake_fdl_nodes.program.running import Runner, described
from fake_fdl_nodes.program.state_file import Kept, StateError, boot_id, checked, load, now, only_one
from reference_server.protocol import SIMULATED_KEY, parse_address
from reference_server.readings import LITERAL

__all__ = ["main"]

_TIMEOUT_US = 30_000_000
_state = click.option(
    "--state",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("node-state.json"),
    show_default=True,
    help="The file in which the node keeps what it is.",
)
_seconds = click.option(
    "--poll-seconds",
    type=click.FloatRange(0.1, PERIOD_US / 1_000_000),
    help="Poll this often instead of every two hours, to show something in less time.",
)
_once = click.option("--once", is_flag=True, help="End when the first request has been answered.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A fake FineDataLink node: it registers at an authorization server and polls it, over HTTPS.

    Exit codes: 0 done, 1 the node is not registered as it ends (for unbind: the slot was not given back), 2 the call or
    a file is wrong.
    """


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (StateError, OSError) as error:
        click.echo(f"fdl-node: {error}", err=True)
        raise SystemExit(2) from None


@main.command()
@click.argument("server")
@click.option("--application", required=True, help="The application (project) name that the node reports.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate of the authority that the server's certificate comes from. Left out: those of this machine.",
)
@click.option("--name", help="A name for the node. Left out: that of this machine, with something of its own.")
@click.option("--address", help="The own IPv4 address to connect from and to report. Left out: found out.")
@click.option("--domain", help="The access domain under which users reach the node.")
@click.option("--access-port", type=click.IntRange(1, 65535), help="The access port under which users reach the node.")
@click.option("--cluster", help="The cluster that the node belongs to.")
@_state
@_seconds
@_once
def register(
    server: str,
    application: str,
    ca: Path | None,
    name: str | None,
    address: str | None,
    domain: str | None,
    access_port: int | None,
    cluster: str | None,
    path: Path,
    poll_seconds: float | None,
    once: bool,
) -> None:
    """Register the node at SERVER (https://HOST:PORT), and go on polling until Ctrl-C.

    A node that has a state file is the same one as before, whatever else changes.
    """
    try:
        host, port = server_address(server)
        setup = checked(
            NodeSetup(
                name=name or f"{socket.gethostname()}-{secrets.token_hex(4)}",
                address=parse_address(address if address is not None else _own_address(host, port)),
                application=application,
                domain=domain,
                port=access_port,
                cluster=cluster,
            )
        )
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    with _told(), only_one(path):
        before = load(path, now(), boot_id()) if path.exists() else None
        kept = Kept(
            setup=setup if before is None else replace(setup, name=before.setup.name),
            server=server.rstrip("/"),
            ca=None if ca is None else str(ca.resolve()),
            address=address,
            state=None if before is None else before.state,
        )
        _, node = _run(path, kept, lambda node: node.register(now()), poll_seconds, once=once)
    raise SystemExit(int(node.status not in OPEN))


@main.command()
@_state
@_seconds
@_once
def run(path: Path, poll_seconds: float | None, once: bool) -> None:
    """Start the node again after its program ended: it polls at once, and goes on until Ctrl-C."""
    with _told(), only_one(path):
        _, node = _run(path, load(path, now(), boot_id()), lambda _: [], poll_seconds, once=once)
    raise SystemExit(int(node.status not in OPEN))


@main.command()
@_state
def unbind(path: Path) -> None:
    """Give the node's slot back."""

    def give_back(node: Node) -> list[Effect]:
        node.poll_due_us = None  # The poll of a start would take the place of this request.
        return node.unbind(now())

    with _told(), only_one(path):
        ended, _ = _run(path, load(path, now(), boot_id()), give_back, None, once=True)
    raise SystemExit(int(ended is not Ending.POSITIVE))


def _run(
    path: Path, kept: Kept, ask: Callable[[Node], list[Effect]], poll_seconds: float | None, *, once: bool
) -> tuple[Ending | None, Node]:
    """Run the node, and return how its last request ended, and the node."""
    period_us = PERIOD_US if poll_seconds is None else int(poll_seconds * 1_000_000)
    node = Node(kept.setup, LITERAL, timeout_us=_TIMEOUT_US, key=SIMULATED_KEY, period_us=period_us)
    if kept.state is not None:
        node.restore(kept.state)
    client = Client(kept.server, ca=None if kept.ca is None else Path(kept.ca), address=kept.address)

    def tell(line: str) -> None:
        click.echo(f"{datetime.now(UTC).isoformat(timespec='milliseconds')}  {line}")

    tell(f"{kept.setup.name} at {kept.server}, {node.status.value}")
    return asyncio.run(Runner(node, client, path, kept, tell).run(ask, once=once)), node


@main.command()
@_state
def status(path: Path) -> None:
    """Show what the node is, as the page of Registration Management would."""
    with _told():
        at = now()
        kept = load(path, at, boot_id())
    state = kept.state
    rows = [("node", kept.setup.name), ("server", kept.server)]
    if state is not None:
        rows.append(("status", state.status.value))
        rows.append(("access", "open" if state.status in OPEN else "closed"))
        if state.contact_us is not None and state.status in HOLDING:
            rows.append(("last contact", _date(at.wall_us + state.contact_us - at.boot_us)))
            rows.append(("registered until", _date(at.wall_us + state.contact_us + LEASE_US - at.boot_us)))
        if state.expires_us is not None:
            rows.append(("licence ends", _date(at.wall_us + state.expires_us - at.boot_us)))
        if state.capacity is not None:
            rows.append(("Max Connections", str(state.capacity)))
        if state.failures.shown is not None:
            rows.append(("last failure", described(state.failures.shown)))
    for label, value in rows:
        click.echo(f"{label:<17} {value}")


@main.command()
@_state
def failures(path: Path) -> None:
    """List the failures of the node, with their times and reasons (R036)."""
    with _told():
        kept = load(path, now(), boot_id())
    for row in kept.state.failures.rows if kept.state is not None else ():
        click.echo(f"{_date(row.wall_us)}  {described(row.code)}")


def _date(wall_us: int) -> str:
    # What was reckoned from two clocks may be a few microseconds off: the nearest second is meant.
    return datetime.fromtimestamp((wall_us + 500_000) // 1_000_000, UTC).isoformat()


def _own_address(host: str, port: int) -> str:
    """Return the address from which this machine reaches ``host``. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        return str(probe.getsockname()[0])


if __name__ == "__main__":
    main()
