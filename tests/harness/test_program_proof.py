"""Proof by planted programs: what counts as noticed, and the command.

What the facts find is made up here, but for one program that is really run; `tests/planted_bugs` runs them all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import main
from harness.facts import Found, Outcome
from harness.planting import ProgramBug, ProgramBugs
from harness.program_proof import ProgramProver, prove_programs
from harness.proof import Catch, Proof
from harness.report.proofs import proofs_as_text, proofs_from_text

BUGS = ProgramBugs("fdl-server")


@BUGS.breaking("R078", "R079")
def is_wrong() -> None:
    """Is wrong."""


HELD = Found(rule="", outcome=Outcome.HELD)
BROKEN = Found(rule="", outcome=Outcome.BROKEN, expected="exit code 0", seen="exit code 2", command="fdl-server -h")
CRASHED = Found(rule="", outcome=Outcome.BROKEN, seen="exit code 1 and 'Traceback (most", command="fdl-server -h")
NOT_CHECKED = Found(rule="", outcome=Outcome.NOT_CHECKED, trouble="ps is not installed")


def of(found: Found, rule: str) -> Found:
    return replace(found, rule=rule)


def proof_from(wrong: dict[str, Found], right: dict[str, Found] | None = None) -> Proof:
    """Return what becomes of the bug if the facts find this where it runs, and where the right programs do."""

    def against(bug: ProgramBug, rules: Sequence[str]) -> list[Found]:
        assert (bug, tuple(rules)) == (BUGS[0], bug.breaks)
        return [of(wrong[rule], rule) for rule in rules]

    return ProgramProver(against, lambda rule: of((right or {}).get(rule, HELD), rule)).prove(BUGS[0])


def test_every_fact_that_it_breaks_has_to_notice() -> None:
    proof = proof_from({"R078": BROKEN, "R079": BROKEN})
    assert (proof.proven, proof.missed, proof.raised) == (True, (), "")
    assert proof.caught == (Catch("R078", "fdl-server"), Catch("R079", "fdl-server"))
    assert (proof.program, proof.tried, proof.wrong) == ("fdl-server", 2, "Is wrong.")


def test_one_fact_that_does_not_notice_is_a_failure() -> None:
    proof = proof_from({"R078": BROKEN, "R079": HELD})
    assert (proof.proven, proof.missed) == (False, ("R079",))
    assert proof.caught == (Catch("R078", "fdl-server"),)
    assert proof_from({"R078": HELD, "R079": HELD}).missed == ("R078", "R079")


def test_a_crash_proves_nothing() -> None:
    proof = proof_from({"R078": BROKEN, "R079": CRASHED})
    assert (proof.proven, proof.raised) == (False, "it crashes, as R079 shows: fdl-server -h")


def test_what_cannot_be_checked_proves_nothing() -> None:
    proof = proof_from({"R078": NOT_CHECKED, "R079": BROKEN})
    assert (proof.proven, proof.raised) == (False, "R078 could not be checked: ps is not installed")


def test_a_fact_that_the_right_programs_break_proves_nothing() -> None:
    proof = proof_from({"R078": BROKEN, "R079": BROKEN}, right={"R079": BROKEN})
    assert (proof.proven, proof.anyway, proof.missed) == (False, (Catch("R079", "fdl-server"),), ("R079",))


def test_the_right_programs_are_asked_once_for_each_fact_and_only_if_it_is_broken() -> None:
    asked = []

    def right(rule: str) -> Found:
        asked.append(rule)
        return of(HELD, rule)

    prover = ProgramProver(lambda _, rules: [of(BROKEN if each == "R078" else HELD, each) for each in rules], right)
    prover.prove(BUGS[0])
    prover.prove(BUGS[0])
    assert asked == ["R078"]


def test_no_bugs_come_to_no_proofs() -> None:
    assert list(prove_programs([], 2, folder=Path())) == []


rules = st.sampled_from(["R018", "R034", "R078"])
places = st.sampled_from(["a.toml", "<seed 3>", "fdl-server"])
catches = st.lists(st.builds(Catch, rules, places), max_size=2).map(tuple)
proofs = st.builds(
    Proof,
    bug=st.text(),
    wrong=st.text(),
    breaks=st.lists(rules).map(tuple),
    caught=catches,
    also=catches,
    anyway=catches,
    tried=st.integers(0, 300),
    raised=st.text(),
    program=st.sampled_from(["", "fdl-server"]),
    missed=st.lists(rules).map(tuple),
)


@given(st.lists(proofs, max_size=3))
def test_what_is_written_is_read(written: list[Proof]) -> None:
    assert proofs_from_text(proofs_as_text(written)) == written


# The command.

MODULE = '''
from harness.planting import ProgramBugs, change

BUGS = ProgramBugs("fdl-machine")


@BUGS.breaking("R038")
def another_package() -> None:
    """Calls the package for Windows by another name."""
    from reference_server.machine.platforms import PACKAGES

    new = {key: "Win.zip" if key[0] == "Windows" else each for key, each in PACKAGES.items()}
    change("reference_server.machine.platforms.PACKAGES", new)


@BUGS.breaking("R038", "R053")
def right_after_all() -> None:
    """Is not wrong."""


@BUGS.breaking("R053")
def crashes() -> None:
    """Does not even start."""
    raise ZeroDivisionError
'''


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    (tmp_path / "fears.py").write_text(MODULE)
    return tmp_path


def prove(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prove", "--programs", "--bugs", "fears", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_programs_of_ones_own(files: Path, workers: str) -> None:
    done = prove("--json", "proof.json", "-j", workers)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["another_package", "R038", "fdl-machine", "1"],
        ["right_after_all", "-", "-", "2"],
        ["crashes", "-", "-", "1"],
    ]
    assert "right_after_all is not caught by R038 and R053, which it should break: Is not wrong." in lines
    assert any(line.startswith("crashes proves nothing: it crashes, as R053 shows: fdl-machine") for line in lines)
    assert lines[-1] == "3 planted bugs: 1 caught by 1 rule, 1 not caught, 1 raised"
    bugs = json.loads((files / "proof.json").read_text())["bugs"]
    assert [(bug["program"], bug["missed"]) for bug in bugs[:2]] == [
        ("fdl-machine", []),
        ("fdl-machine", ["R038", "R053"]),
    ]
    one = prove("another_package")
    assert (one.exit_code, one.output.splitlines()[-1]) == (0, "1 planted bug: 1 caught by 1 rule")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BUGS = [1]", "expected a list BUGS in it, of harness.planting.ProgramBug"),
        (MODULE.replace("R038", "R018"), 'which breaks "R018", expected the id of a fact'),
        (MODULE.replace("fdl-machine", "fdl-sever"), "a bug of fdl-sever, expected an installed program"),
        (MODULE.replace("fdl-machine", "fdl-sever"), "(did you mean fdl-server?)"),
    ],
)
def test_bugs_that_cannot_be_tried(files: Path, text: str, says: str) -> None:
    (files / "fears.py").write_text(text)
    done = prove()
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


def test_bugs_of_programs_are_told_from_those_of_machines(files: Path) -> None:
    done = CliRunner().invoke(main, ["prove", "--bugs", "fears"])
    assert done.exit_code == 2
    assert "bugs of programs are for `fdl-harness prove --programs`" in done.stderr


@pytest.mark.parametrize("more", [["--seeds", "0..3"], ["--scenarios", "."]])
def test_programs_run_in_no_scenario(files: Path, more: list[str]) -> None:
    done = prove(*more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "the real programs run in no scenario" in done.stderr
