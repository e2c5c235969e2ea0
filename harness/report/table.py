"""The table of results on a terminal, and plain lines where there is none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from harness.durations import format_duration
from harness.report.failures import explain
from harness.rulebook import Ruling
from harness.runner import Job, Outcome, Result

__all__ = ["STYLES", "progress", "shorten", "show_as_they_come", "show_failures", "summary"]

STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.UNKNOWN: "yellow", Outcome.SKIPPED: "dim"}


def shorten(file: str) -> str:
    """Return ``file`` as seen from the working folder, where that is shorter."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except ValueError:
        return file


class _Columns(NamedTuple):
    """How wide the columns are, and whether there is room for the last ones."""

    scenario: int
    reading: int
    all_of_them: bool

    @classmethod
    def of(cls, jobs: Sequence[Job], console: Console) -> _Columns:
        """Return the columns for ``jobs``; only a narrow terminal leaves some out."""
        scenario = max(len(shorten(job.scenario.file)) for job in jobs)
        reading = max(len(job.reading.name) for job in jobs)
        room = console.width >= scenario + reading + 58
        return cls(scenario, max(reading, 7), room or not console.is_terminal)

    def header(self) -> Text:
        more = "  simulated   digest" if self.all_of_them else ""
        first = f"{'scenario':<{self.scenario}}  {'reading':<{self.reading}}"
        return Text(f"{first}  {'outcome':<7}  rules held  nodes{more}", style="bold")

    def line(self, result: Result) -> Text:
        rulings = Counter(each.ruling for each in result.judgements.values())
        put_to_the_test = rulings[Ruling.HELD] + rulings[Ruling.VIOLATED]
        file = shorten(result.scenario.file)
        line = Text(f"{file:<{self.scenario}}  {result.reading.name:<{self.reading}}  ")
        line.append(f"{result.outcome.value:<7}", style=STYLES[result.outcome])
        if result.skipped is not None:
            return line.append(f"  {result.skipped}")
        line.append(f"  {f'{rulings[Ruling.HELD]}/{put_to_the_test}':>10}  {len(result.trace.nodes):>5}")
        if self.all_of_them:
            line.append(f"  {format_duration(result.scenario.duration_us):<10}  {result.digest[:12]}")
        return line


def show_as_they_come(results: Iterable[Result], jobs: Sequence[Job], console: Console) -> list[Result]:
    """Print a line for each of ``results`` when it is there, and a progress bar below them on a terminal.

    :param jobs: what is being run, in the order of the results.
    """
    columns = _Columns.of(jobs, console)
    done = []
    for line in dict.fromkeys(f"under test: {what} {name}" for job in jobs for what, name in _given(job)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(columns.header(), highlight=False, soft_wrap=True)
    with progress(len(jobs), console) as advance:
        for result in results:
            console.print(columns.line(result), highlight=False, soft_wrap=True)
            advance(1)
            done.append(result)
    return done


@contextmanager
def progress(total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal, and give what moves it on by so many of ``total``."""
    live = console.is_terminal and not os.environ.get("CI")
    bar = Progress(
        TextColumn("running"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
    )
    with bar if live else nullcontext():
        task = bar.add_task("", total=total)
        yield lambda steps: bar.advance(task, steps)


def _given(job: Job) -> list[tuple[str, str]]:
    return [(what, name) for what, name in (("server", job.server), ("node", job.node)) if name is not None]


def show_failures(results: Sequence[Result], console: Console, *, traceback: bool = False) -> None:
    """Print what went wrong in those of ``results`` that did not pass, and what was troubled all the same."""
    for result in results:
        # Why something was skipped stands in the table already.
        if result.outcome not in (Outcome.PASSED, Outcome.SKIPPED) or result.troubles:
            console.print()
            for line in explain(result, traceback=traceback):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary(results: Sequence[Result]) -> str:
    """Return how many runs ended how, in a line."""
    counts = Counter(each.outcome for each in results)
    parts = [
        f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome] or outcome is Outcome.PASSED
    ]
    return f"{len(results)} run{'' if len(results) == 1 else 's'}: {', '.join(parts)}"
