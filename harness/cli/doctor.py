"""``fdl-harness doctor``: what can be used on this machine."""

from __future__ import annotations

import click

__all__ = ["doctor"]


@click.command()
def doctor() -> None:
    """Say which wires and extras this machine can use, and how to get the others.

    What is missing is no mistake: scenarios run over the wire `memory` everywhere.
    """
    from harness.doctor import checks, machine_line

    click.echo(machine_line())
    kind = ""
    for each in checks():
        if each.kind != kind:
            kind = each.kind
            click.echo(f"\n{kind}s")
        click.echo(f"  {'yes' if not each.missing else 'no ':<3}  {each.name:<10}  {each.what}")
        for line in each.missing:
            click.echo(f"       {'':<10}  {line}")
