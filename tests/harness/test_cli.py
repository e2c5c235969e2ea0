"""The command: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

import harness.runner
from harness.cli import main
from harness.facts import FACTS
from harness.rulebook import JUDGES, catalogue
from harness.runner import InternalError

ROOT = Path(__file__).parents[2]

GOOD = """
title = "A short stop"
rules = ["R028"]
start = 2026-03-01T00:00:00Z
duration = "2d"
[licence]
addresses = ["192.168.100.25"]
[[nodes]]
name = "fdl"
address = "192.168.100.25"
application = "report1"
[[events]]
at = "1d 1h"
do = "server.stop"
lasts = "2h"
[[expect]]
at = "1d 2h 10ms"
node = "fdl"
status = "interrupted"
access = true
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "good.toml").write_text(GOOD)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_a_scenario_that_holds(files: Path) -> None:
    done = call("run", "good.toml")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "1 run: 1 passed"
    line = done.output.splitlines()[1].split()
    assert line[:3] == ["good.toml", "literal", "passed"]


def test_an_expectation_that_is_not_met(files: Path) -> None:
    (files / "bad.toml").write_text(GOOD.replace('"interrupted"', '"registered"'))
    done = call("run", "bad.toml")
    assert done.exit_code == 1
    assert (
        'bad.toml:16: expected fdl: status = "registered", access = true at 1d 02:00:00.010000 '
        "(2026-03-02T02:00:00.010000Z)" in done.output
    )
    assert 'found status = "interrupted", access = true' in done.output
    (again,) = (line.strip() for line in done.output.splitlines() if line.strip().startswith("again:"))
    assert again == "again: fdl-harness run bad.toml --reading literal"


def test_a_rule_that_is_named_and_not_put_to_the_test(files: Path) -> None:
    (files / "vain.toml").write_text(GOOD.replace('["R028"]', '["R028", "R112", "R038"]'))
    done = call("run", "vain.toml")
    assert done.exit_code == 3
    assert "R112 was never put to the test" in done.output
    assert "R038 is not judged yet" in done.output


def test_mistakes_of_all_files_are_told_and_nothing_runs(files: Path) -> None:
    (files / "wrong.toml").write_text(GOOD.replace("server.stop", "server.stopp").replace('"2d"', '"2 days"'))
    done = call("run", ".", "missing.toml")
    assert done.exit_code == 2
    assert 'wrong.toml:5:12: duration: found "2 days"' in done.output
    assert 'wrong.toml:14:6: events[0].do: found "server.stopp"' in done.output
    assert "missing.toml: found no such file or directory" in done.output
    assert "3 mistakes in 2 of 3 files; nothing was run" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--reading", "literall"], "Did you mean literal?"),
        (["run", "good.toml", "-j", "0"], "0 is not in the range"),
        (["run", "empty"], "there is no scenario file (*.toml) in empty"),
        (["run", "good.toml", "empty"], "there is no scenario file (*.toml) in empty"),
        (["run", "good.toml", "--json", "."], ". cannot be written: Is a directory"),
        (["run", "--json", "good.toml"], "good.toml is named like a scenario; a report would overwrite it"),
        (["run", "good.toml", "--json", "nowhere/out.json"], "nowhere/out.json cannot be written"),
        (["run", "good.toml", "--trace", "good.toml"], "good.toml cannot be made"),
        (["rules", "R999"], "no rule has the id 'R999'"),
        (["runn"], "No such command"),
    ],
)
def test_a_wrong_call(files: Path, arguments: list[str], message: str) -> None:
    (files / "empty").mkdir()
    done = call(*arguments)
    assert done.exit_code == 2
    assert message in done.output
    # Nothing was run, and the scenario is as it was.
    assert "passed" not in done.output
    assert (files / "good.toml").read_text() == GOOD


def test_check_only_checks(files: Path) -> None:
    assert call("check", "good.toml").output == "1 scenario: nothing wrong\n"
    (files / "wrong.toml").write_text("title = 3")
    assert call("check", ".").exit_code == 2


