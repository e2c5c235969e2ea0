"""``fdl-harness shrink``: what is looked for, the file that is left, and the command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import harness.runner
from harness.cli import main
from harness.problems import Mistake
from harness.runner import Job, jobs_for, run_one
from harness.scenario_file import load, loads
from harness.shrinking import Target, shrink, target_of
from harness.shrinking.regression import _expected, _Found
from harness.sweep.trial import Question, run_trial

LATE = "tests.planted_bugs.leases:VoidsATickLate"
NEVER = "tests.planted_bugs.leases:NeverVoids"
SILENT = "tests.planted_bugs.lists:Silent"

#: fdl-2 dies at 33 h: its slot, renewed at 32:17:00.005, is void 24 h later.
WEEK = """
title = "A node dies in a busy week"
rules = ["R034"]
start = 2026-03-01T00:00:00Z
duration = "7d"

[licence]
capacity = 5
addresses = ["192.168.100.25 - 192.168.100.40"]
expires = 2027-03-01

[[nodes]]
name = "fdl"
count = 4
address = "192.168.100.25"
application = "report1"
spread = "17m"

[[events]]
at = "1d 3h 20m"
do = "server.stop"
lasts = "3h 10m"

[[events]]
at = "1d 9h"
do = "node.crash"
node = "fdl-2"

[[events]]
at = "5d"
do = "clock.step"
host = "fdl-1"
by = "-1h"

[[expect]]
between = ["1h", "7d"]
hold = "always"
node = "fdl-1"
access = true

[[expect]]
between = ["5d", "7d"]
hold = "always"
registered = 3
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "week.toml").write_text(WEEK)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["shrink", *arguments], catch_exceptions=False)


def job(text: str = WEEK, **more: str) -> Job:
    (only,) = jobs_for(loads(text, file="week.toml"), None, **more)  # type: ignore[arg-type]
    return only


# What is looked for.


def test_the_rule_that_is_violated_first_is_looked_for() -> None:
    target = target_of(job(server=LATE))
    assert target is not None
    assert (target.rule, target.expect, target.name) == ("R034", None, "R034")
    assert target.scenario.expects == ()


def test_a_rule_can_be_named() -> None:
    # A node that lists no failure breaks several rules at once.
    violated = [each.rule for each in run_one(job(node=SILENT)).violated]
    assert {"R027", "R036"} <= set(violated)
    target = target_of(job(node=SILENT), rule="R036")
    assert target is not None
    assert target.rule == "R036"
    assert target_of(job(node=SILENT), rule="R034") is None


def test_an_expectation_is_looked_for_if_no_rule_is_violated() -> None:
    # The right machines break no rule, but only 3 slots are live in the end.
    text = WEEK.replace("registered = 3", "registered = 4")
    target = target_of(job(text))
    assert target is not None
    assert (target.rule, target.expect, target.name) == (None, 1, "expectation 1")
    assert [expect.registered for expect in target.scenario.expects] == [4]
    # Nobody could meet it, so nobody has to.
    assert not target.fair


def test_an_expectation_can_be_named() -> None:
    target = target_of(job(server=NEVER), expect=1)
    assert target is not None
    assert (target.rule, target.expect, target.fair) == (None, 1, True)
    assert target_of(job(server=NEVER), expect=0) is None


def test_where_the_right_machines_meet_an_expectation_they_have_to_all_the_way() -> None:
    target = target_of(job(server=NEVER), expect=1)
    assert target is not None
    shrunk = shrink(target.scenario, target.breaks)
    assert shrunk is not None
    # All four nodes are needed for three slots; without the crash nobody would have three.
    assert len(shrunk.scenario.nodes) == 4
    assert [event.verb.value for event in shrunk.scenario.events] == ["node.crash"]


def test_nothing_is_looked_for_where_nothing_is_broken() -> None:
    assert target_of(job()) is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"rule": "R999"}, "found R999, expected the id of a rule .*, or liveness"),
        ({"expect": 2}, "found 2, expected an index below 2, the number of expectations"),
    ],
)
def test_what_there_is_not_cannot_be_looked_for(asked: dict[str, str | int], found: str) -> None:
    with pytest.raises(Mistake, match=found):
        target_of(job(), **asked)  # type: ignore[arg-type]


