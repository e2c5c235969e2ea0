"""A saved world: its file runs to the same digest, and expects what was so at the cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.console.played import Played
from harness.console.saving import saved
from harness.runner import Outcome
from harness.scenario_file import loads
from reference_server.readings import reading_named
from tests.harness.console.test_session import happenings
from tests.harness.console.worlds import HOUR, LITERALLY, THREE, played, session


@settings(max_examples=30)
@given(st.lists(happenings, max_size=4), st.integers(0, 96 * HOUR))
def test_the_saved_file_runs_to_the_same_digest_and_passes(
    done: list[tuple[int, dict[str, Any]]], cursor_us: int
) -> None:
    world = session()
    for at_us, event in done:
        world = world.at(at_us).done(event)
    came = played(world)
    again = LITERALLY.run(loads(saved(world.branch, came, cursor_us)))
    assert again.digest == came.result.digest
    assert again.outcome is Outcome.PASSED
    assert again.expectations


def test_what_was_so_is_expected_and_what_is_no_longer_so_is_left_out_and_told() -> None:
    # A stop of 90 h: nobody is registered at 3 d, as the file expects.
    world = session().at(2 * HOUR).done({"do": "server.stop", "lasts": "90h"})
    text = saved(world.branch, played(world), 3 * HOUR)
    scenario = loads(text)
    # At 3 h fdl-1 has polled at 2 h in vain, fdl-2 at 2 h 40 min; fdl-3 polls at 3 h 20 min.
    states = [(each.nodes, each.status, each.access, each.failure, each.registered) for each in scenario.expects]
    assert states == [
        (("fdl-1",), "interrupted", True, "/", None),
        (("fdl-2",), "interrupted", True, "/", None),
        (("fdl-3",), "registered", True, "none", None),
        ((), None, None, None, 3),
    ]
    assert "# - server.stop for 90h at 0d 02:00:00\n" in text
    assert "# Left out, since it is not met: at = 3d, node = *, status = registered\n" in text


def test_a_rule_that_nothing_puts_to_the_test_any_more_is_left_out_and_told() -> None:
    world = session(THREE.replace('"R031"', '"R028", "R031"'))
    text = saved(world.branch, played(world), HOUR)
    assert loads(text).rules == ("R031",)
    assert "# Left out, since nothing puts it to the test: R028\n" in text


def test_nodes_that_were_alike_are_expected_by_a_pattern() -> None:
    world = session()
    # Before the first registration is answered all are alike.
    (_, mine, slots) = loads(saved(world.branch, played(world), 0)).expects
    assert mine.nodes == ("fdl-1", "fdl-2", "fdl-3")
    assert (mine.status, slots.registered) == ("unregistered", 0)


def test_a_session_under_another_reading_expects_under_it() -> None:
    world = session()
    revive = replace(LITERALLY, reading=reading_named("revive"))
    text = saved(world.branch, Played(world.world.scenario, revive), HOUR)
    scenario = loads(text)
    assert {each.readings for each in scenario.expects[1:]} == {("revive",)}
    assert revive.run(scenario).outcome is Outcome.PASSED
