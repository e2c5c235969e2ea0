"""What commands share that judge or simulate: what is installed where a record is from, and how wrong clocks may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import WRONG, load_all
from harness.durations import parse_duration
from harness.problems import Mistake

if TYPE_CHECKING:
    from harness.outage.case import Case
    from harness.outage.record import Record
    from harness.scenario import Scenario

__all__ = ["CLOCK_ERROR", "INSTALLATION", "case_from", "of_case", "read_installation"]


def _read_error(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    try:
        return parse_duration(text)
    except Mistake as mistake:
        raise click.BadParameter(f"{mistake}.") from None


def read_installation(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> Scenario | None:
    """Return what the file of ``--installation`` says, if one is given."""
    if file is None:
        return None
    if file.is_dir():
        raise click.BadParameter(f"{file} is a folder; expected a scenario file.")
    return load_all([file])[0]


INSTALLATION = click.option(
    "--installation",
    type=click.Path(path_type=Path),
    callback=read_installation,
    help="A scenario file that says what is installed: its licence, server, network and nodes. Its events count for "
    "nothing. Without it there are the nodes of the record, and as many slots.",
)
CLOCK_ERROR = click.option(
    "--clock-error",
    "clock_error_us",
    metavar="DURATION",
    default="5m",
    show_default=True,
    callback=_read_error,
    help="By how much the clocks of hosts may have been wrong.",
)


def of_case(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--installation`` and ``--clock-error``."""
    return INSTALLATION(CLOCK_ERROR(command))


def case_from(record: Record, installation: Scenario | None, clock_error_us: int) -> Case:
    """Return the case of ``record``, or end the command where there is none."""
    from harness.outage.case import case_of

    try:
        return case_of(record, installation, clock_error_us=clock_error_us)
    except ValueError as error:
        click.echo(str(error), err=True)
        raise SystemExit(WRONG) from None
