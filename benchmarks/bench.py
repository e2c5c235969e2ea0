"""LIC30 by our engine and by what else one would write it in: CPU seconds, memory, and the same statuses.

``make bench`` runs it. Each engine plays each workload in a process of its own, and the statuses that it found are
compared, node by node; only if all are the same something is written. What would take longer than ``--limit`` is
extrapolated in proportion to the last size that was run, and everywhere marked so. Ours is always run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import click
from rich.console import Console

from benchmarks.figures import Figure, Series, as_json, as_markdown, as_table
from benchmarks.measure import ENGINES, OURS
from benchmarks.workload import HOUR_MS, lic
from harness.trace import Status

__all__ = ["Bench", "DifferentStatusesError", "EngineError", "Part", "Run", "main", "plan", "start"]

ROOT: Final = Path(__file__).resolve().parent.parent
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
#: What takes longer than this is not run again for a median.
LONG_S: Final = 10


class DifferentStatusesError(Exception):
    """Two engines found different statuses, so at least one is wrong and no time means anything."""


class EngineError(Exception):
    """The process of an engine failed."""


def plan(sizes: tuple[int, ...], *, quick: bool) -> list[Series]:
    """Return what is to be measured, for so many nodes; the growth in days and outages with the fewest."""
    few = sizes[0]
    every: list[dict[str, int]] = [{"nodes": nodes, "days": 30, "outages": 6} for nodes in sizes]
    series = [
        Series("LIC30", "nodes", every),
        Series("Slots for 90 % of the nodes", "nodes", [{**each, "capacity_percent": 90} for each in every], False),
        Series("1 % of the nodes cut off for a day", "nodes", [{**each, "cut_every": 100} for each in every], False),
    ]
    if not quick:
        days: list[dict[str, int]] = [{"nodes": few, "days": days, "outages": 6} for days in (30, 300, 3000)]
        outages: list[dict[str, int]] = [{"nodes": few, "days": 30, "outages": outages} for outages in (0, 6, 12)]
        series.append(Series(f"LIC30, LIC300 and LIC3000 with {few:,} nodes", "days", days))
        series.append(Series(f"LIC30 with {few:,} nodes and fewer or more outages", "outages", outages))
    return series


class Part(NamedTuple):
    """What an engine had taken when a part of its work was done."""

    name: str
    cpu_s: float
    peak_mb: float


class Run(NamedTuple):
    """What an engine took, and the statuses that it found, look by look and node by node."""

    parts: tuple[Part, ...]
    found: bytes


class Bench:
    """Runs engines and compares what they found.

    :param limit_s: CPU seconds that a peer may take by its extrapolation.
    :param repeats: how often something short is run.
    :param tell: is told what is going to be run.
    :param start: runs an engine.
    """

    def __init__(
        self,
        limit_s: float,
        repeats: int,
        tell: Callable[[str], None],
        start: Callable[[str, dict[str, int]], Run],
    ) -> None:
        self._limit_s = limit_s
        self._repeats = repeats
        self._tell = tell
        self._start = start
        #: What was run already: a workload can be in more than one series.
        self._known: dict[str, list[Figure]] = {}
        #: Of each workload, what was found first.
        self._found: dict[str, bytes] = {}

    def measure(self, series: Series) -> None:
        """Run a series, ours first.

        :raises DifferentStatusesError: if an engine found another status than we.
        :raises EngineError: if the process of an engine failed.
        """
        for engine in ENGINES:
            workloads = series.workloads
            if not series.all_engines and engine not in ENGINES[:2]:
                workloads = workloads[:1]
            last: list[Figure] = []
            for workload in workloads:
                guess = [self._guess(series, each, workload) for each in last]
                if engine != OURS and any(self._is_too_much(*each) for each in guess):
                    series.figures += [figure for figure, _ in guess]
                    continue
                last = self._figures(engine, workload)
                series.figures += last

    def _guess(self, series: Series, last: Figure, workload: dict[str, int]) -> tuple[Figure, float]:
        """Return what ``workload`` would take in proportion to the ``last`` one, and its memory in MB."""
        # An outage less or more changes little.
        grows = 1.0 if series.axis == "outages" else workload[series.axis] / series.at(last)
        figure = Figure(
            workload=workload,
            engine=last.engine,
            part=last.part,
            cpu_s=last.cpu_s * grows,
            peak_mb=None,
            runs=0,
        )
        assert last.peak_mb is not None, "it was run"
        return figure, last.peak_mb * (grows if series.axis == "nodes" else 1)

    def _is_too_much(self, figure: Figure, peak_mb: float) -> bool:
        return figure.cpu_s > self._limit_s or peak_mb * 1e6 > _memory()

    def _figures(self, engine: str, workload: dict[str, int]) -> list[Figure]:
        """Return the figures of ``engine``, one for each part of its work."""
        key = f"{engine} {workload}"
        if key not in self._known:
            runs = [self._run(engine, workload)]
            while len(runs) < self._repeats and runs[0][-1].cpu_s < LONG_S:
                runs.append(self._run(engine, workload))
            self._known[key] = [
                Figure(
                    workload=workload,
                    engine=engine,
                    part=parts[0].name,
                    cpu_s=median(part.cpu_s for part in parts),
                    peak_mb=median(part.peak_mb for part in parts),
                    runs=len(runs),
                )
                for parts in zip(*runs, strict=True)
            ]
        return self._known[key]

    def _run(self, engine: str, workload: dict[str, int]) -> tuple[Part, ...]:
        """Run ``engine`` once, and compare what it found with what was found first, which is ours."""
        self._tell(f"{engine}: {_told(workload)}")
        parts, found = self._start(engine, workload)
        expected = self._found.setdefault(str(workload), found)
        if found != expected:
            raise DifferentStatusesError(_difference(engine, workload, found, expected))
        return parts


def start(engine: str, workload: dict[str, int]) -> Run:
    """Let ``engine`` play ``workload`` in a process of its own.

    :raises EngineError: if that fails.
    """
    with TemporaryDirectory() as folder:
        statuses = Path(folder) / "statuses"
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.measure", str(statuses)],
            input=json.dumps({"engine": engine, "workload": workload}),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if ended.returncode:
            why = ended.stderr.strip() or f"it ended by signal {-ended.returncode}; was there memory enough?"
            raise EngineError(f"{engine} with {_told(workload)}: {why}")
        parts: dict[str, tuple[float, float]] = json.loads(ended.stdout)
        return Run(tuple(Part(part, *figures) for part, figures in parts.items()), statuses.read_bytes())


def _told(workload: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in workload.items())


def _difference(engine: str, workload: dict[str, int], found: bytes, expected: bytes) -> str:
    """Say where what ``engine`` found differs first from what we found."""
    looks_ms, nodes = lic(**workload).looks_ms, workload["nodes"]
    if len(found) != len(expected):
        return f"{engine} with {_told(workload)}: found {len(found) / nodes:g} looks at {nodes} nodes, expected " + (
            f"{len(looks_ms)}; its run has to look at each of Workload.looks_ms"
        )
    first = next(k for k, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other)
    look, node = divmod(first, nodes)
    many = sum(one != other for one, other in zip(found, expected, strict=True))
    return (
        f"{engine} with {_told(workload)}: node {node} at {looks_ms[look] / HOUR_MS:.6f} h: "
        f"found {Status(found[first]).name.lower()}, but {OURS} found {Status(expected[first]).name.lower()} "
        f"({many} of {len(found)} statuses differ); one of the two is wrong, and nothing was written"
    )


def _memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _machine() -> Iterator[tuple[str, str]]:
    """Yield what the figures depend on."""
    yield "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    cpu = Path("/proc/cpuinfo")
    models = [line for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []
    if models:
        yield "CPU", f"{models[0].partition(': ')[2]}, one core of {len(models)}"
    for name in ("simpy", "salabim"):
        yield name, version(name)


@click.command()
@click.option("--nodes", "sizes", multiple=True, type=click.IntRange(1), default=SIZES, help="A size; more than once.")
@click.option("--limit", "limit_s", default=300.0, show_default=True, metavar="SECONDS", help="The most for a peer.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1), help="Runs of what is short.")
@click.option("--quick", is_flag=True, help="Once, with 1,000 nodes unless --nodes says more, and no growth.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "benchmarks" / "results",
    help="The folder for bench.json, bench.md and bench.svg; benchmarks/results unless given.",
)
@click.pass_context
def main(
    context: click.Context, sizes: tuple[int, ...], limit_s: float, repeats: int, quick: bool, results: Path
) -> None:
    """Measure LIC30 by every engine, and check that all find the same statuses."""
    try:
        # Before anything is run: what is found missing at the end was measured for nothing.
        import salabim  # noqa: F401

        from benchmarks.plot import draw
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed; `make bench` installs what is needed") from error
    if quick:
        repeats = 1
        if context.get_parameter_source("sizes") is click.core.ParameterSource.DEFAULT:
            sizes = SIZES[:1]
    series = plan(tuple(sorted(set(sizes))), quick=quick)
    # No cell is shortened: a line that is too long for a terminal is the terminal's business.
    console = Console(width=max(100, Console().width))
    with console.status("starting") as status:

        def tell(what: str) -> None:
            status.update(what)
            if not console.is_terminal:
                click.echo(what, err=True)

        bench = Bench(limit_s, repeats, tell, start)
        try:
            for each in series:
                bench.measure(each)
                console.print(as_table(each))
        except (DifferentStatusesError, EngineError) as error:
            raise click.ClickException(str(error)) from error
    machine = dict(_machine())
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(series, machine), indent=1)
    (results / "bench.json").write_text(f"{text}\n", encoding="utf-8")
    (results / "bench.md").write_text(as_markdown(series, machine), encoding="utf-8")
    draw(series, results / "bench.svg")
    console.print("all engines found the same statuses")
    console.print(f"written: bench.json, bench.md and bench.svg in {results}")


if __name__ == "__main__":
    main()
