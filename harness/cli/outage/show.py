"""``fdl-harness outage show``: what was read of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.outage.case import case_from
from harness.cli.outage.common import with_record
from harness.cli.outage.pages import Shown, shows

if TYPE_CHECKING:
    from harness.outage.record import Record

__all__ = ["show"]


@click.command()
@with_record
@shows
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(record: Record, shown: Shown, as_json: bool) -> None:
    """Show what FILE says, as it is understood: a line for each observation, with its time in UTC."""
    from harness.report.records import record_as_text, record_lines

    if shown.asked:
        from harness.report.timeline.recorded import story_of_case

        shown.write([("", story_of_case(case_from(record, None, 0)))])
    if as_json:
        click.echo(record_as_text(record), nl=False)
        return
    for line in record_lines(record):
        click.echo(line)
