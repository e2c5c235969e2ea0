"""The library and random worlds over the wire `asgi`: the histories of `memory`, to the last change of a slot."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from harness.runner import Job, run_one
from harness.scenario import Scenario
from harness.scenario_file import load
from harness.wires import wire_named
from harness.wires.limits import why_not
from harness.world import run
from reference_server.readings import READINGS
from tests.harness.wires.library import FILES, LARGE, named, rulings, seen_at_nodes
from tests.harness.worlds import scenarios

OTHERS = [name for name in READINGS if name != "literal"]
SMALL = [file for file in FILES if not named(file).startswith(LARGE)]
#: The one that takes more than a minute.
LONGEST = "server_stops/three_thousand_in_phase.toml"


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, id=named(file), marks=[pytest.mark.wire("asgi")] * (named(file) == LONGEST)) for file in FILES],
)
def test_the_same_under_the_literal_reading(file: Path) -> None:
    same(file, "literal")


def shown(value: Path | str) -> str:
    return named(value) if isinstance(value, Path) else value


# Each file under one of the other readings, and each of them over many files.
@pytest.mark.parametrize(("file", "reading"), list(zip(SMALL, cycle(OTHERS), strict=False)), ids=shown)
def test_the_same_under_another_reading(file: Path, reading: str) -> None:
    same(file, reading)


@pytest.mark.wire("large")
@pytest.mark.parametrize("reading", OTHERS)
@pytest.mark.parametrize("file", SMALL, ids=named)
def test_the_same_under_every_reading(file: Path, reading: str) -> None:
    same(file, reading)


def same(file: Path, reading: str) -> None:
    here, there = (
        run_one(Job(scenario=load(file), reading=READINGS[reading], wire=wire)) for wire in ("memory", "asgi")
    )
    assert there.skipped is None
    assert there.digest == here.digest
    assert rulings(there) == rulings(here)
    assert there.outcome is here.outcome
    assert seen_at_nodes(there.trace) == seen_at_nodes(here.trace)
    # It went over the wire, every poll of it.
    assert len(there.trace.exchanges) == sum(here.trace.requests)


@pytest.mark.parametrize("name", READINGS)
@settings(max_examples=12)
@given(scenario=scenarios())
def test_the_same_in_any_world(name: str, scenario: Scenario) -> None:
    reading = READINGS[name]
    assume(why_not(scenario, reading, "asgi") is None)
    here, there = run(scenario, reading, every_poll=True), run(scenario, reading, wire=wire_named("asgi"))
    assert there.digest() == here.digest()
    assert seen_at_nodes(there) == seen_at_nodes(here)
