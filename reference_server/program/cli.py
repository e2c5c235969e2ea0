"""``fdl-server``, started from a bundle as ``bin/server``: runs the authorization server, or destroys it.

Its options are the documented ones, with one dash (R078 to R080, R122 to R124). Environment variables serve tests:
``FDL_HARNESS_BUNDLE`` is the folder of the bundle (the launcher sets it), ``FDL_HARNESS_BIND`` the address to listen
on, all of the machine's if left out; ``FDL_HARNESS_BOOT_CLOCK`` names the file of a simulated clock
(`reference_server.program.clocks`); ``FDL_HARNESS_SIMULATED_SOURCES=1``, where the address is 127.0.0.1, lets a
simulation say which address a request comes from (`reference_server.program.serving.server_of`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from itertools import pairwise
from typing import NamedTuple

import click

from reference_server.program.exits import Exit, StopError
from reference_server.program.messages import DEFAULT_LANGUAGE, LANGUAGES, Speaker, Text

__all__ = ["main"]

DEFAULT_PORT = 8081


class _Call(NamedTuple):
    port: int
    language: str
    destroy: bool
    help: bool


@click.command(add_help_option=False)
@click.option("-port", "port", default=str(DEFAULT_PORT))
@click.option("-language", "language", default=DEFAULT_LANGUAGE)
@click.option("-destroy", "destroy", is_flag=True)
@click.option("-help", "show_help", is_flag=True)
@click.argument("more", nargs=-1)
def _options(port: str, language: str, destroy: bool, show_help: bool, more: tuple[str, ...]) -> _Call:
    if more:
        raise StopError(Exit.USAGE, Text.UNEXPECTED_ARGUMENT, argument=repr(more[0]))
    if language not in LANGUAGES:
        raise StopError(Exit.USAGE, Text.BAD_LANGUAGE, language=repr(language))
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise StopError(Exit.USAGE, Text.BAD_PORT, port=repr(port))
    return _Call(int(port), language, destroy, show_help)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program with the command line ``arguments``, by default those that it was called with."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # A terminal may not know every character.
    speaker = Speaker(_wanted_language(given))
    try:
        call = _parsed(given)
        if call.help:
            click.echo(speaker.say(Text.USAGE))
        elif call.destroy:
            from reference_server.program.destroying import destroy

            destroy(speaker)
        else:
            # What serving needs takes longer to import than to destroy, or to be told that a call is wrong.
            from reference_server.program.running import run

            run(speaker, call.port)
    except StopError as stop:
        # The exit code is right whether anybody can read the reason or not: on a full disk nobody can.
        try:
            click.echo(speaker.say(stop.text, **stop.values), err=True)
        except OSError:
            # What is still to be written would be tried once more in the end, and change the exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        raise SystemExit(stop.code) from None


def _wanted_language(given: list[str]) -> str:
    """Return the language for whatever is said about the call itself."""
    wanted = DEFAULT_LANGUAGE
    for option, following in pairwise([*given, ""]):
        name, equals, value = option.partition("=")
        said = value if equals else following
        if name == "-language" and said in LANGUAGES:
            wanted = said
    return wanted


def _parsed(given: list[str]) -> _Call:
    try:
        call = _options.main(given, prog_name="server", standalone_mode=False)
    except click.NoSuchOption as error:
        # click names the part that it stumbled over, a person wants to see what was typed.
        typed = next((each for each in given if each.startswith(error.option_name)), error.option_name)
        raise StopError(Exit.USAGE, Text.UNKNOWN_OPTION, option=typed) from None
    except click.BadOptionUsage as error:
        if error.option_name in ("-destroy", "-help"):
            typed = next(each for each in given if each.startswith(f"{error.option_name}="))
            raise StopError(Exit.USAGE, Text.UNKNOWN_OPTION, option=typed) from None
        raise StopError(Exit.USAGE, Text.OPTION_NEEDS_VALUE, option=error.option_name) from None
    assert isinstance(call, _Call), "the command returns one"
    return call


if __name__ == "__main__":
    main()
