"""A node under test: it sees its own host's clocks, and what it does wrong is its own misfortune."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from fake_fdl_nodes.node import Effect, Ended, Ending, Node, Reason, Status, Timer
from harness import Outcome, Result, WorldBuilder
from reference_server.protocol import Instant

START_US = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
HOUR_US = 3_600_000_000


def world_of(node: Any, *, duration: str = "5h", change: Callable[[WorldBuilder], object] = lambda _: None) -> Result:
    """Run one node of the kind ``node`` beside nothing else, ``duration`` long, with what ``change`` adds."""
    world = WorldBuilder()
    world.nodes("fdl")
    change(world)
    return world.run(duration, node=node)


def whats(result: Result) -> list[str]:
    assert all(trouble.host == 0 for trouble in result.troubles)
    return [trouble.what for trouble in result.troubles]


class Mine(Node):
    """The reference node by another name."""


def test_a_right_node_lives_the_same_life() -> None:
    def outage(world: WorldBuilder) -> None:
        world.at("3h").server_stop(lasts="4h")
        world.at("1d").node_crash("fdl", lasts="1h")
        world.at("1d 4h").node_unbind("fdl")
        world.at("1d 5h").node_register("fdl")
        world.at("1d 8h").node_suspend("fdl", lasts="30h")

    mine, reference = (world_of(node, duration="3d", change=outage) for node in (Mine, None))
    assert mine.digest == reference.digest
    assert mine.outcome is Outcome.PASSED
    assert mine.systems == (f"node {__name__}:Mine",)
    assert reference.systems == ()


def test_it_sees_the_clocks_of_its_own_host() -> None:
    seen: list[tuple[int, int, int]] = []

    class Looks(Node):
        def fire(self, timer: Timer, now: Instant) -> list[Effect]:
            seen.append((time.time_ns(), time.monotonic_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)))
            return super().fire(timer, now)

    def skewed(world: WorldBuilder) -> None:
        world.at("1h").clock_step(host="fdl", by="-90s")
        world.at("1h").clock_step(host="server", by="1d")
        world.at("2h 30m").node_suspend("fdl", lasts="1h")

    world_of(Looks, change=skewed)
    # Polls at 2 h and 4 h by the boot-time clock. The wall clock is 90 s behind by then, the host slept for 1 h in
    # between. Nobody but the server's host is a day ahead.
    assert seen == [
        ((START_US + 2 * HOUR_US - 90_000_000) * 1_000, 2 * HOUR_US * 1_000, 2 * HOUR_US * 1_000),
        ((START_US + 4 * HOUR_US - 90_000_000) * 1_000, 3 * HOUR_US * 1_000, 4 * HOUR_US * 1_000),
    ]


def test_its_clocks_are_there_as_it_is_made_and_moved() -> None:
    seen: list[int] = []

    class Looks(Node):
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            seen.append(time.time_ns())

    def moved(world: WorldBuilder) -> None:
        world.at("3h").node_move("fdl", address="192.168.100.77")

    result = world_of(Looks, change=moved)
    assert seen == [START_US * 1_000]
    assert {each.source & 0xFF for each in result.trace.exchanges} == {25, 77}


# What it does wrong.


class Falls(Node):
    """Its program ends at the first poll."""

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        raise KeyError("capacity")


def test_what_it_raises_ends_its_program_until_it_is_started_again() -> None:
    def restarted(world: WorldBuilder) -> None:
        # The stop finds no lapsed node; without it there would be nothing that the start could undo.
        world.at("1h").node_stop("fdl", only="lapsed")
        world.at("3h").node_start("fdl")

    result = world_of(Falls, duration="4h", change=restarted)
    # The timer of 2 h ends the program. Started at 3 h it polls at once, which is a timer, too.
    told = r"its program ended: tests.*test_node\.py:\d+: KeyError: 'capacity'"
    assert [bool(re.fullmatch(told, what)) for what in whats(result)] == [True, True]
    assert [trouble.at_us for trouble in result.troubles] == [2 * HOUR_US, 3 * HOUR_US]
    assert result.access("fdl", at="1h 59m") is True
    assert result.access("fdl", at="2h") is False
    assert result.trace.requests == [1]


class Sends(Node):
    """What its register gives back is what ``effects`` makes of the right effects."""

    effects: Callable[[list[Any]], Any]

    def register(self, now: Instant) -> list[Effect]:
        given: list[Effect] = type(self).effects(super().register(now))
        return given


@pytest.mark.parametrize(
    ("effects", "what"),
    [
        (lambda right: ["send"], r"found 'send' from register\(\), expected an effect: Send, Ended, Changed or Failed"),
        (lambda right: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda right: right * 2, r"a request sent by register\(\) with another one outstanding"),
        (
            lambda right: [Ended(4, Ending.POSITIVE)],
            r"the end of request 4 from register\(\), expected that of request",
        ),
        (lambda right: [right[0], Ended(4, Ending.POSITIVE)], "expected that of request 1"),
    ],
)
def test_an_effect_that_cannot_be_ends_it_too(effects: Callable[[list[Any]], Any], what: str) -> None:
    wrong = type("Wrong", (Sends,), {"effects": staticmethod(effects)})
    result = world_of(wrong)
    (told,) = whats(result)
    assert re.search(what, told)
    # Nothing stays open that the program cannot end any more.
    assert [each.outcome for each in result.trace.exchanges if each.outcome == 0] == []


def test_a_request_from_nowhere() -> None:
    class Forgets(Node):
        def register(self, now: Instant) -> list[Effect]:
            effects = super().register(now)
            self.outstanding = None
            return effects

    (told,) = whats(world_of(Forgets))
    assert "a request sent by register() with nothing outstanding" in told


def test_a_timer_that_never_stops_firing_does_not_stop_the_world() -> None:
    class Ticks(Node):
        def timers(self) -> list[tuple[int, Timer]]:
            return [(HOUR_US, Timer.POLL)]

        def fire(self, timer: Timer, now: Instant) -> list[Effect]:
            return []

    result = world_of(Ticks)
    (told,) = whats(result)
    assert told == "its program ended: its timers fired 100 times at one instant, and another one is due"
    assert result.troubles[0].at_us == HOUR_US


def test_timers_and_attributes_that_raise() -> None:
    class NoTimers(Node):
        def timers(self) -> list[tuple[int, Timer]]:
            raise RuntimeError("none today")

    class NoAccess(Node):
        @property
        def access(self) -> bool:
            raise RuntimeError("none today")

    for node in (NoTimers, NoAccess):
        (told,) = whats(world_of(node))
        assert re.search(r"test_node\.py:\d+: RuntimeError: none today$", told)


def test_a_node_that_cannot_be_made_fails_the_run() -> None:
    def unmade(setup: Any, reading: Any, *, timeout_us: int, key: bytes) -> Node:
        raise KeyError("capacity")

    result = world_of(unmade)
    assert result.outcome is Outcome.FAILED
    assert result.status("fdl", at="5h") == "unregistered"
    (trouble,) = result.troubles
    assert trouble.fatal
    assert re.search(r"the node cannot be made: tests.*test_node\.py:\d+: KeyError: 'capacity'", trouble.what)


def test_a_wrong_node_is_caught_by_its_rule() -> None:
    class Immortal(Node):
        def _become(self, status: Status, reason: Reason) -> list[Effect]:
            if status is Status.LAPSED:
                status = Status.INTERRUPTED
            return super()._become(status, reason)

    result = world_of(Immortal, duration="3d", change=lambda world: world.at("1d 1h").network_cut())
    assert "R033" in [judgement.rule for judgement in result.violated]


def test_effects_that_are_right_pass_as_they_are() -> None:
    class Yields(Node):
        """Gives its effects one by one."""

        def register(self, now: Instant) -> Any:
            yield from super().register(now)

    result = world_of(Yields)
    assert whats(result) == []
    assert result.status("fdl", at="1h") == "registered"