def test_json(files: Path) -> None:
    assert call("run", "good.toml", "--json", "out.json", "--seed", "7").exit_code == 0
    (result,) = json.loads((files / "out.json").read_text())["results"]
    assert {key: result[key] for key in ("scenario", "file", "reading", "seed", "outcome")} == {
        "scenario": "A short stop",
        "file": "good.toml",
        "reading": "literal",
        "seed": 7,
        "outcome": "passed",
    }
    assert len(result["digest"]) == 64
    # Registered at 0 and stopped from 25 h to 27 h: one missed poll at 26 h, recovery at 28 h.
    assert result["rules"]["R028"] == {"verdict": "held", "tested": 1, "violations": 0, "first": None}
    assert result["rules"]["R112"]["verdict"] == "unknown"
    assert result["expectations"][0]["met"] is True
    assert result["nodes"]["fdl"] == {
        "status": "registered",
        "access": True,
        "transitions": [
            {"at_us": 10_000, "from": "unregistered", "to": "registered", "reason": "granted"},
            {"at_us": 93_600_010_000, "from": "registered", "to": "interrupted", "reason": "unanswered"},
            {"at_us": 100_800_010_000, "from": "interrupted", "to": "registered", "reason": "granted"},
        ],
        "failures": [
            {
                "at_us": 93_600_010_000,
                "wall_us": 1_772_323_200_000_000 + 93_600_010_000,
                "local": "2026-03-02T02:00:00.010000+00:00",
                "code": "/",
                "name": "/",
            }
        ],
    }


def test_junit(files: Path) -> None:
    (files / "bad.toml").write_text(GOOD.replace('"interrupted"', '"registered"'))
    assert call("run", ".", "--junit", "out.xml").exit_code == 1
    suite = ET.parse(files / "out.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    failure = suite.find("testcase[@classname='bad.toml']/failure")
    assert failure is not None
    assert "bad.toml:16" in (failure.text or "")


def test_trace_lines_are_in_order_of_time(files: Path) -> None:
    assert call("run", "good.toml", "--trace", "traces", "--every-poll").exit_code == 0
    header, *records = map(json.loads, (files / "traces" / "good.literal.jsonl").read_text().splitlines())
    assert (header["type"], header["simulated"]) == ("run", True)

    def when(record: dict[str, Any]) -> int:
        return next(int(record[key]) for key in ("at_us", "sent_us", "first_sent_us") if key in record)

    assert [when(record) for record in records] == sorted(map(when, records))
    # A register and the polls at 2, 4, ... 48 h.
    assert sum(record["type"] == "request" for record in records) == 25


def test_every_reading(files: Path) -> None:
    done = call("run", "good.toml", "--reading", "all")
    assert done.exit_code == 0
    assert "8 runs: 8 passed" in done.output
    # The poll at 28 h finds no slot where a stop voids it; the two part when that one is answered.
    assert (
        "good.toml: under windows-close, status of fdl is rejected at 1d 04:00:00.010000, "
        "where it is registered under literal" in done.output
    )
    # stop-closes-access: at the missed poll of 26 h.
    assert "good.toml: under stop-closes-access, access of fdl is closed at 1d 02:00:00.010000" in done.output
    assert "under first-in-time" not in done.output


def test_workers_change_nothing(files: Path) -> None:
    alone = call("run", "good.toml", "--reading", "all").output
    assert call("run", "good.toml", "--reading", "all", "-j", "2").output == alone


def test_rules_shows_the_book_and_one_entry(files: Path) -> None:
    done = call("rules")
    assert done.exit_code == 0
    judged, checked = set(JUDGES), set(FACTS)
    # Nothing is left; R120 is the document's alone, and judged.
    assert judged | checked == set(catalogue())
    assert done.output.splitlines()[-1] == (
        f"129 entries: {len(judged)} judged in the simulation, {len(checked)} checked against the programs "
        f"({len(judged & checked)} of them both), 3 errors of the document corrected"
    )
    shown = dict(re.findall(r"^(R\d{3})  (.+?)  ", done.output, re.MULTILINE))
    assert (shown["R077"], shown["R014"], shown["R103"]) == ("programs", "simulation, programs", "programs")
    assert (shown["R045"], shown["R120"]) == ("programs, corrected", "simulation, corrected")
    entry = call("rules", "r111").output
    assert "R111" in entry
    assert "corrected  Such a machine does not need to be unbound" in entry
    assert "checked    against the programs: With a port" in call("rules", "R077").output


def test_readings_and_schema() -> None:
    assert call("readings").output.startswith("literal")
    assert json.loads(call("schema").output)["title"] == "fdl-harness scenario"


def test_a_prediction(files: Path) -> None:
    done = call("predict", "good.toml", "--at", "1d 2h 10ms")
    assert done.exit_code == 0
    # Registered at 0; the poll of 26 h finds the port closed, which the node knows 10 ms later.
    assert done.output.splitlines() == [
        "good.toml [literal]: predicted",
        "  nodes at 1d 2h 10ms  1 interrupted",
        "  lapses               0",
        "  lost access          0.00 h",
        "  slots at most        1, first at 0d 00:00:00.005000",
    ]


def test_what_cannot_be_predicted_is_simulated_and_says_so(files: Path) -> None:
    (files / "frozen.toml").write_text(GOOD.replace("server.stop", "server.suspend").replace('"2h"', '"23h 30m"'))
    done = call("predict", "frozen.toml", "good.toml", "--json")
    assert done.exit_code == 0
    simulated, predicted = json.loads(done.output)["forecasts"]
    # The last contact is the poll of 24 h. That of 48 h is lost, and the node knows it half a minute later.
    assert simulated == {
        "scenario": "A short stop",
        "file": "frozen.toml",
        "reading": "literal",
        "how": "simulated",
        "because": "server.suspend (line 12) is nothing that the closed form knows",
        "at_us": 172_800_000_000,
        "nodes": {"unregistered": 0, "registered": 0, "interrupted": 1, "rejected": 0, "lapsed": 0},
        "lapses": 0,
        "lost_access_us": 0,
        "peak_registered": {"count": 1, "at_us": 5_000},
    }
    assert (predicted["how"], predicted["because"]) == ("predicted", None)


def test_a_prediction_of_another_reading_is_simulated(files: Path) -> None:
    (files / "other.toml").write_text('reading = "stop-closes-access"' + GOOD)
    done = call("predict", "other.toml")
    first, *_, lost, _ = done.output.splitlines()
    assert first == (
        "other.toml [stop-closes-access]: simulated, since the closed form is that of the reading literal, "
        "and this is stop-closes-access"
    )
    # Access is closed from the failure of the poll of 26 h to the success of that of 28 h.
    assert lost.split() == ["lost", "access", "2.00", "h"]


@pytest.mark.parametrize(
    ("at", "message"),
    [("2d 1us", "good.toml lasts 2d only"), ("soon", 'found "soon", expected a duration such as')],
)
def test_a_prediction_for_no_instant_of_the_run(files: Path, at: str, message: str) -> None:
    done = call("predict", "good.toml", "--at", at)
    assert done.exit_code == 2
    assert message in done.output


def test_a_prediction_of_nothing(files: Path) -> None:
    assert call("predict").exit_code == 2


def test_the_installed_command_is_this_one() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["fdl-harness"] == "harness.cli:main"


def test_help_loads_neither_the_world_nor_pydantic() -> None:
    heavy = ("simpy", "pydantic", "rich", "numpy", "harness.world")
    code = f"import sys, harness.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_fault_of_the_harness_is_no_verdict_and_names_the_run(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the world has ended")

    monkeypatch.setattr(harness.runner, "run", broken)
    done = call("run", "good.toml", "--seed", "7")
    assert done.exit_code == 1
    assert done.stderr == (
        "internal error, not a verdict: good.toml [literal], seed 7: RuntimeError: the world has ended; "
        "again: fdl-harness run good.toml --reading literal --seed 7 --traceback\n"
    )
    with pytest.raises(InternalError):
        call("run", "good.toml", "--traceback")


