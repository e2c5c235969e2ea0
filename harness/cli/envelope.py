"""``fdl-harness envelope``: the exact values at which something flips."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from harness.cli.common import WRONG, claim, load_all, no_verdict, one_reading, read_readings, write
from reference_server.readings import Reading

__all__ = ["envelope"]


@click.command()
@click.argument("scenario", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--vary",
    required=True,
    metavar="PATH[=LOW..HIGH]",
    help='What is varied: "events[0].lasts", "network.latency=1ms..2h"; without a range from 0 to double its value.',
)
@click.option(
    "--phases", type=click.IntRange(0), default=24, show_default=True, help="How many phases of the polls; 0: as it is."
)
@click.option(
    "--probes",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="In how many steps the range is probed before the steps in which something changes are halved.",
)
@click.option("--reading", "readings", metavar="NAME", callback=read_readings, help="Run under this reading.")
@click.option("--seed", type=click.IntRange(0), default=0, help="What chance is drawn from: lost packets, delays.")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="Draw the curve, as PNG or SVG.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write what was found as JSON.")
@click.option("-j", "workers", type=click.IntRange(1), default=1, help="How many processes run phases.")
def envelope(
    scenario: Path,
    vary: str,
    phases: int,
    probes: int,
    readings: list[Reading] | None,
    seed: int,
    plot_file: Path | None,
    json_file: Path | None,
    workers: int,
) -> None:
    """Find the exact values at which nodes, rules and expectations of SCENARIO flip.

    One value of the file is varied, such as how long an outage lasts, and SCENARIO is run under many phases of the
    polls: phase k of n registers every node k/n of two hours later. Printed is up to which value every node survives,
    and each flip with the two neighbouring values.

    Exit codes: 0 margins were found, whatever they are; 1 the harness itself is at fault; 2 the file, a value of the
    range or the call is wrong.
    """
    from rich.console import Console

    from harness.durations import format_duration
    from harness.envelope import Question, Unplayable, find_margins, varied
    from harness.problems import Mistake, ScenarioError
    from harness.report.curve import PICTURES, write_curve
    from harness.report.margins import flip_lines, margins_as_text, margins_lines
    from harness.report.table import progress
    from harness.runner import InternalError
    from harness.scenario_file import read

    (as_it_is,) = load_all([scenario])
    if readings is not None:
        one_reading(readings, "margins are found")
    if plot_file is not None:
        if plot_file.suffix.lower() not in PICTURES:
            raise click.BadParameter(f"{plot_file} ends in none of {', '.join(PICTURES)}.", param_hint="'--plot'")
        if find_spec("matplotlib") is None:
            raise click.UsageError("--plot needs matplotlib, which is not installed: pip install 'fdl-harness[plots]'.")
    for file in (plot_file, json_file):
        claim(file)
    try:
        document = read(scenario)
        what = varied(vary, document)
    except ScenarioError as error:
        raise click.UsageError(str(error)) from None
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint="'--vary'") from None
    question = Question(
        text=document.text,
        file=document.file,
        varied=what,
        phases=phases,
        probes=probes,
        reading=None if readings is None else readings[0].name,
        seed=seed,
    )
    try:
        with progress(question.steps * max(phases, 1), Console()) as advance:
            margins = find_margins(question, workers, advance)
    except Unplayable as error:
        click.echo(str(error), err=True)
        if error.later_us:
            later = format_duration(error.later_us)
            remedy = f"phases register nodes up to 2h later, here {later}; give a longer duration, or --phases 0"
        else:
            remedy = f"{error.path} = {error.value} cannot be played; give another range: {error.path}=LOW..HIGH"
        click.echo(remedy, err=True)
        raise SystemExit(WRONG) from None
    except InternalError as error:
        raise no_verdict(error) from None
    click.echo("\n".join(margins_lines(margins)))
    if flips := flip_lines(margins):
        click.echo("\n".join(["", *flips]))
    if json_file is not None:
        write(json_file, [margins_as_text(margins, as_it_is.title)])
    if plot_file is not None:
        try:
            write_curve(margins, plot_file, as_it_is.title)
        except OSError as error:
            raise click.UsageError(f"{plot_file} cannot be written: {error.strerror or error}") from None
