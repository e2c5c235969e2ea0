"""``outage check``: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main

HEADER = "time,source,event,detail\n"
#: The register at 01:00 is less than 24 h before the lapse.
WRONG = HEADER + "2026-03-01T01:00Z,fdl-1,registered,\n2026-03-01T20:00Z,fdl-1,status,lapsed\n"
#: A failure every half an hour, which may be a poll too often or a register.
OFTEN = HEADER + "".join(f"2026-03-01T0{k // 2}:{k % 2 * 30:02}Z,fdl-1,failed,30003\n" for k in range(8))
INSTALLED = """\
title = "An office"
start = 2026-03-01T00:00:00Z
duration = "1h"

[licence]
capacity = 1
addresses = ["10.0.0.1 - 10.0.0.9"]

[[nodes]]
name = "fdl-1"
address = "10.0.0.11"
application = "report1"
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.csv").write_text(WRONG)
    Path("often.csv").write_text(OFTEN)
    Path("note.csv").write_text(HEADER + "2026-03-01T01:00Z,fdl-1,note,all is well\n")
    Path("office.toml").write_text(INSTALLED)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["outage", "check", *arguments], catch_exceptions=False)


def test_what_is_against_the_document_is_told_with_its_lines() -> None:
    done = call("wrong.csv")
    assert done.exit_code == 1
    # 19 h, and 5 minutes at either end, 30 s of waiting, a minute and a half of coarse times: 19 h 12 min 1 s or so.
    start = done.stdout.index("Against the document:")
    assert done.stdout[start:].splitlines()[:5] == [
        "Against the document:",
        "  R033",
        "    fdl-1 is lapsed, and had an answer at most 19h 13m before",
        "      line 2: 2026-03-01T01:00Z fdl-1 registered",
        "      line 3: 2026-03-01T20:00Z fdl-1 status lapsed",
    ]


def test_what_is_as_the_document_says_ends_with_0_and_what_is_nothing_with_3() -> None:
    assert call("often.csv").exit_code == 0  # R036: each has its time and its reason
    done = call("note.csv")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-1] == "32 rules: 0 violated, 0 held, 32 unknown"


def test_a_complete_record_decides_more() -> None:
    # All but the first. That the one at 02:00 is 2 h after it is no excuse, with three in between.
    done = call("often.csv")
    assert "a failure that is not 2 h, nor a multiple, after the register or poll before it (7 times)" in done.stdout
    assert "      and 3 more lines\n      would decide: a line for what was asked" in done.stdout
    done = call("often.csv", "--complete")
    assert done.exit_code == 1
    assert "The record is taken to be complete" in done.stdout


def test_an_installation_decides_more() -> None:
    assert call("wrong.csv", "--installation", "office.toml").stdout.count("from 10.0.0.11, which is not licensed") == 1
    assert call("wrong.csv", "--installation", "office.toml", "--redact").exit_code == 1
    assert call("wrong.csv", "--installation", ".").exit_code == 2
    assert call("wrong.csv", "--installation", "none.toml").exit_code == 2


def test_how_wrong_clocks_may_be_and_the_reading_count() -> None:
    assert call("wrong.csv", "--clock-error", "2h").exit_code == 3
    assert call("wrong.csv", "--reading", "twelve-strikes").exit_code == 3
    assert call("wrong.csv", "--reading", "all").exit_code == 2
    assert call("wrong.csv", "--clock-error", "5").exit_code == 2


def test_all_of_it_is_written_as_json() -> None:
    call("often.csv", "--installation", "office.toml", "--json", "out.json")
    written = json.loads(Path("out.json").read_text())
    assert (written["file"], written["reading"], written["clock_error"], written["complete"]) == (
        *("often.csv", "literal", "5m"),
        False,
    )
    assert written["installation"] == "office.toml"
    rhythm = written["rules"]["R031"]
    assert (rhythm["verdict"], rhythm["tested"], rhythm["broken"]) == ("unknown", 0, [])
    assert rhythm["undecided"][0]["lines"] == [3, 4, 5, 6, 7, 8, 9]
    assert rhythm["undecided"][0]["times"] == 7
    assert "would_test" not in rhythm
    assert written["rules"]["R118"]["would_test"].startswith("--installation")
    assert written["rules"]["R115"]["obeyed"][0] == {
        "finding": "a 30003 of a node whose address is not licensed",
        "lines": [2],
    }


def test_a_file_that_cannot_be_read_or_written_ends_with_2() -> None:
    assert call("nothing.csv").exit_code == 2
    assert call("wrong.csv", "--json", "no/such/out.json").exit_code == 2
