"""A TOML file as plain data, with the place of everything in it.

`tomllib` reads the data and names mistakes of syntax; `spanned_toml`, which reads the same language, knows
where each key and value stands. What it does not know is where a table of a list begins, since tables can be
written in several pieces; their headers are looked up in the text.
"""

from __future__ import annotations

import copy
import re
import tomllib
from bisect import bisect_left
from typing import Any

import spanned_toml

from harness.problems import Complaint, Loc, Problem, ScenarioError

__all__ = ["Document", "Given"]

_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Document:
    """The TOML ``text``, read. ``data`` is its content, ``file`` the name to use in messages.

    It does not survive the way to a worker: its ``text`` does.

    :raises ScenarioError: if ``text`` is not TOML.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.text = text
        self._text = text.replace("\r\n", "\n")
        self._newlines = [match.start() for match in re.finditer("\n", self._text)]
        self._headers: dict[str, list[int]] = {}
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
            self._spans: Any = spanned_toml.loads(text)
        except RecursionError:
            raise self._unreadable("brackets nested too deeply", 1, 1) from None
        except ValueError as error:
            # Not only TOMLDecodeError: a number of very many digits is a plain ValueError.
            message = str(error)
            place = _SYNTAX_PLACE.search(message)
            if place is None:
                raise self._unreadable(message, 1, 1) from None
            line, column = self._line_and_column(len(self._text))
            if place[1]:
                line, column = int(place[1]), int(place[2])
            raise self._unreadable(message[: place.start()], line, column) from None

    def having(self, data: dict[str, Any]) -> Document:
        """Return a document with this content, in which what is at the same way has the same place."""
        other = copy.copy(self)
        other.data = data
        return other

    def problem(self, complaint: Complaint) -> Problem:
        """Return what is complained about with its place: that of the value, of the key if that is wrong.

        If nothing stands there, its place is that of the table in which it is missing.
        """
        loc, mistake, at_key = complaint
        line, column = self.place(loc, at_key=at_key)
        return Problem(
            file=self.file,
            line=line,
            column=column,
            key=_dotted(loc),
            found=mistake.found,
            expected=mistake.expected,
        )

    def place(self, loc: Loc, *, at_key: bool = False) -> tuple[int, int]:
        """Return line and column, from 1, of the value at ``loc``, of its header if it is a table."""
        offset = 0
        here = self._spans
        for depth, part in enumerate(loc):
            inner = here.inner()
            if isinstance(inner, dict) and part in inner:
                offset = next(key.span().start for key in inner if key == part)
            elif isinstance(inner, list) and isinstance(part, int) and part < len(inner):
                offset = self._item_offset(loc[:depth], inner, part, offset)
            else:
                break
            here = inner[part]
            if here.span().stop and not (at_key and depth == len(loc) - 1):
                offset = here.span().start
        return self._line_and_column(offset)

    def _item_offset(self, loc: Loc, items: list[Any], index: int, list_offset: int) -> int:
        """Return where the table ``items[index]`` of the list at ``loc`` begins: at its ``[[header]]``."""
        headers = self._headers_of(str(loc[0])) if len(loc) == 1 else []
        if len(headers) == len(items):
            return headers[index]
        inner = items[index].inner()
        keys = list(inner) if isinstance(inner, dict) else []
        return min((key.span().start for key in keys), default=list_offset)

    def _headers_of(self, name: str) -> list[int]:
        if name not in self._headers:
            header = rf"^[ \t]*\[\[[ \t]*{re.escape(name)}[ \t]*\]\]"
            self._headers[name] = [match.start() for match in re.finditer(header, self._text, re.M)]
        return self._headers[name]

    def _line_and_column(self, offset: int) -> tuple[int, int]:
        earlier = bisect_left(self._newlines, offset)
        return earlier + 1, offset - (self._newlines[earlier - 1] if earlier else -1)

    def _unreadable(self, why: str, line: int, column: int) -> ScenarioError:
        found = f"what is not TOML ({why[:200]})"
        return ScenarioError([Problem(file=self.file, line=line, column=column, found=found, expected="TOML 1.0")])


class Given:
    """The content of a scenario as Python values: nothing in it has a place in a text."""

    def __init__(self, data: dict[str, Any], file: str) -> None:
        self.data = data
        self.file = file

    def problem(self, complaint: Complaint) -> Problem:
        """Return what is complained about, by its key."""
        mistake = complaint.mistake
        key = _dotted(complaint.loc)
        return Problem(file=self.file, key=key, found=mistake.found, expected=mistake.expected)

    def place(self, loc: Loc) -> tuple[int, int]:
        """Return line and column 0: there is no text."""
        return 0, 0


def _dotted(loc: Loc) -> str:
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else ascii(part))
    return text