# The file.


def test_what_is_left_is_a_file_to_commit(files: Path) -> None:
    done = call("week.toml", "--server", LATE)
    assert done.exit_code == 0
    comment, _, text = done.stdout.partition("\n\n")
    lines = comment.splitlines()
    assert lines[0].startswith(f"# R034 is violated here by server {LATE} (Note 11): ")
    # Registered at 0 s, at the server at 5 ms, gone before its first poll: void at 24 h 5 ms 1 us.
    assert lines[1] == (
        "# At 1d 00:00:00.005001 (2026-03-02T00:00:00.005001Z), fdl-2: the slot had to be void here, and was not"
    )
    assert "# What is expected is what the reference machines do." in lines
    assert "# Shrunk from week.toml (4 nodes, 3 events, 7d), reading literal, seed 0." in lines
    assert f"# Found with: fdl-harness shrink week.toml --rule R034 --server {LATE}" in lines
    assert f"# Again with: fdl-harness run FILE --reading literal --server {LATE}" in lines
    assert re.fullmatch(r"# With: fdl-harness \S+, hypothesis \S+, python 3\.\S+", lines[-1])
    assert text == (
        """\
title = "R034 is broken: A node dies in a busy week"
rules = ["R034"]
start = 2026-03-01T00:00:00Z
duration = "2d"

[licence]
addresses = ["192.168.100.25 - 192.168.100.40"]

[[nodes]]
name = "fdl-2"
address = "192.168.100.26"
application = "report1"

[[events]]
at = "1s"
do = "node.crash"
node = "fdl-2"

[[expect]]
at = "1d 5ms 1us"
node = "fdl-2"
status = "registered"
access = false
failure = "none"
registered = 0
"""
    )
    told = done.stderr.splitlines()
    assert told[0] == "R034 is violated at 1d 00:00:00.005001"
    assert re.fullmatch(r"4 nodes, 3 events, 7d -> 1 node, 1 event, 2d, after \d+ runs", told[1])
    assert len(told) == 2


def test_the_file_passes_with_the_right_machines_and_fails_with_the_wrong_ones(files: Path) -> None:
    done = call("week.toml", "--server", LATE, "-o", "found.toml")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "fdl-harness run found.toml" in Path("found.toml").read_text()
    runner = CliRunner()
    assert runner.invoke(main, ["run", "found.toml"]).exit_code == 0
    wrong = runner.invoke(main, ["run", "found.toml", "--server", LATE])
    assert wrong.exit_code == 1
    assert "R034 violated" in wrong.output
    # The expectation is stated where the two can be told apart.
    assert "expected fdl-2: status" in wrong.output


def test_it_is_stated_when_the_right_and_the_wrong_can_be_told_apart() -> None:
    target = target_of(job(server=LATE))
    assert target is not None
    found = _Found.of(target.scenario, target)
    early = replace(found, finding=replace(found.finding, at_us=0))
    (expect,) = _expected(target.scenario, early)
    # fdl-2 polls for the last time at 32:17, so its slot is void at 56:17:00.005001; until then all is alike.
    assert expect.at_us == (56 * 60 + 17) * 60_000_000 + 5_001
    assert (expect.nodes, expect.registered) == (("fdl-2",), 3)


def test_a_rule_that_only_the_wrong_put_to_the_test_is_not_named(files: Path) -> None:
    # Where all are entitled, only a wrong server gives an answer without a code (R107).
    reluctant = "tests.planted_bugs.answers:Reluctant"
    assert call("week.toml", "--rule", "R107", "--server", reluctant, "-o", "found.toml").exit_code == 0
    assert load("found.toml").rules == ()
    assert CliRunner().invoke(main, ["run", "found.toml"]).exit_code == 0


