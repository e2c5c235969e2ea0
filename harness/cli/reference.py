"""``fdl-harness check``, ``rules``, ``schema`` and ``readings``: look something up, without running anything."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from harness.cli.common import PATHS, load_all
from reference_server.readings import READINGS

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
    """Show the rule book, or everything about the rule ID."""
    from harness.rulebook import catalogue
    from harness.rulebook.catalogue import BINDS

    entries = catalogue()
    if rule is None:
        from rich.console import Console
        from rich.table import Table

        table = Table("id", "judged", "binds", "rule", box=None, pad_edge=False)
        for entry in entries.values():
            table.add_row(entry.id, "yes" if entry.judged else "", " ".join(entry.binds), entry.text)
        Console().print(table, markup=False)
        judged = sum(entry.judged for entry in entries.values())
        click.echo(f"{len(entries)} rules, {judged} of them judged")
        return
    if rule.upper() not in entries:
        close = difflib.get_close_matches(rule.upper(), entries, n=1)
        raise click.BadParameter(
            f"no rule has the id {rule!r}; they run from R001 to R129."
            + (f" Did you mean {close[0]}?" if close else ""),
            param_hint="ID",
        )
    entry = entries[rule.upper()]
    click.echo(f"{entry.id}  {entry.text}")
    click.echo(f"stated in  {entry.place}")
    click.echo(f"binds      {', '.join(BINDS[each] for each in entry.binds)}")
    if entry.correction:
        click.echo(f"corrected  {entry.correction}")
    if entry.program:
        click.echo(f"programs   {entry.program}")
    if entry.boundary:
        click.echo(f"boundary   {entry.boundary}")
    click.echo(f"judged     {entry.test if entry.judged else 'not in the simulation'}")


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
