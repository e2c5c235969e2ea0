"""The whole library over the wire `asgi`: the same histories as over `memory`, to the last change of a slot."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from harness.scenario import Scenario
from harness.wires import wire_named
from harness.wires.limits import why_not
from harness.world import run
from reference_server.readings import READINGS
from tests.harness.wires.library import FILES, named, over, rulings, seen_at_nodes
from tests.harness.worlds import scenarios


@pytest.mark.parametrize("file", FILES, ids=named)
def test_the_same_under_the_literal_reading(file: Path) -> None:
    same(file, "literal")


@pytest.mark.parametrize("reading", [name for name in READINGS if name != "literal"])
@pytest.mark.parametrize("file", [each for each in FILES if each.parent.name != "shares"], ids=named)
def test_the_same_under_the_other_readings(file: Path, reading: str) -> None:
    same(file, reading)


def same(file: Path, reading: str) -> None:
    here, there = over(file, "memory", reading), over(file, "asgi", reading)
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
