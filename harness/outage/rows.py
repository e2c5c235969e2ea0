"""The rows of a record's file, whatever its form, before anybody asks what they mean.

Three forms are told apart by the first line. It begins with a brace: JSON Lines. It begins with a time, or is a page's
title: what a page prints. Otherwise it is the header of a table, whose delimiter is the one that makes most columns
of it. A table is a timeline if it has an event for each row, and a list of failures if it has a reason.

Each line of the file ends up in a row, or in a problem. So a row that spoils a table's quotes must not swallow those
below it: a cell of several lines is taken for one only if its quotes are closed not far below and before the next row.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from harness.outage.columns import SKIP, Columns, unknown
from harness.outage.errors import RecordError
from harness.outage.record import What
from harness.outage.text import CONTROL, lines_of
from harness.outage.times import written
from harness.problems import Mistake, Problem, shown

__all__ = ["Row", "Rows"]

_DELIMITERS = (",", ";", "\t")
#: A spreadsheet's own way to say which delimiter follows.
_SEP = re.compile(r"sep=.", re.IGNORECASE)
_LONGEST_CELL_LINES = 20
#: The last parts of the titles of pages that have a list, and the headings above it.
_TITLES = ("registration management", "注册管理")
_HEADINGS = ("failures", "失败记录", "失败列表")
_GAP = re.compile(r"\t+|\s{2,}")
_EXPECTED = (
    "a header such as time,source,event,detail (a timeline) or time,node,reason (a list of failures), an object on "
    "each line (JSON Lines), or the lines of a page"
)
_AN_OBJECT = "an object on each line"


class Row(NamedTuple):
    """One row: the texts of its cells. Of a list, the source is the node, and the detail the reason."""

    line: int
    time: str
    source: str
    event: str
    detail: str


class Rows:
    """The rows of a file, in order of the lines, and what is wrong with lines that make none.

    :param text: the text of the file.
    :param file: its name.
    :raises RecordError: if it has none of the forms.
    """

    def __init__(self, text: str, file: str, columns: Columns) -> None:
        self.rows: list[Row] = []
        self.problems: list[Problem] = []
        self._file = file
        self._lines = lines_of(text)
        self._columns = columns
        self._delimiter = ""
        self._header: dict[str, int] = {}
        first = next((number for number, line in enumerate(self._lines, 1) if line.strip()), None)
        if first is None:
            raise RecordError([Problem(file=file, found="nothing", expected=_EXPECTED)])
        try:
            self._read(first)
        except Mistake as mistake:
            raise RecordError([self.problem(first, mistake)]) from None

    def problem(self, line: int, mistake: Mistake) -> Problem:
        """Return ``mistake`` with its place: its line, and the column where the cell of its key begins."""
        key = mistake.key or ""
        column = self._column(self._lines[line - 1], key)
        return Problem(
            file=self._file, line=line, column=column, key=key, found=mistake.found, expected=mistake.expected
        )

    def _add(self, line: int, mistake: Mistake) -> None:
        self.problems.append(self.problem(line, mistake))

    def _column(self, line: str, key: str) -> int:
        keys = (key, *{"source": ("node",), "detail": ("reason", "code", "name")}.get(key, ()))
        if self._delimiter:
            starts = list(_cell_starts(line, self._delimiter))
            index = next((self._header[each] for each in keys if each in self._header), 0)
            return starts[index] if index < len(starts) else len(line) + 1
        names = [name for each in keys for name in self._columns.names(each)]
        places = (line.find(json.dumps(name, ensure_ascii=False)) for name in names)
        return next((place for place in places if place >= 0), len(line) - len(line.lstrip())) + 1

    def _read(self, first: int) -> None:
        head = self._lines[first - 1]
        if head.lstrip()[0] in "{[":
            self._json_lines()
        elif not self._columns.mapped and _begins_a_page(head):
            self._page()
        elif _SEP.fullmatch(head.strip()) and first < len(self._lines):
            self._table(first + 1)
        else:
            self._table(first)

    def _add_row(self, line: int, cells: Mapping[str, str]) -> None:
        """Add the row with ``cells`` by their keys."""
        cell = cells.get
        if "event" in cells:
            row = Row(line, cells["time"], cell("source", ""), cells["event"], cell("detail", ""))
        else:
            # The code, the name and the reason say the same thing; a page has a dash where there is none.
            reasons = (cell(key, "-") for key in ("code", "name", "reason"))
            detail = " ".join(dict.fromkeys(each for each in reasons if each not in ("", "-")))
            row = Row(line, cells["time"], cell("node") or self._columns.node or "", What.FAILED.value, detail)
        self.rows.append(row)

    # A table.

    def _table(self, first: int) -> None:
        head = self._lines[first - 1]
        ways = [(_split(head, each) or [], each) for each in _DELIMITERS]
        names, delimiter = max(ways, key=lambda way: sum(self._columns.key(name) is not None for name in way[0]))
        if sum(self._columns.key(name) is not None for name in names) < 2:
            delimiter = max(_DELIMITERS, key=head.count)
            self._columns.check_mapped([name.strip() for name in _split(head, delimiter) or [head]])
            raise Mistake(f"the first line {shown(head)}", f"{_EXPECTED}; --columns maps columns of other names")
        self._delimiter = delimiter
        self._read_header(first, [name.strip() for name in names])
        keys = [(key, index) for key, index in self._header.items() if key != SKIP]
        for line, row in self._cells(first + 1):
            if len(row) > len(names) and any(row[len(names) :]):
                expected = f"{len(names)}, as in the header: a text with the delimiter in it stands in quotes"
                self._add(line, Mistake(f"{len(row)} cells", expected))
                continue
            there = len(row)
            self._add_row(line, {key: row[index].strip() if index < there else "" for key, index in keys})

    def _read_header(self, line: int, names: list[str]) -> None:
        self._columns.check_mapped(names)
        for index, name in enumerate(names):
            key = self._columns.key(name)
            if key is None:
                if name:
                    column = list(_cell_starts(self._lines[line - 1], self._delimiter))[index]
                    self.problems.append(replace(self.problem(line, unknown(name)), column=column))
            elif key in self._header and key != SKIP:
                raise Mistake(f"two columns of the {key}: {names[self._header[key]]}, {name}", "one of each")
            else:
                self._header[key] = index
        self._columns.check_complete(names, self._header)

    def _cells(self, first: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of each row that has any, with the line on which it begins."""
        lines, delimiter = self._lines, self._delimiter
        number = first
        while number <= len(lines):
            begin, text = number, lines[number - 1]
            number += 1
            row = _split(text, delimiter)
            while row is None and number <= len(lines) and self._goes_on(lines[number - 1], number - begin):
                text = f"{text}\n{lines[number - 1]}"
                number += 1
                row = _split(text, delimiter)
            if row is None:
                number = begin + 1
                expected = "quotes around a whole cell; a quote within them is written twice"
                self._add(begin, Mistake("a quote that is not closed, or that stands within a cell", expected))
            elif any(cell.strip() for cell in row):
                yield begin, row

    def _goes_on(self, line: str, so_far: int) -> bool:
        """Tell whether an open cell may go on with ``line``, which is no row of its own."""
        cells = line.split(self._delimiter)
        index = self._header["time"]
        return so_far < _LONGEST_CELL_LINES and not (index < len(cells) and _is_time(cells[index].strip(' "')))

    # JSON Lines.

    def _json_lines(self) -> None:
        seen: dict[str, None] = {}
        for number, line in enumerate(self._lines, 1):
            if not line.strip():
                continue
            try:
                cells = _object(line)
                seen.update(dict.fromkeys(cells))
                self._add_row(number, self._keyed(cells))
            except Mistake as mistake:
                self._add(number, mistake)
            except json.JSONDecodeError as error:
                column, found = min(error.colno, len(line) + 1), f"no JSON ({error.msg.lower()})"
                self.problems.append(
                    Problem(file=self._file, line=number, column=column, found=found, expected=_AN_OBJECT)
                )
        self._columns.check_mapped(list(seen))

    def _keyed(self, cells: Mapping[str, str]) -> dict[str, str]:
        keyed: dict[str, str] = {}
        for name, text in cells.items():
            key = self._columns.key(name)
            if key is None:
                raise unknown(name)
            if key in keyed and key != SKIP:
                raise Mistake(f"two keys of the {key}", "one of each")
            keyed[key] = text.strip()
        self._columns.check_complete(cells, keyed)
        return keyed

    # What a page prints.

    def _page(self) -> None:
        """Read the rows of the list. What stands above its heading says how things are, without a time."""
        headings = [number for number, line in enumerate(self._lines, 1) if line.strip().casefold() in _HEADINGS]
        for number, line in enumerate(self._lines, 1):
            plain = line.strip()
            if not plain or (headings and number <= headings[0]) or (plain[0] == "[" and plain[-1] == "]"):
                continue
            time, *others = _GAP.split(plain)
            if len(others) not in (1, 2):
                self._add(number, Mistake(shown(plain), "a time, the node and the reason, two spaces apart"))
            elif len(others) == 1 and self._columns.node is None:
                self._add(number, Mistake("no node", "--node, which says whose list it is"))
            else:
                self._add_row(number, {"time": time, "node": "".join(others[:-1]), "reason": others[-1]})


