"""Coverage in the terminal and as JSON, and the record with which a later one is compared."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.coverage import COLUMNS, Cell, Change, Matrix, Row, compared, filled
from harness.problems import Mistake
from harness.proof import Proof
from harness.report.proofs import proofs_from_text

__all__ = [
    "HEADINGS",
    "NOT_APPLICABLE",
    "change_lines",
    "coverage_as_text",
    "coverage_summary",
    "coverage_table",
    "gap_lines",
    "read_facts",
    "read_proofs",
    "read_record",
    "record_as_text",
]

#: What the columns are called.
HEADINGS = {"judged": "judged", "reached": "reached", "below": "below", "at": "at", "above": "above", "caught": "bugs"}
NOT_APPLICABLE = "\N{EN DASH}"
_RECORD = "a file that `fdl-harness coverage --against FILE --update` wrote"


def coverage_table(matrix: Matrix) -> Table:
    """Return the matrix: a count in each cell, "missing" for a gap, a dash where the question makes no sense."""
    table = Table(box=None, pad_edge=False)
    table.add_column("rule")
    table.add_column("binds")
    for column in matrix.columns:
        table.add_column(HEADINGS[column], justify="right")
    table.add_column("judged by")
    for row in matrix.rows:
        cells = [_shown(column, row.cells[column]) for column in matrix.columns]
        table.add_row(row.entry.id, " ".join(row.entry.binds), *cells, Text(_how(row)))
    return table


def _shown(column: str, cell: Cell) -> Text:
    if cell is None:
        return Text(NOT_APPLICABLE, style="dim")
    if not cell:
        return Text("missing", style="bold red")
    return Text("yes" if column == "judged" else str(cell), style="green")


def _how(row: Row) -> str:
    how = ", ".join(row.ways)
    return f"{how}: {row.entry.correction}" if "corrected" in row.ways else how


def coverage_summary(matrix: Matrix) -> Iterator[str]:
    """Yield how much is covered, of all entries and of the rules that bind a program."""
    count = f"{matrix.scenarios} scenario{'' if matrix.scenarios == 1 else 's'}"
    yield f"{count} under {matrix.reading}: {_counts(matrix, matrix.rows, 'entries')}"
    bound = [row for row in matrix.rows if row.binds_a_program]
    yield f"of these bind a program: {_counts(matrix, bound, 'rules')}"
    gaps = sum(bool(row.gaps) for row in bound)
    yield f"{gaps or 'none'} of those {'has' if gaps < 2 else 'have'} a gap"
    if "caught" in matrix.columns and not matrix.with_bugs:
        yield "planted bugs of the machines were left out: no proof of `fdl-harness prove --json` was given"
    if "caught" in matrix.columns and matrix.with_facts and not matrix.with_programs:
        yield "planted programs were left out: no proof of `fdl-harness prove --programs --json` was given"


def gap_lines(matrix: Matrix) -> Iterator[str]:
    """Yield what is missing of each rule that binds a program and has a gap."""
    for row in matrix.rows:
        if row.binds_a_program and row.gaps:
            yield f"{row.entry.id} is missing: {', '.join(HEADINGS[gap] for gap in row.gaps)}"


def _counts(matrix: Matrix, rows: Sequence[Row], what: str) -> str:
    judged = sum(bool(row.cells["judged"]) for row in rows)
    reached = sum(bool(row.cells["reached"]) for row in rows)
    bounded = [row for row in rows if row.entry.boundary]
    around = sum(all(row.cells[side] for side in ("below", "at", "above")) for row in bounded)
    parts = [
        f"{len(rows)} {what}",
        f"{judged} judged",
        f"{reached} reached",
        f"{around} of {len(bounded)} boundaries on all sides",
    ]
    if "caught" in matrix.columns:
        parts.append(f"{sum(bool(row.cells['caught']) for row in rows)} with a planted bug caught")
    return ", ".join(parts)


def coverage_as_text(matrix: Matrix) -> str:
    """Return the matrix as JSON: a count in each cell, ``null`` where the question makes no sense, 0 for a gap."""
    document: dict[str, Any] = {
        "reading": matrix.reading,
        "scenarios": matrix.scenarios,
        "columns": list(matrix.columns),
        "rules": [
            {
                "rule": row.entry.id,
                "text": row.entry.text,
                "binds": list(row.entry.binds),
                "how": list(row.ways),
                "boundary": row.entry.boundary or None,
                "correction": row.entry.correction or None,
                "cells": dict(row.cells),
            }
            for row in matrix.rows
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


# The record.


def record_as_text(matrix: Matrix, before: Mapping[str, Collection[str]]) -> str:
    """Return the record of a matrix as JSON, a line a rule.

    :param before: the last record, which keeps what it says of columns and rules that the matrix leaves out.
    """
    now = filled(matrix)
    lines = []
    for rule in sorted({*now, *before}):
        known = compared(matrix, rule)
        kept = [column for column in before.get(rule, ()) if column not in known]
        both = {*now.get(rule, ()), *kept}
        if columns := [column for column in COLUMNS if column in both]:
            lines.append(f"    {json.dumps(rule)}: {json.dumps(columns)}")
    rules = ",\n".join(lines)
    return f'{{\n  "reading": {json.dumps(matrix.reading)},\n  "filled": {{\n{rules}\n  }}\n}}\n'


def read_record(file: Path, reading: str) -> dict[str, list[str]]:
    """Return which cells were filled by the record in ``file``.

    :raises Mistake: if it is none, or one of another reading.
    """
    found = _read_json(file, _RECORD)
    rules = found.get("filled") if isinstance(found, dict) else None
    if not isinstance(rules, dict) or not all(isinstance(each, list) for each in rules.values()):
        raise Mistake(f"{file}, which has no filled cells", _RECORD)
    if found.get("reading") != reading:
        raise Mistake(f"{file}, which is a record of the reading {found.get('reading')!r}", f"one of {reading!r}")
    return rules


def read_facts(file: Path) -> dict[str, int]:
    """Return which rules were checked against the real programs, by ``file``: 1 for each that held, else 0.

    :raises Mistake: if it is not what `fdl-harness facts` writes.
    """
    expected = "a file that `fdl-harness facts --json FILE` wrote"
    found = _read_json(file, expected)
    facts = found.get("facts") if isinstance(found, dict) else None
    if not isinstance(facts, list) or not all(isinstance(each, dict) and "rule" in each for each in facts):
        raise Mistake(f"{file}, which has no facts", expected)
    return {str(each["rule"]): int(each.get("outcome") == "held") for each in facts}


def read_proofs(file: Path) -> list[Proof]:
    """Return what became of planted bugs, by ``file``.

    :raises Mistake: if it is not what `fdl-harness prove` writes.
    """
    expected = "a file that `fdl-harness prove --json FILE` wrote"
    text = _read(file, expected)
    try:
        return proofs_from_text(text)
    except Mistake as error:
        raise Mistake(f"{file}, which has {error.found}", expected) from None


def _read_json(file: Path, expected: str) -> Any:
    text = _read(file, expected)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Mistake(f"{file}, which is no JSON", expected) from None


def _read(file: Path, expected: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{file}, which cannot be read: {error.strerror or error}", expected) from None
    except UnicodeDecodeError:
        raise Mistake(f"{file}, which is no text in UTF-8", expected) from None


def change_lines(lost: Sequence[Change], gained: Sequence[Change], file: Path) -> Iterator[str]:
    """Yield what became of the cells that ``file`` records, and what to do about it."""
    for rule, changes in groupby(lost, itemgetter(0)):
        columns = [column for _, column in changes]
        yield f"{rule} has lost: {', '.join(HEADINGS[column] for column in columns)}. {_REMEDIES[columns[0]]}"
    for rule, changes in groupby(gained, itemgetter(0)):
        yield f"{rule} has gained: {', '.join(HEADINGS[column] for _, column in changes)}"
    if lost:
        yield f"If that is meant, record it: fdl-harness coverage --against {file} --update"
    elif gained:
        yield f"Record what was gained, so that it stays: fdl-harness coverage --against {file} --update"
    else:
        yield f"as recorded in {file}"


_SIDES = "No occasion of any scenario lies on that side of its boundary any more: give one back, or add a scenario."
_REMEDIES = {
    "judged": "It has no judge any more: register one again (harness/rulebook, `judges`).",
    "reached": "No scenario puts it to the test any more: `fdl-harness rules ID` says what would.",
    "below": _SIDES,
    "at": _SIDES,
    "above": _SIDES,
    "caught": "It catches no planted bug any more: `fdl-harness prove`, and for a fact `prove --programs`, says why.",
}
