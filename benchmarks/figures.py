"""What the benchmark found: figures in series, as a table, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from benchmarks.measure import JUDGED, OURS, READ

__all__ = ["COLUMNS", "Figure", "Series", "as_json", "as_markdown", "as_table"]

COLUMNS: Final = ("engine", "runs", "CPU s", "peak MB", "x judged", "x read out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one engine took for one workload, up to the end of one ``part`` of the work.

    ``cpu_s`` and ``peak_mb`` are medians of so many ``runs``. With none it was not run: ``cpu_s`` is extrapolated, and
    of the memory nothing is said.
    """

    workload: dict[str, int]
    engine: str
    part: str
    cpu_s: float
    peak_mb: float | None
    runs: int

    @property
    def measured(self) -> bool:
        """Whether it was run at all."""
        return self.runs > 0

    @property
    def label(self) -> str:
        """The engine, and for us the part."""
        return f"{self.engine}, {self.part}" if self.engine == OURS else self.engine


@dataclass(slots=True)
class Series:
    """Workloads that differ in one number, ``axis``: nodes, days or outages."""

    title: str
    axis: str
    workloads: list[dict[str, int]]
    #: Whether every engine plays all of them, or only we and the fastest peer play more than the first.
    all_engines: bool = True
    figures: list[Figure] = field(default_factory=list)

    def at(self, figure: Figure) -> int:
        """Return where on the axis a figure stands."""
        return figure.workload[self.axis]

    def ours(self, part: str, at: int) -> float:
        """Return the CPU seconds that we took up to the end of ``part``."""
        (cpu_s,) = (each.cpu_s for each in self.figures if (each.engine, each.part, self.at(each)) == (OURS, part, at))
        return cpu_s

    def lines(self) -> Iterator[tuple[bool, list[str]]]:
        """Yield the cells of each line, and whether it was measured."""
        for each in sorted(self.figures, key=self.at):
            at = self.at(each)
            ratios = [_number(each.cpu_s / self.ours(part, at)) for part in (JUDGED, READ)]
            cpu, peak = _number(each.cpu_s), "not run" if each.peak_mb is None else f"{each.peak_mb:,.0f}"
            runs = str(each.runs) if each.measured else "extrapolated"
            yield each.measured, [f"{at:,}", each.label, runs, cpu, peak, *ratios]


def _number(number: float) -> str:
    """Three digits that mean something, and no exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def as_table(series: Series) -> Table:
    """Return a series as a table for the terminal. What was not run stands in italics."""
    table = Table(series.axis, *COLUMNS, title=series.title, title_justify="left")
    for column in (table.columns[0], *table.columns[3:]):
        column.justify = "right"
    for column in table.columns:
        column.no_wrap = True
    last = ""
    for measured, cells in series.lines():
        if cells[0] != last:
            table.add_section()
            last = cells[0]
        table.add_row(*(Text(cell, style="" if measured else "italic dim") for cell in cells))
    return table


def as_markdown(all_series: list[Series], machine: dict[str, str]) -> str:
    """Return everything as a page."""
    lines = ["# LIC30, measured", "", *(f"- {name}: {value}" for name, value in machine.items())]
    lines += ["", "![The same as a plot](bench.svg)"]
    for series in all_series:
        columns = (series.axis, *COLUMNS)
        lines += ["", f"## {series.title}", "", f"| {' | '.join(columns)} |", "|--:|---|---|--:|--:|--:|--:|"]
        for measured, cells in series.lines():
            lines.append(f"| {' | '.join(cells if measured else [f'*{cell}*' for cell in cells])} |")
    return "\n".join([*lines, ""])


def as_json(all_series: list[Series], machine: dict[str, str]) -> dict[str, Any]:
    """Return everything as JSON."""
    return {
        "machine": machine,
        "series": [
            {
                "title": series.title,
                "axis": series.axis,
                "figures": [{**asdict(each), "measured": each.measured} for each in series.figures],
            }
            for series in all_series
        ],
    }