def _begins_a_page(line: str) -> bool:
    plain = line.strip()
    time, *others = _GAP.split(plain)
    if plain.casefold().split(" > ")[-1] in (*_TITLES, *_HEADINGS):
        return True
    return bool(others) and _is_time(time)


def _is_time(text: str) -> bool:
    try:
        written(text)
    except Mistake:
        return False
    return True


def _split(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of ``line``, ``None`` if its quotes do not close."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        (row,) = csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        return None
    return row


def _cell_starts(line: str, delimiter: str) -> Iterator[int]:
    """Yield the column at which each cell of ``line`` begins, from 1."""
    yield 1
    quoted = False
    for column, each in enumerate(line, 2):
        if each == '"':
            quoted = not quoted
        elif each == delimiter and not quoted:
            yield column


def _object(line: str) -> dict[str, str]:
    """Return the object on one line, its values as texts."""
    try:
        value = json.loads(line, object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_number)
    except RecursionError:
        raise Mistake("brackets within brackets without end", _AN_OBJECT) from None
    if not isinstance(value, dict):
        raise Mistake(shown(value), _AN_OBJECT)
    for name, each in value.items():
        if each is None:
            value[name] = ""
        elif not isinstance(each, str):
            raise Mistake(f"{shown(name)} with {shown(each)}", "a text or a number")
        elif CONTROL.search(each):
            raise Mistake(f"{shown(name)} with {shown(each)}", "a text of printable characters")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise Mistake(f"a key twice among {', '.join(names)}", "each key once")
    return dict(pairs)


def _no_number(name: str) -> Any:
    raise Mistake(name, "a text or a number")
