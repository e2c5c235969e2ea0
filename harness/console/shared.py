"""What all browsers of one console share: the session, how its cursor runs, and who is to be told of changes.

A browser that comes, or comes back, is told all of it. Between two tellings each browser moves the cursor by its own
clock; here it is only reckoned where it is when somebody asks or stops it.
"""

from __future__ import annotations

import asyncio
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.console.played import Played, Settings
from harness.console.saving import saved
from harness.console.session import Branch, Refused, Session, World, instant_of
from harness.console.views import branch_view, counts_view, ending_view, host_view, row_view, world_view
from harness.durations import parse_duration
from harness.problems import ScenarioError
from harness.scenario_file import written

__all__ = ["Console", "Running"]

#: How many worlds keep what came of them, and of how many nodes in all; the one that is shown does in any case. Any
#: other is run again when it is shown again, and comes to the same.
_KEPT = 16
_KEPT_NODES = 30_000
#: How many rows can be asked for at once.
_MOST_ROWS = 200
#: How much faster than true time the cursor may run: beyond that a month is over in the blink of an eye.
_FASTEST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A cursor that was at ``at_us`` when the console's clock showed ``since_us``.

    It runs ``rate`` times as fast as that clock; with 0 it stands.
    """

    at_us: int = 0
    rate: int = 0
    since_us: int = 0

    def where_us(self, now_us: int, end_us: int) -> int:
        """Return where it is when the console's clock shows ``now_us``; it stops at the end of the run."""
        return min(self.at_us + self.rate * (now_us - self.since_us), end_us)


