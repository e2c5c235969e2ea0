"""What is wrong with a scenario file, as data: where, what was found and what was expected.

A `Mistake` is one value that cannot be, raised where the value is read, which knows no file. A `Complaint`
adds the way to it through tables and lists, a `Problem` its place in the text. A `ScenarioError` carries all
problems of one file at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple, TypeAlias

__all__ = ["Complaint", "Loc", "Mistake", "Problem", "ScenarioError", "did_you_mean", "one_of", "shown"]

#: A way to a value: the keys and list indices to follow from the root.
Loc: TypeAlias = tuple[str | int, ...]

_SHOWN_LIMIT = 80
_LISTED_LIMIT = 24
_COMPARED_LIMIT = 1_000


class Mistake(ValueError):  # noqa: N818 - a value to report, as often collected as raised
    """A value that cannot be. ``key`` names the key to blame where that is not the one being read."""

    def __init__(self, found: str, expected: str, *, key: str | None = None) -> None:
        super().__init__(f"found {found}, expected {expected}")
        self.found = found
        self.expected = expected
        self.key = key


class Complaint(NamedTuple):
    """A mistake and the way to it. With ``at_key`` the key itself is wrong, not its value."""

    loc: Loc
    mistake: Mistake
    at_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake of a file. ``line`` and ``column`` count from 1; 0 where the file as a whole is meant."""

    file: str
    line: int = 0
    column: int = 0
    key: str = ""
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        complaint = f"found {self.found}, expected {self.expected}"
        return ": ".join(part for part in (place, self.key, complaint) if part)


class ScenarioError(ValueError):
    """A scenario file that cannot be run. ``problems`` are all that is wrong with it, in order of place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[Problem, ...]]]:
        """Let it survive the way back from a worker, too."""
        return ScenarioError, (self.problems,)


def shown(value: object) -> str:
    """Return ``value`` much as a TOML file writes it, short enough for a message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)} item{'' if len(value) == 1 else 's'}"
    if isinstance(value, str | bool):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, datetime | date | time):
        text = value.isoformat()
    elif isinstance(value, int) and value.bit_length() > 256:
        return "a number of very many digits"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_LIMIT else f"{text[: _SHOWN_LIMIT - 3]}..."


def one_of(choices: Iterable[str], found: object) -> str:
    """Return "one of a, b, c", with the choice that ``found`` was probably meant to be."""
    known = list(islice(choices, _COMPARED_LIMIT))
    text = ", ".join(known[:_LISTED_LIMIT]) + (", ..." if len(known) > _LISTED_LIMIT else "")
    return (f"one of {text}" if len(known) > 1 else text) + did_you_mean(known, found)


def did_you_mean(choices: Iterable[str], found: object) -> str:
    """Return " (did you mean a?)" if one of ``choices`` is close to ``found``, else nothing."""
    known = list(islice(choices, _COMPARED_LIMIT))
    close = get_close_matches(found[:_SHOWN_LIMIT], known, n=1) if isinstance(found, str) else []
    return f" (did you mean {close[0]}?)" if close else ""
