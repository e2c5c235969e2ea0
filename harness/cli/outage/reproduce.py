"""``fdl-harness outage reproduce``: the scenario that a record describes, and how its run differs from the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import FAILED, WRONG, check_writable, write
from harness.cli.outage.case import case_from, of_case
from harness.cli.outage.common import with_record
from harness.cli.outage.pages import Shown, shows

if TYPE_CHECKING:
    from harness.outage.record import Record
    from harness.scenario import Scenario

__all__ = ["reproduce"]


@click.command()
@with_record
@of_case
@click.option("--all", "everything", is_flag=True, help="Show also where prediction and record agree.")
@shows
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the scenario to this file.")
def reproduce(
    record: Record,
    installation: Scenario | None,
    clock_error_us: int,
    everything: bool,
    shown: Shown,
    output: Path | None,
) -> None:
    """Build the scenario that the facts of FILE describe, run it, and put predicted beside observed.

    Facts are restarts, cuts, moves, corrections of clocks and registrations. Failures and statuses are what the
    simulation has to show. The scenario expects the statuses that were seen.

    Exit codes: 0 it shows all that was recorded; 1 it differs; 2 the file or the call is wrong.
    """
    from harness.outage.diagnosing import simulate
    from harness.outage.reproducing import reproduction
    from harness.report.outage import comparison_lines
    from harness.scenario_file import printed

    if output is not None:
        check_writable(output)
    case = case_from(record, installation, clock_error_us)
    simulated = simulate(case)
    if simulated is None:
        click.echo(f"{record.file}: what it records cannot have happened in this order", err=True)
        raise SystemExit(WRONG)
    if shown.asked:
        from harness.report.timeline.recorded import story_of_case

        shown.write([("", story_of_case(case, simulated))])
    for line in comparison_lines(case, simulated.comparison, everything=everything):
        click.echo(line)
    if output is not None:
        comment = f"What {record.file} records, as a scenario: its facts happen, and what was seen is expected."
        write(output, [printed(reproduction(case, simulated), comment=comment)])
    if not simulated.comparison.reproduces:
        raise SystemExit(FAILED)
