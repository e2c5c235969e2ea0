"""The trace as Parquet: the same rows as the trace has, in words."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import parquet

from harness import cli
from harness.report.parquet import TABLES, write_parquet
from harness.runner import Job, run_one
from harness.scenario import Verb
from reference_server.readings import LITERAL
from tests.harness.stage import LATENCY, a_world, event
from tests.rulebook.hand import HOUR, START, node

LIBRARY = Path(__file__).parents[2] / "scenarios"


def rows(folder: Path, table: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = parquet.read_table(folder / f"{table}.parquet").to_pylist()
    return found


def test_the_tables_are_those_of_the_trace_in_words(tmp_path: Path) -> None:
    # The node registers at 0. From 1 h to 3 h the server is stopped: the poll at 2 h is refused, that at 4 h granted.
    stop = event(HOUR, Verb.SERVER_STOP, lasts_us=2 * HOUR)
    result = run_one(Job(scenario=a_world(stop, nodes=(node("fdl"),), duration_us=5 * HOUR), reading=LITERAL))
    write_parquet(result, tmp_path)
    assert rows(tmp_path, "transitions") == [
        {"at_us": 2 * LATENCY, "node": "fdl", "before": "unregistered", "after": "registered", "reason": "granted"},
        {
            "at_us": 2 * HOUR + 2 * LATENCY,
            "node": "fdl",
            "before": "registered",
            "after": "interrupted",
            "reason": "unanswered",
        },
        {
            "at_us": 4 * HOUR + 2 * LATENCY,
            "node": "fdl",
            "before": "interrupted",
            "after": "registered",
            "reason": "granted",
        },
    ]
    at_us = 2 * HOUR + 2 * LATENCY
    assert rows(tmp_path, "failures") == [
        {"at_us": at_us, "node": "fdl", "wall_us": START + at_us, "code": "/", "number": 2, "shown": "/"}
    ]
    register, missed, _ = rows(tmp_path, "exchanges")
    assert (register["kind"], register["verdict"], register["lost"]) == ("register", "granted", False)
    assert (missed["verdict"], missed["outcome"], missed["content"]) == ("connection_refused", "unanswered", None)
    assert [(each["host"], each["what"]) for each in rows(tmp_path, "edges")] == [
        ("server", "started"),
        ("fdl", "register_asked"),
        ("server", "stopped"),
        ("server", "started"),
    ]
    about = parquet.read_schema(tmp_path / "slots.parquet").metadata
    assert (about[b"simulated"], about[b"digest"]) == (b"true", result.digest.encode())


def test_no_row_is_missing(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli.main, ["run", str(LIBRARY / "server_stops" / "stop_24h.toml"), "--parquet", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    (folder,) = (tmp_path / "out").iterdir()
    assert sorted(path.stem for path in folder.iterdir()) == sorted(TABLES)
    requests = rows(folder, "exchanges")
    beats = rows(folder, "beats")
    assert len(requests) + sum(int(str(beat["polls"])) for beat in beats) > 0


def test_without_the_library_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("harness.cli.run"), "find_spec", lambda name: None)
    done = CliRunner().invoke(cli.main, ["run", str(LIBRARY / "server_stops"), "--parquet", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "pip install 'fdl-harness[parquet]'" in done.output
    assert not (tmp_path / "out").exists()
