"""Worlds in Python: what the builder makes is what a file makes, and its mistakes are told as a file's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from harness import Outcome, ScenarioError, WorldBuilder, loads
from harness.scenario import Event, Expect, Scenario

FILE = """
title = "a world built in Python"
start = 2026-03-01T00:00:00Z
duration = "3d"
[licence]
capacity = 3
addresses = ["192.168.100.25 - 192.168.100.40"]
expires = 2027-03-01
[network]
latency = "1ms"
[[nodes]]
name = "fdl"
count = 3
address = "192.168.100.25"
application = "report1"
spread = "40m"
[[events]]
at = "1d 1h 30m"
do = "server.stop"
lasts = "5h"
[[events]]
at = "2d"
do = "clock.drift"
host = "fdl-1"
ppm = 50
[[events]]
at = "2d 6h"
do = "node.register"
node = "fdl-*"
only = "lapsed"
[[expect]]
at = "1d 3h"
node = "fdl-1"
status = "interrupted"
"""


def without_place(scenario: Scenario) -> Scenario:
    """Return ``scenario`` as if it came from nowhere: a file has lines, Python has none."""

    def moved(row: Event) -> Event:
        return replace(row, line=0)

    def moved_too(row: Expect) -> Expect:
        return replace(row, line=0)

    return replace(
        scenario,
        file="",
        events=tuple(map(moved, scenario.events)),
        expects=tuple(map(moved_too, scenario.expects)),
    )


def stopped_for_five_hours() -> WorldBuilder:
    world = WorldBuilder()
    world.licence(capacity=3)
    world.nodes("fdl", count=3, spread="40m")
    world.at("1d 1h 30m").server_stop(lasts="5h")
    return world


def test_it_makes_what_a_file_makes() -> None:
    world = WorldBuilder()
    world.licence(capacity=3, addresses=["192.168.100.25 - 192.168.100.40"], expires=date(2027, 3, 1))
    world.network(latency="1ms")
    world.nodes("fdl", count=3, address="192.168.100.25", application="report1", spread="40m")
    world.at("1d 1h 30m").server_stop(lasts="5h")
    world.at("2d").clock_drift(host="fdl-1", ppm=50)
    world.at("2d 6h").node_register("fdl-*", only="lapsed")
    world.expect(at="1d 3h", node="fdl-1", status="interrupted")
    built = world.scenario("3d")
    assert without_place(built) == without_place(loads(FILE))


def test_a_node_and_nothing_else_is_a_world() -> None:
    world = WorldBuilder()
    world.nodes("fdl")
    result = world.run("1d")
    assert result.outcome is Outcome.PASSED
    assert result.status("fdl", at="1d") == "registered"
    assert result.registered(at="1d") == 1


def test_verbs_of_one_instant_can_be_chained() -> None:
    world = stopped_for_five_hours()
    world.at("2d").node_stop("fdl-1").node_stop("fdl-2", lasts="1h")
    events = world.scenario("3d").events
    assert [(event.verb.value, event.nodes) for event in events[1:]] == [
        ("node.stop", ("fdl-1",)),
        ("node.stop", ("fdl-2",)),
    ]


def test_the_world_answers_for_its_last_run() -> None:
    # Registered at 0:00, 0:40 and 1:20, stopped from 25:30 to 30:30. At 27:00 the first has missed the poll of 26:00
    # and the second that of 26:40; the third polls at 27:20.
    world = stopped_for_five_hours()
    literal = world.run("3d")
    assert [world.status(f"fdl-{k}", at="1d 3h") for k in (1, 2, 3)] == ["interrupted", "interrupted", "registered"]
    assert world.access("fdl-1", at="1d 3h") is True
    assert (world.failure("fdl-1", at="1d 3h"), world.failure("fdl-3", at="1d 3h")) == ("/", "none")
    assert world.registered(at="1d 3h") == 3
    closed = world.run("3d", reading="stop-closes-access")
    assert world.access("fdl-1", at="1d 3h") is closed.access("fdl-1", at="1d 3h") is False
    assert literal.access("fdl-1", at="1d 3h") is True


def test_every_mistake_is_told_at_once_as_for_a_file() -> None:
    world = WorldBuilder(title="", start="yesterday")
    world.licence(capacity=0)
    world.nodes("fdl", spraed="40m")
    world.at("1d").node_register("fld")
    with pytest.raises(ScenarioError) as caught:
        world.run("3 days")
    assert sorted(problem.key for problem in caught.value.problems) == [
        "duration",
        "events[0].node",
        "licence.capacity",
        "nodes[0].spraed",
        "start",
        "title",
    ]
    assert 'duration: found "3 days", expected a duration such as' in str(caught.value)
    assert 'start: found "yesterday"' in str(caught.value)


def test_an_unknown_verb_names_those_that_there_are() -> None:
    with pytest.raises(
        AttributeError, match=r"no event is called 'server_halt'; there are server_stop, server_crash, "
    ):
        WorldBuilder().at("1d").server_halt()


def test_an_unknown_reading_names_those_that_there_are() -> None:
    world = stopped_for_five_hours()
    with pytest.raises(KeyError, match=r"no reading is named 'litral'; the readings are literal, revive"):
        world.run("3d", reading="litral")


def test_nothing_can_be_asked_before_it_ran() -> None:
    with pytest.raises(RuntimeError, match=r"nothing has happened yet; call run\(\) first"):
        stopped_for_five_hours().status("fdl-1", at="1d")
