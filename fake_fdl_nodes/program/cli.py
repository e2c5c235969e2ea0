"""``fdl-node``: a fake FineDataLink node as a process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from fake_fdl_nodes.failure_list import csv_text, listed
from fake_fdl_nodes.failures import described, shown_date
from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import HOLDING, LEASE_US, OPEN, PERIOD_US, Ending
from fake_fdl_nodes.page_text import lines
from fake_fdl_nodes.program.pages import Installed, check_together, look, walk
from fake_fdl_nodes.program.registering import as_before, known, own_name, registering, run_node, unbinding
from fake_fdl_nodes.program.state_file import StateError, boot_id, load, now, only_one

__all__ = ["main"]

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
_APPLICATION = "The application (project) name that the node reports."
_ca = click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate of the authority that the server's certificate comes from. Left out: those of this machine.",
)
_domain = click.option("--domain", help="The access domain under which users reach the node.")
_access_port = click.option(
    "--access-port", type=click.IntRange(1, 65535), help="The access port under which users reach the node."
)
_cluster = click.option("--cluster", help="The cluster that the node belongs to.")
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


def _tell(line: str) -> None:
    click.echo(f"{datetime.now(UTC).isoformat(timespec='milliseconds')}  {line}")


@main.command()
@click.argument("server")
@click.option("--application", required=True, help=_APPLICATION)
@_ca
@click.option("--name", help="A name for the node. Left out: that of this machine, with something of its own.")
@click.option("--address", help="The own IPv4 address to connect from and to report. Left out: found out.")
@_domain
@_access_port
@_cluster
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
    setup = NodeSetup(
        name=name or own_name(), address=0, application=application, domain=domain, port=access_port, cluster=cluster
    )
    try:
        new = registering(setup, server, ca=None if ca is None else str(ca.resolve()), address=address)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    with _told(), only_one(path):
        kept = as_before(new, path)
        _, node = run_node(path, kept, lambda node: node.register(now()), _tell, once=once, poll_seconds=poll_seconds)
    raise SystemExit(int(node.status not in OPEN))


@main.command()
@_state
@_seconds
@_once
def run(path: Path, poll_seconds: float | None, once: bool) -> None:
    """Start the node again after its program ended: it polls at once, and goes on until Ctrl-C."""
    with _told(), only_one(path):
        _, node = run_node(
            path, load(path, now(), boot_id()), lambda _: [], _tell, once=once, poll_seconds=poll_seconds
        )
    raise SystemExit(int(node.status not in OPEN))


@main.command()
@_state
def unbind(path: Path) -> None:
    """Give the node's slot back."""
    with _told(), only_one(path):
        ended, _ = run_node(path, load(path, now(), boot_id()), unbinding, _tell, once=True)
    raise SystemExit(int(ended is not Ending.POSITIVE))


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
            rows.append(("last contact", shown_date(at.wall_us + state.contact_us - at.boot_us)))
            rows.append(("registered until", shown_date(at.wall_us + state.contact_us + LEASE_US - at.boot_us)))
        if state.expires_us is not None:
            rows.append(("licence ends", shown_date(at.wall_us + state.expires_us - at.boot_us)))
        if state.capacity is not None:
            rows.append(("Max Connections", str(state.capacity)))
        if state.failures.shown is not None:
            rows.append(("last failure", described(state.failures.shown)))
    for label, value in rows:
        click.echo(f"{label:<17} {value}")


@main.command()
@_state
@click.option("--csv", "as_table", is_flag=True, help="As a table (CSV), which fdl-harness outage reads.")
def failures(path: Path, as_table: bool) -> None:
    """List the failures of the node, with their times and reasons (R036)."""
    with _told():
        kept = load(path, now(), boot_id())
    if as_table:
        rows = () if kept.state is None else kept.state.failures.rows
        click.echo(csv_text(listed([(kept.setup.name, rows)])), nl=False)
        return
    for row in kept.state.failures.rows if kept.state is not None else ():
        click.echo(f"{shown_date(row.wall_us)}  {described(row.code)}")


