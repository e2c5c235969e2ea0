"""``fdl-harness exhaust``: small worlds, all there are."""

from __future__ import annotations

from collections import Counter
from functools import partial

import click

from harness.cli.common import FAILED, INTERRUPTED, check_system, no_verdict, one_reading, read_readings
from reference_server.readings import Reading

__all__ = ["exhaust"]

_HANDFUL = 500
#: So many of the worlds that broke a rule are named.
_NAMED = 5


@click.command()
@click.argument("families", nargs=-1, metavar="[FAMILY]...")
@click.option("--list", "lists", is_flag=True, help="List the families and run nothing.")
@click.option(
    "--reading", "readings", metavar="NAME", default="literal", callback=read_readings, help="Run under this reading."
)
@click.option("--server", metavar="NAME", help="Test the server that this makes, such as package.module:factory.")
@click.option("--node", metavar="NAME", help="Test the node that this makes, in place of each node.")
@click.option("-j", "workers", type=click.IntRange(1), default=1, help="How many processes run worlds.")
@click.option("--print", "number", type=click.IntRange(0), help="Print the world with this number as a scenario file.")
def exhaust(
    families: tuple[str, ...],
    lists: bool,
    readings: list[Reading],
    server: str | None,
    node: str | None,
    workers: int,
    number: int | None,
) -> None:
    """Run all small worlds of each FAMILY, of every one if none is given.

    A family has two or three nodes, one or two slots, and every order of a few events on the instants at which the
    timing law changes its mind, a tick to each side of them included.

    Exit codes: 0 no rule was violated; 1 one was, or a system under test raised; 2 the call is wrong; 130 interrupted.
    """
    from rich.console import Console

    from harness.problems import one_of
    from harness.report.table import progress
    from harness.runner import InternalError
    from harness.sweep.small import FAMILIES, explore
    from harness.sweep.trial import Question
    from harness.sweep.workers import here, spread

    for name in families:
        if name not in FAMILIES:
            raise click.BadParameter(f"found {name!r}, expected {one_of(FAMILIES, name)}.", param_hint="FAMILY")
    reading = one_reading(readings, "worlds are run")
    check_system("server", server)
    check_system("node", node)
    chosen = [FAMILIES[name] for name in families or FAMILIES]
    if lists:
        width = max(map(len, FAMILIES))
        for family in chosen:
            click.echo(f"{family.name:<{width}}  {family.summary}")
        return
    if number is not None:
        _print(families, number)
        return
    violated = False
    for family in chosen:
        question = Question(profile=family.name, reading=reading.name, server=server, node=node)
        worlds, tested, broken = 0, Counter[str](), list[tuple[int, str]]()
        crew = here(workers) if workers > 1 else None
        try:
            with progress(family.numbers, Console()) as advance:
                for numbers, found in spread(partial(explore, question), range(family.numbers), crew, _HANDFUL):
                    worlds += found.worlds
                    tested += found.tested
                    broken += found.broken
                    advance(numbers)
        except InternalError as error:
            raise no_verdict(error) from None
        except KeyboardInterrupt:
            click.echo(f"interrupted in {family.name}, after {worlds} of its worlds", err=True)
            raise SystemExit(INTERRUPTED) from None
        held = len(tested) - sum(rule in tested for rule in Counter(rule for _, rule in broken))
        click.echo(f"{family.name} [{question.reading}]: {family.summary}")
        click.echo(f"  {worlds} worlds, which are all; {held} of {len(tested)} rules put to the test held in every one")
        for which, rule in sorted(broken)[:_NAMED]:
            what = f"{rule} violated" if rule in tested else rule
            click.echo(f"  {what} in world {which}: fdl-harness exhaust {family.name} --print {which}")
        if len(broken) > _NAMED:
            click.echo(f"  and {len(broken) - _NAMED} times more")
        violated = violated or bool(broken)
    if violated:
        raise SystemExit(FAILED)


def _print(families: tuple[str, ...], number: int) -> None:
    from harness.scenario_file import printed
    from harness.sweep.small import FAMILIES

    if len(families) != 1:
        raise click.UsageError("--print prints a world of one FAMILY.")
    family = FAMILIES[families[0]]
    scenario = family.world(number) if number < family.numbers else None
    if scenario is None:
        raise click.BadParameter(f"no world of {family.name} has the number {number}.", param_hint="'--print'")
    click.echo(printed(scenario), nl=False)
