"""``fdl-harness outage diagnose``: what explains a record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import UNJUDGED, WRONG, check_writable, claim, write
from harness.cli.outage.case import case_from, of_case
from harness.cli.outage.common import with_record
from harness.cli.outage.pages import Shown, shows

if TYPE_CHECKING:
    from harness.outage.case import Case
    from harness.outage.diagnosing import Diagnosis
    from harness.outage.record import Record
    from harness.scenario import Scenario

__all__ = ["diagnose"]


@click.command()
@with_record
@of_case
@click.option("--most", type=click.IntRange(1), default=3, show_default=True, help="How many explanations are told.")
@shows
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all explanations as JSON.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the first explanation as a scenario to this file."
)
def diagnose(
    record: Record,
    installation: Scenario | None,
    clock_error_us: int,
    most: int,
    shown: Shown,
    json_file: Path | None,
    output: Path | None,
) -> None:
    """Find the smallest set of unrecorded causes that explains what FILE records.

    Each explanation shows all of the record when it is simulated, and says between which instants each of its causes
    must have begun and ended. The first explains it with the least; what would decide between the first two is told.

    Exit codes: 0 explained; 2 the file or the call is wrong; 3 it cannot be told, nothing explains the record.
    """
    from harness.report.outage import diagnosis_as_text, diagnosis_lines

    claim(json_file)
    if output is not None:
        check_writable(output)
    diagnosis = _diagnosed(case_from(record, installation, clock_error_us))
    for line in diagnosis_lines(diagnosis, most=most):
        click.echo(line)
    if json_file is not None:
        write(json_file, [diagnosis_as_text(diagnosis)])
    if shown.asked:
        from harness.report.timeline.diagnosed import stories_of

        shown.write(stories_of(diagnosis, most=most))
    if not diagnosis.explanations:
        raise SystemExit(UNJUDGED)
    if output is not None:
        from harness.outage.causes import told
        from harness.outage.reproducing import reproduction
        from harness.scenario_file import printed

        best = diagnosis.explanations[0]
        comment = "\n".join(["What explains the record best:", *(f"- {told(cause)}" for cause in best.causes)])
        write(output, [printed(reproduction(diagnosis.case, best), comment=comment)])


def _diagnosed(case: Case) -> Diagnosis:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from harness.outage.diagnosing import diagnose as search

    columns = (SpinnerColumn(), TextColumn("looking for what explains it: {task.completed:.0f} simulations"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        try:
            return search(case, progress=lambda tried: progress.update(task, completed=tried))
        except ValueError as error:
            progress.stop()
            click.echo(str(error), err=True)
            raise SystemExit(WRONG) from None