_states = click.option(
    "--state",
    "paths",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    default=[Path("node-state.json")],
    show_default=True,
    help="The file in which a node keeps what it is. Once for each node of a cluster.",
)
_applications = click.option("--application", help=f"{_APPLICATION} Needed for one that was never registered.")
_names = click.option(
    "--name", "names", multiple=True, help="A name for a new node. Once for each --state, or left out."
)
_addresses = click.option(
    "--address",
    "addresses",
    multiple=True,
    help="The own IPv4 address to connect from and to report. Once for each --state, or left out.",
)


def _installed(
    paths: Sequence[Path], names: Sequence[str], addresses: Sequence[str], ca: Path | None, **same: Any
) -> list[Installed]:
    """Return the nodes of ``paths``. ``same`` is what is said of all of them.

    :raises click.UsageError: if they do not go together.
    :raises StateError: if a state file is damaged.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise click.UsageError("--state: found the same file twice, expected one of its own for each node")
    for option, given in (("--name", names), ("--address", addresses)):
        if given and len(given) != len(paths):
            raise click.UsageError(
                f"{option}: found {len(given)} of them, expected one for each --state ({len(paths)}) or none"
            )
    nodes = []
    for path, name, address in zip_longest(paths, names, addresses):
        before = known(path)
        name = before.setup.name if before is not None else name or own_name()
        nodes.append(
            Installed(path=path, name=name, address=address, ca=None if ca is None else str(ca.resolve()), **same)
        )
    if len({node.name for node in nodes}) < len(nodes):
        raise click.UsageError("two of the nodes have one name, expected a name of its own for each")
    return nodes


@main.command()
@click.argument("steps", metavar="[STEP]...", nargs=-1)
@_states
@_applications
@_ca
@_names
@_addresses
@_domain
@_access_port
@_cluster
def page(
    steps: tuple[str, ...],
    paths: tuple[Path, ...],
    application: str | None,
    ca: Path | None,
    names: tuple[str, ...],
    addresses: tuple[str, ...],
    domain: str | None,
    access_port: int | None,
    cluster: str | None,
) -> None:
    """Walk through the administrator's pages, and show the one at which that ends, with its buttons in brackets.

    A STEP is a button ("System Management") or a field with its value ("Server Address=https://HOST:PORT"). Submit
    registers, once: `fdl-node run` goes on polling. A node that has been registered before stays as it is, but for what
    an option says.

    Exit codes: 0 done, 1 a button was pressed and not every node was granted what it asked for, 2 the call or a file is
    wrong.
    """
    with _told():
        nodes = _installed(
            paths, names, addresses, ca, application=application, domain=domain, port=access_port, cluster=cluster
        )
        try:
            shown = walk(steps, nodes)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        for line in lines(shown, look(nodes)):
            click.echo(line)
    raise SystemExit(int(shown.failed))


@main.command()
@click.option(
    "--listen",
    default="127.0.0.1:8090",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the pages are served. An address that is not of loopback lets other machines in; port 0 is a free one.",
)
@_states
@_applications
@_ca
@_names
@_addresses
@_domain
@_access_port
@_cluster
@_seconds
def serve(
    listen: str,
    paths: tuple[Path, ...],
    application: str | None,
    ca: Path | None,
    names: tuple[str, ...],
    addresses: tuple[str, ...],
    domain: str | None,
    access_port: int | None,
    cluster: str | None,
    poll_seconds: float | None,
) -> None:
    """Serve the administrator's pages to a browser, and run the nodes that they are about, until Ctrl-C.

    The address that it prints carries a token: whoever has it can register the nodes and unbind them.

    Exit codes: 0 it was told to end, 2 the call, the address or a file is wrong.
    """
    # What serving needs takes longer to import than all else here.
    from fake_fdl_nodes.program import serving

    with _told(), ExitStack() as held:
        try:
            host, port = serving.listening(listen)
        except ValueError as error:
            raise click.UsageError(f"--listen: {error}") from None
        opened = held.enter_context(serving.open_port(host, port))
        for path in {path.resolve(): path for path in paths}.values():
            held.enter_context(only_one(path))
        nodes = _installed(
            paths, names, addresses, ca, application=application, domain=domain, port=access_port, cluster=cluster
        )
        try:
            check_together(nodes)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        secret, token = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
        serving.serve(nodes, opened, secret=secret, token=token, tell=_tell, poll_seconds=poll_seconds)


if __name__ == "__main__":
    main()
