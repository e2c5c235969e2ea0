"""``fdl-harness outage redact``: a record that can be given away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import write
from harness.cli.outage.case import INSTALLATION
from harness.cli.outage.common import with_record_as_it_is

if TYPE_CHECKING:
    from harness.outage.record import Record
    from harness.scenario import Scenario

__all__ = ["redact"]


@click.command()
@with_record_as_it_is
@INSTALLATION
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The timeline to write, as CSV.")
@click.option(
    "--installation-output", type=click.Path(path_type=Path), help="Write what is installed to this file, likewise."
)
def redact(record: Record, installation: Scenario | None, output: Path, installation_output: Path | None) -> None:
    """Write FILE as a timeline without names and addresses.

    Each is replaced by the same one everywhere, so that what happened to whom can still be told. Of addresses the order
    is kept, and which are equal, neighbours, in one /24 block, or private. Other words in notes stay: read them.
    """
    from harness.outage.redaction import Redaction, free_words
    from harness.outage.writing import timeline

    if (installation is None) is not (installation_output is None):
        raise click.UsageError("--installation and --installation-output go together.")
    taken = [Path(record.file), *([] if installation is None else [Path(installation.file)])]
    written = [output, *filter(None, [installation_output])]
    for file in written:
        if file.exists() and any(file.samefile(each) for each in taken):
            raise click.UsageError(f"{file} would be overwritten, from which the rest is read.")
    redaction = Redaction.of(record, installation)
    clean = redaction.record(record)
    write(output, timeline(clean))
    if installation is not None and installation_output is not None:
        from harness.scenario_file import printed

        write(installation_output, [printed(redaction.installation(installation))])
    lines, nodes = len(clean.observations), len(clean.nodes)
    click.echo(f"{output}: {lines} line{'' if lines == 1 else 's'}, {nodes} node{'' if nodes == 1 else 's'} renamed")
    if words := free_words(clean):
        click.echo(f"These words stay, so read them before you give {output} away:")
        for text in words:
            click.echo(f"  {text}")
