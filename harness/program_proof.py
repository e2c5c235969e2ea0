"""Proof that facts are worth something: programs that are wrong on purpose, and whether the facts notice.

A *planted bug* of a program (`harness.planting`) is the right program with one thing changed in its process. It is
proven if each of the facts that it breaks is broken where it runs, and is not broken by the right programs. One that
crashes proves nothing, since everybody notices a crash, nor does one that this machine cannot check.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from harness.facts import FACTS, Found, Outcome, Workshop, check, check_against
from harness.planting import ProgramBug
from harness.problems import Mistake, one_of
from harness.proof import Catch, Proof, declared, shared_out

__all__ = ["OWN_PROGRAMS", "ProgramProver", "load_program_bugs", "prove_programs"]

#: Where the project's own planted programs are, in its clone.
OWN_PROGRAMS = "tests.planted_bugs.programs"
#: What a program says that crashed.
_CRASHED = "Traceback"


def load_program_bugs(module: str, folder: Path) -> dict[str, ProgramBug]:
    """Return the planted bugs of programs that the value ``BUGS`` of a module lists, by name, in order.

    :param module: its dotted name.
    :param folder: where it is looked up before the installed modules.
    :raises Mistake: if there is no such module, its bugs are none, or one is of a program that is not installed.
    """
    bugs = declared(module, folder, ProgramBug, FACTS, "a fact that is checked against the programs")
    commands = sorted({each.name for each in entry_points(group="console_scripts") if each.name.startswith("fdl-")})
    for bug in bugs.values():
        if bug.command not in commands:
            found = f"{bug.name} in {module}, which is a bug of {bug.command}"
            raise Mistake(found, f"an installed program, {one_of(commands, bug.command)}")
    return bugs


class ProgramProver:
    """Tries planted programs, each against the facts that it breaks.

    :param against: checks facts against a planted program.
    :param right: checks one fact against the right programs.
    """

    def __init__(
        self,
        against: Callable[[ProgramBug, Sequence[str]], list[Found]] = check_against,
        right: Callable[[str], Found] | None = None,
    ) -> None:
        self._against = against
        self._right = right or _of_the_right_programs
        self._broken_anyway: dict[str, bool] = {}

    def prove(self, bug: ProgramBug) -> Proof:
        """Check each fact that ``bug`` breaks."""
        found = self._against(bug, bug.breaks)
        broken = [each.rule for each in found if each.outcome is Outcome.BROKEN]
        anyway = [rule for rule in broken if self._anyway(rule)]
        caught = [rule for rule in broken if rule not in anyway]
        return Proof(
            bug=bug.name,
            wrong=bug.wrong,
            breaks=bug.breaks,
            caught=tuple(Catch(rule, bug.command) for rule in caught),
            anyway=tuple(Catch(rule, bug.command) for rule in anyway),
            tried=len(found),
            raised=next(filter(None, map(_trouble, found)), ""),
            program=bug.command,
            missed=tuple(rule for rule in bug.breaks if rule not in caught),
        )

    def _anyway(self, rule: str) -> bool:
        """Return whether the right programs break a fact as well."""
        if rule not in self._broken_anyway:
            self._broken_anyway[rule] = self._right(rule).outcome is Outcome.BROKEN
        return self._broken_anyway[rule]


def _of_the_right_programs(rule: str) -> Found:
    with Workshop() as workshop:
        return next(check(workshop, [rule]))


def _trouble(found: Found) -> str:
    """Return why checking a fact proves nothing; empty if it does."""
    if found.outcome is Outcome.NOT_CHECKED:
        return f"{found.rule} could not be checked: {found.trouble}"
    return f"it crashes, as {found.rule} shows: {found.command}" if _CRASHED in found.seen else ""


def prove_programs(
    bugs: Sequence[ProgramBug], workers: int = 1, *, module: str = OWN_PROGRAMS, folder: Path
) -> Iterator[Proof]:
    """Yield what becomes of each of ``bugs``, in order, on ``workers`` processes, since facts set signals.

    There are never more than processors: a program that waits for one looks like one that does not answer.

    :param module: where `load_program_bugs` found them, and every worker finds them by their names.
    :param folder: where that is looked up first.
    :raises InternalError: if a worker ended.
    """
    workers = min(workers, os.cpu_count() or 1, len(bugs))
    if workers <= 1:
        yield from map(ProgramProver().prove, bugs)
    else:
        yield from shared_out([bug.name for bug in bugs], workers, partial(_prepared, module, folder))


def _prepared(module: str, folder: Path) -> Callable[[str], Proof]:
    bugs, prover = load_program_bugs(module, folder), ProgramProver()
    return lambda name: prover.prove(bugs[name])
