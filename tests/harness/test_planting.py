"""Planting a wrong program: the right one, with one thing in its process changed before it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness import planting
from harness.planting import ProgramBugs, change, plant, wrap

BUGS = ProgramBugs("fdl-machine")


@BUGS.breaking("R038", "R053")
def calls_every_system_beos() -> None:
    """Knows of one
    system alone.
    """
    change("reference_server.machine.platforms.PACKAGES", {("BeOS", ""): "Be.zip"})


def test_a_bug_is_what_is_written_beside_it() -> None:
    (bug,) = BUGS
    assert (bug.name, bug.wrong) == ("calls_every_system_beos", "Knows of one system alone.")
    assert (bug.breaks, bug.command) == (("R038", "R053"), "fdl-machine")


def test_a_planted_command_is_the_right_one_but_for_the_change(tmp_path: Path) -> None:
    plant(BUGS[0], tmp_path)
    ended = subprocess.run([tmp_path / "fdl-machine", "--packages"], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["BeOS", "Be.zip"]


def test_a_thing_is_changed_or_wrapped_where_its_name_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "Change", 20)
    wrap("harness.planting.Change", lambda before: before + 1)
    assert vars(planting)["Change"] == 21
    change("harness.planting.Change", "new")
    assert vars(planting)["Change"] == "new"
