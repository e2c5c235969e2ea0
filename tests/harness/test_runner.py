"""The runner: how a run ends, what it can be asked, the command that repeats it, and what becomes of our own faults."""

from __future__ import annotations

import pickle
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings

import harness.runner
from harness.cli import main
from harness.rulebook import Judgement, Ruling
from harness.runner import InternalError, Job, Outcome, Result, jobs_for, run_jobs, run_one
from harness.scenario import Scenario
from harness.scenario_file import load, loads
from harness.world import run
from reference_server.authority import Authority
from reference_server.readings import LITERAL, READINGS
from tests.harness.test_cli import GOOD
from tests.harness.worlds import scenarios

HOUR = 3_600_000_000


def outcome_of(text: str = GOOD, reading: str | None = None) -> Result:
    readings = None if reading is None else [READINGS[reading]]
    (job,) = jobs_for(loads(text, file="good.toml"), readings)
    return run_one(job)


def judged(result: Result, rule: str, ruling: Ruling, trouble: str = "") -> Result:
    """Return ``result`` as if ``rule`` had been judged so."""
    made = Judgement(rule=rule, ruling=ruling, tested=1, trouble=trouble)
    return replace(result, judgements=result.judgements | {rule: made})


# How it ends.


def test_all_that_was_tested_held() -> None:
    result = outcome_of()
    assert result.outcome is Outcome.PASSED
    assert (result.violated, result.unmet, result.unjudged) == ([], [], [])


@pytest.mark.parametrize("rule", ["R028", "R112"])
def test_a_violated_rule_fails_whether_the_scenario_names_it_or_not(rule: str) -> None:
    result = judged(outcome_of(), rule, Ruling.VIOLATED)
    assert result.outcome is Outcome.FAILED
    assert [each.rule for each in result.violated] == [rule]


def test_an_unmet_expectation_fails() -> None:
    result = outcome_of(GOOD.replace('"interrupted"', '"lapsed"'))
    assert result.outcome is Outcome.FAILED
    assert [each.node for each in result.unmet] == ["fdl"]


def test_a_rule_that_is_named_and_not_put_to_the_test_is_unknown() -> None:
    # No licence expires here, so R112 is never put to the test; nobody asks for it unless the scenario names it.
    assert outcome_of().judgements["R112"].ruling is Ruling.UNKNOWN
    named = outcome_of(GOOD.replace('["R028"]', '["R028", "R112"]'))
    assert (named.outcome, named.unjudged) == (Outcome.UNKNOWN, ["R112"])


def test_a_failure_outweighs_what_could_not_be_judged() -> None:
    both = outcome_of(GOOD.replace('["R028"]', '["R028", "R112"]').replace('"interrupted"', '"lapsed"'))
    assert both.outcome is Outcome.FAILED


def test_what_a_scenario_names_is_asked_under_its_own_reading_only() -> None:
    text = GOOD.replace('["R028"]', '["R112"]')
    assert outcome_of(text, "revive").outcome is Outcome.PASSED
    assert outcome_of(f'reading = "revive"\n{text}', "revive").outcome is Outcome.UNKNOWN


def test_a_rule_that_crashed_is_unknown_though_nobody_names_it() -> None:
    result = judged(outcome_of(), "R112", Ruling.UNKNOWN, "crashed: KeyError: 7")
    assert result.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("own", "chosen", "expected"),
    [
        ("", None, ["literal"]),
        ('reading = "revive"', None, ["revive"]),
        ('reading = "revive"', ["literal", "windows-close"], ["literal", "windows-close"]),
    ],
)
def test_the_call_outweighs_the_file_and_the_file_outweighs_literal(
    own: str, chosen: list[str] | None, expected: list[str]
) -> None:
    readings = None if chosen is None else [READINGS[name] for name in chosen]
    assert [job.reading.name for job in jobs_for(loads(own + GOOD), readings)] == expected


