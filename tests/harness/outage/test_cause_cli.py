"""``outage diagnose`` and ``outage reproduce``: what they print and write, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.scenario_file import load
from tests.harness.outage.hidden import FOLDER

UNEXPLAINED = """\
time,source,event,detail
2026-03-01T01:00Z,fdl-1,registered,
2026-03-01T03:00Z,fdl-1,failed,10000
"""
EXPLAINED = """\
time,source,event,detail
2026-03-01T01:00Z,fdl-1,registered,
2026-03-01T02:00Z,server,stopped,
2026-03-01T03:00Z,fdl-1,failed,/
2026-03-01T04:00Z,server,started,
2026-03-01T06:00Z,fdl-1,status,registered
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("unexplained.csv").write_text(UNEXPLAINED)
    Path("explained.csv").write_text(EXPLAINED)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["outage", *arguments], catch_exceptions=False)


def recorded(name: str) -> str:
    return str(FOLDER / f"{name}.csv")


def test_diagnose_tells_the_first_explanations_and_what_decides() -> None:
    done = call("diagnose", recorded("alike-cut-or-answers-lost"))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line[:1].isdigit() and line[1:3] == "  "] == [
        "1  the network between them was cut, for fdl-2",
        "2  the server's answers were lost, for fdl-2",
        "3  the network between them was cut",
    ]
    assert any(line.startswith("1 and 2 explain the record equally well") for line in lines)
    assert lines[-1].startswith("What would decide between 1 and 2: other traffic between the hosts")


def test_diagnose_tells_as_many_as_asked() -> None:
    done = call("diagnose", recorded("alike-cut-or-answers-lost"), "--most", "1")
    assert "2  the server's answers" not in done.stdout
    # What is not told explains the record as well.
    assert "1 and others explain the record equally well" in done.stdout


def test_diagnose_says_that_nothing_more_need_have_happened() -> None:
    done = call("diagnose", "explained.csv")
    assert done.exit_code == 0
    assert "1  what was recorded explains everything; nothing else need have happened" in done.stdout


def test_diagnose_says_that_it_cannot_be_told() -> None:
    done = call("diagnose", "unexplained.csv", "-o", "best.toml")
    assert done.exit_code == 3
    assert "It cannot be told: nothing that was tried shows all of the record when it is simulated." in done.stdout
    assert "leaves 1 line open: line 3." in done.stdout
    # What was not found is not written.
    assert not Path("best.toml").exists()


def test_diagnose_writes_its_first_explanation_as_a_scenario_that_holds() -> None:
    done = call("diagnose", recorded("stop-weekend"), "-o", "best.toml", "--json", "all.json")
    assert done.exit_code == 0
    scenario = load(Path("best.toml"))
    assert [event.verb.value for event in scenario.events][:1] == ["server.stop"]
    ran = CliRunner().invoke(main, ["run", "best.toml"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.stdout
    content = json.loads(Path("all.json").read_text())
    assert content["simulated"] is True
    first = content["explanations"][0]
    assert first["causes"][0]["kind"] == "stop"
    # The stop from 40:12 to 90:12: the last polls before it, and the registers after it, set the bounds.
    assert first["causes"][0]["start"]["earliest"] < "2026-03-02T16:12:00Z" < first["causes"][0]["start"]["latest"]


def test_reproduce_puts_predicted_beside_observed() -> None:
    done = call("reproduce", "unexplained.csv", "-o", "facts.toml")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[1:] == [
        "fdl-1: 0 failures as predicted",
        "  time                  observed      predicted",
        "  2026-03-01T03:00:00Z  failed 10000  -          line 3: not predicted",
        "The simulation differs: 0 failures as predicted, 1 line not predicted, 0 that differ, 0 predicted rows not in "
        "the record.",
    ]
    assert load(Path("facts.toml")).title == "What unexplained.csv tells"


def test_reproduce_of_what_fits_ends_with_0_and_its_scenario_holds() -> None:
    done = call("reproduce", "explained.csv", "--all", "-o", "facts.toml")
    assert done.exit_code == 0
    assert "  2026-03-01T03:00:00Z  failed /  failed /   line 4" in done.stdout.splitlines()
    ran = CliRunner().invoke(main, ["run", "facts.toml"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.stdout


@pytest.mark.parametrize("command", ["diagnose", "reproduce"])
def test_wrong_calls_are_told_before_anything_is_done(command: str) -> None:
    for arguments, said in (
        (["nothing.csv"], "nothing.csv"),
        (["explained.csv", "--clock-error", "soon"], 'found "soon", expected a duration'),
        (["explained.csv", "--installation", "none.toml"], "none.toml"),
        (["explained.csv", "--installation", "."], ". is a folder; expected a scenario file."),
        (["explained.csv", "-o", "no/such/folder.toml"], "no/such/folder.toml cannot be written"),
    ):
        done = call(command, *arguments)
        assert done.exit_code == 2, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_names_can_be_left_out() -> None:
    done = call("diagnose", recorded("cut-of-one"), "--redact")
    assert "1  the network between them was cut, for node-2" in done.stdout
    assert "fdl-2" not in done.stdout


@pytest.mark.parametrize("command", ["check", "diagnose", "reproduce", "show"])
def test_what_is_told_is_written_as_pages(command: str) -> None:
    done = call(command, recorded("alike-cut-or-answers-lost"), "--html", "pages")
    assert done.exit_code in (0, 1)
    pages = sorted(path.name for path in Path("pages").iterdir())
    assert pages == (["2.html", "3.html", "index.html"] if command == "diagnose" else ["index.html"])
    text = Path("pages/index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    if command == "diagnose":
        assert '<a class="tool" href="2.html">Explanation 2</a>' in text
    # The same record has the same page.
    call(command, recorded("alike-cut-or-answers-lost"), "--html", "again")
    assert Path("again/index.html").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("command", ["diagnose", "reproduce", "show"])
def test_a_record_of_no_node_is_told(command: str) -> None:
    Path("note.csv").write_text("time,source,event,detail\n2026-03-01T01:00Z,server,note,hello\n")
    done = call(command, "note.csv", "--html", "pages")
    assert done.exit_code == 2
    assert "note.csv: no line tells of a node, and so there is nothing to simulate" in done.stderr


@pytest.mark.parametrize("command", ["check", "diagnose", "reproduce", "show"])
def test_what_is_told_is_drawn_and_written_for_perfetto(command: str) -> None:
    call(command, recorded("alike-cut-or-answers-lost"), "--picture", "it.svg", "--chrome-trace", "it.json")
    assert "<svg" in Path("it.svg").read_text(encoding="utf-8")
    events = json.loads(Path("it.json").read_text(encoding="utf-8"))["traceEvents"]
    assert any("/ (line" in str(event) for event in events)


def test_a_picture_has_to_be_one_that_can_be_drawn() -> None:
    done = call("diagnose", "explained.csv", "--picture", "it.jpeg")
    assert done.exit_code == 2
    assert "found 'it.jpeg', expected a name that ends in .png or .svg." in done.stderr
