"""The first commands somebody types: a scenario to begin with, what this machine can do, completion, near misses."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness import doctor
from harness.cli import main
from harness.scenario_file import load
from harness.wires.names import WIRES


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize(
    ("name", "file", "title"),
    [
        ("lost", "lost.toml", "lost"),
        ("lost slots", "lost_slots.toml", "lost slots"),
        ("my_case.toml", "my_case.toml", "my case"),
        ("丢失", "丢失.toml", "丢失"),
    ],
)
def test_a_new_scenario_runs_as_it_is(name: str, file: str, title: str) -> None:
    done = call("new", name)
    assert (done.exit_code, done.stdout) == (0, f"wrote {file}; run it with: fdl-harness run {file}\n")
    assert load(Path(file)).title == title
    assert "TITLE" not in Path(file).read_text(encoding="utf-8")
    ran = call("run", file)
    assert ran.exit_code == 0, ran.stdout


def test_a_file_that_is_there_is_not_touched() -> None:
    Path("mine.toml").write_text("precious")
    done = call("new", "mine")
    assert done.exit_code == 2
    assert "mine.toml is there already; give another name" in done.stderr
    assert Path("mine.toml").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "said"), [('a"b', "expected a name without quotes"), ("no/such/folder", "cannot be written")]
)
def test_a_name_that_cannot_be_is_told(name: str, said: str) -> None:
    done = call("new", name)
    assert done.exit_code == 2
    assert said in done.stderr


def test_doctor_tells_of_every_wire_and_every_extra() -> None:
    done = call("doctor")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("fdl-harness ")
    named = [line[5:].split()[0] for line in lines if line.startswith(("  yes", "  no"))]
    assert named == [*WIRES, *doctor.EXTRAS]


def test_doctor_says_how_to_get_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda module: None if module == "pyarrow" else object())
    monkeypatch.setattr(doctor, "missing_for", lambda wire: ("not root",) if wire == "netns" else ())
    lines = call("doctor").stdout.splitlines()
    parquet = next(place for place, line in enumerate(lines) if line.split()[1:2] == ["parquet"])
    assert lines[parquet].startswith("  no   parquet")
    assert lines[parquet + 1].strip() == "pip install 'fdl-harness[parquet]'"
    netns = next(place for place, line in enumerate(lines) if line.split()[1:2] == ["netns"])
    assert (lines[netns][:4], lines[netns + 1].strip()) == ("  no", "not root")


def test_the_extras_are_those_that_can_be_installed() -> None:
    content = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = content["project"]["optional-dependencies"]
    assert sorted(doctor.EXTRAS) == sorted(set(extras) - {"test", "dev"})
    # Each brings the module by which it is told.
    for extra, (module, _) in doctor.EXTRAS.items():
        assert any(need.replace("-", "_").startswith(module) for need in extras[extra]), extra


def test_a_shell_completes_commands() -> None:
    script = call("completion", "bash").stdout
    assert "_FDL_HARNESS_COMPLETE=bash_complete" in script
    # What the script calls: the words typed so far, of which the last is to be completed.
    done = subprocess.run(
        ["fdl-harness"],
        env={
            "PATH": str(Path(sys.executable).parent),
            "_FDL_HARNESS_COMPLETE": "bash_complete",
            "COMP_WORDS": "fdl-harness sw",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "plain,sweep\n"


def test_near_misses_are_answered_with_what_was_meant() -> None:
    assert "Did you mean 'run'?" in call("rnu").stderr
    assert "Did you mean" in call("run", "--htlm", "x").stderr
    call("new", "case")
    path = Path("case.toml")
    path.write_text(path.read_text(encoding="utf-8").replace('"server.stop"', '"server.stp"'), encoding="utf-8")
    done = call("check", "case.toml")
    assert done.exit_code == 2
    assert "did you mean server.stop?" in done.stderr
