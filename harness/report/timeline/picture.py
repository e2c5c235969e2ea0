"""A story as a picture for a ticket: PNG or SVG. It needs matplotlib, the extra ``plots``.

A ticket has room for one picture, so of a large fleet only some lanes are drawn: those on which something failed come
before those on which nothing did, and a line says how many are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from harness.report.timeline.palette import TONES, tone_of
from harness.report.timeline.story import Lane, LaneKind, MarkKind, Story

__all__ = ["PICTURES", "drawn_lanes", "write_picture"]

#: The kinds of files that can be written.
PICTURES = ("png", "svg")

_MOST_LANES = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
#: Distances between ticks, of which the first is taken that gives few enough.
_STEPS_US = [
    *(1_000_000 * n for n in (1, 5, 15, 60, 300, 900, 1800)),
    *(_HOUR_US * n for n in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 672, 2184, 8736)),
]
_MOST_TICKS = 9


class _Look(NamedTuple):
    """How a mark is drawn: how far above the middle of its lane, and as what."""

    above: float
    marker: str
    colour: str
    hollow: bool = False

    def style(self) -> dict[str, Any]:
        return {
            "linestyle": "",
            "marker": self.marker,
            "markersize": 3.6,
            "markeredgewidth": 0.9,
            "color": self.colour,
            "markerfacecolor": "none" if self.hollow else self.colour,
        }


_MARKS = {
    MarkKind.EVENT: _Look(0.42, "v", "#18222d"),
    MarkKind.NOTE: _Look(-0.42, "D", "#2463a6"),
    MarkKind.SEEN: _Look(-0.42, "d", "#18222d", hollow=True),
    MarkKind.REGISTER: _Look(-0.42, "o", "#18222d", hollow=True),
    MarkKind.FAILURE: _Look(-0.42, "x", "#a8232f"),
}


def drawn_lanes(story: Story, most: int = _MOST_LANES) -> list[Lane]:
    """Return the lanes that a picture has room for, in their order: at most ``most`` of nodes.

    Both sides of a node stay together.
    """
    nodes = [lane for lane in story.lanes if lane.kind is LaneKind.NODE]
    names = list(dict.fromkeys(lane.name for lane in nodes))
    failed = [lane.name for lane in nodes if any(mark.kind is MarkKind.FAILURE for mark in lane.marks)]
    ranked = dict.fromkeys([*failed, *names])
    sides = max((sum(lane.name == name for lane in nodes) for name in names[:1]), default=1)
    kept = list(ranked)[: most // sides]
    return [lane for lane in story.lanes if lane.kind is not LaneKind.NODE or lane.name in kept]


def write_picture(story: Story, file: Path) -> None:
    """Draw ``story`` into ``file``: a PNG or an SVG by its name.

    :raises ImportError: if matplotlib is not installed.
    :raises OSError: if the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    lanes = drawn_lanes(story)
    # A salt of our own and no date: the same story is the same file.
    with rc_context({"svg.hashsalt": "fdl-harness", "svg.fonttype": "path", "font.size": 9}):
        figure = Figure(figsize=(11, 1.9 + 0.34 * len(lanes)), layout="constrained")
        axes = figure.subplots()
        for row, lane in enumerate(lanes):
            _draw(axes, lane, row)
        axes.set_ylim(len(lanes) - 0.35, -0.65)
        axes.set_xlim(0, story.duration_us)
        axes.set_yticks(range(len(lanes)), [_plain(_name(lane), 32) for lane in lanes])
        ticks = [*_ticks(story)]
        axes.set_xticks([at_us for at_us, _ in ticks], [label for _, label in ticks])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", alpha=0.25)
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.set_title(_plain(_title(story), 110), loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel(_plain(_below(story, len(lanes)), 170), loc="left", fontsize=8, color="#55626f")
        figure.legend(handles=[*_legend(lanes)], loc="outside lower left", ncols=8, fontsize=8, frameon=False)
        about: dict[str, Any] = {"Date": None} if file.suffix == ".svg" else {"Software": None}
        figure.savefig(file, metadata=about, dpi=120)


def _draw(axes: Any, lane: Lane, row: int) -> None:
    for span in lane.spans:
        stretch = [(span.start_us, span.end_us - span.start_us)]
        axes.broken_barh(stretch, (row - 0.26, 0.46), facecolors=TONES[tone_of(span.status)].fill)
    for strip in lane.strips:
        low = 0.23 if strip.what == "access open" else -0.36
        stretch = [(strip.start_us, strip.end_us - strip.start_us)]
        axes.broken_barh(stretch, (row + low, 0.07), facecolors=TONES[tone_of(strip.what)].fill)
    for kind, look in _MARKS.items():
        instants = [mark.at_us for mark in lane.marks if mark.kind is kind]
        if instants:
            axes.plot(instants, [row - look.above] * len(instants), zorder=3, clip_on=False, **look.style())


def _legend(lanes: Sequence[Lane]) -> Iterator[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    statuses = dict.fromkeys(span.status for lane in lanes for span in lane.spans)
    for status in statuses:
        yield Patch(facecolor=TONES[tone_of(status)].fill, label=_plain(status, 24))
    kinds = [mark.kind for lane in lanes for mark in lane.marks]
    for kind, look in _MARKS.items():
        if kind in kinds:
            yield Line2D([], [], label=kind.value, **look.style())


def _ticks(story: Story) -> Iterator[tuple[int, str]]:
    """Yield where the ticks are, whole hours or days in UTC, and what stands there."""
    step_us = next((step for step in _STEPS_US if story.duration_us // step <= _MOST_TICKS), _STEPS_US[-1])
    first_us = -story.start_us % min(step_us, 24 * _HOUR_US)
    for at_us in range(first_us, story.duration_us + 1, step_us):
        try:
            moment = _EPOCH + timedelta(microseconds=story.start_us + at_us)
        except OverflowError:
            return
        yield (
            at_us,
            f"{moment:%m-%d}" if step_us >= 24 * _HOUR_US else f"{moment:%m-%d}\n{moment:%H:%M:%S}".removesuffix(":00"),
        )


def _name(lane: Lane) -> str:
    return f"{lane.name} ({lane.side})" if lane.side else lane.name


def _title(story: Story) -> str:
    return f"{story.title} ({'simulated, ' if story.simulated else ''}{story.outcome})".replace(", )", ")").replace(
        " ()", ""
    )


def _below(story: Story, drawn: int) -> str:
    parts = ["UTC"]
    wanted = ("scenario", "reading", "digest")
    parts += [f"{name} {value}" for name, value in story.facts if name in wanted]
    if violated := [rule.id for rule in story.rules if rule.ruling == "violated"]:
        parts.append(f"violated: {', '.join(violated)}")
    if drawn < len(story.lanes):
        parts.append(f"{len(story.lanes) - drawn} more lanes are not drawn")
    return "  ·  ".join(parts)


def _plain(text: str, most: int) -> str:
    """Return ``text`` as one line of at most ``most`` characters that matplotlib takes for no formula."""
    line = " ".join(text.split())
    return (line if len(line) <= most else f"{line[: most - 1]}…").replace("$", r"\$")