def test_a_simulation_that_fails_is_no_prediction(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "frozen.toml").write_text(GOOD.replace("server.stop", "server.suspend"))

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the world has ended")

    monkeypatch.setattr(harness.runner, "run", broken)
    done = call("predict", "frozen.toml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("internal error, not a verdict: frozen.toml [literal], seed 0: RuntimeError: ")


def test_a_server_that_cannot_be_started_is_no_prediction(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "unbuilt.py").write_text("def broken(licence):\n    raise RuntimeError('no such disk')\n")
    monkeypatch.syspath_prepend(str(files))
    (files / "own.toml").write_text(GOOD.replace("[[nodes]]", '[server]\nuse = "unbuilt:broken"\n[[nodes]]', 1))
    done = call("predict", "own.toml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.match(r"own.toml: there was nothing to simulate: .*no such disk", done.stderr)


def test_a_file_whose_name_is_no_text_is_run_and_reported(files: Path) -> None:
    try:
        os.rename(b"good.toml", b"\xff.toml")
    except OSError:
        pytest.skip("this file system takes no such name")
    done = call("run", ".", "--json", "out.json", "--junit", "out.xml", "--trace", "traces")
    assert done.exit_code == 0
    assert json.loads((files / "out.json").read_text())["results"][0]["outcome"] == "passed"
    assert ET.parse(files / "out.xml").getroot().find("testsuite/testcase") is not None
    assert len(list((files / "traces").iterdir())) == 1
