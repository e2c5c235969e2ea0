"""``fdl-harness outage redact``: a record that can be given away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import write
from harness.cli.outage.common import with_record_as_it_is

if TYPE_CHECKING:
    from harness.outage.record import Record

__all__ = ["redact"]


@click.command()
@with_record_as_it_is
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The timeline to write, as CSV.")
def redact(record: Record, output: Path) -> None:
    """Write FILE as a timeline without names and addresses.

    Each is replaced by the same one everywhere, so that what happened to whom can still be told. Of addresses the order
    is kept, and which are equal, neighbours, in one /24 block, or private. Other words in notes stay: read them.
    """
    from harness.outage.redaction import free_words, redacted
    from harness.outage.writing import timeline

    if output.exists() and output.samefile(record.file):
        raise click.UsageError(f"{output} is the record itself, which would be overwritten")
    clean = redacted(record)
    write(output, timeline(clean))
    lines, nodes = len(clean.observations), len(clean.nodes)
    click.echo(f"{output}: {lines} line{'' if lines == 1 else 's'}, {nodes} node{'' if nodes == 1 else 's'} renamed")
    if words := free_words(clean):
        click.echo(f"These words stay, so read them before you give {output} away:")
        for text in words:
            click.echo(f"  {text}")
