"""``fdl-harness run --html``, ``--picture`` and ``--chrome-trace``."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.harness.test_cli import GOOD


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    (tmp_path / "good.toml").write_text(GOOD)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def test_each_result_has_its_page_its_picture_and_its_trace(files: Path) -> None:
    done = call("run", "good.toml", "--html", "h", "--picture", "p", "--chrome-trace", "c")
    assert done.exit_code == 0, done.output
    written = sorted(str(file.relative_to(files)) for file in files.rglob("*") if file.is_file())
    assert written == [
        "c/good.literal.json",
        "good.toml",
        "h/good.literal.html",
        "h/index.html",
        "p/good.literal.svg",
    ]
    assert 'href="good.literal.html"' in (files / "h/index.html").read_text(encoding="utf-8")
    assert json.loads((files / "c/good.literal.json").read_text(encoding="utf-8"))["otherData"]["reading"] == "literal"


def test_a_picture_can_be_a_png(files: Path) -> None:
    assert call("run", "good.toml", "--picture", "p", "--picture-format", "png").exit_code == 0
    assert (files / "p/good.literal.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_skipped_is_in_the_summary_and_has_no_page(files: Path) -> None:
    # The server program keeps to one reading alone.
    done = call("run", "good.toml", "--wire", "tls", "--reading", "thirteenth-miss", "--html", "h")
    assert done.exit_code == 3, done.output
    assert [file.name for file in sorted((files / "h").iterdir())] == ["index.html"]
    assert "skipped" in (files / "h/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--html", "--picture", "--chrome-trace"])
def test_what_cannot_be_written_is_said_before_anything_runs(files: Path, option: str) -> None:
    done = call("run", "good.toml", option, "good.toml/x")
    assert done.exit_code == 2
    assert "good.toml/x cannot be made" in done.output
    assert "passed" not in done.output


def test_a_file_in_the_way_of_the_summary_is_said_before_anything_runs(files: Path) -> None:
    (files / "h/index.html").mkdir(parents=True)
    done = call("run", "good.toml", "--html", "h")
    assert done.exit_code == 2
    assert "h/index.html cannot be written" in done.output
    assert "passed" not in done.output


def test_without_the_library_a_picture_says_how_to_get_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("harness.cli.showing"), "find_spec", lambda name: None)
    done = call("run", "good.toml", "--picture", "p")
    assert done.exit_code == 2
    assert "--picture needs matplotlib, which is not installed: pip install 'fdl-harness[plots]'." in done.output


def test_only_a_picture_needs_the_library() -> None:
    ask = "import sys, harness.cli.run, harness.report.timeline.page, harness.report.timeline.told, "
    ask += "harness.report.timeline.picture; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "False\n"
