"""The table of results on a terminal, and plain lines where there is none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from harness.durations import format_duration
from harness.report.failures import explain
from harness.rulebook import Ruling
from harness.runner import Outcome, Result

__all__ = ["STYLES", "shorten", "show_as_they_come", "show_failures", "summary"]

STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.UNKNOWN: "yellow"}


def shorten(file: str) -> str:
    """Return ``file`` as seen from the working folder, where that is shorter."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except ValueError:
        return file


def show_as_they_come(results: Iterable[Result], total: int, console: Console, width: int) -> list[Result]:
    """Print a line for each of ``results`` when it is there, and a progress bar below them on a terminal.

    :param width: of the widest scenario's name.
    """
    live = console.is_terminal and not os.environ.get("CI")
    progress = Progress(
        TextColumn("running"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
    )
    done = []
    header = f"{'scenario':<{width}}  {'reading':<18} {'outcome':<8} rules held  nodes  simulated   digest"
    console.print(header, style="bold", markup=False, highlight=False, soft_wrap=True)
    with progress if live else nullcontext():
        task = progress.add_task("", total=total)
        for result in results:
            console.print(_line(result, width), highlight=False, soft_wrap=True)
            progress.advance(task)
            done.append(result)
    return done


def _line(result: Result, width: int) -> Text:
    rulings = Counter(each.ruling for each in result.judgements.values())
    put_to_the_test = rulings[Ruling.HELD] + rulings[Ruling.VIOLATED]
    line = Text(f"{shorten(result.scenario.file):<{width}}  {result.reading.name:<18} ")
    line.append(f"{result.outcome.value:<8}", style=STYLES[result.outcome])
    line.append(
        f" {rulings[Ruling.HELD]:>5}/{put_to_the_test:<4}  {len(result.trace.nodes):>5}"
        f"  {format_duration(result.scenario.duration_us):<11} {result.digest[:12]}"
    )
    return line


def show_failures(results: Sequence[Result], console: Console) -> None:
    """Print what went wrong in those of ``results`` that did not pass."""
    for result in results:
        if result.outcome is not Outcome.PASSED:
            console.print()
            for line in explain(result):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary(results: Sequence[Result]) -> str:
    """Return how many runs ended how, in a line."""
    counts = Counter(each.outcome for each in results)
    parts = [
        f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome] or outcome is Outcome.PASSED
    ]
    return f"{len(results)} run{'' if len(results) == 1 else 's'}: {', '.join(parts)}"
