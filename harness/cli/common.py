"""What the commands share: their options, loading scenarios, and writing what they found."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.library import find_scenarios, library_path
from reference_server.readings import READINGS, Reading

if TYPE_CHECKING:
    from harness.rulebook import Entry
    from harness.runner import InternalError
    from harness.scenario import Scenario
    from harness.sweep.worlds import Profile
    from harness.systems import Kind

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "PATHS",
    "UNJUDGED",
    "WRONG",
    "check_system",
    "check_writable",
    "claim",
    "entry_of",
    "load_all",
    "make_folder",
    "no_verdict",
    "one_reading",
    "profile_named",
    "read_instant",
    "read_readings",
    "read_seeds",
    "write",
]

#: Exit codes: what a rule or an expectation found, a wrong call or file, a rule that could not be judged.
FAILED, WRONG, UNJUDGED = 1, 2, 3
#: What a program ends with that was interrupted.
INTERRUPTED = 130

PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


def read_readings(_context: click.Context, _parameter: click.Parameter, name: str | None) -> list[Reading] | None:
    if name is None:
        return None
    if name == "all":
        return list(READINGS.values())
    if name not in READINGS:
        close = difflib.get_close_matches(name, READINGS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise click.BadParameter(f"no reading is named {name!r}; there are {', '.join(READINGS)}, or all.{hint}")
    return [READINGS[name]]


_SEEDS = re.compile(r"([0-9]{1,15})(?:\.\.([0-9]{1,15}))?")


def read_seeds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> range | None:
    """Return the seeds that ``text`` names: one, such as 42, or a range such as 0..10000, whose end is left out."""
    if text is None:
        return None
    match = _SEEDS.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"found {text!r}, expected a seed such as 42, or a range such as 0..10000.")
    first = int(match[1])
    after = first + 1 if match[2] is None else int(match[2])
    if after <= first:
        raise click.BadParameter(f"found {text!r}, which has no seed: its end is left out, as in 0..10000.")
    return range(first, after)


def one_reading(readings: Sequence[Reading], what: str) -> Reading:
    """Return the only one of ``readings``; ``what`` is done under one at a time."""
    if len(readings) > 1:
        raise click.BadParameter(f"{what} under one reading at a time.", param_hint="'--reading'")
    return readings[0]


def profile_named(name: str) -> Profile:
    """Return the profile of random worlds that is called ``name``."""
    from harness.problems import one_of
    from harness.sweep.worlds import PROFILES

    if name not in PROFILES:
        raise click.BadParameter(f"found {name!r}, expected {one_of(PROFILES, name)}.", param_hint="'--profile'")
    return PROFILES[name]


def read_instant(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    from harness.durations import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def check_system(kind: Kind, name: str | None) -> None:
    """Make sure that ``name`` makes a system under test."""
    if name is None:
        return
    from harness.problems import Mistake
    from harness.systems import check

    try:
        check(name, kind)
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint=f"'--{kind}'") from None


def load_all(paths: Sequence[Path], server: str | None = None, node: str | None = None) -> list[Scenario]:
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


def entry_of(rule: str, hint: str = "ID", *, instead: str = "") -> Entry:
    """Return the entry of the rule book with the id ``rule``, in whatever case.

    :param hint: the argument or option that it was given to.
    :param instead: the word that could be given instead of an id.
    """
    from harness.rulebook import catalogue

    entries = catalogue()
    found = entries.get(rule.upper())
    if found is None:
        close = difflib.get_close_matches(rule.upper(), entries, n=1)
        raise click.BadParameter(
            f"no rule has the id {rule!r}; they run from R001 to R129"
            + (f", or give {instead}." if instead else ".")
            + (f" Did you mean {close[0]}?" if close else ""),
            param_hint=hint,
        )
    return found


def no_verdict(error: InternalError) -> SystemExit:
    """Tell that the harness itself is at fault, and return how that ends."""
    click.echo(f"internal error, not a verdict: {error}", err=True)
    return SystemExit(FAILED)


def claim(file: Path | None) -> None:
    """Make sure that a report can be written before hours are spent on what it reports."""
    if file is None:
        return
    # `--json x.toml` is what one types who forgets the name of the report before the scenario's.
    if file.suffix == ".toml":
        raise click.UsageError(f"{file} is named like a scenario; a report would overwrite it")
    check_writable(file)


def check_writable(file: Path) -> None:
    """Make sure that ``file`` can be written, and leave it as it is: what comes may be interrupted."""
    is_new = not os.path.lexists(file)
    with _told(file):
        file.open("a").close()
        if is_new:
            file.unlink()


def make_folder(folder: Path | None) -> None:
    """Make ``folder`` before the runs, too."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be made: {error.strerror or error}") from None


def write(file: Path, lines: Iterable[str]) -> None:
    with _told(file), file.open("w", encoding="utf-8") as stream:
        stream.writelines(lines)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror or error}") from None
