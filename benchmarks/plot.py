"""The figures as a plot: time, ratio and memory by the number of nodes, and the growth in days and outages."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, log10
from pathlib import Path
from typing import Final, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.figures import Figure, Series
from benchmarks.measure import JUDGED, OURS, READ, SIMULATED

__all__ = ["draw"]

#: Colours that people who do not see all colours can tell apart (Okabe and Ito), each with a marker of its own.
STYLES: Final = {
    f"{OURS}, {SIMULATED}": ("#0072B2", "o"),
    f"{OURS}, {JUDGED}": ("#56B4E9", "o"),
    f"{OURS}, {READ}": ("#003355", "o"),
    "heapq loop": ("#000000", "s"),
    "SimPy, callbacks": ("#009E73", "^"),
    "SimPy, processes": ("#D55E00", "v"),
    "salabim": ("#CC79A7", "D"),
}


#: What a panel shows of a figure; nothing where there is nothing to show.
Value: TypeAlias = Callable[[Series, Figure], float | None]


def draw(all_series: list[Series], path: Path) -> None:
    """Draw the series into the file ``path``, an SVG or a PNG by its name."""
    nodes = all_series[0]
    growth = [each for each in all_series if each.axis != "nodes"]
    # The same figures give the same file.
    with mpl.rc_context(
        {"svg.hashsalt": "lic30", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        sheet = Sheet(figsize=(12, 7), layout="constrained")
        panels = list(sheet.subplots(2, 3).flat)
        _panel(panels[0], nodes, "CPU seconds", _cpu)
        _panel(panels[1], nodes, f"CPU seconds, those of {OURS} ({JUDGED}) being 1", _ratio)
        _panel(panels[2], nodes, "peak memory in MB", _peak)
        for panel, series in zip(panels[3:5], growth, strict=False):
            _panel(panel, series, f"CPU seconds for {series.workloads[0]['nodes']:,} nodes", _cpu)
        for panel in panels[3 + len(growth) :]:
            panel.axis("off")
        _legend(panels[5])
        sheet.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _cpu(_: Series, figure: Figure) -> float:
    return figure.cpu_s


def _ratio(series: Series, figure: Figure) -> float:
    return figure.cpu_s / series.ours(JUDGED, series.at(figure))


def _peak(_: Series, figure: Figure) -> float | None:
    return figure.peak_mb


def _panel(axes: Axes, series: Series, title: str, value: Value) -> None:
    """Draw one panel: a line for each engine, dotted and hollow where it is extrapolated."""
    for label, (colour, marker) in STYLES.items():
        shown = [
            (series.at(each), number, each.measured)
            for each in series.figures
            if each.label == label and (number := value(series, each)) is not None
        ]
        measured = [(at, number) for at, number, is_measured in shown if is_measured]
        # The dotted line begins where the measured one ends.
        guessed = measured[-1:] + [(at, number) for at, number, is_measured in shown if not is_measured]
        if measured:
            axes.plot(*zip(*measured, strict=True), color=colour, marker=marker, markersize=5)
        if len(guessed) > 1:
            axes.plot(*zip(*guessed, strict=True), color=colour, linestyle=":")
            axes.plot(
                *zip(*guessed[1:], strict=True), color=colour, linestyle="", marker=marker, markerfacecolor="white"
            )
    axes.set_title(title, loc="left")
    axes.set_xlabel(series.axis)
    axes.set_yscale("log")
    # Whole decades, so that at least two lines have a number.
    bottom, top = axes.get_ylim()
    axes.set_ylim(10 ** floor(log10(bottom)), 10 ** ceil(log10(top)))
    if series.axis != "outages":
        axes.set_xscale("log")
    axes.set_xticks(sorted({series.at(each) for each in series.figures}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.grid(axis="y", which="major", color="#dddddd", linewidth=0.6)


def _legend(axes: Axes) -> None:
    lines = [Line2D([], [], color=colour, marker=marker, label=label) for label, (colour, marker) in STYLES.items()]
    guess = Line2D(
        [], [], color="grey", linestyle=":", marker="o", markerfacecolor="white", label="extrapolated, not run"
    )
    axes.legend(handles=[*lines, guess], loc="center left", frameon=False)
