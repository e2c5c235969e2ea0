"""``fdl-harness outage check``: what the document allows of an observed history, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import FAILED, UNJUDGED, claim, one_reading, read_readings, write
from harness.cli.outage.case import CLOCK_ERROR, case_from, read_installation
from harness.cli.outage.common import with_record
from harness.cli.outage.pages import Shown, shows

if TYPE_CHECKING:
    from harness.outage.record import Record
    from harness.scenario import Scenario
    from reference_server.readings import Reading

__all__ = ["check"]


@click.command()
@with_record
@click.option(
    "--installation",
    type=click.Path(path_type=Path),
    callback=read_installation,
    help="A scenario file that says what is installed: its licence, network and nodes. Its events count for nothing. "
    "Without it, what needs it is not decided.",
)
@CLOCK_ERROR
@click.option(
    "--complete",
    is_flag=True,
    help="What FILE does not record did not happen: no failure, register, unbind, start, stop or cut.",
)
@click.option(
    "--reading",
    "readings",
    metavar="NAME",
    default="literal",
    callback=read_readings,
    help="Judge under this reading of the document.",
)
@shows
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all that was found as JSON.")
def check(
    record: Record,
    installation: Scenario | None,
    clock_error_us: int,
    complete: bool,
    readings: list[Reading],
    shown: Shown,
    json_file: Path | None,
) -> None:
    """Apply the rule book to what FILE records: what the document allows, and what it does not.

    A rule is violated only if nothing that may have happened besides explains the record; held if it was put to the
    test and obeyed; else unknown. Each finding names the lines that prove it, and what cannot be decided says which
    further line would decide it.

    Exit codes: 0 nothing is against the document; 1 something is; 2 the file or the call is wrong; 3 nothing could be
    judged.
    """
    from harness.outage.checking import Terms
    from harness.outage.checking import check as judge
    from harness.report.checked import checked_as_text, checked_lines
    from harness.rulebook import Ruling

    reading = one_reading(readings, "records are judged")
    claim(json_file)
    terms = Terms(
        reading=reading,
        clock_error_us=clock_error_us,
        complete=complete,
        installation=installation,
    )
    checked = judge(record, terms)
    for line in checked_lines(record, terms, checked):
        click.echo(line)
    if json_file is not None:
        write(json_file, [checked_as_text(record, terms, checked)])
    if shown.asked:
        from harness.report.timeline.checked import story_of_check

        case = case_from(record, installation, clock_error_us)
        shown.write([("", story_of_check(case, checked, reading=reading.name))])
    rulings = {each.ruling for each in checked}
    if Ruling.VIOLATED in rulings:
        raise SystemExit(FAILED)
    if Ruling.HELD not in rulings:
        raise SystemExit(UNJUDGED)
