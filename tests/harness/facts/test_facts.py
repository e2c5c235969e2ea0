"""Every fact of the document, checked against the real programs; and the command that does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.facts import FACTS, Found, Outcome, Workshop, check, checking
from harness.facts.checking import BrokenError, NotCheckedError
from tests.programs import skip_what_this_machine_lacks

#: The rules of each fact, which is checked once for all of them.
RULES = list({fact: [rule for rule in sorted(FACTS) if FACTS[rule] is fact] for fact in FACTS.values()}.values())


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with Workshop() as made:
        yield made


@pytest.mark.parametrize("rules", RULES, ids=" ".join)
def test_the_programs_do_what_the_document_states(workshop: Workshop, rules: list[str]) -> None:
    found = list(check(workshop, rules))
    skip_what_this_machine_lacks(found)
    assert found == [Found(rule=rule, outcome=Outcome.HELD) for rule in rules]


# The command.


def call(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["facts", *arguments], env={"COLUMNS": "120", "CI": "1"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_the_command_shows_each_fact_and_a_count(tmp_path: Path) -> None:
    done = call("R041", "r038", "R041", "--json", str(tmp_path / "facts.json"))
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines()]
    assert [(line[0], line[-1]) for line in lines[:3]] == [("rule", "outcome"), ("R041", "held"), ("R038", "held")]
    assert done.output.endswith("2 facts: 2 held\n")
    expected = [{"rule": "R041", "outcome": "held"}, {"rule": "R038", "outcome": "held"}]
    assert json.loads((tmp_path / "facts.json").read_text())["facts"] == expected


def test_programs_of_ones_own_are_checked_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = tmp_path / "fdl-machine"
    wrong.write_text("#!/bin/sh\necho Windows Win.zip\n")
    wrong.chmod(0o755)
    done = call("R038", "--programs", ".", "--json", str(tmp_path / "facts.json"))
    assert done.exit_code == 1
    assert "R038 is broken\n" in done.output
    assert "  command   fdl-machine --packages\n" in done.output
    (fact,) = json.loads((tmp_path / "facts.json").read_text())["facts"]
    assert (fact["outcome"], fact["seen"]) == ("broken", "exit code 0 and 'Windows Win.zip'")


def test_the_exit_code_tells_what_is_broken_from_what_could_not_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def impossible(_: Workshop) -> None:
        raise NotCheckedError("there is no such thing here")

    def broken(_: Workshop) -> None:
        raise BrokenError("this", "that", "fdl-node")

    monkeypatch.setitem(checking.FACTS, "R085", impossible)
    done = call("R085", "R038")
    assert done.exit_code == 3
    assert "R085 could not be checked: there is no such thing here" in done.output
    assert done.output.endswith("2 facts: 1 held, 1 not checked\n")
    monkeypatch.setitem(checking.FACTS, "R038", broken)
    assert call("R085", "R038").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["R999"], "no rule has the id 'R999'"),
        (["R031"], "R031 is not checked against the programs: it is judged in the simulation"),
        (["R077", "--json", "x.toml"], "a report would overwrite it"),
        (["R077", "--programs", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_call_is_told(arguments: list[str], says: str) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split()).replace("│ ", "")