class Console:
    """One console: a session, and what can be asked of it and done to it.

    :param settings: how its worlds are run.
    :param now_us: a clock in microseconds that never goes back.
    :param page_of: what gives the address, seen from the console's page, of the administration page of a node: in the
        world with this number, at this instant (true us), of this name.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        *,
        now_us: Callable[[], int],
        page_of: Callable[[int, int, str], str] | None = None,
    ) -> None:
        self._session = session
        self._settings = settings
        self._now_us = now_us
        self._page_of = page_of
        self._running = Running()
        self._played: dict[int, Played] = {}
        self._endings: dict[int, dict[str, Any]] = {}
        self._version = 0
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()
        self._commands: dict[str, Callable[[Session, Mapping[str, Any]], Session]] = {
            "jump": self._jump,
            "step": self._step,
            "event": lambda session, said: session.done(_event(said)),
            "clone": lambda session, said: session.cloned(_text(said, "node"), _text(said, "address")),
            "remove": lambda session, said: session.without(_number(said, "index")),
            "undo": lambda session, said: session.undone(),
            "redo": lambda session, said: session.redone(),
            "branch": lambda session, said: session.branched(_text(said, "name", "")),
            "choose": lambda session, said: session.choose(_number(said, "branch")),
            "close": lambda session, said: session.closed(_number(said, "branch")),
            "open": lambda session, said: session.opened(_text(said, "text")),
        }

    # What can be done.

    async def told(self, said: Mapping[str, Any]) -> None:
        """Do what a browser says: ``{"do": "jump", "at": "1d 2h"}``. All browsers are told what came of it.

        Whatever changes the world, or where it is looked at, stops the cursor.

        :raises Refused: if it cannot be done, or means nothing. Nothing has changed then.
        """
        what = said.get("do")
        async with self._turn:
            if what in ("play", "pause"):
                self._run(0 if what == "pause" else _number(said, "rate", least=1, most=_FASTEST))
            else:
                await self._do(str(what), said)
            self._version += 1
        async with self._changed:
            self._changed.notify_all()

    def _run(self, rate: int) -> None:
        """Let the cursor run, or stand if ``rate`` is 0. From the end it begins anew."""
        here = self._here()
        at_us = 0 if rate and here.at_us == self._session.world.scenario.duration_us else here.at_us
        self._running = replace(here, at_us=at_us, rate=rate)
        self._session = self._session.at(at_us)

    async def _do(self, what: str, said: Mapping[str, Any]) -> None:
        if what not in self._commands:
            raise Refused(f"a console does nothing that is called {what!r}")
        session = self._session.at(self._here().at_us)
        # A page says where it was when somebody clicked.
        if "cursor_us" in said:
            session = session.at(_number(said, "cursor_us"))
        try:
            # What takes long must not hold up what other browsers ask.
            session = await asyncio.to_thread(self._commands[what], session, said)
            await asyncio.to_thread(lambda: self.played(session.world).result)
        except ScenarioError as error:
            raise Refused(str(error)) from None
        self._session = session
        self._running = Running(at_us=session.cursor_us, since_us=self._now_us())

    def _jump(self, session: Session, said: Mapping[str, Any]) -> Session:
        if "at_us" in said:
            return session.at(_number(said, "at_us"))
        text = _text(said, "at").strip()
        # With a sign it is so much from here.
        if text.startswith(("+", "-")):
            try:
                return session.at(session.cursor_us + parse_duration(text, signed=True))
            except Refused:
                raise
            except ValueError as error:
                raise Refused(str(error)) from None
        return session.at(instant_of(text, session.world.scenario))

    def _step(self, session: Session, said: Mapping[str, Any]) -> Session:
        moments, here = self.played(session.world).moments, session.cursor_us
        if _number(said, "by", least=-1) > 0:
            place = bisect_right(moments, here)
            if place == len(moments):
                raise Refused("nothing happens after this: it is the end of the run")
            return session.at(moments[place])
        place = bisect_left(moments, here) - 1
        if place < 0:
            raise Refused("nothing happened before this: it is the start of the run")
        return session.at(moments[place])

    # What can be asked.

    def now(self) -> tuple[World, int]:
        """Return the world that is shown, and the instant (true us) at which the cursor is."""
        return self._session.world, self._here().at_us

    async def states(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what a browser has to know, now and after each change."""
        while True:
            told = self._version
            yield await self.state()
            async with self._changed:
                while self._version == told:
                    await self._changed.wait()

    async def state(self) -> dict[str, Any]:
        """Return what a browser has to know: the branches, which of them is chosen, and how the cursor runs."""
        async with self._turn:
            return await asyncio.to_thread(self._state)

    def _state(self) -> dict[str, Any]:
        scenario, running = self._session.world.scenario, self._here()
        return {
            "version": self._version,
            "world": self._session.world.number,
            "chosen": self._session.chosen,
            "at_us": running.at_us,
            "rate": running.rate if running.at_us < scenario.duration_us else 0,
            "title": scenario.title,
            "file": scenario.file,
            "start_us": scenario.start_us,
            "duration_us": scenario.duration_us,
            "reading": self._settings.reading.name,
            "seed": self._settings.seed,
            "nodes": len(scenario.nodes),
            "branches": [branch_view(each) | self._ended(each) for each in self._session.branches],
        }

    def world(self, number: int, at_us: int, rows: list[int], host: int | None) -> dict[str, Any]:
        """Return a world at an instant, with the rows of nodes at these places, and all about one of them.

        :raises Refused: if no branch has that world any more, or there is no such instant or node.
        """
        world = self._world(number)
        played, count = self.played(world), len(world.scenario.nodes)
        if not 0 <= at_us <= world.scenario.duration_us:
            raise Refused("that instant is not in the run")
        if len(rows) > _MOST_ROWS or not all(0 <= place < count for place in (*rows, host or 0)):
            raise Refused("there are no such nodes")
        shown = world_view(world, played, at_us)
        shown["beside"] = [self._counts(each, at_us) for each in self._session.branches]
        shown["rows"] = [[place, row_view(played, place, at_us)] for place in rows]
        if host is not None:
            name = world.scenario.nodes[host].name
            page = None if self._page_of is None else self._page_of(number, at_us, name)
            shown["host"] = [host, host_view(played, host, at_us) | {"page": page}]
        return shown

    def _counts(self, branch: Branch, at_us: int) -> list[list[Any]]:
        """Return how many nodes of a branch are how; nothing after its end, or if it would have to be run again."""
        played = self._played.get(branch.world.number)
        if played is None or at_us > branch.world.scenario.duration_us:
            return []
        return counts_view(played, at_us)

    def story(self, number: int) -> bytes:
        """Return the story of a world, as JSON in gzip.

        :raises Refused: if no branch has it any more.
        """
        return self.played(self._world(number)).story

    def file(self, number: int, at_us: int) -> str:
        """Return a world as the text of a scenario file that expects what is so at ``at_us``.

        :raises Refused: if no branch has it any more, or there is no such instant.
        """
        branch = self._branch(number)
        if not 0 <= at_us <= branch.world.scenario.duration_us:
            raise Refused("that instant is not in the run")
        return saved(branch, self.played(branch.world), at_us)

    def text(self, number: int) -> str:
        """Return what the file of a world holds, to be changed.

        :raises Refused: if no branch has it any more.
        """
        return written(self._world(number).data)

    def played(self, world: World) -> Played:
        """Return what came of ``world``."""
        found = self._played.pop(world.number, None) or Played(world.scenario, self._settings)
        # The one that was asked for last is forgotten last.
        self._played[world.number] = found
        while len(self._played) > 1 and self._is_too_much():
            self._played.pop(next(iter(self._played)), None)
        return found

    def _is_too_much(self) -> bool:
        nodes = sum(len(each.scenario.nodes) for each in [*self._played.values()])
        return len(self._played) > _KEPT or nodes > _KEPT_NODES

    def _ended(self, branch: Branch) -> dict[str, Any]:
        """Return how the run of a branch ended. It is remembered longer than the run."""
        number = branch.world.number
        if number not in self._endings:
            self._endings[number] = ending_view(self.played(branch.world).result)
        return self._endings[number]

    def _here(self) -> Running:
        """Return the cursor as it is now."""
        now_us = self._now_us()
        at_us = self._running.where_us(now_us, self._session.world.scenario.duration_us)
        return Running(at_us=at_us, rate=self._running.rate, since_us=now_us)

    def _world(self, number: int) -> World:
        return self._branch(number).world

    def _branch(self, number: int) -> Branch:
        """Return a branch as it was when it showed the world with this number: a page may be behind."""
        for branch in self._session.branches:
            for place, world in enumerate(branch.worlds):
                if world.number == number:
                    return replace(branch, place=place)
        raise Refused("no branch has that world any more")


# What browsers say.


def _text(said: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = said.get(key, default)
    if not isinstance(value, str):
        raise Refused(f"{key} has to be a text")
    return value


def _number(said: Mapping[str, Any], key: str, *, least: int = 0, most: int = 2**53) -> int:
    value = said.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(f"{key} has to be a whole number from {least} on")
    return value


def _event(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table of an event: keys with values, or the lines of TOML that hold them."""
    event = said.get("event")
    if isinstance(event, str):
        return _table(event)
    if not isinstance(event, dict):
        raise Refused("event has to be a table")
    return event


def _table(text: str) -> Mapping[str, Any]:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"this is no TOML: {error}") from None
    events = data.get("events")
    # Whoever writes the header of a table, as in a file, means the same.
    return events[0] if isinstance(events, list) and len(events) == len(data) == 1 else data