def test_nothing_is_expected_where_the_right_machines_do_the_same(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[[Job], object] = run_one

    def wrong(asked: Job) -> object:
        return right(Job(scenario=asked.scenario, reading=asked.reading, server=LATE))

    monkeypatch.setattr(harness.runner, "run_one", wrong)
    done = call("week.toml")
    assert done.exit_code == 0
    assert "# The reference machines do the same, so what would be right is for you to say." in done.stdout
    assert loads(done.stdout).expects == ()


def test_the_file_of_an_expectation_has_just_this(files: Path) -> None:
    done = call("week.toml", "--server", NEVER, "--expect", "1")
    assert done.exit_code == 0
    assert "# An expectation of week.toml is not met here" in done.stdout
    found = loads(done.stdout)
    (expect,) = found.expects
    assert expect.registered == 3
    assert found.rules == ()
    assert done.stderr.startswith("expectation 1 is not met at ")


def test_the_reading_is_that_of_the_run(files: Path) -> None:
    done = call("week.toml", "--server", NEVER, "--reading", "revive", "--rule", "R034")
    assert done.exit_code == 0
    assert loads(done.stdout).reading == "revive"
    assert "reading revive, seed 0." in done.stdout
    assert "--reading revive" in done.stdout


# The call.


def test_where_nothing_is_broken_there_is_nothing_to_shrink(files: Path) -> None:
    done = call("week.toml")
    assert done.exit_code == 1
    assert done.stderr == (
        "week.toml [literal]: no rule is violated and every expectation is met; there is nothing to shrink\n"
    )
    assert call("week.toml", "--rule", "R018").stderr == (
        "week.toml [literal]: R018 is not violated; there is nothing to shrink\n"
    )
    assert call("week.toml", "--expect", "0").stderr == (
        "week.toml [literal]: expectation 0 is met, or not stated for this reading; there is nothing to shrink\n"
    )


def test_a_file_that_cannot_be_written_is_told_before_anything_is_run(files: Path) -> None:
    Path("taken.toml").mkdir()
    done = call("week.toml", "-o", "taken.toml")  # In which nothing is broken.
    assert done.exit_code == 2
    assert "taken.toml cannot be written: Is a directory" in done.stderr


def test_a_file_stays_as_it_is_where_nothing_is_found(files: Path) -> None:
    Path("before.toml").write_text(WEEK)
    assert call("week.toml", "-o", "before.toml").exit_code == 1
    assert Path("before.toml").read_text() == WEEK
    assert call("week.toml", "-o", "new.toml").exit_code == 1
    assert not Path("new.toml").exists()


def test_too_few_runs_are_told(files: Path) -> None:
    done = call("week.toml", "--server", LATE, "--runs", "3")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "--runs 3 was not enough: there may be a smaller one"
    assert loads(done.stdout).title == "R034 is broken: A node dies in a busy week"


def test_an_interrupt_is_told(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[object] = []
    breaks = Target.breaks

    def interrupted(target: Target, scenario: object) -> int | None:
        runs.append(scenario)
        if len(runs) > 4:
            raise KeyboardInterrupt
        return breaks(target, scenario)  # type: ignore[arg-type]

    monkeypatch.setattr(Target, "breaks", interrupted)
    done = call("week.toml", "--server", LATE)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "it was interrupted: there may be a smaller one"


def test_what_breaks_only_now_and_then_is_told(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "breaks", lambda target, scenario: 1)
    done = call("week.toml", "--rule", "R034")
    assert done.exit_code == 1
    assert done.stderr == (
        "week.toml: R034 is broken in one run of a world and not in the next; is there chance in what is under test?\n"
    )


def test_a_smaller_world_in_which_something_raises_is_not_taken(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(asked: Job) -> object:
        if len(asked.scenario.nodes) == 1:
            raise AssertionError("what is wrong here is wrong in another way")
        return run_one(asked)

    monkeypatch.setattr(harness.runner, "run_one", raising)
    done = call("week.toml", "--server", LATE)
    assert done.exit_code == 0
    assert len(loads(done.stdout).nodes) == 2


def test_a_fault_of_the_harness_is_no_verdict(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(asked: Job) -> object:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(harness.runner, "run_one", raising)
    done = call("week.toml")
    assert done.exit_code == 1
    assert done.stderr.startswith("internal error, not a verdict: ")
    assert "ZeroDivisionError: a bug of ours" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["week.toml", "--rule", "R034", "--expect", "0"], "--rule and --expect name two things"),
        (
            ["week.toml", "--rule", "R999"],
            "'--rule': no rule has the id 'R999'; they run from R001 to R129, or give li",
        ),
        (["week.toml", "--expect", "2"], "'--expect': found 2, expected an index below 2"),
        (["week.toml", "--reading", "all"], "'--reading': it is shrunk under one reading at a time"),
        (["week.toml", "--server", "nothing"], "'--server': "),
        (["week.toml", "-o", "found.json"], "found.json is not named like a scenario (*.toml)"),
        (["week.toml", "-o", "no/such/found.toml"], "'--output': no/such is no folder"),
        (["nothing.toml"], "nothing.toml: found no such file or directory, expected a scenario file"),
        (["."], "'SCENARIO|SEED': . is a folder; give a file"),
    ],
)
def test_a_wrong_call_is_told(files: Path, arguments: list[str], told: str) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())


