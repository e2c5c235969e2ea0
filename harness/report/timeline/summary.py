"""The summary of a whole run as a page: a line for each scenario and reading, to sort, filter and go on from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from harness.durations import format_duration
from harness.report.timeline.page import SIMULATED, asset, filled
from harness.runner import Outcome, Result

__all__ = ["Entry", "summary_page"]

_COLUMNS = (
    "outcome",
    "title",
    "scenario",
    "reading",
    "nodes",
    "lasts",
    "rules held",
    "violated",
    "expectations",
    "digest",
)
#: Those are sorted by their numbers.
_NUMBERS = ("nodes", "lasts", "rules held", "violated", "expectations")


class Entry(NamedTuple):
    """A result, and the file of its page beside the summary; ``None`` if it was skipped and has none."""

    result: Result
    page: str | None


def summary_page(entries: Sequence[Entry]) -> str:
    """Return the summary as an HTML document. What a cell says is in its text; its colour says it again."""
    counts = Counter(entry.result.outcome for entry in entries)
    return filled(
        asset("summary.html"),
        styles=(asset("base.css"), asset("summary.css")),
        scripts={"script": '(() => {\n"use strict";\n' + asset("theme.js") + asset("summary.js") + "})();"},
        count=f"{len(entries)} run{'' if len(entries) == 1 else 's'}",
        chips="".join(_chip(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]),
        head="".join(map(_heading, _COLUMNS)),
        rows="".join(_row(entry) for entry in entries),
        foot=SIMULATED,
    )


def _chip(outcome: Outcome, count: int) -> str:
    word = outcome.value
    return f'<button type="button" class="chip" data-outcome="{word}" aria-pressed="false">{count} {word}</button>'


def _heading(name: str) -> str:
    kind = ' class="number"' if name in _NUMBERS else ""
    return f'<th scope="col" aria-sort="none"{kind}><button type="button">{name}</button></th>'


def _row(entry: Entry) -> str:
    result = entry.result
    return f'<tr data-outcome="{result.outcome.value}">{"".join(_cells(entry))}</tr>\n'


def _cells(entry: Entry) -> Iterator[str]:
    result = entry.result
    scenario = result.scenario
    outcome = result.outcome.value
    yield f'<td><span class="badge {outcome}">{outcome}</span></td>'
    title = escape(scenario.title)
    if entry.page is not None:
        title = f'<a href="{escape(quote(entry.page))}">{title}</a>'
    if result.skipped is not None:
        title += f'<div class="soft">{escape(result.skipped)}</div>'
    yield f"<td>{title}</td>"
    yield f"<td>{escape(scenario.file)}</td><td>{escape(result.reading.name)}</td>"
    yield _number(len(scenario.nodes), str(len(scenario.nodes)))
    yield _number(scenario.duration_us, format_duration(scenario.duration_us))
    rulings = Counter(each.ruling.value for each in result.judgements.values())
    yield _number(rulings["held"], str(rulings["held"]))
    yield _number(len(result.violated), _bad(each.rule for each in result.violated))
    unmet = len(result.unmet)
    met = f"{len(result.expectations) - unmet} of {len(result.expectations)} met" if result.expectations else ""
    yield _number(unmet, f'<span class="bad">{met}</span>' if unmet else met)
    yield f"<td><code>{result.digest[:12]}</code></td>"


def _number(value: int, shown: str) -> str:
    return f'<td class="number" data-value="{value}">{shown}</td>'


def _bad(rules: Iterable[str]) -> str:
    return " ".join(f'<span class="bad">{escape(rule)}</span>' for rule in rules)
