"""``fdl-harness sweep``: random worlds by the thousand."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import (
    FAILED,
    INTERRUPTED,
    check_system,
    claim,
    make_folder,
    no_verdict,
    one_reading,
    profile_named,
    read_readings,
    read_seeds,
    write,
)
from reference_server.readings import Reading

if TYPE_CHECKING:
    from harness.sweep.ledger import Ledger
    from harness.sweep.trial import Trial

__all__ = ["sweep"]


@click.command()
@click.option(
    "--seeds",
    default="0..1000",
    show_default=True,
    metavar="N|FIRST..END",
    callback=read_seeds,
    help="Which seeds; END is left out.",
)
@click.option("--profile", default="default", show_default=True, metavar="NAME", help="What the worlds are like.")
@click.option("--profiles", is_flag=True, help="List the profiles and the kinds of fault, and run nothing.")
@click.option(
    "--reading", "readings", metavar="NAME", default="literal", callback=read_readings, help="Run under this reading."
)
@click.option("--server", metavar="NAME", help="Test the server that this makes, such as package.module:factory.")
@click.option("--node", metavar="NAME", help="Test the node that this makes, in place of each node.")
@click.option("-j", "workers", type=click.IntRange(1), default=1, help="How many processes run worlds.")
@click.option("--dask", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler, such as tcp://host:8786.")
@click.option(
    "--resume",
    "ledger_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what is done in this file, and go on from there.",
)
@click.option(
    "--print", "prints", is_flag=True, help="Print the world of one seed as a scenario file, and run nothing."
)
@click.option(
    "--save",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each world in which something is wrong into this folder, as a scenario file.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write what came of each seed as JSON.")
def sweep(
    seeds: range,
    profile: str,
    profiles: bool,
    readings: list[Reading],
    server: str | None,
    node: str | None,
    workers: int,
    dask: str | None,
    ledger_file: Path | None,
    prints: bool,
    folder: Path | None,
    json_file: Path | None,
) -> None:
    """Run a random world for each of many seeds.

    A world has a few nodes for a few days, and some of the kinds of fault. It is run and judged; at its end everything
    is put right, and every node that is entitled to a registration must have one in time.

    Exit codes: 0 nothing was wrong; 1 something was; 2 the call is wrong; 130 interrupted, after telling what was done.
    """
    from rich.console import Console

    from harness.problems import Mistake
    from harness.report.sweeping import sweep_as_text, sweep_lines, world_as_file
    from harness.report.table import progress
    from harness.runner import InternalError
    from harness.sweep.ledger import Ledger
    from harness.sweep.sweeping import sweep as run_sweep
    from harness.sweep.trial import Question
    from harness.sweep.workers import here

    if profiles:
        _list_profiles()
        return
    profile_named(profile)
    reading = one_reading(readings, "worlds are swept")
    if dask is not None and find_spec("distributed") is None:
        raise click.UsageError("--dask needs distributed, which is not installed: pip install 'fdl-harness[dask]'.")
    if dask is not None and workers > 1:
        raise click.UsageError("--dask and -j: a cluster has its own workers; give one of them.")
    question = Question(profile=profile, reading=reading.name, server=server, node=node)
    if prints:
        if len(seeds) > 1:
            raise click.UsageError("--print prints the world of one seed; --seeds 42, say.")
        click.echo(world_as_file(question, seeds[0]), nl=False)
        return
    check_system("server", server)
    check_system("node", node)
    claim(json_file)
    make_folder(folder)
    done: dict[int, Trial] = {}
    with ExitStack() as stack:
        ledger: Ledger | None = None
        try:
            if ledger_file is not None:
                ledger = stack.enter_context(Ledger(ledger_file, question))
                done = {seed: trial for seed, trial in ledger.done.items() if seed in seeds}
            crew = None if dask is None and workers == 1 else here(workers)
            if dask is not None:
                from harness.sweep.cluster import on_dask

                crew = stack.enter_context(on_dask(dask))
        except Mistake as error:
            raise click.UsageError(f"{error}.") from None
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise click.UsageError(f"{ledger_file} cannot be used as a ledger: {why}") from None

        def save(trials: Iterable[Trial]) -> None:
            for trial in trials:
                if folder is not None and trial.breaches:
                    write(folder / f"seed-{trial.seed}.toml", [world_as_file(question, trial.seed)])

        save(done.values())
        known = frozenset(done)
        left = (seed for seed in seeds if seed not in known)
        interrupted = False
        try:
            with (
                progress(len(seeds) - len(known), Console()) as advance,
                closing(run_sweep(question, left, crew)) as running,  # type: ignore[type-var]
            ):
                for trials in running:
                    done.update((trial.seed, trial) for trial in trials)
                    save(trials)
                    if ledger is not None:
                        ledger.add(trials)
                    advance(len(trials))
        except KeyboardInterrupt:
            interrupted = True
        except Mistake as error:
            raise click.UsageError(str(error)) from None
        except InternalError as error:
            raise no_verdict(error) from None
    ordered = [done[seed] for seed in sorted(done)]
    systems = "".join(f", {what} {name}" for what, name in (("server", server), ("node", node)) if name)
    click.echo(f"seeds {seeds.start} to {seeds.stop - 1}, profile {profile} [{question.reading}]{systems}")
    click.echo("\n".join(["", *sweep_lines(question, ordered)]))
    if json_file is not None:
        write(json_file, [sweep_as_text(question, ordered)])
    if interrupted:
        again = f"; the same call goes on from {ledger_file}" if ledger_file else "; with --resume FILE it could go on"
        click.echo(f"interrupted after {len(ordered)} of {len(seeds)} worlds{again}", err=True)
        raise SystemExit(INTERRUPTED)
    if any(trial.breaches for trial in ordered):
        raise SystemExit(FAILED)


def _list_profiles() -> None:
    from harness.sweep.kinds import KINDS
    from harness.sweep.worlds import PROFILES

    width = max(map(len, [*PROFILES, *KINDS]))
    click.echo("profiles:")
    for profile in PROFILES.values():
        click.echo(f"  {profile.name:<{width}}  {profile.summary}")
    click.echo("kinds of fault:")
    for kind in KINDS.values():
        click.echo(f"  {kind.name:<{width}}  {kind.summary}")
