"""What is varied: a way into the data of a scenario file, and the range of its values.

A value is a whole number of the smallest unit that the file can tell apart: a microsecond of a duration, a thousandth
of a ppm, a ten-thousandth of a percent (which is a ppm of drift), or one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from harness.durations import format_duration, parse_duration
from harness.problems import Loc, Mistake, ScenarioError, one_of, shown
from harness.scenario_file import Document, scenario_of

__all__ = ["Notation", "Varied", "varied"]

_NAME = r"[A-Za-z0-9_-]+(?:\[[0-9]{1,9}\])*"
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?")
#: How finely a number is varied, by its key; any other is a whole number.
_PARTS = {"ppm": 1_000, "percent": 10_000}


@dataclass(frozen=True, slots=True)
class Notation:
    """How a file writes what is varied: as a duration, or as a number of which ``parts`` make one."""

    is_duration: bool
    parts: int = 1

    @property
    def unit(self) -> str:
        """What a value counts, for programs: ``"us"``, ``"1"``, ``"1/1000"`` or ``"1/10000"``."""
        if self.is_duration:
            return "us"
        return "1" if self.parts == 1 else f"1/{self.parts}"

    def read(self, text: str) -> int:
        """Return the value that ``text`` writes.

        :raises Mistake: if it writes none, or one that is not whole.
        """
        if self.is_duration:
            return parse_duration(text, signed=True)
        if not _NUMBER.fullmatch(text.strip()):
            raise Mistake(shown(text), "a number")
        value = Fraction(text.strip()) * self.parts
        if value.denominator != 1:
            raise Mistake(shown(text), "a whole number" if self.parts == 1 else f"a number of whole {self.unit}")
        return value.numerator

    def written(self, value: int) -> str | int | float:
        """Return ``value`` as the file's data has it."""
        if self.is_duration:
            return format_duration(value)
        # The quotient is the float nearest to it, so that the file's reader finds its few decimals again.
        return value // self.parts if value % self.parts == 0 else value / self.parts

    def shown(self, value: int) -> str:
        """Return ``value`` for people."""
        return str(self.written(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """What is varied: ``path`` as it was given, ``loc`` the same as keys and indices, and the ends of the range.

    ``derived`` tells that the range was not given.
    """

    path: str
    loc: Loc
    notation: Notation
    low: int
    high: int
    derived: bool = False

    def put(self, data: dict[str, Any], value: int) -> dict[str, Any]:
        """Return a file's content with ``value`` in its place; ``data`` itself stays as it is."""
        changed: dict[str, Any] = _put(data, self.loc, self.notation.written(value))
        return changed


def varied(given: str, document: Document) -> Varied:
    """Return what ``given``, ``PATH`` or ``PATH=LOW..HIGH``, says is to be varied in ``document``.

    Without a range it reaches from 0 to double the file's value.

    :raises Mistake: if nothing of the kind can be varied.
    """
    path, equals, text = (part.strip() for part in given.partition("="))
    if not _PATH.fullmatch(path):
        raise Mistake(shown(path), 'the way to a value, such as "events[0].lasts" or "network.latency"')
    loc: Loc = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path))
    parts = _PARTS.get(str(loc[-1]), 1)
    value = _follow(document.data, loc, absent_too=bool(equals))
    if equals:
        low_text, dots, high_text = (part.strip() for part in text.partition(".."))
        if not dots:
            raise Mistake(shown(text), 'a range such as "20h..26h" or "1..50"')
        if (low_text == "0" and _is_duration(high_text)) or (high_text == "0" and _is_duration(low_text)):
            meant = "..".join("0s" if end == "0" else end for end in (low_text, high_text))
            raise Mistake(shown(text), f"a unit at both ends (did you mean {meant}?)")
        notation = Notation(not _NUMBER.fullmatch(low_text), parts)
        low, high = notation.read(low_text), notation.read(high_text)
        if low >= high:
            raise Mistake(f"a range from {low_text} to {high_text}", "LOW below HIGH")
        return Varied(path=path, loc=loc, notation=notation, low=low, high=high)
    notation = Notation(isinstance(value, str), parts)
    here = _value_of(value, notation, path)
    low, high = sorted((0, 2 * here))
    found = Varied(path=path, loc=loc, notation=notation, low=low, high=high, derived=True)
    # Some quantities, such as how long an event lasts, have to be above zero.
    return found if low or _is_right(document, found) else replace(found, low=1)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text, signed=True)
    except Mistake:
        return False
    return True


def _value_of(value: object, notation: Notation, path: str) -> int:
    if type(value) not in (str, int, float):
        raise Mistake(f"{shown(value)} at {path}", "a duration or a number, since only these are varied")
    try:
        here = notation.read(str(value))
    except Mistake:
        raise Mistake(f"{shown(value)} at {path}", f"a duration or a number, or a range: {path}=LOW..HIGH") from None
    if here == 0:
        raise Mistake(f"{shown(value)} at {path}, from which no range follows", f"one: {path}=LOW..HIGH")
    return here


def _is_right(document: Document, found: Varied) -> bool:
    try:
        scenario_of(document.having(found.put(document.data, found.low)))
    except ScenarioError:
        return False
    return True


def _follow(data: Any, loc: Loc, *, absent_too: bool) -> Any:
    """Return what stands at ``loc``; ``None`` if nothing does and ``absent_too`` lets it be put there."""
    here, way = data, ""
    for part in loc:
        if isinstance(part, int):
            if not isinstance(here, list):
                raise Mistake(f"[{part}] after {way}, which is {shown(here)}", "the key of a table")
            if part >= len(here):
                there = f"{way}[0] to {way}[{len(here) - 1}]" if len(here) > 1 else f"{way}[0]"
                raise Mistake(f"{way}[{part}]", f"{there}, counted from 0" if here else f"another way: {way} is empty")
            here, way = here[part], f"{way}[{part}]"
            continue
        if isinstance(here, list):
            raise Mistake(f".{part} after {way}, which is {shown(here)}", f"an index: {way}[0].{part}, say")
        if not isinstance(here, dict):
            raise Mistake(f".{part} after {way}, which is {shown(here)}", f"{way} alone")
        way = f"{way}.{part}" if way else part
        if part not in here:
            if absent_too and all(isinstance(each, str) for each in loc[loc.index(part) :]):
                return None
            whole = ".".join([way, *map(str, loc[loc.index(part) + 1 :])])
            raise Mistake(f"{way}, which is not in the file", f"{one_of(here, part)}; or a range: {whole}=LOW..HIGH")
        here = here[part]
    return here


def _put(here: Any, loc: Loc, value: object) -> Any:
    """Return a copy of ``here`` that has ``value`` at ``loc``; what is not on the way to it is shared."""
    if not loc:
        return value
    part, rest = loc[0], loc[1:]
    if isinstance(part, int):
        return [*here[:part], _put(here[part], rest, value), *here[part + 1 :]]
    return {**here, part: _put(here.get(part, {}), rest, value)}
