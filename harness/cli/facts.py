"""``fdl-harness facts``: the document's facts, checked against the real programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import FAILED, UNJUDGED, claim, entry_of, write

if TYPE_CHECKING:
    from harness.facts import Found

__all__ = ["facts"]


@click.command()
@click.argument("rules", metavar="[ID]...", nargs=-1)
@click.option(
    "--programs",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="A folder whose commands (fdl-server, fdl-node, ...) take the place of the installed ones.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write what was found as JSON.")
def facts(rules: tuple[str, ...], programs: Path | None, json_file: Path | None) -> None:
    """Check facts of the document (file names, options, labels, refusals) against the real programs.

    The programs are run as processes, on loopback and on pretended machines in a scratch folder. Checked is each rule
    ID, or else every fact; `fdl-harness rules ID` says what is checked of it.

    Exit codes: 0 all held; 1 one is broken; 2 the call is wrong; 3 one could not be checked on this machine.
    """
    from rich.console import Console

    from harness.facts import FACTS, Outcome, Workshop, check
    from harness.report.facts import facts_as_text, facts_lines, facts_table
    from harness.report.table import progress

    entries = [entry_of(rule) for rule in dict.fromkeys(rules)] or [entry_of(rule) for rule in sorted(FACTS)]
    for entry in entries:
        if entry.id not in FACTS:
            why = f"it is judged in the simulation ({entry.test})"
            raise click.BadParameter(f"{entry.id} is not checked against the programs: {why}", param_hint="ID")
    claim(json_file)
    console = Console()
    done: list[Found] = []
    with Workshop(programs) as workshop, progress(len(entries), console) as advance:
        for found in check(workshop, [entry.id for entry in entries]):
            done.append(found)
            advance(1)
    console.print(facts_table(done, entries))
    for line in facts_lines(done):
        click.echo(line)
    if json_file is not None:
        write(json_file, [facts_as_text(done)])
    outcomes = {found.outcome for found in done}
    if Outcome.BROKEN in outcomes:
        raise SystemExit(FAILED)
    if Outcome.NOT_CHECKED in outcomes:
        raise SystemExit(UNJUDGED)
