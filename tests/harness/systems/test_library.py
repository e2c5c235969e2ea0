"""The reference authority as somebody's own server gives the same lives in every scenario of the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.library import find_scenarios, library_path
from harness.runner import jobs_for, run_one
from harness.scenario_file import load
from harness.trace import Trace
from reference_server.readings import READINGS
from tests.harness.systems.reference import Asgi, Server, Validator, Wsgi

#: Larger fleets take longer and show nothing more.
MOST_NODES = 12
FILES = [file for file in find_scenarios(library_path()) if len(load(file).nodes) <= MOST_NODES]
SHAPES: tuple[type[Server], ...] = (Validator, Wsgi, Asgi)


def lives(trace: Trace) -> list[object]:
    """Return all that the nodes have lived through."""
    tables = [list(table) for table in (trace.transitions, trace.failures, trace.access)]
    return [*tables, trace.final_lists, trace.requests]


@pytest.mark.parametrize(
    ("file", "shape"),
    [(file, SHAPES[number % len(SHAPES)]) for number, file in enumerate(FILES)],
    ids=[f"{file.stem}-{SHAPES[number % len(SHAPES)].__name__}" for number, file in enumerate(FILES)],
)
def test_every_node_lives_the_same_life(file: Path, shape: type[Server]) -> None:
    (job,) = jobs_for(load(file), None)
    reference, own = run_one(job), run_one(job, server=shape)
    # It refuses to run on a foreign machine, and says so.
    assert {each.what for each in own.troubles} <= {"the program ended itself as it started (exit it refuses to run)"}
    assert lives(own.trace) == lives(reference.trace)
    # Its slots cannot be seen, and yet every rule that the scenario names is put to the test, by their number.
    assert own.outcome is reference.outcome
    assert [each.met for each in own.expectations] == [True] * len(own.expectations)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reading", ["revive", "thirteenth-miss", "cluster-is-one"])
def test_under_other_readings_too(shape: type[Server], reading: str) -> None:
    for name in ("server_stops/stop_23h.toml", "clusters/five_members_three_slots.toml"):
        (job,) = jobs_for(load(library_path() / name), [READINGS[reading]])
        assert lives(run_one(job, server=shape).trace) == lives(run_one(job).trace)
