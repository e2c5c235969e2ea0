"""The command ``fdl-harness``: run scenarios, check files, read the rule book. A module for each command."""

from __future__ import annotations

import io
import sys

import click

from harness.cli.completion import completion
from harness.cli.console import console
from harness.cli.coverage import coverage
from harness.cli.doctor import doctor
from harness.cli.envelope import envelope
from harness.cli.exhaust import exhaust
from harness.cli.facts import facts
from harness.cli.new import new
from harness.cli.outage import outage
from harness.cli.predict import predict
from harness.cli.prove import prove
from harness.cli.reference import check, readings, rules, schema
from harness.cli.run import run
from harness.cli.shrink import shrink
from harness.cli.sweep import sweep

# What a command needs is imported when it runs, so that ``--help`` answers at once.

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fdl-harness")
def main() -> None:
    """Simulate FineDataLink's private-cloud licensing, and judge every documented rule.

    One authorization server and a fleet of nodes live through outages, clock skew and network cuts in simulated
    time. Everything is simulated: nothing here can authorize a real product.
    """
    for stream in (sys.stdout, sys.stderr):
        # What cannot be written in the terminal's encoding, such as a file's name that is no text, is escaped.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


for command in (
    new,
    run,
    console,
    check,
    outage,
    predict,
    envelope,
    sweep,
    shrink,
    exhaust,
    prove,
    coverage,
    facts,
    rules,
    readings,
    schema,
    doctor,
    completion,
):
    main.add_command(command)
