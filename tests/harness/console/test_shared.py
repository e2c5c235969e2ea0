"""What browsers say to a console, and what they are told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from harness.console.session import Refused
from harness.console.shared import Console, Running
from tests.harness.console.worlds import HOUR, LITERALLY, THREE, session

SECOND = 1_000_000


class Clock:
    """A console's clock that goes on when it is told to."""

    now_us = 5 * SECOND

    def __call__(self) -> int:
        return self.now_us


def console(clock: Clock | None = None) -> Console:
    return Console(session(), LITERALLY, now_us=clock or Clock())


def said(to: Console, *words: dict[str, Any]) -> dict[str, Any]:
    """Say these one after the other, and return the state after it."""

    async def say() -> dict[str, Any]:
        for each in words:
            await to.told(each)
        return await to.state()

    return asyncio.run(say())


def refused(to: Console, words: dict[str, Any]) -> str:
    with pytest.raises(Refused) as raised:
        asyncio.run(to.told(words))
    return str(raised.value)


# The cursor.


def test_a_cursor_runs_so_many_times_as_fast_as_the_clock_and_stops_at_the_end() -> None:
    running = Running(at_us=HOUR, rate=3600, since_us=10 * SECOND)
    assert running.where_us(10 * SECOND, 96 * HOUR) == HOUR
    # Two seconds are two hours.
    assert running.where_us(12 * SECOND, 96 * HOUR) == 3 * HOUR
    assert running.where_us(1000 * SECOND, 96 * HOUR) == 96 * HOUR
    assert Running(at_us=HOUR).where_us(1000 * SECOND, 96 * HOUR) == HOUR


def test_playing_moves_the_cursor_and_pausing_keeps_it_where_it_is() -> None:
    clock = Clock()
    one = console(clock)
    state = said(one, {"do": "play", "rate": 3600})
    assert (state["at_us"], state["rate"]) == (0, 3600)
    clock.now_us += 90 * SECOND
    # Whoever comes meanwhile is told where it is by now.
    assert said(one)["at_us"] == 90 * HOUR
    state = said(one, {"do": "pause"})
    clock.now_us += 90 * SECOND
    assert (state["at_us"], state["rate"]) == (90 * HOUR, 0)
    assert said(one)["at_us"] == 90 * HOUR


def test_at_the_end_it_stands_and_playing_begins_anew() -> None:
    clock = Clock()
    one = console(clock)
    said(one, {"do": "play", "rate": 3600})
    clock.now_us += 1000 * SECOND
    state = said(one)
    assert (state["at_us"], state["rate"]) == (96 * HOUR, 0)
    assert said(one, {"do": "play", "rate": 60})["at_us"] == 0


@pytest.mark.parametrize(
    ("words", "at_us"),
    [
        ({"at": "1d 2h"}, 26 * HOUR),
        ({"at": "+2h"}, 12 * HOUR),
        ({"at": "-2h"}, 8 * HOUR),
        ({"at_us": 7}, 7),
        ({"at": "2026-03-04T00:00:00Z"}, 72 * HOUR),
        # From where the page was when somebody clicked.
        ({"at": "+2h", "cursor_us": 20 * HOUR}, 22 * HOUR),
    ],
)
def test_a_jump_goes_to_an_instant(words: dict[str, Any], at_us: int) -> None:
    one = console()
    said(one, {"do": "jump", "at": "10h"})
    assert said(one, {"do": "jump", **words})["at_us"] == at_us


@pytest.mark.parametrize(
    "words", [{"at": "5d"}, {"at": "+5d"}, {"at": "-11h"}, {"at": "soon"}, {"at": "+soon"}, {"at_us": -1}, {}]
)
def test_a_jump_to_nowhere_leaves_everything_as_it_is(words: dict[str, Any]) -> None:
    one = console()
    before = said(one, {"do": "jump", "at": "10h"}, {"do": "event", "event": {"do": "server.stop", "lasts": "1h"}})
    assert refused(one, {"do": "jump", **words})
    assert said(one) == before


