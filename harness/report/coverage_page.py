"""Coverage as a page for browsers: one file, which needs nothing from outside."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from harness.coverage import Cell, Matrix, Row
from harness.report.coverage import HEADINGS, NOT_APPLICABLE, coverage_summary, gap_lines

__all__ = ["coverage_page"]

_STYLE = """
:root { color-scheme: light dark; --text: #1c2733; --soft: #5b6875; --page: #ffffff; --head: #eef2f6; --line: #d5dce3;
  --yes: #d9f0df; --yes-text: #14532d; --no: #fbd9d6; --no-text: #8c1d18; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9ee; --soft: #9aa7b4; --page: #12181f; --head: #1e2731;
  --line: #33404d; --yes: #17402a; --yes-text: #b9ebc9; --no: #5c1f1c; --no-text: #ffd0cb; } }
body { margin: 2rem auto; max-width: 84rem; padding: 0 1rem; font: 15px/1.45 system-ui, sans-serif; color: var(--text);
  background: var(--page); }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
p { margin: .2rem 0; }
details { margin: .6rem 0; }
summary { cursor: pointer; }
ul { padding-left: 1.2rem; margin: .5rem 0; columns: 22rem; }
table { border-collapse: separate; border-spacing: 0; width: 100%; margin-top: 1.2rem; }
th { position: sticky; top: 0; background: var(--head); text-align: left; border-bottom: 2px solid var(--line); }
th, td { padding: .35rem .6rem; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
td.cell, th.cell { text-align: right; white-space: nowrap; }
td.yes { background: var(--yes); color: var(--yes-text); }
td.missing { background: var(--no); color: var(--no-text); font-weight: 700; }
td.none { color: var(--soft); }
.about { color: var(--soft); font-size: .87em; }
"""


def coverage_page(matrix: Matrix) -> str:
    """Return the matrix as an HTML document. What a cell says is in its text; its colour says it again."""
    return "".join(_parts(matrix))


def _parts(matrix: Matrix) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Coverage of the rules</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield "<h1>Coverage of the rules</h1>\n"
    for line in coverage_summary(matrix):
        yield f"<p>{escape(line)}</p>\n"
    if gaps := list(gap_lines(matrix)):
        yield "<details>\n<summary>What is missing</summary>\n<ul>\n"
        yield "".join(f"<li>{escape(line)}</li>\n" for line in gaps)
        yield "</ul>\n</details>\n"
    yield '<table>\n<thead><tr><th scope="col">rule</th><th scope="col">binds</th>'
    for column in matrix.columns:
        yield f'<th scope="col" class="cell">{HEADINGS[column]}</th>'
    yield '<th scope="col">what it says, and how it is judged</th></tr></thead>\n<tbody>\n'
    for row in matrix.rows:
        yield f'<tr id="{row.entry.id}"><td>{row.entry.id}</td><td>{" ".join(row.entry.binds)}</td>'
        for column in matrix.columns:
            yield _cell(column, row.cells[column])
        yield f"<td>{escape(row.entry.text)}{''.join(_about(row))}</td></tr>\n"
    yield "</tbody>\n</table>\n</body>\n</html>\n"


def _cell(column: str, cell: Cell) -> str:
    if cell is None:
        return f'<td class="cell none">{NOT_APPLICABLE}</td>'
    if not cell:
        return '<td class="cell missing">missing</td>'
    return f'<td class="cell yes">{"yes" if column == "judged" else cell}</td>'


def _about(row: Row) -> Iterator[str]:
    lines = [f"judged by: {', '.join(row.ways)}" if row.ways else "not judged yet"]
    if row.entry.correction:
        lines.append(f"corrected: {row.entry.correction}")
    if row.entry.boundary:
        lines.append(f"boundary: {row.entry.boundary}")
    for line in lines:
        yield f'<div class="about">{escape(line)}</div>'
