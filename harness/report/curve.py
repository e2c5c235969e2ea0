"""The curve of a safety margin: how many of the nodes survive, by the value that is varied."""

from __future__ import annotations

from pathlib import Path

from harness.envelope import Margins, Varied

__all__ = ["PICTURES", "write_curve"]

#: The kinds of files that can be written.
PICTURES = (".png", ".svg")

_UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


def write_curve(margins: Margins, file: Path, title: str) -> None:
    """Draw the share of the nodes that survive, over the whole range, into ``file``: a PNG or an SVG by its name.

    :param title: the scenario's.
    :raises ImportError: if matplotlib is not installed.
    :raises OSError: if the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    steps = margins.survivors()
    scale, unit = _axis(margins.question.varied)
    edges = [steps[0].first, *(step.first for step in steps[1:]), steps[-1].last]
    shares = [100 * step.holding / step.total if step.total else 0.0 for step in steps]
    # A salt of our own and no date: the same margins are the same file.
    with rc_context({"svg.hashsalt": "fdl-harness", "svg.fonttype": "path"}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.stairs(shares, [edge / scale for edge in edges], baseline=None, linewidth=2)
        axes.set_ylim(-3, 103)
        axes.set_xlim(edges[0] / scale, edges[-1] / scale)
        axes.yaxis.set_major_formatter(PercentFormatter())
        axes.grid(alpha=0.3)
        axes.set_title(title, wrap=True)
        axes.set_xlabel(f"{margins.question.varied.path}{unit}")
        phases = f", {len(margins.phases)} phases" if len(margins.phases) > 1 else ""
        axes.set_ylabel(f"nodes that survive (simulated{phases})")
        about = {"Date": None} if file.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(file, metadata=about, dpi=120)


def _axis(varied: Varied) -> tuple[int, str]:
    """Return how many units make one on the axis, and what one is called there."""
    if not varied.notation.is_duration:
        return varied.notation.parts, ""
    widest = max(abs(varied.low), abs(varied.high))
    # Hours are what outages are spoken of in, up to a few days.
    for name, size_us in _UNITS.items():
        if widest >= (5 if name == "d" else 1) * size_us:
            return size_us, f" ({name})"
    return 1, " (us)"