def test_steps_go_from_event_to_event() -> None:
    one = console()
    # fdl-1 asks at 0, its slot is taken at 5 ms, it is registered at 10 ms; then fdl-2 at 40 min.
    forward = [said(one, {"do": "step", "by": 1})["at_us"] for _ in range(4)]
    assert forward == [5_000, 10_000, 2_400 * SECOND, 2_400 * SECOND + 5_000]
    assert said(one, {"do": "step", "by": -1})["at_us"] == 2_400 * SECOND
    said(one, {"do": "jump", "at_us": 0})
    assert refused(one, {"do": "step", "by": -1}) == "nothing happened before this: it is the start of the run"
    said(one, {"do": "jump", "at": "4d"})
    assert "it is the end of the run" in refused(one, {"do": "step", "by": 1})


# Doing.


def test_what_is_done_is_told_and_stops_the_cursor() -> None:
    one = console()
    words = {"do": "event", "event": {"do": "server.stop", "lasts": "3h"}, "cursor_us": 10 * HOUR}
    state = said(one, {"do": "play", "rate": 60}, words)
    (branch,) = state["branches"]
    assert (state["at_us"], state["rate"], state["world"]) == (10 * HOUR, 0, 1)
    assert (branch["undo"], branch["redo"]) == ("server.stop for 3h at 0d 10:00:00", None)
    assert branch["told"] == ["server.stop for 3h at 0d 10:00:00"]
    back = said(one, {"do": "undo"})["branches"][0]
    assert (back["undo"], back["redo"], back["world"]) == (None, "server.stop for 3h at 0d 10:00:00", 0)
    assert said(one, {"do": "redo"})["branches"] == state["branches"]