def test_what_happened_is_counted_alike_with_every_poll() -> None:
    # 25 requests: the register, and the polls at 2, 4, ... 48 h. 3 changes of status: registered, interrupted,
    # registered. 1 row, for the poll at 26 h, and 1 slot taken. 4 at hosts: the server's first start, the register that
    # was asked of the node, and the server's stop and start.
    (job,) = jobs_for(loads(GOOD), None)
    assert [run_one(replace(job, every_poll=each)).events for each in (False, True)] == [34, 34]


# What it can be asked.


def test_it_answers_with_what_was_so_after_everything_at_an_instant() -> None:
    # Stopped from 25 h to 27 h: the poll of 26 h is refused, which is known 10 ms later.
    result = outcome_of()
    assert result.status("fdl", at="1d 2h 9ms 999us") == "registered"
    assert result.status("fdl", at="1d 2h 10ms") == "interrupted"
    assert result.access("fdl", at="1d 2h 10ms") is True
    assert (result.failure("fdl", at="1d"), result.failure("fdl", at="2d")) == ("none", "/")
    assert (result.registered(at="4ms 999us"), result.registered(at="5ms")) == (0, 1)
    assert result.failures("fdl") == [(26 * HOUR + 10_000, "/")]
    assert result.rule("R028").ruling is Ruling.HELD


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.status("fdx", at="1d"), r"no node is named 'fdx'; expected fdl \(did you mean fdl\?\)"),
        (lambda r: r.failures("fdx"), "no node is named 'fdx'"),
        (lambda r: r.status("fdl", at="2d 1us"), "'2d 1us' is after the end of the run, which lasted 2d"),
        (lambda r: r.registered(at="soon"), 'found "soon", expected a duration'),
        (lambda r: r.rule("R038"), "no judged rule has the id 'R038'"),
    ],
)
def test_a_question_that_has_no_answer(ask: Callable[[Result], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask(outcome_of())


@settings(max_examples=25)
@given(scenario=scenarios())
def test_every_history_is_told_in_order_of_time(scenario: Scenario) -> None:
    # The timelines that questions and expectations are answered from are looked up by instant.
    trace = run(scenario, LITERAL)
    for table in (trace.transitions, trace.access, trace.failures, trace.slots):
        instants = list(table.column("at_us"))
        assert instants == sorted(instants)


# What is replaced.


def test_a_server_of_ones_own_takes_the_place_of_the_reference_one() -> None:
    made: list[Authority] = []

    def server(*arguments: Any, **keywords: Any) -> Authority:
        made.append(Authority(*arguments, **keywords))
        return made[-1]

    (job,) = jobs_for(loads(GOOD), None)
    assert run_one(job, server=server).digest == run_one(job).digest
    assert len(made) == 1


# The command that repeats it.


@pytest.mark.parametrize("name", ["plain.toml", "it's $HOME.toml", "-dash.toml", "größe [b].toml"])
def test_the_command_works_as_typed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(GOOD.replace('"interrupted"', '"lapsed"'))
    job = Job(scenario=load(Path(name)), reading=READINGS["literal"], seed=7, every_poll=True)
    command = run_one(job).command
    assert command is not None
    program, *arguments = shlex.split(command)
    assert program == "fdl-harness"
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    # It names itself again, with the seed and all.
    assert f"again: {command}" in done.output


def test_a_scenario_that_comes_from_no_file_has_no_command() -> None:
    (job,) = jobs_for(loads(GOOD), None)
    assert job.command is None
    assert run_one(job).command is None


# Our own faults.


def test_a_run_that_raises_names_itself_and_keeps_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(scenario: Scenario, *_: Any, **__: Any) -> Any:
        raise RuntimeError(f"no end to {scenario.title!r}")

    jobs = jobs_for(loads(GOOD, file="good.toml"), [LITERAL], seed=7, every_poll=True)
    monkeypatch.setattr(harness.runner, "run", broken)
    with pytest.raises(InternalError) as caught:
        list(run_jobs(jobs))
    assert str(caught.value) == (
        "good.toml [literal], seed 7: RuntimeError: no end to 'A short stop'; "
        "again: fdl-harness run good.toml --reading literal --seed 7 --every-poll --traceback"
    )
    assert isinstance(caught.value.__cause__, RuntimeError)
    # A worker hands it back through a pickle.
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
