"""What the outage commands write to be looked at: pages that can be forwarded, a picture for a ticket, a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import check_writable, make_folder, write
from harness.cli.showing import check_drawing, draw

if TYPE_CHECKING:
    from harness.report.timeline.story import Story

__all__ = ["Shown", "shows"]

_PICTURES = (".png", ".svg")
_OPTIONS = (
    click.option("--html", type=click.Path(path_type=Path), metavar="DIR", help="Write it as a page, DIR/index.html."),
    click.option("--picture", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: a PNG or an SVG."),
    click.option("--chrome-trace", type=click.Path(path_type=Path), metavar="FILE", help="Write it for Perfetto."),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Where something is shown; ``None`` where nobody asked for it."""

    html: Path | None
    picture: Path | None
    chrome_trace: Path | None

    @property
    def asked(self) -> bool:
        """Whether anybody asked for any of it."""
        return any((self.html, self.picture, self.chrome_trace))

    def claim(self) -> None:
        """Make sure that all of it can be written, before anything is done."""
        if self.html is not None:
            make_folder(self.html)
            check_writable(self.html / "index.html")
        if self.picture is not None:
            if self.picture.suffix not in _PICTURES:
                found = f"found {str(self.picture)!r}, expected a name that ends in {' or '.join(_PICTURES)}."
                raise click.BadParameter(found, param_hint="'--picture'")
            check_drawing()
            check_writable(self.picture)
        if self.chrome_trace is not None:
            check_writable(self.chrome_trace)

    def write(self, stories: Sequence[tuple[str, Story]]) -> None:
        """Write what was asked for: a page of each story, with the words of its link; the first is the index.

        A picture and a trace are those of the first.
        """
        first = stories[0][1]
        if self.html is not None:
            _write_pages(self.html, stories)
        if self.chrome_trace is not None:
            from harness.report.timeline.chrome_trace import chrome_trace

            write(self.chrome_trace, [chrome_trace(first)])
        if self.picture is not None:
            draw(first, self.picture)


def shows(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--html``, ``--picture`` and ``--chrome-trace``, as its argument ``shown``. They are claimed."""

    @wraps(command)
    def with_shown(
        *arguments: Any, html: Path | None, picture: Path | None, chrome_trace: Path | None, **rest: Any
    ) -> None:
        shown = Shown(html, picture, chrome_trace)
        shown.claim()
        command(*arguments, shown=shown, **rest)

    for option in reversed(_OPTIONS):
        with_shown = option(with_shown)
    return with_shown


def _write_pages(folder: Path, stories: Sequence[tuple[str, Story]]) -> None:
    from harness.report.timeline.page import page

    files = ["index.html", *(f"{number}.html" for number in range(2, len(stories) + 1))]
    links = [(words, file) for (words, _), file in zip(stories, files, strict=True)] if len(stories) > 1 else []
    for (_, story), file in zip(stories, files, strict=True):
        write(folder / file, [page(story, links=links)])
