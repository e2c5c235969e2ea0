"""``fdl-harness console``: what it says, and what it refuses before anything is served."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import harness.console.serving
import harness.runner
from harness.cli import main
from tests.harness.console.worlds import THREE


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What would be served, in a folder with a scenario."""
    (tmp_path / "three.toml").write_text(THREE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found: list[Any] = []
    monkeypatch.setattr(harness.console.serving, "serve", lambda app, listening: found.append((app, listening)))
    yield found
    assert all(listening.fileno() == -1 for _, listening in found), "the port is given back"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["console", *arguments], catch_exceptions=False)


def test_it_says_where_it_is_with_a_token_of_its_own(served: list[Any]) -> None:
    told = [call("three.toml", "--listen", "127.0.0.1:0").stdout for _ in range(2)]
    words = re.compile(r"The console is at http://127\.0\.0\.1:\d+/([\w-]{22})/ \(Ctrl-C ends it\)\n")
    tokens = [match[1] for each in told if (match := words.fullmatch(each))]
    assert len(set(tokens)) == 2
    assert len(served) == 2


def test_without_a_scenario_it_shows_one_of_the_library(served: list[Any]) -> None:
    assert call("--listen", "127.0.0.1:0").exit_code == 0
    assert len(served) == 1


def test_a_browser_is_opened_only_when_it_is_asked_for(served: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    call("three.toml", "--listen", "127.0.0.1:0")
    assert opened == []
    told = call("three.toml", "--listen", "127.0.0.1:0", "--open").stdout
    assert opened == re.findall(r"http://\S+", told)


def test_an_address_in_use_says_so_and_what_helps(served: list[Any]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = call("three.toml", "--listen", f"127.0.0.1:{port}")
    assert result.exit_code == 2
    assert f"127.0.0.1:{port} cannot be listened on: another program is there; --listen 127.0.0.1:0" in result.stderr
    assert served == []


def test_an_address_that_is_none_says_so(served: list[Any]) -> None:
    # A documentation address, which is nobody's.
    result = call("three.toml", "--listen", "192.0.2.1:0")
    assert result.exit_code == 2
    assert "192.0.2.1:0 cannot be listened on: " in result.stderr
    for wrong in ("8765", "127.0.0.1", "127.0.0.1:70000", "::1:80", "a b:1:2"):
        result = call("three.toml", "--listen", wrong)
        assert result.exit_code == 2
        assert "expected an address and a port, such as 127.0.0.1:8765" in result.stderr
    assert served == []


def test_a_scenario_that_does_not_parse_is_told_in_full_and_nothing_is_served(served: list[Any]) -> None:
    Path("wrong.toml").write_text(THREE.replace("capacity", "capactiy").replace('"4d"', '"4x"'), encoding="utf-8")
    result = call("wrong.toml", "--listen", "127.0.0.1:0")
    assert result.exit_code == 2
    assert re.match(r"wrong\.toml:5:12: duration: .*\nwrong\.toml:8:1: licence\.capactiy: ", result.stderr)
    assert result.stderr.endswith("2 mistakes in wrong.toml; no console was opened\n")
    assert call("missing.toml").exit_code == 2
    assert served == []


def test_only_one_reading_at_a_time(served: list[Any]) -> None:
    assert call("three.toml", "--reading", "all").exit_code == 2
    assert call("three.toml", "--reading", "revive", "--listen", "127.0.0.1:0").exit_code == 0


def test_a_system_under_test_that_is_none_is_told_before_anything_is_served(served: list[Any]) -> None:
    result = call("three.toml", "--server", "nothing.there:make")
    assert result.exit_code == 2
    assert "nothing" in result.stderr
    assert served == []


def test_what_is_wrong_with_a_run_is_told_before_anything_is_served(
    served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(harness.runner, "run_one", broken)
    result = call("three.toml", "--listen", "127.0.0.1:0")
    assert result.exit_code == 1
    told = "internal error, not a verdict: three.toml [literal], seed 0: ZeroDivisionError: division by zero"
    assert result.stderr.startswith(told)
    assert served == []
