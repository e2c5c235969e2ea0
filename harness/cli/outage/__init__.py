"""``fdl-harness outage``: from what was recorded of an outage to what explains it. A module for each command."""

from __future__ import annotations

import click

from harness.cli.outage.check import check
from harness.cli.outage.diagnose import diagnose
from harness.cli.outage.redact import redact
from harness.cli.outage.reproduce import reproduce
from harness.cli.outage.show import show

__all__ = ["outage"]


@click.group()
def outage() -> None:
    """Work on what somebody recorded of an outage.

    A FILE is a timeline (CSV or JSON Lines: time, source, event, detail), a list of failures (CSV: time, node,
    reason), or the lines of a page.
    """


for command in (show, check, reproduce, diagnose, redact):
    outage.add_command(command)
