"""The command ``fdl-harness``: run scenarios, check files, read the rule book."""

from __future__ import annotations

import difflib
import io
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.library import find_scenarios, library_path
from harness.wires.names import MEMORY, WIRES
from reference_server.readings import READINGS, Reading

if TYPE_CHECKING:
    from harness.report.forecast import Forecast
    from harness.runner import InternalError, Job, Result
    from harness.scenario import Scenario
    from harness.systems import Kind

# What a command needs is imported when it runs, so that ``--help`` answers at once.

__all__ = ["main"]

#: Exit codes: what a rule or an expectation found, a wrong call or file, a rule that could not be judged.
FAILED, WRONG, UNJUDGED = 1, 2, 3

_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fdl-harness")
def main() -> None:
    """Simulate FineDataLink's private-cloud licensing, and judge every documented rule.

    One authorization server and a fleet of nodes live through outages, clock skew and network cuts in simulated
    time. Everything is simulated: nothing here can authorize a real product.
    """
    for stream in (sys.stdout, sys.stderr):
        # What cannot be written in the terminal's encoding, such as a file's name that is no text, is escaped.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _readings(_context: click.Context, _parameter: click.Parameter, name: str | None) -> list[Reading] | None:
    if name is None:
        return None
    if name == "all":
        return list(READINGS.values())
    if name not in READINGS:
        close = difflib.get_close_matches(name, READINGS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise click.BadParameter(f"no reading is named {name!r}; there are {', '.join(READINGS)}, or all.{hint}")
    return [READINGS[name]]


def _instant(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    from harness.durations import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@main.command()
@_PATHS
@click.option(
    "--reading",
    "readings",
    metavar="NAME|all",
    callback=_readings,
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

    _check_system("server", server)
    _check_system("node", node)
    scenarios = _load(paths, server, node)
    for file in (json_file, junit_file):
        _claim(file)
    _make(trace_dir)
    if parquet_dir is not None and find_spec("pyarrow") is None:
        raise click.UsageError("--parquet needs pyarrow, which is not installed: pip install 'fdl-harness[parquet]'.")
    _make(parquet_dir)
    jobs: list[Job] = []
    for scenario in scenarios:
        jobs += jobs_for(scenario, readings, seed=seed, every_poll=every_poll, server=server, node=node, wire=wire)
    console = Console()
    try:
        results = show_as_they_come(run_jobs(jobs, workers), jobs, console)
    except InternalError as error:
        if traceback:
            raise
        raise _no_verdict(error) from None
    show_failures(results, console, traceback=traceback)
    if readings is not None and len(readings) > 1:
        console.print()
        for row in matrix(results):
            console.print(row, highlight=False, soft_wrap=True)
        console.print()
        for line in dependent_outcomes(results):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    _write_reports(results, json_file, junit_file)
    for result, name in zip(results, _names(results), strict=True):
        if trace_dir is not None:
            _write(trace_dir / f"{name}.jsonl", trace_lines(result))
        if parquet_dir is not None:
            _write_parquet(result, parquet_dir / name)
    console.print()
    console.print(summary(results), highlight=False)
    outcomes = [result.outcome for result in results]
    if Outcome.FAILED in outcomes:
        raise SystemExit(FAILED)
    if Outcome.UNKNOWN in outcomes or set(outcomes) == {Outcome.SKIPPED}:
        raise SystemExit(UNJUDGED)


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="SCENARIO...", type=click.Path(path_type=Path))
@click.option("--at", metavar="INSTANT", callback=_instant, help='Count statuses then ("1d 3h"), not at the end.')
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(paths: tuple[Path, ...], at: int | None, as_json: bool) -> None:
    """Tell what an outage comes to without simulating it, however many nodes there are.

    For each SCENARIO (a file, or a folder of them): how many nodes have which status, the lapses, the hours of lost
    access, and the most slots that are live at once. What the closed form cannot express is simulated: the output says
    so, and names the precondition that fails.
    """
    import json

    from harness.durations import format_duration
    from harness.expectations import own_reading
    from harness.report.forecast import forecast_as_json, forecast_lines

    scenarios = _load(paths)
    for scenario in scenarios:
        if at is not None and at > scenario.duration_us:
            length = format_duration(scenario.duration_us)
            raise click.BadParameter(f"{scenario.file} lasts {length} only.", param_hint="'--at'")
    forecasts: list[Forecast] = []
    for scenario in scenarios:
        reading = READINGS[own_reading(scenario)]
        forecast = _forecast(scenario, reading, scenario.duration_us if at is None else at)
        forecasts.append(forecast)
        if not as_json:
            click.echo("\n".join(forecast_lines(forecast)))
    if as_json:
        click.echo(json.dumps({"forecasts": [forecast_as_json(each) for each in forecasts]}, indent=1))


def _forecast(scenario: Scenario, reading: Reading, at_us: int) -> Forecast:
    """Return what becomes of ``scenario``, predicted if that can be."""
    from harness.prediction import Unpredictable
    from harness.prediction import predict as closed_form
    from harness.report.forecast import predicted, simulated
    from harness.runner import InternalError, jobs_for, run_jobs

    try:
        return predicted(scenario, reading.name, closed_form(scenario, reading), at_us)
    except Unpredictable as found:
        because = str(found)
    try:
        (result,) = run_jobs(jobs_for(scenario, [reading]))
    except InternalError as error:
        raise _no_verdict(error) from None
    if fatal := [trouble.what for trouble in result.troubles if trouble.fatal]:
        click.echo(f"{scenario.file}: there was nothing to simulate: {fatal[0]}", err=True)
        raise SystemExit(FAILED)
    return simulated(scenario, reading.name, result.trace, at_us, because)


@main.command()
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
@click.option("--reading", "readings", metavar="NAME", callback=_readings, help="Run under this reading.")
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

    from harness.envelope import Question, Unplayable, find_margins, varied
    from harness.problems import Mistake, ScenarioError
    from harness.report.curve import PICTURES, write_curve
    from harness.report.margins import flip_lines, margins_as_text, margins_lines
    from harness.report.table import progress
    from harness.runner import InternalError
    from harness.scenario_file import read

    (as_it_is,) = _load([scenario])
    if readings is not None and len(readings) > 1:
        raise click.BadParameter("margins are found under one reading at a time.", param_hint="'--reading'")
    if plot_file is not None:
        if plot_file.suffix.lower() not in PICTURES:
            raise click.BadParameter(f"{plot_file} ends in none of {', '.join(PICTURES)}.", param_hint="'--plot'")
        if find_spec("matplotlib") is None:
            raise click.UsageError("--plot needs matplotlib, which is not installed: pip install 'fdl-harness[plots]'.")
    for file in (plot_file, json_file):
        _claim(file)
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
        click.echo(
            f"{error.path} = {error.value} cannot be played; give another range: {error.path}=LOW..HIGH", err=True
        )
        raise SystemExit(WRONG) from None
    except InternalError as error:
        raise _no_verdict(error) from None
    click.echo("\n".join(margins_lines(margins)))
    if flips := flip_lines(margins):
        click.echo("\n".join(["", *flips]))
    if json_file is not None:
        _write(json_file, [margins_as_text(margins, as_it_is.title)])
    if plot_file is not None:
        try:
            write_curve(margins, plot_file, as_it_is.title)
        except OSError as error:
            raise click.UsageError(f"{plot_file} cannot be written: {error.strerror or error}") from None


def _no_verdict(error: InternalError) -> SystemExit:
    """Tell that the harness itself is at fault, and return how that ends."""
    click.echo(f"internal error, not a verdict: {error}", err=True)
    return SystemExit(FAILED)


@main.command()
@_PATHS
def check(paths: tuple[Path, ...]) -> None:
    """Check scenario files without running them: every mistake with its file, line and key."""
    scenarios = _load(paths)
    click.echo(f"{len(scenarios)} scenario{'' if len(scenarios) == 1 else 's'}: nothing wrong")


@main.command()
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
    click.echo(f"judged     {entry.test if entry.judged else 'not in the simulation'}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors that complete and check them."""
    import json

    from harness.scenario_file import schema as file_schema

    click.echo(json.dumps(file_schema(), indent=2))


@main.command()
def readings() -> None:
    """List the readings: the answers that can be defended where the document is vague."""
    width = max(map(len, READINGS))
    for reading in READINGS.values():
        click.echo(f"{reading.name:<{width}}  {reading.summary}")


def _check_system(kind: Kind, name: str | None) -> None:
    """Make sure that ``name`` makes a system under test."""
    if name is None:
        return
    from harness.problems import Mistake
    from harness.systems import check

    try:
        check(name, kind)
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint=f"'--{kind}'") from None


def _load(paths: Sequence[Path], server: str | None = None, node: str | None = None) -> list[Scenario]:
    """Return the scenarios at ``paths``, or tell everything that is wrong with any of them and exit.

    :param server: names what takes the place of the scenarios' own servers; ``node`` likewise.
    """
    from harness.scenario_file import ScenarioError, load
    from harness.systems import choose

    found = {path: find_scenarios(path) for path in paths or (library_path(),)}
    if empty := [str(path) for path, files in found.items() if not files]:
        raise click.UsageError(f"there is no scenario file (*.toml) in {', '.join(empty)}")
    files = [file for each in found.values() for file in each]
    scenarios, errors = [], []
    for file in files:
        try:
            scenario = load(file)
            choose(scenario, server, node)
            scenarios.append(scenario)
        except ScenarioError as error:
            errors.append(str(error))
    if errors:
        for line in errors:
            click.echo(line, err=True)
        count = sum(len(text.splitlines()) for text in errors)
        click.echo(
            f"{count} mistake{'' if count == 1 else 's'} in {len(errors)} of {len(files)} files; nothing was run",
            err=True,
        )
        raise SystemExit(WRONG)
    return scenarios


def _claim(file: Path | None) -> None:
    """Make sure that a report can be written before hours are spent on what it reports."""
    if file is None:
        return
    # `--json x.toml` is what one types who forgets the name of the report before the scenario's.
    if file.suffix == ".toml":
        raise click.UsageError(f"{file} is named like a scenario; a report would overwrite it")
    _write(file, [])


def _make(folder: Path | None) -> None:
    """Make ``folder`` before the runs, too."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be made: {error.strerror or error}") from None


def _write(file: Path, lines: Iterable[str]) -> None:
    try:
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(lines)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror or error}") from None


def _write_reports(results: Sequence[Result], json_file: Path | None, junit_file: Path | None) -> None:
    from harness.report.as_json import results_as_text
    from harness.report.junit import results_as_junit

    if json_file is not None:
        _write(json_file, [results_as_text(results)])
    if junit_file is not None:
        _write(junit_file, [results_as_junit(results)])


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

    _make(folder)
    try:
        write_parquet(result, folder)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be written: {error.strerror or error}") from None


if __name__ == "__main__":
    main()
