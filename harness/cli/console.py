"""``fdl-harness console``: a page that shows a world at an instant, and travels in time."""

from __future__ import annotations

import errno
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import FAILED, WRONG, check_system, one_reading, read_readings
from harness.library import library_path
from reference_server.readings import Reading, reading_named

if TYPE_CHECKING:
    import socket

    from harness.console.session import Session
    from harness.console.shared import Console

__all__ = ["console"]

_DEFAULT = "127.0.0.1:8765"
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+):([0-9]{1,5})")


def _read_listen(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, int]:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise click.BadParameter(f"found {text!r}, expected an address and a port, such as {_DEFAULT}.")
    return match[1].strip("[]"), int(match[2])


@click.command()
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option(
    "--listen",
    default=_DEFAULT,
    show_default=True,
    metavar="ADDRESS:PORT",
    callback=_read_listen,
    help="Where it is served; port 0 takes one that is free. Beyond loopback, all that guards it is the token.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in a browser.")
@click.option("--reading", "readings", metavar="NAME", callback=read_readings, help="Run under this reading.")
@click.option("--seed", type=click.IntRange(0), default=0, help="What chance is drawn from: lost packets, delays.")
@click.option("--server", metavar="NAME", help="Test the server that this makes, such as package.module:factory.")
@click.option("--node", metavar="NAME", help="Test the node that this makes, in place of each node.")
def console(
    scenario: Path | None,
    listen: tuple[str, int],
    open_browser: bool,
    readings: list[Reading] | None,
    seed: int,
    server: str | None,
    node: str | None,
) -> None:
    """Show SCENARIO in a browser: the world at any instant, back and forth, with faults to break in and take back.

    Without SCENARIO it shows one of the library, in which the server is stopped for 23 hours. The address that is
    printed has a token in it, without which nothing is answered. Ctrl-C ends the console; nothing is written to disk
    but what is saved on the page.

    Exit codes: 0 it was ended; 1 the harness itself is at fault; 2 a file or the call is wrong, or the port is in use.
    """
    if find_spec("sse_starlette") is None:
        raise click.UsageError("this needs sse-starlette, which is not installed: pip install 'fdl-harness[console]'.")
    check_system("server", server)
    check_system("node", node)
    session = _session(scenario or library_path() / "server_stops" / "stop_23h.toml", server, node)

    from secrets import token_urlsafe
    from time import monotonic_ns

    from harness.console.app import console_app
    from harness.console.nodes import node_pages, page_of
    from harness.console.played import Settings
    from harness.console.serving import address_of, hosts_of, serve
    from harness.console.shared import Console
    from harness.expectations import own_reading

    reading = reading_named(own_reading(session.world.scenario))
    if readings is not None:
        reading = one_reading(readings, "a console shows runs")
    settings = Settings(reading=reading, seed=seed, server=server, node=node)
    shared = Console(session, settings, now_us=lambda: monotonic_ns() // 1000, page_of=page_of)
    _play(shared, session)
    host, _ = listen
    listening = _listening(*listen)
    token = token_urlsafe(16)
    address = address_of(host, listening, token)
    pages = node_pages(shared, token=token_urlsafe(16))
    app = console_app(shared, token=token, hosts=hosts_of(host, listening), beside=[pages])
    click.echo(f"The console is at {address} (Ctrl-C ends it)")
    if open_browser:
        click.launch(address)
    with listening:
        serve(app, listening)


def _play(shared: Console, session: Session) -> None:
    """Run the scenario before anybody looks at it, so that what is wrong with it or with us is told here."""
    from harness.console.session import Refused

    try:
        shared.played(session.world).result  # noqa: B018 - it is computed when it is first asked for
    except Refused as error:
        click.echo(str(error), err=True)
        raise SystemExit(FAILED) from None


def _session(file: Path, server: str | None, node: str | None) -> Session:
    """Return a session of the scenario in ``file``, or tell everything that is wrong with it and exit."""
    from harness.console.session import Session
    from harness.scenario_file import ScenarioError, read, scenario_of
    from harness.systems import choose

    try:
        document = read(file)
        choose(scenario_of(document), server, node)
        session = Session.of(document)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        count = len(error.problems)
        click.echo(f"{count} mistake{'' if count == 1 else 's'} in {file}; no console was opened", err=True)
        raise SystemExit(WRONG) from None
    return session


def _listening(host: str, port: int) -> socket.socket:
    from harness.console.serving import listen

    try:
        return listen(host, port)
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            why = "another program is there; --listen 127.0.0.1:0 takes a port that is free"
        raise click.UsageError(f"{host}:{port} cannot be listened on: {why}.") from None
