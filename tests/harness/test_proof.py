"""Proof by planted bugs: what counts as caught, in which order scenarios are tried, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_fdl_nodes.node import Effect, Node
from harness.cli import main
from harness.proof import Bugs, Catch, Prover
from harness.rulebook import JUDGES
from harness.rulebook.history import History
from harness.rulebook.verdicts import Tally
from harness.scenario import Scenario
from harness.scenario_file import load
from reference_server.authority import Authority
from reference_server.protocol import Code, Instant, Request

BUGS = Bugs()


@BUGS.breaking("R115")
class ForgivesAddress(Authority):
    """Grants to
    any address.

    More about it.
    """

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        return None if code is Code.LICENSE_IP_ERROR else code


@BUGS.breaking("R115")
class ForgivesVersion(Authority):
    """Grants to any version, which R115 says nothing of."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        return None if code is Code.REPORT_VERSION_ERROR else code


@BUGS.breaking("R115")
class Right(Authority):
    """Is not wrong at all."""


@BUGS.breaking("R115")
class Raises(Authority):
    """Raises."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        raise ZeroDivisionError


@BUGS.breaking("R031")
class Hasty(Node):
    """Polls every hour."""

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        effects = super()._ask(message, now)
        self.poll_due_us = now.boot_us + 3_600_000_000
        return effects


FORGIVING, VERSION, RIGHT, RAISES, HASTY = BUGS

SCENE = """
title = "Of two nodes one is outside the licensed addresses"
rules = ["R115"]
start = 2026-03-01T00:00:00Z
duration = "4h"
[licence]
capacity = 3
addresses = ["192.168.100.25"]
[[nodes]]
name = "in"
address = "192.168.100.25"
application = "report1"
[[nodes]]
name = "out"
address = "192.168.100.26"
application = "report1"
"""
#: Both are inside.
INSIDE = SCENE.replace('["192.168.100.25"]', '["192.168.100.25 - 192.168.100.26"]').replace('["R115"]', "[]")
#: And there is room for one.
FULL = INSIDE.replace("capacity = 3", "capacity = 1")


def scenes(folder: Path, **texts: str) -> list[Scenario]:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return [load(folder / f"{name}.toml") for name in texts]


def test_a_bug_that_its_rule_notices_is_caught(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, scene=SCENE)
    proof = Prover([scene]).prove(FORGIVING)
    # out is granted where 30003 is due: 30003 is R115's business, and no other rule's in this scene.
    assert (proof.caught, proof.also) == ((Catch("R115", scene.file),), ())
    assert (proof.proven, proof.tried, proof.raised) == (True, 1, "")
    assert proof.wrong == "Grants to any address."


def test_a_wrong_node_is_caught(tmp_path: Path) -> None:
    proof = Prover(scenes(tmp_path, scene=SCENE)).prove(HASTY)
    assert [catch.rule for catch in proof.caught] == ["R031"]


def test_what_is_right_is_not_caught(tmp_path: Path) -> None:
    proof = Prover(scenes(tmp_path, one=SCENE, two=INSIDE)).prove(RIGHT)
    assert (proof.proven, proof.caught, proof.also, proof.tried) == (False, (), (), 2)


def test_what_another_rule_notices_is_not_caught(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, scene=INSIDE.replace('26"\napp', '26"\nversion = "another"\napp'))
    proof = Prover([scene]).prove(VERSION)
    # out is granted where 30001 is due, and fails no other check: that is R113's business alone.
    assert not proof.proven
    assert proof.also == (Catch("R113", scene.file),)


def test_what_raises_is_not_caught(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, scene=SCENE)
    proof = Prover([scene]).prove(RAISES)
    assert not proof.proven
    assert proof.raised == f"ZeroDivisionError, in {scene.file}"


def test_a_rule_that_raises_catches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(history: History, tally: Tally) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(JUDGES, "R900", crashes)
    (scene,) = scenes(tmp_path, scene=SCENE)
    proof = Prover([scene]).prove(FORGIVING)
    assert not proof.proven
    assert proof.raised.startswith("R900 crashed: ZeroDivisionError")


def test_what_the_right_machines_violate_as_well_catches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_content(history: History, tally: Tally) -> None:
        tally.broken(0, None, "nothing is ever right")

    monkeypatch.setitem(JUDGES, "R115", never_content)
    (scene,) = scenes(tmp_path, scene=SCENE)
    proof = Prover([scene]).prove(FORGIVING)
    assert (proof.proven, proof.caught, proof.anyway) == (False, (), (Catch("R115", scene.file),))


def test_short_scenarios_that_name_the_rule_come_first(tmp_path: Path) -> None:
    unnamed = SCENE.replace('rules = ["R115"]', "rules = []").replace('"4h"', '"1h"')
    longer = SCENE.replace('"4h"', '"5h"')
    found = scenes(tmp_path, a=unnamed, b=longer, c=SCENE)
    assert Prover(found).prove(FORGIVING).caught == (Catch("R115", found[2].file),)
    found = scenes(tmp_path, a=unnamed, b=longer)
    assert Prover(found).prove(FORGIVING).caught == (Catch("R115", found[1].file),)


def test_large_fleets_come_last(tmp_path: Path) -> None:
    # 500 nodes for one hour, naming the rule, against two for four hours that do not.
    fleet = SCENE.replace('"out"', '"out"\ncount = 500').replace('"4h"', '"1h"')
    found = scenes(tmp_path, fleet=fleet, small=SCENE.replace('rules = ["R115"]', "rules = []"))
    assert Prover(found).prove(FORGIVING).caught == (Catch("R115", found[1].file),)


# The command.

MODULE = '''
from harness.proof import Bugs
from reference_server.authority import Authority

BUGS = Bugs()


@BUGS.breaking("R115")
class ForgivesAddress(Authority):
    """Grants to any address."""

    def _check_failure(self, request, source):
        from here.codes import ADDRESS

        code = super()._check_failure(request, source)
        return None if code == ADDRESS else code


@BUGS.breaking("R018", "R072")
class AnyoneFits(Authority):
    """Knows no limit."""

    def _slot_failure(self, request, source, now):
        return None
'''
#: What is appended to the module, to make one more bug.
MORE = '''

@BUGS.breaking("{rule}")
class More(Authority):
    """Is one too many."""

    def _check_failure(self, request, source):
        {does}
'''


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "bugs.py").write_text(MODULE)
    (tmp_path / "here" / "codes.py").write_text("ADDRESS = 30003\n")
    for name, text in {"out": SCENE, "full": FULL, "inside": INSIDE}.items():
        (tmp_path / "here" / f"{name}.toml").write_text(text)
    return tmp_path


def prove(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prove", "--bugs", "here.bugs", *arguments], catch_exceptions=False)


def add(files: Path, rule: str, does: str) -> None:
    (files / "here" / "bugs.py").write_text(MODULE + MORE.format(rule=rule, does=does))


def test_bugs_of_ones_own_against_scenarios_of_ones_own(files: Path) -> None:
    done = prove("--scenarios", "here", "--json", "proof.json")
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[1] == ["ForgivesAddress", "R115", "here/out.toml", "1", "Grants", "to", "any", "address."]
    assert lines[2][:5] == ["AnyoneFits", "R018", "R072", "here/full.toml", "1"]
    assert done.output.splitlines()[-1] == "2 planted bugs: 2 caught by 3 rules"
    bugs = json.loads((files / "proof.json").read_text())["bugs"]
    assert bugs[0] == {
        "bug": "ForgivesAddress",
        "wrong": "Grants to any address.",
        "breaks": ["R115"],
        "proven": True,
        "caught": [{"rule": "R115", "scenario": "here/out.toml"}],
        "also": [],
        "anyway": [],
        "tried": 1,
        "raised": None,
        "program": None,
        "missed": [],
    }


def test_many_processes_tell_the_same(files: Path) -> None:
    one, two = prove("--scenarios", "here"), prove("--scenarios", "here", "-j", "2")
    assert (two.exit_code, two.output) == (one.exit_code, one.output)


def test_only_the_named_bugs_are_tried_in_their_order(files: Path) -> None:
    done = prove("--scenarios", "here", "AnyoneFits")
    assert done.output.splitlines()[-1] == "1 planted bug: 1 caught by 2 rules"
    lines = prove("--scenarios", "here", "AnyoneFits", "ForgivesAddress").output.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["ForgivesAddress", "AnyoneFits"]


def test_a_bug_that_nobody_notices_fails(files: Path) -> None:
    add(files, "R115", "return super()._check_failure(request, source)")
    done = prove("--scenarios", "here")
    assert done.exit_code == 1
    assert "More is not caught: Is one too many." in done.output
    assert "no rule notices it in 3 scenarios; write one that puts R115 to the test" in done.output
    assert done.output.splitlines()[-1] == "3 planted bugs: 2 caught by 3 rules, 1 not caught"


def test_a_bug_that_only_other_rules_notice_fails(files: Path) -> None:
    add(files, "R031", "return None")
    done = prove("--scenarios", "here/out.toml", "More")
    assert done.exit_code == 1
    assert "More is not caught by R031, but by others: Is one too many." in done.output
    assert "  R115 in here/out.toml" in done.output


def test_a_bug_that_raises_fails(files: Path) -> None:
    add(files, "R115", "raise OSError('no disk')")
    done = prove("--scenarios", "here/out.toml")
    assert done.exit_code == 1
    assert "More raised, which proves nothing: OSError: no disk, in here/out.toml" in done.output
    assert "Traceback" not in done.output
    assert done.output.splitlines()[-1] == "3 planted bugs: 1 caught by 1 rule, 1 not caught, 1 raised"


OWN_RULE = '''
from harness.rulebook.judging import judges
from harness.trace import NEVER, Verdict
from reference_server.protocol import Code


@judges("MINE-1")
def everybody_is_granted(history, tally):
    for asked in history.exchanges:
        if asked.arrived_us == NEVER:
            continue
        tally.passed() if asked.verdict == Verdict.GRANTED else tally.broken(asked.sent_us, None, "not granted")


@BUGS.breaking("MINE-1")
class Refuses(Authority):
    """Grants to nobody."""

    def _check_failure(self, request, source):
        return Code.ACCOUNT_STATUS_ERROR
'''


def test_a_rule_of_ones_own(files: Path) -> None:
    (files / "here" / "bugs.py").write_text(MODULE + OWN_RULE)
    try:
        done = prove("--scenarios", "here/inside.toml", "Refuses")
    finally:
        JUDGES.pop("MINE-1", None)
    assert (done.exit_code, done.output.splitlines()[1].split()[:2]) == (0, ["Refuses", "MINE-1"])


def test_a_rule_that_is_never_right_is_named(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JUDGES, "R115", lambda history, tally: tally.broken(0, None, "nothing is ever right"))
    done = prove("--scenarios", "here/out.toml", "ForgivesAddress")
    assert done.exit_code == 1
    assert "the right machines violate R115 in here/out.toml as well; mend the rule or the scenario" in done.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "found no planted bugs in here.bugs, expected a list BUGS in it"),
        ("BUGS = [1]", "found no planted bugs in here.bugs"),
        ("BUGS = []", "found no planted bugs in here.bugs"),
        ("1 / 0", "here.bugs, which cannot be imported: ZeroDivisionError"),
        ("import no_such_module", "here.bugs, which cannot be imported: ModuleNotFoundError"),
        (MODULE + "BUGS.append(BUGS[0])", "found two bugs named ForgivesAddress in here.bugs"),
        (MODULE.replace('"R115"', ""), "ForgivesAddress in here.bugs, which breaks no rule"),
        (MODULE.replace("R115", "R015"), 'which breaks "R015", expected the id of a judged rule (did you mean R'),
    ],
)
def test_bugs_that_cannot_be_tried(files: Path, text: str, says: str) -> None:
    (files / "here" / "bugs.py").write_text(text)
    done = prove("--scenarios", "here")
    assert done.exit_code == 2
    assert says in done.output
    assert "'--bugs'" in done.output


def test_a_module_that_there_is_not(files: Path) -> None:
    done = prove("--bugs", "here.no")
    assert done.exit_code == 2
    assert "found here.no, but no module here.no" in done.output
    assert f"expected a module that is installed, or lies in {files}" in done.output
    done = prove("--bugs", "here/bugs.py")
    assert done.exit_code == 2
    assert "the name of a module, such as package.module" in done.output


def test_without_the_clone_it_says_where_the_bugs_are(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.proof.OWN_BUGS", "tests_of_no_clone.planted_bugs")
    done = CliRunner().invoke(main, ["prove"], catch_exceptions=False)
    assert done.exit_code == 2
    assert (
        "in its clone, in tests/planted_bugs: call prove there, or name a module of your own with --bugs" in done.output
    )


def test_a_bug_that_there_is_not(files: Path) -> None:
    done = prove("--scenarios", "here", "AnyoneFit")
    assert done.exit_code == 2
    assert "no bug is named 'AnyoneFit'; expected" in done.output
    assert "did you mean AnyoneFits?" in done.output


def test_scenarios_that_are_wrong_are_told_before_anything_runs(files: Path) -> None:
    (files / "here" / "out.toml").write_text(SCENE.replace("duration", "lasting"))
    done = prove("--scenarios", "here")
    assert done.exit_code == 2
    assert "nothing was run" in done.output


def test_bugs_are_tried_in_random_worlds(files: Path) -> None:
    done = prove("--seeds", "0..200", "--json", "proof.json")
    assert done.exit_code == 0, done.output
    for bug in json.loads((files / "proof.json").read_text())["bugs"]:
        # The seeds come in order, so the world that shows it is the last one that was tried.
        assert bug["caught"][0]["scenario"] == f"<seed {bug['tried'] - 1}>"
        swept = CliRunner().invoke(
            main, ["sweep", "--seeds", str(bug["tried"] - 1), "--server", f"here.bugs:{bug['bug']}"]
        )
        assert f"{bug['caught'][0]['rule']} violated in 1 of the worlds" in swept.output
    # Worlds are made as they are come to, so it does not matter how many there could be.
    two = prove("--seeds", f"0..{10**15 - 1}", "-j", "2", "--json", "two.json")
    assert (two.exit_code, (files / "two.json").read_text()) == (0, (files / "proof.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0..3", "--scenarios", "here"], "in random worlds or in scenarios; give one"),
        (["--seeds", "3..0"], "which has no seed"),
        (["--seeds", "0..3", "--profile", "clam"], "did you mean calm?"),
    ],
)
def test_a_wrong_call_about_random_worlds(files: Path, arguments: list[str], told: str) -> None:
    done = prove(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split())
