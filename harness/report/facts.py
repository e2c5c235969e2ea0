"""What checking facts came to: a table, what was wrong, and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from harness.facts import Found, Outcome
from harness.rulebook import Entry

__all__ = ["facts_as_text", "facts_lines", "facts_table"]

_STYLES = {Outcome.HELD: "green", Outcome.BROKEN: "bold red", Outcome.NOT_CHECKED: "yellow"}


def facts_table(found: Sequence[Found], entries: Sequence[Entry]) -> Table:
    """Return the table of outcomes.

    :param entries: the entries of the rule book that were checked, in the same order.
    """
    table = Table("rule", "fact", "outcome", box=None, pad_edge=False)
    for each, entry in zip(found, entries, strict=True):
        outcome = Text(each.outcome.value, style=_STYLES[each.outcome], no_wrap=True)
        table.add_row(each.rule, Text(entry.correction if "DOC" in entry.binds else entry.text), outcome)
    return table


def facts_lines(found: Sequence[Found]) -> Iterator[str]:
    """Yield what was wrong with each fact that is broken, why others were not checked, and a count."""
    for each in found:
        if each.outcome is Outcome.BROKEN:
            yield ""
            yield f"{each.rule} is broken"
            yield f"  expected  {each.expected}"
            yield f"  saw       {each.seen}"
            yield f"  command   {each.command}"
        elif each.outcome is Outcome.NOT_CHECKED:
            yield ""
            yield f"{each.rule} could not be checked: {each.trouble}"
    counts = Counter(each.outcome for each in found)
    parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome] or outcome is Outcome.HELD]
    yield f"{len(found)} fact{'' if len(found) == 1 else 's'}: {', '.join(parts)}"


def facts_as_text(found: Sequence[Found]) -> str:
    """Return what was found as JSON."""
    keys = ("expected", "seen", "command", "trouble")
    facts = []
    for each in found:
        more = {key: text for key in keys if (text := getattr(each, key))}
        facts.append({"rule": each.rule, "outcome": each.outcome.value, **more})
    return json.dumps({"facts": facts}, indent=2, ensure_ascii=False) + "\n"
