"""Checking a record: every check by itself. A check is a function of a `Case` that tells its `Notes` what it finds.

Its docstring says what it can decide and what it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from harness.outage.checking.case import Assumed, Case
from harness.outage.checking.findings import Checked, Notes
from harness.outage.record import Record

__all__ = ["CHECKS", "Check", "check", "checks"]

Finder: TypeAlias = Callable[[Case, Notes], None]


class Check(NamedTuple):
    """What checks one rule, and what has to be recorded so that it can."""

    find: Finder
    wanted: str


#: The rules that are checked, by id.
CHECKS: dict[str, Check] = {}


def checks(*ids: str, wanted: str) -> Callable[[Finder], Finder]:
    """Register a function as the check of the rules ``ids``; ``wanted`` says what puts them to the test."""

    def register(find: Finder) -> Finder:
        for each in ids:
            assert each not in CHECKS, f"{each} has a check already"
            CHECKS[each] = Check(find, wanted)
        return find

    return register


def check(record: Record, assumed: Assumed) -> list[Checked]:
    """Return what each rule that can be seen in a record makes of ``record``, in order of the rules."""
    case = Case(record, assumed)
    known: dict[Finder, Notes] = {}
    found = []
    for rule in sorted(CHECKS):
        find, wanted = CHECKS[rule]
        if find not in known:
            known[find] = Notes(complete=assumed.complete)
            find(case, known[find])
        found.append(known[find].checked(rule, wanted))
    return found
