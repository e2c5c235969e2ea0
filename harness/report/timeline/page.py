"""A story as a page for browsers: one file, which needs nothing from outside and is allowed nothing from there.

The page's policy lets only its own two scripts and its own style sheet run, by their hashes. Names and titles are
somebody else's text: in the page they are escaped, in the data for the script nothing can end the element, and the
script itself writes them as text only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from harness.report.timeline.data import data_of, script_text
from harness.report.timeline.palette import tone_css, tones_by_status
from harness.report.timeline.story import Story

__all__ = ["BOARD", "SIMULATED", "asset", "bundled", "filled", "page"]

#: What draws a timeline, wherever it stands.
BOARD = ("format.js", "model.js", "drawing.js", "board.js", "theme.js")
_SCRIPTS = (*BOARD, "verdicts.js", "tables.js", "main.js")
SIMULATED = "Everything on this page was simulated. Nothing here can authorize a real product."


def page(story: Story, *, links: Iterable[tuple[str, str]] = ()) -> str:
    """Return ``story`` as an HTML document.

    :param links: the words and the files, beside this one, of the pages that belong to it.
    """
    return filled(
        asset("page.html"),
        styles=(asset("base.css"), asset("page.css")),
        scripts={"library": asset("echarts.min.js"), "script": bundled(*map(asset, _SCRIPTS))},
        title=escape(story.title),
        kicker="A simulated run" if story.simulated else "What was recorded",
        links="".join(f'<a class="tool" href="{escape(quote(file))}">{escape(words)}</a> ' for words, file in links),
        badges=" ".join(_badges(story)),
        facts="".join(_facts(story.facts)),
        foot=SIMULATED if story.simulated else "",
        story=script_text(data_of(story)),
    )


def _badges(story: Story) -> Iterator[str]:
    if story.outcome:
        yield f'<span class="badge {escape(story.outcome)}">{escape(story.outcome)}</span>'
    if story.simulated:
        yield '<span class="badge simulated">simulated</span>'
    violated = [rule.id for rule in story.rules if rule.ruling == "violated"]
    if violated:
        yield f'<span class="badge violated">violated: {escape(", ".join(violated))}</span>'
    held = sum(rule.ruling == "held" for rule in story.rules)
    if held:
        yield f'<span class="badge">{held} rule{"" if held == 1 else "s"} held</span>'
    if story.expectations:
        met = sum(each.met for each in story.expectations)
        tone = "" if met == len(story.expectations) else " missed"
        yield f'<span class="badge{tone}">{met} of {len(story.expectations)} expectations met</span>'


def _facts(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in facts:
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"


# How a page is put together.


@cache
def asset(name: str) -> str:
    """Return the text of one of the files that pages are made of."""
    return (files("harness.report.timeline") / "assets" / name).read_text(encoding="utf-8")


def filled(
    template: str, *, styles: Iterable[str], scripts: dict[str, str], allowed: Iterable[str] = (), **places: str
) -> str:
    """Return a page made of the text ``template``.

    :param styles: the texts of which its style sheet is made.
    :param scripts: by the name of their places, the scripts that it runs.
    :param allowed: what its policy allows besides, as a browser reads it: ``connect-src 'self'``.
    :param places: what stands in the other places, escaped.
    """
    style = Template("\n".join(styles)).substitute(light=tone_css(dark=False), dark=tone_css(dark=True))
    for text in (style, *scripts.values()):
        assert not re.search("</(script|style)|<!--", text, re.IGNORECASE), "nothing in an element may end it"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts.values()))}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            *allowed,
        )
    )
    return Template(template).substitute(places, policy=policy, style=style, **scripts)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def bundled(*texts: str) -> str:
    """Return these scripts as one, whose names are nobody else's."""
    tones = f"const TONES = {json.dumps(tones_by_status(), separators=(',', ':'))};"
    return "\n".join(['(() => {\n"use strict";', tones, *texts, "})();"])
