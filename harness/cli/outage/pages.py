"""``--html`` of the outage commands: pages that can be forwarded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import check_writable, make_folder, write

if TYPE_CHECKING:
    from harness.report.timeline.story import Story

__all__ = ["claim_pages", "of_pages", "write_pages"]

_HTML = click.option(
    "--html", "html", type=click.Path(path_type=Path), metavar="DIR", help="Write what is told as a page, index.html."
)


def of_pages(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--html``."""
    return _HTML(command)


def claim_pages(folder: Path | None) -> None:
    """Make sure that pages can be written to ``folder`` before anything is done."""
    if folder is not None:
        make_folder(folder)
        check_writable(folder / "index.html")


def write_pages(folder: Path, stories: Sequence[tuple[str, Story]]) -> None:
    """Write the pages of ``stories``, each with the words of its link. The first one is the index."""
    from harness.report.timeline.page import page

    files = ["index.html", *(f"{number}.html" for number in range(2, len(stories) + 1))]
    links = [(words, file) for (words, _), file in zip(stories, files, strict=True)] if len(stories) > 1 else []
    for (_, story), file in zip(stories, files, strict=True):
        write(folder / file, [page(story, links=links)])
