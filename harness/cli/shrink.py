"""``fdl-harness shrink``: the smallest scenario that still breaks the same rule."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import (
    FAILED,
    check_system,
    check_writable,
    entry_of,
    load_all,
    no_verdict,
    one_reading,
    profile_named,
    read_readings,
    write,
)
from reference_server.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.runner import Job
    from harness.scenario import Scenario
    from harness.shrinking import Shrunk, Target

__all__ = ["shrink"]


@click.command()
@click.argument("scenario", metavar="SCENARIO|SEED")
@click.option(
    "--rule",
    metavar="ID|liveness",
    help="The rule that has to be violated still; or a node that does not come back when all is put right. Without it, "
    "the first rule that is violated.",
)
@click.option(
    "--expect", type=click.IntRange(0), metavar="INDEX", help="The expectation that must not be met, counted from 0."
)
@click.option("--server", metavar="NAME", help="Test the server that this makes, such as package.module:factory.")
@click.option("--node", metavar="NAME", help="Test the node that this makes, in place of each node.")
@click.option("--reading", "readings", metavar="NAME", callback=read_readings, help="Run under this reading.")
@click.option(
    "--seed", type=click.IntRange(0), help="What chance is drawn from: lost packets, delays. Left out: 0, or the SEED."
)
@click.option(
    "--profile", default="default", show_default=True, metavar="NAME", help="What the world of a SEED is like."
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    default=2_000,
    show_default=True,
    help="How many scenarios are run at most.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the scenario to this file.")
def shrink(
    scenario: str,
    rule: str | None,
    expect: int | None,
    server: str | None,
    node: str | None,
    readings: list[Reading] | None,
    seed: int | None,
    profile: str,
    runs: int,
    output: Path | None,
) -> None:
    """Find the smallest scenario that still breaks the same rule.

    SCENARIO is a file in which a rule is violated, or an expectation not met; SEED a random world of the sweep. Nodes,
    events and settings are left out, times and numbers made short and round, as long as the same rule is violated by
    the same systems. What is left is printed as a scenario file that states what the reference machines do. Ctrl-C
    ends the search with the smallest scenario so far.

    Exit codes: 0 shrunk; 1 nothing is broken there, or not each time, or the harness itself is at fault; 2 the file or
    the call is wrong.
    """
    if find_spec("hypothesis") is None:
        how = "pip install 'fdl-harness[validators]'"
        raise click.UsageError(f"shrink needs hypothesis, which is not installed: {how}.")
    from harness.problems import Mistake
    from harness.runner import InternalError, jobs_for
    from harness.scenario_file import Unprintable
    from harness.shrinking import LIVENESS, Unsteady, regression, target_of
    from harness.shrinking import shrink as shrunk_of

    if rule is not None and expect is not None:
        raise click.UsageError("--rule and --expect name two things; only one can be looked for.")
    if rule is not None:
        rule = LIVENESS if rule.lower() == LIVENESS else entry_of(rule, "'--rule'", instead=LIVENESS).id
    if readings is not None:
        one_reading(readings, "it is shrunk")
    if output is not None and output.suffix != ".toml":
        raise click.BadParameter(f"{output} is not named like a scenario (*.toml).", param_hint="'--output'")
    if output is not None and not output.parent.is_dir():
        raise click.BadParameter(f"{output.parent} is no folder.", param_hint="'--output'")
    if output is not None:
        check_writable(output)
    check_system("server", server)
    check_system("node", node)
    # No more digits than the seeds of a sweep have.
    is_seed = scenario.isascii() and scenario.isdecimal() and len(scenario) <= 15 and not Path(scenario).exists()
    if is_seed:
        worlds = _worlds_of(int(scenario), profile, rule)
        drawn_from = int(scenario) if seed is None else seed
    else:
        worlds = [(_of_file(Path(scenario), server, node), rule)]
        drawn_from = seed or 0
    target: Target | None = None
    try:
        for world, broken in worlds:
            (job,) = jobs_for(world, readings, seed=drawn_from, server=server, node=node)
            target = target or target_of(job, rule=broken, expect=expect)
        if target is None:
            click.echo(_nothing(job, rule, expect), err=True)
            raise SystemExit(FAILED)
        with _progress() as tell:
            shrunk = shrunk_of(target.scenario, target.still_breaks, most_runs=runs, tell=tell)
        if shrunk is None:
            raise Unsteady(target.name)
        command = _command(scenario, target, readings, profile if is_seed else "default", seed)
        text = regression(shrunk, target, command=command, file="FILE" if output is None else str(output))
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint="'--rule'" if expect is None else "'--expect'") from None
    except Unprintable as error:
        raise click.UsageError(f"{scenario}: {error}") from None
    except Unsteady as error:
        click.echo(f"{job.scenario.file}: {error}", err=True)
        raise SystemExit(FAILED) from None
    except InternalError as error:
        raise no_verdict(error) from None
    if output is None:
        click.echo(text, nl=False)
    else:
        write(output, [text])
    for line in _report(shrunk, target, runs):
        click.echo(line, err=True)


def _of_file(file: Path, server: str | None, node: str | None) -> Scenario:
    if file.is_dir():
        raise click.BadParameter(f"{file} is a folder; give a file.", param_hint="'SCENARIO|SEED'")
    (scenario,) = load_all([file], server, node)
    return scenario


def _worlds_of(seed: int, profile: str, rule: str | None) -> list[tuple[Scenario, str | None]]:
    """Return what a seed means, with the rule that is looked for in it.

    That is its world, the same with its repair, and at last whether a node does not come back after that.
    """
    from harness.shrinking import LIVENESS
    from harness.sweep.healing import heal
    from harness.sweep.worlds import world

    plain = world(seed, profile_named(profile)).scenario
    ruled = [] if rule == LIVENESS else [(plain, rule), (heal(plain).scenario, rule)]
    return [*ruled, (plain, LIVENESS)] if rule in (None, LIVENESS) else [*ruled]


def _nothing(job: Job, rule: str | None, expect: int | None) -> str:
    from harness.shrinking import LIVENESS

    what = "no rule is violated and every expectation is met"
    if rule == LIVENESS:
        what = "when everything is put right every node comes back"
    elif rule is not None:
        what = f"{rule} is not violated"
    elif expect is not None:
        what = f"expectation {expect} is met, or not stated for this reading"
    return f"{job.scenario.file} [{job.reading.name}]: {what}; there is nothing to shrink"


def _command(scenario: str, target: Target, readings: list[Reading] | None, profile: str, seed: int | None) -> str:
    """Return the command that shrinks the same again."""
    job = target.job
    parts = ["fdl-harness", "shrink", scenario]
    parts += ["--rule", target.rule] if target.rule is not None else ["--expect", str(target.expect)]
    parts += ["--profile", profile] if profile != "default" else []
    parts += ["--server", job.server] if job.server is not None else []
    parts += ["--node", job.node] if job.node is not None else []
    parts += ["--reading", readings[0].name] if readings is not None else []
    parts += ["--seed", str(seed)] if seed is not None else []
    return shlex.join(parts)


@contextmanager
def _progress() -> Iterator[Callable[[Shrunk], None]]:
    """Show on a terminal how far it has come."""
    from rich.console import Console

    with Console(stderr=True).status("shrinking") as status:
        yield lambda best: status.update(f"shrinking: {_size(best.scenario)} after {best.runs} runs")


def _size(scenario: Scenario) -> str:
    from harness.durations import format_duration

    nodes, events = len(scenario.nodes), len({event.index for event in scenario.events})
    return (
        f"{nodes} node{'' if nodes == 1 else 's'}, {events} event{'' if events == 1 else 's'}, "
        f"{format_duration(scenario.duration_us)}"
    )


def _report(shrunk: Shrunk, target: Target, runs: int) -> Iterator[str]:
    from harness.durations import format_instant
    from harness.shrinking import LIVENESS

    broken = "is violated" if target.rule not in (None, LIVENESS) else "is not met"
    yield f"{target.name} {broken} at {format_instant(shrunk.breaks_us)}"
    times = f"{shrunk.runs} run{'' if shrunk.runs == 1 else 's'}"
    yield f"{_size(target.job.scenario)} -> {_size(shrunk.scenario)}, after {times}"
    if not shrunk.finished:
        why = f"--runs {runs} was not enough" if shrunk.runs >= runs else "it was interrupted"
        yield f"{why}: there may be a smaller one"
