"""``fdl-harness run``: play scenarios and judge them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import (
    FAILED,
    PATHS,
    UNJUDGED,
    check_system,
    claim,
    load_all,
    make_folder,
    no_verdict,
    read_readings,
    write,
)
from harness.cli.showing import Shown
from harness.wires.names import MEMORY, WIRES
from reference_server.readings import Reading

if TYPE_CHECKING:
    from harness.runner import Job, Result

__all__ = ["run"]


@click.command()
@PATHS
@click.option(
    "--reading",
    "readings",
    metavar="NAME|all",
    callback=read_readings,
    help="Run under this reading of the document, or under all of them, and show what depends on it. "
    "Without it each scenario runs under its own.",
)
@click.option("--server", metavar="NAME", help="Test the server that this makes, such as package.module:factory.")
@click.option("--node", metavar="NAME", help="Test the node that this makes, in place of each node.")
@click.option("--seed", type=click.IntRange(0), default=0, help="What chance is drawn from: lost packets, delays.")
@click.option(
    "--wire",
    type=click.Choice(list(WIRES)),
    default=MEMORY,
    show_default=True,
    help="How requests get to the server. What it cannot express is skipped.",
)
@click.option("--every-poll", is_flag=True, help="Simulate also the polls that can change nothing.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the results as JSON.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), help="Write the results as JUnit XML.")
@click.option("--trace", "trace_dir", type=click.Path(path_type=Path), help="Write each history as JSON Lines.")
@click.option(
    "--parquet", "parquet_dir", type=click.Path(path_type=Path), help="Write each history as Parquet, a file a table."
)
@click.option(
    "--html", "page_dir", type=click.Path(path_type=Path), help="Write each history as a page, and a page over all."
)
@click.option(
    "--picture", "picture_dir", type=click.Path(path_type=Path), help="Write each history as a picture, for a ticket."
)
@click.option(
    "--picture-format",
    "picture_kind",
    type=click.Choice(["svg", "png"]),
    default="svg",
    show_default=True,
    help="What pictures are.",
)
@click.option(
    "--chrome-trace", "chrome_dir", type=click.Path(path_type=Path), help="Write each history as a trace for Perfetto."
)
@click.option("-j", "workers", type=click.IntRange(1), default=1, help="How many processes run scenarios.")
@click.option("--traceback", is_flag=True, help="Show where an error comes from, in full.")
def run(
    paths: tuple[Path, ...],
    readings: list[Reading] | None,
    seed: int,
    server: str | None,
    node: str | None,
    wire: str,
    every_poll: bool,
    json_file: Path | None,
    junit_file: Path | None,
    trace_dir: Path | None,
    parquet_dir: Path | None,
    page_dir: Path | None,
    picture_dir: Path | None,
    picture_kind: str,
    chrome_dir: Path | None,
    workers: int,
    traceback: bool,
) -> None:
    """Run scenarios, the whole library if no PATH is given.

    A PATH is a scenario file, or a folder of them. An expectation that names readings is judged under those, one that
    names none under the scenario's own reading.

    Exit codes: 0 all held; 1 a rule was violated, an expectation not met, or the harness itself is at fault; 2 a file
    or the call is wrong, and nothing was run; 3 a rule that a scenario names could not be judged, or the wire can
    express none of the scenarios.
    """
    from rich.console import Console

    from harness.report.matrix import dependent_outcomes, matrix
    from harness.report.table import show_as_they_come, show_failures, summary
    from harness.report.trace_file import trace_lines
    from harness.runner import InternalError, Outcome, jobs_for, run_jobs

    check_system("server", server)
    check_system("node", node)
    scenarios = load_all(paths, server, node)
    for file in (json_file, junit_file):
        claim(file)
    make_folder(trace_dir)
    if parquet_dir is not None and find_spec("pyarrow") is None:
        raise click.UsageError("--parquet needs pyarrow, which is not installed: pip install 'fdl-harness[parquet]'.")
    make_folder(parquet_dir)
    shown = Shown(page_dir, picture_dir, picture_kind, chrome_dir)
    shown.claim()
    jobs: list[Job] = []
    for scenario in scenarios:
        jobs += jobs_for(scenario, readings, seed=seed, every_poll=every_poll, server=server, node=node, wire=wire)
    console = Console()
    try:
        results = show_as_they_come(run_jobs(jobs, workers), jobs, console)
    except InternalError as error:
        if traceback:
            raise
        raise no_verdict(error) from None
    show_failures(results, console, traceback=traceback)
    if readings is not None and len(readings) > 1:
        console.print()
        for row in matrix(results):
            console.print(row, highlight=False, soft_wrap=True)
        console.print()
        for line in dependent_outcomes(results):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    _write_reports(results, json_file, junit_file)
    names = _names(results)
    shown.write(results, names)
    for result, name in zip(results, names, strict=True):
        if trace_dir is not None:
            write(trace_dir / f"{name}.jsonl", trace_lines(result))
        if parquet_dir is not None:
            _write_parquet(result, parquet_dir / name)
    console.print()
    console.print(summary(results), highlight=False)
    outcomes = [result.outcome for result in results]
    if Outcome.FAILED in outcomes:
        raise SystemExit(FAILED)
    if Outcome.UNKNOWN in outcomes or set(outcomes) == {Outcome.SKIPPED}:
        raise SystemExit(UNJUDGED)


def _write_reports(results: Sequence[Result], json_file: Path | None, junit_file: Path | None) -> None:
    from harness.report.as_json import results_as_text
    from harness.report.junit import results_as_junit

    if json_file is not None:
        write(json_file, [results_as_text(results)])
    if junit_file is not None:
        write(junit_file, [results_as_junit(results)])


def _names(results: Sequence[Result]) -> list[str]:
    """Return a name for what is written of each result; no two are the same."""
    names, seen = [], Counter[str]()
    for result in results:
        stem = f"{Path(result.scenario.file).stem}.{result.reading.name}"
        seen[stem] += 1
        names.append(f"{stem}-{seen[stem]}" if seen[stem] > 1 else stem)
    return names


def _write_parquet(result: Result, folder: Path) -> None:
    from harness.report.parquet import write_parquet

    make_folder(folder)
    try:
        write_parquet(result, folder)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be written: {error.strerror or error}") from None
