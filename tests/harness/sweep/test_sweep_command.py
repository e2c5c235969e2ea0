"""The command ``fdl-harness sweep``: what it takes, prints and writes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import harness.sweep.sweeping
from harness.cli import main
from harness.runner import InternalError
from harness.scenario_file import load

WRONG = "tests.planted_bugs.leases:NeverVoids"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    return tmp_path


def sweep(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sweep", *arguments], catch_exceptions=False)


def test_a_clean_sweep(folder: Path) -> None:
    done = sweep("--seeds", "0..30", "--json", "out.json")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "seeds 0 to 29, profile default [literal]"
    assert lines[-1].startswith("30 worlds: 30 clean, 0 not; digest ")
    text = (folder / "out.json").read_text()
    assert text.endswith("}\n")
    found = json.loads(text)
    assert found["simulated"] is True
    assert [each["seed"] for each in found["worlds"]] == list(range(30))
    assert found["digest"].startswith(lines[-1].split()[-1])
    assert found["sweep"]["profile"] == "default"


def test_what_is_wrong_is_grouped_by_rule_and_can_be_run_again(folder: Path) -> None:
    done = sweep("--seeds", "0..30", "--server", WRONG, "--save", "worlds", "--json", "out.json")
    assert done.exit_code == 1
    found = json.loads((folder / "out.json").read_text())["worlds"]
    wrong = [each for each in found if any(breach["what"] == "R034" for breach in each["breaches"])]
    lines = done.stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("R034 violated"))
    assert line.startswith(f"R034 violated in {len(wrong)} of the worlds: seeds {wrong[0]['seed']}, ")
    again = f"fdl-harness sweep --seeds {wrong[0]['seed']} --server {WRONG}"
    assert f"  again: {again}" in lines
    assert wrong[0]["breaches"][0]["command"] == again
    assert wrong[0]["breaches"][0]["version"] == "0.1.0"
    once_more = sweep(*again.split()[2:])
    assert once_more.exit_code == 1
    assert "R034 violated in 1 of the worlds" in once_more.stdout
    # Only the worlds in which something was wrong are kept, and the reference server passes them.
    saved = sorted((folder / "worlds").glob("*.toml"))
    assert {each.name for each in saved} == {f"seed-{each['seed']}.toml" for each in found if each["breaches"]}
    assert CliRunner().invoke(main, ["run", "worlds"]).exit_code == 0
    # The file says how it is run with what it was that went wrong in it.
    command = f"fdl-harness run FILE --seed {wrong[0]['seed']} --server {WRONG}"
    text = (folder / "worlds" / f"seed-{wrong[0]['seed']}.toml").read_text()
    assert command in text
    call = command.replace("FILE", f"worlds/seed-{wrong[0]['seed']}.toml").split()[1:]
    assert CliRunner().invoke(main, call).exit_code == 1
    # What is in a ledger is saved, too.
    sweep("--seeds", "0..30", "--server", WRONG, "--resume", "ledger.jsonl")
    sweep("--seeds", "0..30", "--server", WRONG, "--resume", "ledger.jsonl", "--save", "later")
    assert sorted(each.name for each in (folder / "later").iterdir()) == [each.name for each in saved]


def test_a_world_is_printed_as_a_file(folder: Path) -> None:
    done = sweep("--seeds", "3", "--print", "--profile", "clocks")
    assert done.exit_code == 0
    (folder / "world.toml").write_text(done.stdout)
    assert load(folder / "world.toml").title == "the world of seed 3, profile clocks"
    assert "# " + "The world of seed 3, by fdl-harness" in done.stdout
    assert "fdl-harness sweep --seeds 3 --profile clocks" in done.stdout


def test_profiles_and_kinds_are_listed(folder: Path) -> None:
    done = sweep("--profiles")
    assert done.exit_code == 0
    assert "  calm            nothing goes wrong" in done.stdout
    assert "  cuts            Packets of nodes are lost, one way or both" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "1..1"], "found '1..1', which has no seed: its end is left out"),
        (["--seeds", "5..2"], "found '5..2', which has no seed"),
        (["--seeds", "-3"], "found '-3', expected a seed such as 42"),
        (["--seeds", "a"], "found 'a', expected a seed such as 42, or a range such as 0..10000"),
        (["--profile", "clok"], "did you mean clocks?"),
        (["--reading", "literl"], "Did you mean literal?"),
        (["--reading", "all"], "one reading at a time"),
        (["--server", "nowhere:at_all"], "nowhere"),
        (["--print", "--seeds", "0..2"], "--print prints the world of one seed"),
        (["--dask", "tcp://127.0.0.1:1", "-j", "2"], "a cluster has its own workers"),
        (["--resume", "."], "is a directory"),
        (["--resume", "notes.txt"], "notes.txt, which is no ledger of a sweep"),
        (["--resume", "latin.txt"], "latin.txt cannot be used as a ledger"),
        (["--json", "world.toml"], "world.toml is named like a scenario"),
        (["--save", "notes.txt/worlds"], "cannot be made"),
    ],
)
def test_a_wrong_call_is_told_and_runs_nothing(folder: Path, arguments: list[str], told: str) -> None:
    (folder / "notes.txt").write_text("not a ledger\n")
    (folder / "latin.txt").write_bytes(b"\xe9\n")
    done = sweep("--seeds", "0..3", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split()), done.stderr
    assert (folder / "notes.txt").read_text() == "not a ledger\n"


def test_a_cluster_needs_its_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    monkeypatch.setattr(import_module("harness.cli.sweep"), "find_spec", lambda name: None)
    assert "pip install 'fdl-harness[dask]'" in sweep("--dask", "tcp://127.0.0.1:1").stderr


def test_an_interrupted_sweep_tells_what_was_done_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sweep("--seeds", "0..60", "--json", "whole.json")
    real = harness.sweep.sweeping.sweep

    def interrupted(*arguments: Any) -> Iterator[Any]:
        yield next(iter(real(*arguments)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(harness.sweep.sweeping, "sweep", interrupted)
        done = sweep("--seeds", "0..60", "--resume", "ledger.jsonl")
    assert done.exit_code == 130
    assert "25 worlds: 25 clean, 0 not" in done.stdout
    assert "interrupted after 25 of 60 worlds; the same call goes on from ledger.jsonl" in done.stderr
    done = sweep("--seeds", "0..60", "--resume", "ledger.jsonl", "--json", "both.json")
    assert (done.exit_code, done.stdout) == (0, whole.stdout)
    assert (folder / "both.json").read_text() == (folder / "whole.json").read_text()
    # A part of what is in the ledger is not run again.
    with monkeypatch.context() as patched:
        patched.setattr(harness.sweep.trial, "run_one", interrupted)
        done = sweep("--seeds", "10..20", "--resume", "ledger.jsonl")
    assert "10 worlds: 10 clean" in done.stdout
    # However many are left, they are not counted out beforehand.
    many = f"0..{10**15 - 1}"
    with monkeypatch.context() as patched:
        patched.setattr(harness.sweep.sweeping, "sweep", interrupted)
        done = sweep("--seeds", many, "--resume", "ledger.jsonl")
    assert f"interrupted after 85 of {10**15 - 1} worlds" in done.stderr


def test_a_fault_of_the_harness_has_no_instant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(harness.sweep.trial, "run_one", broken)
    done = sweep("--seeds", "5", "--json", "out.json", "--resume", "ledger.jsonl")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    first = lines.index("harness itself at fault, which is no verdict, in 1 of the worlds: seeds 5 (fdl-harness 0.1.0)")
    assert lines[first + 1 : first + 3] == [
        "  seed 5: ZeroDivisionError: a bug of ours",
        "  again: fdl-harness sweep --seeds 5",
    ]
    (breach,) = json.loads((folder / "out.json").read_text())["worlds"][0]["breaches"]
    assert (breach["at_us"], breach["node"]) == (None, None)
    # What is in the ledger is told in the same words.
    assert sweep("--seeds", "5", "--resume", "ledger.jsonl").stdout == done.stdout


def test_a_fault_of_the_harness_is_no_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Any]:
        raise InternalError("seeds 0 and after", "the workers ended")
        yield

    monkeypatch.setattr(harness.sweep.sweeping, "sweep", broken)
    done = sweep("--seeds", "0..60")
    assert done.exit_code == 1
    assert "internal error, not a verdict: seeds 0 and after: the workers ended" in done.stderr
