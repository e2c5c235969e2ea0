"""``fdl-harness check``, ``rules``, ``schema`` and ``readings``: look something up, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import PATHS, entry_of, load_all
from reference_server.readings import READINGS

if TYPE_CHECKING:
    from harness.rulebook import Entry

__all__ = ["check", "readings", "rules", "schema"]


@click.command()
@PATHS
def check(paths: tuple[Path, ...]) -> None:
    """Check scenario files without running them: every mistake with its file, line and key."""
    scenarios = load_all(paths)
    click.echo(f"{len(scenarios)} scenario{'' if len(scenarios) == 1 else 's'}: nothing wrong")


@click.command()
@click.argument("rule", metavar="[ID]", required=False)
def rules(rule: str | None) -> None:
    """Show the rule book and how each entry is judged, or everything about the rule ID."""
    from harness.facts import FACTS, about
    from harness.rulebook import catalogue
    from harness.rulebook.catalogue import BINDS

    entries = catalogue()
    if rule is None:
        from rich.console import Console
        from rich.table import Table

        table = Table("id", "judged", "binds", "rule", box=None, pad_edge=False)
        for entry in entries.values():
            ways = ("simulation", entry.judged), ("programs", entry.id in FACTS), ("corrected", entry.correction)
            judged = ", ".join(way for way, used in ways if used)
            table.add_row(entry.id, judged, " ".join(entry.binds), entry.text)
        Console().print(table, markup=False)
        click.echo(_counts(entries))
        return
    entry = entry_of(rule)
    click.echo(f"{entry.id}  {entry.text}")
    click.echo(f"stated in  {entry.place}")
    click.echo(f"binds      {', '.join(BINDS[each] for each in entry.binds)}")
    if entry.correction:
        click.echo(f"corrected  {entry.correction}")
    if entry.judged:
        click.echo(f"judged     in the simulation: {entry.test}")
    if entry.program:
        click.echo(f"programs   {entry.program}")
    if entry.boundary:
        click.echo(f"boundary   {entry.boundary}")
    if entry.id in FACTS:
        click.echo(f"checked    against the programs: {about(entry.id)}")


def _counts(entries: dict[str, Entry]) -> str:
    """Return how many of the entries are judged how."""
    from harness.facts import FACTS

    judged = {entry.id for entry in entries.values() if entry.judged}
    corrected = {entry.id for entry in entries.values() if "DOC" in entry.binds}
    both = len(judged & FACTS.keys())
    return (
        f"{len(entries)} entries: {len(judged)} judged in the simulation, {len(FACTS)} checked against the programs "
        f"({both} of them both), {len(corrected)} errors of the document corrected"
    )


@click.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors that complete and check them."""
    import json

    from harness.scenario_file import schema as file_schema

    click.echo(json.dumps(file_schema(), indent=2))


@click.command()
def readings() -> None:
    """List the readings: the answers that can be defended where the document is vague."""
    width = max(map(len, READINGS))
    for reading in READINGS.values():
        click.echo(f"{reading.name:<{width}}  {reading.summary}")
