"""Each wrong program is noticed by the facts that it breaks; for each fact there is one."""

from __future__ import annotations

import pytest

from harness.facts import FACTS, Outcome, check_against
from harness.planting import ProgramBug
from tests.planted_bugs.programs import BUGS
from tests.programs import skip_what_this_machine_lacks

#: The facts that are about each program, or have it do something on their way: whoever is wrong breaks no other.
NEIGHBOURS = {
    "fdl-machine": [(3, 3), (12, 12), (24, 24), (38, 53)],
    "fdl-issuer": [(3, 4), (14, 16), (54, 74), (87, 87), (96, 96), (126, 129)],
    "fdl-server": [(10, 16), (39, 39), (68, 68), (75, 91), (96, 98), (121, 129)],
    "fdl-node": [(12, 12), (36, 36), (84, 84), (91, 106)],
}

bugs = pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)


def broken_by(bug: ProgramBug, rules: list[str]) -> list[str]:
    """Return which of ``rules`` are broken by ``bug``. All of them have to be checked."""
    found = check_against(bug, rules)
    skip_what_this_machine_lacks(found)
    assert [each for each in found if each.outcome is Outcome.NOT_CHECKED] == []
    # A program that crashes is noticed by everybody, and shows nothing of a fact.
    assert [each for each in found if "Traceback" in each.seen] == []
    return [each.rule for each in found if each.outcome is Outcome.BROKEN]


@bugs
def test_a_wrong_program_is_noticed(bug: ProgramBug) -> None:
    # What it breaks besides is looked at below.
    first = [bug.breaks[0]]
    assert broken_by(bug, first) == first


@pytest.mark.wire("large")
@bugs
def test_a_wrong_program_breaks_just_the_facts_that_it_should(bug: ProgramBug) -> None:
    near = [f"R{number:03}" for low, high in NEIGHBOURS[bug.command] for number in range(low, high + 1)]
    rules = sorted({*(rule for rule in near if rule in FACTS), *bug.breaks})
    assert broken_by(bug, rules) == sorted(bug.breaks)


def test_every_fact_is_broken_by_some_program() -> None:
    # So every fact that binds the server or a node is, too: what `fdl-harness coverage` asks for.
    assert sorted({rule for bug in BUGS for rule in bug.breaks}) == sorted(FACTS)


@bugs
def test_a_bug_says_what_is_wrong(bug: ProgramBug) -> None:
    assert bug.wrong.endswith(".")
    assert list(bug.breaks) == sorted(set(bug.breaks))


def test_no_two_bugs_have_one_name() -> None:
    names = [bug.name for bug in BUGS]
    assert sorted(set(names)) == sorted(names)
