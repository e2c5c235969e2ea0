"""The world as a state machine: what it lets happen, what it finds, and how it tells it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from harness.runner import Result
from harness.scenario_file import ScenarioError, loads
from harness.stateful import AFTER, WorldMachine
from reference_server.authority import Authority

HOUR = 3_600_000_000
DAY = 24 * HOUR


class Forgetful(Authority):
    """Loses its slots whenever it starts."""

    def start(self, now: Any, *, downtime_us: int = 0) -> Any:
        return self._drop_all() + super().start(now, downtime_us=downtime_us)


def fails(machine: type[WorldMachine], *phases: Phase) -> str:
    """Return how a machine tells what it found."""
    quick = settings(
        machine.TestCase.settings,
        max_examples=60,
        derandomize=True,
        database=None,
        phases=(Phase.generate, *phases),
    )
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(machine, settings=quick)
    notes = "\n".join(getattr(caught.value, "__notes__", ()))
    return f"{caught.value}\n{notes}"


def test_the_right_machines_pass() -> None:
    class Right(WorldMachine):
        pass

    assert Right.TestCase.settings.stateful_step_count == 10
    quick = settings(Right.TestCase.settings, max_examples=25, derandomize=True, database=None)
    run_state_machine_as_test(Right, settings=quick)


def test_what_is_found_is_told_as_steps_and_as_a_file() -> None:
    class Shop(WorldMachine):
        server = Forgetful

    told = fails(Shop, Phase.shrink)
    assert "R034 violated" in told
    # One stop is enough, at the first poll or before; the file is as long as its rest.
    assert told.count("state.") == 3
    text = told.partition("as a scenario file:\n\n")[2].partition("\nFailing test case")[0]
    scenario = loads(text)
    (event,) = scenario.events
    assert event.verb.value in ("server.stop", "server.crash")
    assert event.until_us is not None
    assert scenario.duration_us == event.at_us + 26 * HOUR


def test_nodes_can_be_under_test() -> None:
    class Discouraged(WorldMachine):
        node = "tests.planted_bugs.polls:Discouraged"

    # It polls no more after the first poll that nobody answers.
    assert "R031 violated" in fails(Discouraged)


def test_the_reading_is_that_of_the_machine() -> None:
    class Shop(WorldMachine):
        server = Forgetful
        reading = "revive"

    assert "[revive]: failed" in fails(Shop)


def test_a_machine_can_have_steps_of_its_own_and_require_more() -> None:
    class Spare(WorldMachine):
        rest = "1h"

        @rule(after=AFTER, by=st.sampled_from(["2s", "1m"]))
        def answers_are_slow(self, after: str, by: str) -> None:
            self.happen("server.slow", after=after, by=by, lasts="2h")

        def check(self, result: Result) -> None:
            super().check(result)
            slow = [event for event in result.scenario.events if event.verb.value == "server.slow"]
            assert not slow, "it was slow"

    assert "it was slow" in fails(Spare)


# What can happen.


@pytest.fixture
def world() -> WorldMachine:
    class World(WorldMachine):
        pass

    machine = World()
    machine.begin(2, 1, "40m")
    return machine


def test_each_event_comes_after_the_one_before(world: WorldMachine) -> None:
    assert world.happen("server.stop", after="1h", lasts="30m")
    assert world.happen("node.unbind", after="2h 1us", node="fdl-1")
    assert [event.at_us for event in world.scenario.events] == [HOUR, 3 * HOUR + 1]
    assert world.scenario.duration_us == 3 * HOUR + 1 + 26 * HOUR
    assert [node.register_us for node in world.scenario.nodes] == [0, 40 * 60_000_000]


def test_what_cannot_happen_just_then_does_not(world: WorldMachine) -> None:
    assert world.happen("server.stop", after="1h", lasts="1d")
    assert not world.happen("server.crash", after="1h", lasts="1h")
    assert world.happen("node.register", node="*")
    # The time that it would have taken is over all the same.
    assert world.scenario.events[-1].at_us == 2 * HOUR


def test_what_can_never_happen_is_a_mistake(world: WorldMachine) -> None:
    with pytest.raises(ScenarioError, match=r"server\.stpo"):
        world.happen("server.stpo")
    with pytest.raises(ScenarioError, match="node: found"):
        world.happen("node.stop", node="nobody")
    assert world.scenario.events == ()


def test_hosts_go_round(world: WorldMachine) -> None:
    assert [world.name(which) for which in (-1, 0, 1, 2)] == ["server", "fdl-1", "fdl-2", "fdl-1"]