@pytest.mark.parametrize(
    "text",
    ['do = "server.stop"\nlasts = "3h"', '[[events]]\ndo = "server.stop"\nlasts = "3h"\n'],
)
def test_an_event_may_be_the_lines_of_a_scenario_file(text: str) -> None:
    one = console()
    state = said(one, {"do": "event", "event": text, "cursor_us": 10 * HOUR})
    assert state["branches"][0]["told"] == ["server.stop for 3h at 0d 10:00:00"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"do": "fly"}, "a console does nothing that is called 'fly'"),
        ({}, "nothing that is called 'None'"),
        ({"do": "event", "event": "do = "}, "this is no TOML: "),
        ({"do": "event", "event": 7}, "event has to be a table"),
        ({"do": "event", "event": {"do": "server.start"}}, "nothing to undo"),
        ({"do": "event", "event": {"do": ["server.stop"]}}, "is not possible"),
        ({"do": "remove", "index": "0"}, "index has to be a whole number"),
        ({"do": "remove", "index": True}, "index has to be a whole number"),
        ({"do": "choose", "branch": 1}, "no such branch"),
        ({"do": "play", "rate": 0}, "rate has to be a whole number from 1 on"),
        ({"do": "open", "text": "title = 1"}, "title: found 1"),
        ({"do": "open"}, "text has to be a text"),
        ({"do": "undo"}, "nothing to take back"),
        ({"do": "jump", "at_us": 0, "cursor_us": 97 * HOUR}, "after the end"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(words: dict[str, Any], message: str) -> None:
    one = console()
    before = said(one)
    assert message in refused(one, words)
    assert said(one) == before


def test_branches_are_compared() -> None:
    one = console()
    stop = {"do": "event", "event": {"do": "server.stop", "lasts": "90h"}, "cursor_us": 2 * HOUR}
    state = said(one, {"do": "branch", "name": "a long stop"}, stop)
    assert state["chosen"] == 1
    first, second = state["branches"]
    assert (first["name"], first["outcome"], first["met"], first["expected"]) == ("as opened", "passed", 3, 3)
    # Nobody is registered at 3 d any more.
    assert (second["name"], second["outcome"], second["met"], second["expected"]) == ("a long stop", "failed", 0, 3)
    assert first["digest"] != second["digest"]
    # By 30 h all are registered in the one, and since 24 h after their last contact lapsed in the other.
    assert one.world(1, 30 * HOUR, [], None)["beside"] == [[["registered", 3]], [["lapsed", 3]]]
    assert [each["name"] for each in said(one, {"do": "close", "branch": 0})["branches"]] == ["a long stop"]


# Telling.


def test_each_browser_is_told_now_and_after_each_change() -> None:
    async def hear() -> list[list[int]]:
        one = console()
        heard: list[list[int]] = [[], []]

        async def browser(place: int) -> None:
            async for state in one.states():
                heard[place].append(state["at_us"])
                if len(heard[place]) == 3:
                    return

        browsers = [asyncio.create_task(browser(place)) for place in (0, 1)]
        for at_us in (7, 8):
            # Both have been told the last state before the next one comes.
            while min(map(len, heard)) < at_us - 6:
                await asyncio.sleep(0)
            await one.told({"do": "jump", "at_us": at_us})
        await asyncio.gather(*browsers)
        return heard

    # Whoever is not told would wait for ever.
    assert asyncio.run(asyncio.wait_for(hear(), 60)) == [[0, 7, 8], [0, 7, 8]]


def test_the_world_is_asked_for_by_its_number_also_when_it_is_no_longer_shown() -> None:
    one = console()
    said(one, {"do": "event", "event": {"do": "server.stop"}, "cursor_us": 10 * HOUR})
    assert one.world(0, 11 * HOUR, [0], None)["server"]["status"] == "running"
    view = one.world(1, 11 * HOUR, [2, 0], 1)
    assert view["server"]["status"] == "stopped"
    assert [(place, row["name"]) for place, row in view["rows"]] == [(2, "fdl-3"), (0, "fdl-1")]
    assert (view["host"][0], view["host"][1]["name"], view["host"][1]["page"]) == (1, "fdl-2", None)
    assert json.loads(json.dumps(view)) == view


def test_a_node_may_have_a_page() -> None:
    one = Console(session(), LITERALLY, now_us=Clock(), page_of=lambda world, at_us, name: f"{world}/{at_us}/{name}")
    assert one.world(0, 7, [], 1)["host"][1]["page"] == "0/7/fdl-2"


@pytest.mark.parametrize(
    ("number", "at_us", "rows", "host"),
    [(1, 0, [], None), (0, 96 * HOUR + 1, [], None), (0, 0, [3], None), (0, 0, [], 3), (0, 0, [0] * 201, None)],
)
def test_what_is_not_there_cannot_be_asked_for(number: int, at_us: int, rows: list[int], host: int | None) -> None:
    with pytest.raises(Refused):
        console().world(number, at_us, rows, host)


def test_the_text_of_a_world_opens_as_the_same_world() -> None:
    one = console()
    said(one, {"do": "event", "event": {"do": "server.stop"}, "cursor_us": 10 * HOUR})
    state = said(one, {"do": "open", "text": one.text(1)})
    assert [branch["name"] for branch in state["branches"]] == ["as opened", "opened 1"]
    assert state["branches"][0]["digest"] == state["branches"][1]["digest"]


def test_many_worlds_are_not_all_kept_and_come_to_the_same() -> None:
    one = console()
    before = one.world(0, 3 * HOUR, [0, 1, 2], 0)
    for at in range(20):
        said(one, {"do": "event", "event": {"do": "node.register", "node": "*"}, "cursor_us": (at + 4) * HOUR})
    assert len(one._played) <= 16
    assert one.world(0, 3 * HOUR, [0, 1, 2], 0) == before


def test_a_scenario_of_a_page_with_mistakes_tells_all_of_them_with_their_lines() -> None:
    text = THREE.replace("capacity", "capactiy").replace('"4d"', '"4x"')
    message = refused(console(), {"do": "open", "text": text})
    assert message.startswith('<text>:5:12: duration: found "4x"')
    assert "<text>:8:1: licence.capactiy: found an unknown key" in message
