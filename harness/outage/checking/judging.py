"""Checking a record: every check by itself. A check is a function of a `Evidence` that tells its `Notes` what it finds.

Its docstring says what it can decide and what it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from harness.outage.checking.evidence import Evidence, Terms
from harness.outage.checking.findings import Checked, Notes
from harness.outage.record import Record

__all__ = ["CHECKS", "Check", "Finder", "check", "checks"]

#: What a check is.
Finder: TypeAlias = Callable[[Evidence, Notes], None]


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


def check(record: Record, terms: Terms) -> list[Checked]:
    """Return what each rule that can be seen in a record makes of ``record``, in order of the rules."""
    evidence = Evidence(record, terms)
    known: dict[Finder, Notes] = {}
    found = []
    for rule in sorted(CHECKS):
        find, wanted = CHECKS[rule]
        if find not in known:
            known[find] = Notes(complete=terms.complete)
            find(evidence, known[find])
        found.append(known[find].checked(rule, wanted))
    return found
