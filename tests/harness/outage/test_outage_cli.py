"""The commands of ``fdl-harness outage``: what they print and write, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main

TIMELINE = """\
time,source,event,detail
2026-03-01 08:00,server,stopped,by ops@acme.example
2026-03-01 09:00,acme-1,failed,/
2026-03-01 10:00,acme-1,address,10.7.7.7
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("acme.csv")
    path.write_text(TIMELINE)
    return path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["outage", *arguments], catch_exceptions=False)


def test_show_prints_what_was_understood(file: Path) -> None:
    done = call("show", "acme.csv", "--zone", "UTC+08:00")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "line  time               source  event    detail",
        "   2  2026-03-01T00:00Z  server  stopped  by ops@acme.example",
        "   3  2026-03-01T01:00Z  acme-1  failed   /",
        "   4  2026-03-01T02:00Z  acme-1  address  10.7.7.7",
        "",
        "3 observations of 1 node, 2026-03-01T00:00:00Z to 2026-03-01T02:00:00Z",
    ]


def test_show_prints_json(file: Path) -> None:
    file.write_text(f"{TIMELINE}soon,acme-1,note,x\n")
    done = call("show", "acme.csv", "--zone", "UTC", "--json", "--lenient")
    content = json.loads(done.stdout)
    assert content["file"] == "acme.csv"
    assert content["observations"][1:] == [
        {
            "line": 3,
            "time": "2026-03-01T09:00:00Z",
            "unit_us": 60_000_000,
            "source": "acme-1",
            "event": "failed",
            "code": "/",
            "text": "/",
        },
        {
            "line": 4,
            "time": "2026-03-01T10:00:00Z",
            "unit_us": 60_000_000,
            "source": "acme-1",
            "event": "address",
            "address": "10.7.7.7",
            "text": "10.7.7.7",
        },
    ]
    (left_out,) = content["left_out"]
    assert (left_out["line"], left_out["column"], left_out["key"], left_out["found"]) == (5, 1, "time", '"soon"')
    assert done.stderr.splitlines()[0] == "1 problem in acme.csv, and so this is left out:"
    assert done.stderr.splitlines()[1].startswith('  acme.csv:5:1: time: found "soon", expected a date and a time')


def test_mistakes_end_with_2_and_nothing_on_standard_output(file: Path) -> None:
    done = call("show", "acme.csv")
    assert (done.exit_code, done.stdout) == (2, "")
    *mistakes, last = done.stderr.splitlines()
    assert [line.split(":")[1] for line in mistakes] == ["2", "3", "4"]
    # Nothing would be left, so --lenient is no remedy.
    assert last == "3 problems in acme.csv; nothing was done"
    file.write_text(f"{TIMELINE}2026-03-01T08:00Z,acme-1,note,\n")
    assert call("show", "acme.csv").stderr.splitlines()[-1] == (
        "3 problems in acme.csv; nothing was done; --lenient leaves out what cannot be read"
    )


@pytest.mark.parametrize("path", ["none.csv", "."])
def test_what_cannot_be_opened_is_told(file: Path, path: str) -> None:
    done = call("show", path)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"1 problem in {path}; nothing was done"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--zone", "Berlin"], "(did you mean Europe/Berlin?)"),
        (["--zone", "UTC+99:00"], "an offset from UTC-14:00 to UTC+14:00"),
        (["--columns", "tme=When"], "(did you mean time?)"),
        (["--dates", "dayfirst"], "day-first"),
    ],
)
def test_wrong_options(file: Path, arguments: list[str], message: str) -> None:
    done = call("show", "acme.csv", *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


def test_redacted_output_names_nobody(file: Path) -> None:
    file.write_text(f"{TIMELINE}soon,acme-1,note,x\n")
    for more in ([], ["--json"]):
        done = call("show", "acme.csv", "--zone", "UTC", "--lenient", "--redact", *more)
        assert done.exit_code == 0
        assert "node-1" in done.stdout
        assert "mail-1@mail.example" in done.stdout
        assert "10.0.1.7" in done.stdout
        assert "acme" not in done.output
        assert "10.7.7.7" not in done.output


def test_redact_writes_a_timeline_and_what_is_left_to_read(file: Path) -> None:
    done = call("redact", "acme.csv", "--zone", "UTC", "-o", "clean.csv")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "clean.csv: 3 lines, 1 node renamed",
        "These words stay, so read them before you give clean.csv away:",
        "  by mail-1@mail.example",
    ]
    assert Path("clean.csv").read_text().splitlines() == [
        "time,source,event,detail",
        "2026-03-01T08:00Z,server,stopped,by mail-1@mail.example",
        "2026-03-01T09:00Z,node-1,failed,/",
        "2026-03-01T10:00Z,node-1,address,10.0.1.7",
    ]
    # What is redacted again stays as it is.
    call("redact", "clean.csv", "-o", "again.csv")
    assert Path("again.csv").read_text() == Path("clean.csv").read_text()


def test_redact_does_not_overwrite_the_record(file: Path) -> None:
    done = call("redact", "acme.csv", "--zone", "UTC", "-o", str(file.resolve()))
    assert done.exit_code == 2
    assert "would be overwritten" in done.stderr
    assert file.read_text() == TIMELINE


def test_redact_tells_what_it_leaves_out(file: Path) -> None:
    file.write_text(f"{TIMELINE}soon,acme-1,note,x\n")
    done = call("redact", "acme.csv", "--zone", "UTC", "-o", "clean.csv", "--lenient")
    assert "acme.csv:5:1: time" in done.stderr
    assert len(Path("clean.csv").read_text().splitlines()) == 4


INSTALLED = """
title = "Acme's machines"
start = 2026-03-01T00:00:00Z
duration = "1d"
[licence]
addresses = ["10.7.7.1 - 10.7.7.9"]
[[nodes]]
name = "acme-1"
address = "10.7.7.6"
application = "acme"
"""


def test_redact_takes_the_installation_along(file: Path) -> None:
    Path("acme.toml").write_text(INSTALLED)
    arguments = ("redact", "acme.csv", "--zone", "UTC", "--installation", "acme.toml", "-o", "clean.csv")
    done = call(*arguments, "--installation-output", "clean.toml")
    assert done.exit_code == 0
    assert "10.0.1.7" in Path("clean.csv").read_text()
    text = Path("clean.toml").read_text()
    assert 'addresses = ["10.0.1.1 - 10.0.1.9"]' in text
    assert "cme" not in text
    for wrong, message in (
        ((), "--installation and --installation-output go together"),
        (("--installation-output", "acme.toml"), "would be overwritten"),
        (("--installation-output", "acme.csv"), "would be overwritten"),
    ):
        done = call(*arguments, *wrong)
        assert done.exit_code == 2
        assert message in done.stderr


@pytest.mark.parametrize("command", ["reproduce", "diagnose"])
def test_a_redacted_record_is_simulated_with_a_redacted_installation(file: Path, command: str) -> None:
    Path("acme.toml").write_text(INSTALLED)
    file.write_text(TIMELINE.replace("10.7.7.7", "10.7.8.7"))
    more = ("--zone", "UTC", "--installation", "acme.toml")
    plain = call(command, "acme.csv", *more)
    clean = call(command, "acme.csv", *more, "--redact")
    assert (clean.exit_code, len(clean.stdout.splitlines())) == (plain.exit_code, len(plain.stdout.splitlines()))
    assert "acme-1" in plain.stdout
    assert "acme" not in clean.output
