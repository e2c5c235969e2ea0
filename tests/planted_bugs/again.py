"""The library and the planted bugs once more, quickly: what mutation testing runs on each mutant of the rule book.

The right machines break no rule in a scenario, and each planted bug breaks one of its rules, as the tests of the
library and of this folder say. Here the traces are made once, before there is a mutant, and only judged on each.
pytest finds this file only if it is named, as pyproject.toml names it for mutmut.
"""

from __future__ import annotations

from functools import cache

import pytest

from harness.expectations import own_reading
from harness.library import find_scenarios, library_path
from harness.proof import Prover
from harness.rulebook import JUDGES, Ruling, judge
from harness.rulebook.history import History
from harness.rulebook.verdicts import Tally
from harness.scenario import Scenario
from harness.scenario_file import load
from harness.trace import Trace
from harness.world import run
from reference_server.readings import Reading, reading_named
from tests.planted_bugs import BUGS
from tests.rulebook.hand import check_finding

Played = tuple[Scenario, Reading, Trace]

#: Larger fleets take long, and show what smaller ones show.
LARGEST = 50
SMALL = {
    str(file.relative_to(library_path())): scenario
    for file in find_scenarios(library_path())
    if len((scenario := load(file)).nodes) <= LARGEST
}


@cache
def played() -> dict[str, Played]:
    """Return each scenario as the right machines play it."""
    readings = {path: reading_named(own_reading(scenario)) for path, scenario in SMALL.items()}
    return {path: (scenario, readings[path], run(scenario, readings[path])) for path, scenario in SMALL.items()}


@cache
def caught() -> dict[str, tuple[Played, list[str]]]:
    """Return each bug in the scenario that catches it, with the rules that do."""
    prover, by_file, found = Prover(list(SMALL.values())), {each.file: each for each in SMALL.values()}, {}
    for bug in BUGS:
        catches = prover.prove(bug).caught
        if catches:
            scenario = by_file[catches[0].scenario]
            reading = reading_named(own_reading(scenario))
            trace = run(scenario, reading, server=bug.server, node=bug.node, wire=bug.wire)
            found[bug.name] = (scenario, reading, trace), [each.rule for each in catches]
    return found


# Before there is a mutant.
played()
caught()


@pytest.mark.parametrize("path", SMALL)
def test_the_right_machines_break_no_rule(path: str) -> None:
    found = judge(*played()[path])
    assert [each.trouble for each in found.values() if each.trouble] == []
    assert [rule for rule, each in found.items() if each.ruling is Ruling.VIOLATED] == []
    for rule, each in found.items():
        for note in each.notes:
            check_finding(SMALL[path], rule, note)


def test_every_planted_bug_is_caught() -> None:
    assert len(caught()) == len(BUGS)


@pytest.mark.parametrize("name", caught())
def test_a_planted_bug_breaks_its_rule(name: str) -> None:
    (scenario, reading, trace), rules = caught()[name]
    history = History(scenario, reading, trace)
    for rule in rules:
        tally = Tally()
        JUDGES[rule](history, tally)
        assert tally.violations, rule
        check_finding(scenario, rule, tally.examples[0])