# Seeds of the sweep.

DISCOURAGED = "tests.planted_bugs.polls:Discouraged"


def a_seed_with(what: str, **systems: str) -> int:
    """Return the first seed of the sweep in which something is broken."""
    question = Question(**systems)
    found = (seed for seed in range(200) if what in {each.what for each in run_trial(question, seed).breaches})
    return next(found)


def test_a_seed_is_its_world(files: Path) -> None:
    seed = a_seed_with("R031", node=DISCOURAGED)
    done = call(str(seed), "--node", DISCOURAGED, "--rule", "R031", "-o", "found.toml")
    assert done.exit_code == 0
    text = Path("found.toml").read_text()
    assert f"# Shrunk from <seed {seed}> (" in text
    assert f"# Found with: fdl-harness shrink {seed} --rule R031 --node {DISCOURAGED}" in text
    # What chance does comes from the seed, too.
    assert f"seed {seed}.\n" in text
    found = load("found.toml")
    assert len(found.nodes) == 1
    # A poll that nobody answered, and none thereafter.
    assert len(found.events) == 1


def test_a_node_that_does_not_come_back(files: Path) -> None:
    seed = a_seed_with("liveness", node=DISCOURAGED)
    done = call(str(seed), "--node", DISCOURAGED, "--rule", "liveness", "-o", "found.toml")
    assert done.exit_code == 0
    assert done.stderr.startswith("liveness is not met at ")
    found = load("found.toml")
    assert "a node does not come back" in Path("found.toml").read_text()
    # One fault, and the administrator's register at the end of the repair.
    assert [event.verb.value for event in found.events][1:] == ["node.register"]
    (expect,) = found.expects
    assert expect.status == "registered"
    runner = CliRunner()
    assert runner.invoke(main, ["run", "found.toml"]).exit_code == 0
    wrong = runner.invoke(main, ["run", "found.toml", "--node", DISCOURAGED])
    assert "status = " in wrong.output
    assert wrong.exit_code == 1


def test_a_seed_in_which_nothing_is_broken(files: Path) -> None:
    done = call("3", "--profile", "calm")
    assert done.exit_code == 1
    assert done.stderr.startswith("<seed 3> [literal]: no rule is violated and every expectation is met; ")
    assert call("3", "--profile", "calm", "--rule", "liveness").stderr == (
        "<seed 3> [literal]: when everything is put right every node comes back; there is nothing to shrink\n"
    )


@pytest.mark.parametrize(("rule", "found"), [("r018", "R018 is not violated"), ("Liveness", "every node comes back")])
def test_a_rule_is_named_in_any_case(files: Path, rule: str, found: str) -> None:
    done = call("3", "--profile", "calm", "--rule", rule)
    assert done.exit_code == 1
    assert f"{found}; there is nothing to shrink" in done.stderr


def test_a_profile_that_there_is_not_is_told(files: Path) -> None:
    done = call("3", "--profile", "clam")
    assert done.exit_code == 2
    assert "'--profile': found 'clam', expected one of default" in " ".join(done.stderr.split())


def test_a_file_whose_name_is_a_number_is_a_file(files: Path) -> None:
    Path("17").write_text(WEEK)
    assert call("17").stderr.startswith("17 [literal]: ")
