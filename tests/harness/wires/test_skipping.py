"""What a wire cannot express is skipped: by the runner, the command, the reports and the plugin, and never passed."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.report.failures import explain
from harness.runner import Job, Outcome, run_one
from harness.scenario_file import loads
from harness.wires import WIRES, wire_named
from reference_server.readings import LITERAL
from tests.harness.test_cli import GOOD

pytest_plugins = ["pytester"]

#: No day ends a second after midnight, so no licence file can say this. A licence built in Python can.
WHY = "the licence ends at 1772323201000000 us since the Unix epoch, where no day ends in any time zone"


@pytest.fixture
def inexpressible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.runner.why_not", lambda *_, **__: WHY if _[2] != "memory" else None)


@pytest.mark.usefixtures("inexpressible")
def test_it_is_neither_run_nor_passed() -> None:
    result = run_one(Job(scenario=loads(GOOD, file="x.toml"), reading=LITERAL, wire="asgi"))
    assert (result.outcome, result.skipped) == (Outcome.SKIPPED, WHY)
    assert (result.judgements, len(result.trace.exchanges)) == ({}, 0)
    assert explain(result) == [f"x.toml [literal]: skipped over asgi: {WHY}"]
    assert result.command == "fdl-harness run x.toml --reading literal --wire asgi"


@pytest.mark.usefixtures("inexpressible")
def test_the_command_says_why_and_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(GOOD)
    options = ["--wire", "asgi", "--json", "x.json", "--junit", "x.xml", "--trace", "traces"]
    done = CliRunner().invoke(main, ["run", "x.toml", "--reading", "all", *options])
    assert WHY in done.output
    assert done.output.splitlines()[-1] == "8 runs: 0 passed, 8 skipped"
    # Where nothing was run, nothing is known.
    assert done.exit_code == 3
    results = json.loads(Path("x.json").read_text())["results"]
    assert {(each["wire"], each["outcome"], each["skipped"]) for each in results} == {("asgi", "skipped", WHY)}
    suite = ET.parse("x.xml").getroot()[0]
    assert (suite.get("skipped"), suite.get("failures"), suite.get("errors")) == ("8", "0", "0")
    assert [case[0].tag for case in suite] == ["skipped"] * 8


def test_what_else_was_run_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.runner.why_not", lambda scenario, *_, **__: WHY if scenario.file == "a.toml" else None)
    Path("a.toml").write_text(GOOD)
    Path("b.toml").write_text(GOOD)
    done = CliRunner().invoke(main, ["run", "a.toml", "b.toml"])
    assert done.output.splitlines()[-1] == "2 runs: 1 passed, 1 skipped"
    assert done.exit_code == 0


def test_an_unknown_wire() -> None:
    assert CliRunner().invoke(main, ["run", "--wire", "string"]).exit_code == 2
    with pytest.raises(ValueError, match=r"no wire is named 'string'; there are memory, asgi"):
        wire_named("string")


@pytest.mark.usefixtures("inexpressible")
def test_the_plugin_skips(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", good=GOOD)
    result = pytester.runpytest("-p", "no:cacheprovider", "-rs", "--fdl-wire", "asgi")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*{WHY}*"])
    wrong = pytester.runpytest("-p", "no:cacheprovider", "--fdl-wire", "string")
    wrong.stderr.fnmatch_lines([f"*no wire is named 'string'; there are {', '.join(WIRES)}*"])


def test_the_plugin_runs_over_a_wire(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", good=GOOD)
    pytester.makeini("[pytest]\nfdl_wire = asgi\n")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)
    pytester.makepyfile(
        """
        from harness import Outcome

        def test_a_world(world):
            world.nodes("fdl")
            assert world.run("5h", wire="asgi").wire == "asgi"

        def test_a_file(run_scenario):
            assert run_scenario("good.toml", wire="asgi").outcome is Outcome.PASSED
        """
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=3)
