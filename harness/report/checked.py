"""What the document says of an observed history: for people as text, for programs as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from harness.durations import format_duration, format_utc
from harness.outage.checking import Checked, Open, Proof, Terms
from harness.outage.record import Observation, Record
from harness.outage.words import detail_of
from harness.outage.writing import written_time
from harness.rulebook import Ruling, catalogue

__all__ = ["checked_as_text", "checked_lines"]

#: So many lines of the file are quoted with a finding, and so many findings of one rule are told.
_QUOTED = 4
_TOLD = 10


def checked_lines(record: Record, terms: Terms, checked: Sequence[Checked]) -> Iterator[str]:
    """Yield for people what each rule makes of ``record``: a table, what contradicts, what holds, what is open."""
    yield from _opening(record, terms)
    groups = _grouped(checked)
    yield ""
    width = max((len(_ids(group)) for group in groups), default=0)
    yield f"{'rule':<{width}}  verdict   tested  what the document says"
    for group in groups:
        if _is_touched(group[0]):
            text = catalogue()[group[0].rule].text
            yield f"{_ids(group):<{width}}  {group[0].ruling.value:<8}  {group[0].tested:>6}  {text}"
    quotes = {each.line: each for each in record.observations}
    for title, ruling in (("Against the document", Ruling.VIOLATED), ("As the document says", Ruling.HELD)):
        told = [group for group in groups if group[0].ruling is ruling]
        if told:
            yield ""
            yield f"{title}:"
        for group in told:
            proofs = group[0].broken if ruling is Ruling.VIOLATED else group[0].obeyed[:1]
            yield f"  {_ids(group)}"
            for proof in proofs[:_TOLD]:
                yield from _proof(proof, quotes)
            if len(proofs) > _TOLD:
                yield f"    and {len(proofs) - _TOLD} more, which --json has"
    yield from _undecided(groups, quotes)
    yield ""
    yield _summary(checked)


def checked_as_text(record: Record, terms: Terms, checked: Sequence[Checked]) -> str:
    """Return all that was found as JSON."""
    content = {
        "file": record.file,
        "reading": terms.reading.name,
        "clock_error": format_duration(terms.clock_error_us),
        "complete": terms.complete,
        "installation": None if terms.installation is None else terms.installation.file,
        "rules": {each.rule: _as_json(each) for each in checked},
        "left_out": [str(each) for each in record.left_out],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _as_json(each: Checked) -> dict[str, Any]:
    content: dict[str, Any] = {
        "text": catalogue()[each.rule].text,
        "verdict": each.ruling.value,
        "tested": each.tested,
        "broken": [{"finding": proof.sentence, "lines": list(proof.lines)} for proof in each.broken],
        "obeyed": [{"finding": proof.sentence, "lines": list(proof.lines)} for proof in each.obeyed],
        "undecided": [
            {"finding": open_.sentence, "times": open_.times, "lines": list(open_.lines), "would_decide": open_.wanted}
            for open_ in each.undecided
        ],
    }
    return content if _is_touched(each) else content | {"would_test": each.wanted}


def _opening(record: Record, terms: Terms) -> Iterator[str]:
    seen = record.observations
    stretch = f", {format_utc(seen[0].at_us)} to {format_utc(seen[-1].at_us)}" if seen else ""
    yield f"{record.file}: {_counted(len(seen), 'line')} about {_counted(len(record.nodes), 'node')}{stretch}"
    yield (
        f"Judged by the reading {terms.reading.name}. Clocks are taken to be right within "
        f"{format_duration(terms.clock_error_us)}."
    )
    if terms.complete:
        yield "The record is taken to be complete: what is not in it did not happen."
    else:
        yield "The record may leave things out: what a missing line would explain is not held against anybody."
    yield "States put back, machines copied and licences changed meanwhile are left out of account."


def _undecided(groups: Sequence[Sequence[Checked]], quotes: dict[int, Observation]) -> Iterator[str]:
    told = [group for group in groups if group[0].undecided]
    if told:
        yield ""
        yield "What the record cannot decide:"
    for group in told:
        yield f"  {_ids(group)}"
        for open_ in group[0].undecided[:_TOLD]:
            yield from _open(open_, quotes)
        if len(group[0].undecided) > _TOLD:
            yield f"    and {len(group[0].undecided) - _TOLD} more, which --json has"
    untouched = [group for group in groups if not _is_touched(group[0])]
    if untouched:
        yield ""
        yield "Nothing puts these to the test. What would:"
        for group in untouched:
            yield f"  {_ids(group)}: {group[0].wanted}"


def _proof(proof: Proof, quotes: dict[int, Observation]) -> Iterator[str]:
    yield f"    {proof.sentence}"
    yield from _quoted(proof.lines, quotes)


def _open(open_: Open, quotes: dict[int, Observation]) -> Iterator[str]:
    times = "" if open_.times == 1 else f" ({open_.times} times)"
    yield f"    {open_.sentence}{times}"
    yield from _quoted(open_.lines, quotes)
    yield f"      would decide: {open_.wanted}"


def _quoted(lines: Sequence[int], quotes: dict[int, Observation]) -> Iterator[str]:
    for line in lines[:_QUOTED]:
        each = quotes[line]
        yield f"      line {line}: {written_time(each)} {each.source} {each.what.value} {detail_of(each)}".rstrip()
    if len(lines) > _QUOTED:
        yield f"      and {_counted(len(lines) - _QUOTED, 'more line')}"


def _grouped(checked: Sequence[Checked]) -> list[list[Checked]]:
    """Return the rules together of which the same was found, since one check judges them."""
    groups: dict[tuple[Any, ...], list[Checked]] = {}
    for each in checked:
        key = (each.wanted, each.ruling, each.tested, each.obeyed, each.broken, each.undecided)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _ids(group: Sequence[Checked]) -> str:
    return " ".join(each.rule for each in group)


def _is_touched(each: Checked) -> bool:
    return bool(each.tested or each.undecided)


def _summary(checked: Sequence[Checked]) -> str:
    counts = Counter(each.ruling for each in checked)
    parts = [f"{counts[ruling]} {ruling.value}" for ruling in (Ruling.VIOLATED, Ruling.HELD, Ruling.UNKNOWN)]
    return f"{len(checked)} rules: {', '.join(parts)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
