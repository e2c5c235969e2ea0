"""What ``fdl-harness run`` writes to be looked at: pages, pictures and traces for Perfetto, one for each result."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import check_writable, make_folder, write

if TYPE_CHECKING:
    from harness.report.timeline.story import Story
    from harness.runner import Result

__all__ = ["Shown", "check_drawing", "draw"]


class Shown:
    """Where results are shown: each folder is ``None`` if nobody asked for it.

    :param picture_kind: what pictures are, ``svg`` or ``png``.
    """

    def __init__(self, pages: Path | None, pictures: Path | None, picture_kind: str, chrome: Path | None) -> None:
        self._pages = pages
        self._pictures = pictures
        self._picture_kind = picture_kind
        self._chrome = chrome

    def claim(self) -> None:
        """Make sure that all of it can be written, before the runs."""
        if self._pictures is not None:
            check_drawing()
        for folder in (self._pages, self._pictures, self._chrome):
            make_folder(folder)
        if self._pages is not None:
            check_writable(self._pages / "index.html")

    def write(self, results: Sequence[Result], names: Sequence[str]) -> None:
        """Write what was asked for.

        :param names: of the files of each result, without what they end in.
        """
        if not any((self._pages, self._pictures, self._chrome)):
            return
        from harness.report.timeline.told import story_of

        for result, name in zip(results, names, strict=True):
            if result.skipped is None:
                self._show(story_of(result), name)
        if self._pages is not None:
            from harness.report.timeline.summary import Entry, summary_page

            entries = [
                Entry(result, f"{name}.html" if result.skipped is None else None)
                for result, name in zip(results, names, strict=True)
            ]
            write(self._pages / "index.html", [summary_page(entries)])

    def _show(self, story: Story, name: str) -> None:
        if self._pages is not None:
            from harness.report.timeline.page import page

            write(self._pages / f"{name}.html", [page(story, links=[("All runs", "index.html")])])
        if self._chrome is not None:
            from harness.report.timeline.chrome_trace import chrome_trace

            write(self._chrome / f"{name}.json", [chrome_trace(story)])
        if self._pictures is not None:
            draw(story, self._pictures / f"{name}.{self._picture_kind}")


def check_drawing() -> None:
    """Make sure that pictures can be drawn here."""
    if find_spec("matplotlib") is None:
        raise click.UsageError("--picture needs matplotlib, which is not installed: pip install 'fdl-harness[plots]'.")


def draw(story: Story, file: Path) -> None:
    """Draw ``story`` into ``file``, a PNG or an SVG by its name."""
    from harness.report.timeline.picture import write_picture

    try:
        write_picture(story, file)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror or error}") from None
