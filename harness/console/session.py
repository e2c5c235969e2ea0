"""What a console holds: branches of worlds, and the instant that is looked at. Pure: no web, no clock, no runs.

A `World` is the content of a scenario file with what it means. Doing something at the cursor makes another world, with
one more event in its content; taking it back is the world before. A `Session` is a value, too: each of its methods
returns another one, or raises `Refused` and has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from harness.durations import format_duration, format_instant
from harness.problems import Mistake, Problem, ScenarioError
from harness.scenario import Scenario
from harness.scenario_file import from_mapping, scenario_of, values
from harness.scenario_file.document import Document

__all__ = ["Branch", "Refused", "Session", "World", "instant_of", "told"]

#: How many branches there can be: beyond that nobody compares them any more.
MOST_BRANCHES = 12
_NAME_LIMIT = 60
#: The keys of an event that are told without their names.
_TOLD = ("at", "do", "node", "host", "lasts")


class Refused(ValueError):  # noqa: N818 - what somebody asked for and cannot have
    """Something that cannot be done now. It says what, why, and what could be done instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a scenario file holds (``data``), and the ``scenario`` that it means.

    ``number`` is its own in a session. ``told`` says what made it out of the world before, ``changed_us`` from which
    instant on it may differ from that.
    """

    number: int
    data: Mapping[str, Any]
    scenario: Scenario
    told: str
    changed_us: int = 0

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The tables of its events, in file order."""
        found: Sequence[Mapping[str, Any]] = self.data.get("events", ())
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A line of worlds, each made out of the one before. That at ``place`` is shown; those after it were taken back."""

    name: str
    worlds: tuple[World, ...]
    place: int = 0

    @property
    def world(self) -> World:
        """The world that is shown."""
        return self.worlds[self.place]

    def then(self, world: World) -> Branch:
        """Return the branch with ``world`` next; what was taken back before is forgotten."""
        return replace(self, worlds=(*self.worlds[: self.place + 1], world), place=self.place + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Branches side by side, which of them is ``chosen``, and the instant that is looked at (true us)."""

    branches: tuple[Branch, ...]
    chosen: int = 0
    cursor_us: int = 0
    _next: int = 1

    @classmethod
    def of(cls, document: Document) -> Session:
        """Return a session whose only branch is the scenario that ``document`` holds.

        :raises ScenarioError: if it holds mistakes; all of them at once.
        """
        world = World(number=0, data=document.data, scenario=_opened(document), told="as it was opened")
        return cls(branches=(Branch(name="as opened", worlds=(world,)),))

    @property
    def branch(self) -> Branch:
        """The chosen branch."""
        return self.branches[self.chosen]

    @property
    def world(self) -> World:
        """The world that is shown."""
        return self.branch.world

    # The cursor.

    def at(self, true_us: int) -> Session:
        """Look at ``true_us``.

        :raises Refused: if that is not in the run.
        """
        end_us = self.world.scenario.duration_us
        if not 0 <= true_us <= end_us:
            where = "before the start" if true_us < 0 else f"after the end, {format_instant(end_us)}"
            raise Refused(f"{format_duration(true_us)} is {where}; a scenario that lasts longer can be opened as text")
        return replace(self, cursor_us=true_us)

    # What changes the world.

    def done(self, keys: Mapping[str, Any]) -> Session:
        """Let an event happen: ``keys`` are those of its table in a scenario file, at the cursor unless they say when.

        :raises Refused: if the event is none, or the state does not allow it.
        """
        event = {"at": format_duration(self.cursor_us), **keys}
        events = [*self.world.events, event]
        words = told(event)
        made = self._made({"events": events}, f"{words} is not possible", f"events[{len(events) - 1}]")
        at_us = next(each.at_us for each in made.events if each.index == len(events) - 1)
        return self._then({"events": events}, made, f"{words} at {format_instant(at_us)}", at_us)

    def cloned(self, name: str, address: str) -> Session:
        """Copy the machine of the node ``name`` at the cursor: to a new node at ``address``, which is off until then.

        :raises Refused: if there is no such node, it is a copy itself, or the address is none or another's.
        """
        original = next((node for node in self.world.scenario.nodes if node.name == name), None)
        if original is None:
            raise Refused(f"no node is named {name!r}")
        taken = [node.name for node in self.world.scenario.nodes]
        copy = next(each for k in range(1, len(taken) + 2) if (each := f"{name}-copy-{k}") not in taken)
        table = {"name": copy, "address": address, "application": original.application, "clone_of": name}
        event = {"at": format_duration(self.cursor_us), "do": "node.clone", "node": copy}
        changed = {"nodes": [*self.world.data["nodes"], table], "events": [*self.world.events, event]}
        words = f"a copy of {name} at {address}"
        made = self._made(changed, f"{words} is not possible", f"nodes[{len(changed['nodes']) - 1}]")
        return self._then(changed, made, f"{words}, from {format_instant(self.cursor_us)} on", self.cursor_us)

    def without(self, index: int) -> Session:
        """Take the event with this index back, however long ago it was put there.

        :raises Refused: if there is none, or another one needs it.
        """
        events = list(self.world.events)
        if not 0 <= index < len(events):
            raise Refused("there is no such event any more")
        words = told(events.pop(index))
        made = self._made({"events": events}, f"{words} cannot be left out")
        at_us = next(each.at_us for each in self.world.scenario.events if each.index == index)
        return self._then({"events": events}, made, f"without {words} at {format_instant(at_us)}", at_us)

    def undone(self) -> Session:
        """Take the last change back.

        :raises Refused: if there is none.
        """
        if not self.branch.place:
            raise Refused("there is nothing to take back in this branch")
        return self._moved(self.branch.place - 1)

    def redone(self) -> Session:
        """Do again what was taken back last.

        :raises Refused: if there is nothing.
        """
        if self.branch.place + 1 == len(self.branch.worlds):
            raise Refused("nothing was taken back that could be done again")
        return self._moved(self.branch.place + 1)

    # Branches.

    def branched(self, name: str = "") -> Session:
        """Go on in a branch of its own, which begins as the chosen one is now.

        :raises Refused: if there are too many, or the name is another's.
        """
        name = name.strip()[:_NAME_LIMIT] or self._free_name("what if")
        return self._added(replace(self.branch, name=name))

    def opened(self, text: str, *, file: str = "<text>") -> Session:
        """Open the scenario of ``text`` as a branch of its own.

        :raises ScenarioError: if it holds mistakes; all of them at once.
        :raises Refused: if there are too many branches, or it names code that no branch has named yet: who can write on
            the page need not be who may choose what is imported.
        """
        document = Document(text, file)
        scenario = _opened(document)
        known = {use for branch in self.branches for use in _uses(branch.worlds[0].scenario)}
        if foreign := [use for use in _uses(scenario) if use not in known]:
            raise Refused(f"use = {foreign[0]!r} names code; open a scenario that does by fdl-harness console FILE")
        world = World(number=self._next, data=document.data, scenario=scenario, told="as it was opened")
        opened = self._added(Branch(name=self._free_name("opened"), worlds=(world,)))
        return replace(opened, _next=self._next + 1)

    def choose(self, place: int) -> Session:
        """Show the branch at ``place``.

        :raises Refused: if there is none.
        """
        if not 0 <= place < len(self.branches):
            raise Refused("there is no such branch any more")
        return replace(self, chosen=place)._within()

    def closed(self, place: int) -> Session:
        """Close the branch at ``place``.

        :raises Refused: if there is none, or no other.
        """
        if not 0 <= place < len(self.branches):
            raise Refused("there is no such branch any more")
        if len(self.branches) == 1:
            raise Refused("the last branch stays open")
        rest = (*self.branches[:place], *self.branches[place + 1 :])
        chosen = self.chosen - (place < self.chosen or self.chosen == len(rest))
        return replace(self, branches=rest, chosen=chosen)._within()

    # How it is done.

    def _made(self, changed: Mapping[str, Any], refusal: str, ours: str = "") -> Scenario:
        """Return the scenario with these keys. What is wrong with the table ``ours`` is told by its keys alone."""
        try:
            return from_mapping({**self.world.data, **changed}, file=self.world.scenario.file)
        except ScenarioError as error:
            raise Refused(f"{refusal}: {'; '.join(_complaint(problem, ours) for problem in error.problems)}") from None

    def _then(self, changed: Mapping[str, Any], scenario: Scenario, told: str, changed_us: int) -> Session:
        data = {**self.world.data, **changed}
        world = World(number=self._next, data=data, scenario=scenario, told=told, changed_us=changed_us)
        return replace(self._with(self.branch.then(world)), _next=self._next + 1)

    def _moved(self, place: int) -> Session:
        return self._with(replace(self.branch, place=place))

    def _with(self, branch: Branch) -> Session:
        branches = (*self.branches[: self.chosen], branch, *self.branches[self.chosen + 1 :])
        return replace(self, branches=branches)

    def _added(self, branch: Branch) -> Session:
        if len(self.branches) >= MOST_BRANCHES:
            raise Refused(f"there are {MOST_BRANCHES} branches already; close one first")
        if any(each.name == branch.name for each in self.branches):
            raise Refused(f"a branch is named {branch.name!r} already; choose another name")
        return replace(self, branches=(*self.branches, branch), chosen=len(self.branches))._within()

    def _within(self) -> Session:
        """Keep the cursor in the run of the chosen branch, which may be shorter than another's."""
        return replace(self, cursor_us=min(self.cursor_us, self.world.scenario.duration_us))

    def _free_name(self, stem: str) -> str:
        taken = [branch.name for branch in self.branches]
        return next(name for k in range(1, MOST_BRANCHES + 2) if (name := f"{stem} {k}") not in taken)


def told(event: Mapping[str, Any]) -> str:
    """Return what an event of a scenario file is, in a few words: ``network.cut of fdl-1 for 2h``."""
    rest = [
        f"{key} {_shown(value)}" for key, value in event.items() if key not in ("at", "do", "node", "host", "lasts")
    ]
    who = event.get("node", event.get("host"))
    parts = [str(event.get("do", "an event"))]
    parts += [f"of {who}"] if who is not None else []
    parts += [f"for {event['lasts']}"] if "lasts" in event else []
    return " ".join(parts) + (f" ({', '.join(rest)})" if rest else "")


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def instant_of(text: str, scenario: Scenario) -> int:
    """Return the instant (true us) that ``text`` means: a duration from the start, or a date with its offset.

    :raises Refused: if it means none, or none within the run.
    """
    value: object = text.strip()
    with suppress(ValueError):
        value = datetime.fromisoformat(text.strip())
    try:
        return values.instant(value, start_us=scenario.start_us, duration_us=scenario.duration_us)
    except Mistake as mistake:
        raise Refused(str(mistake)) from None


def _opened(document: Document) -> Scenario:
    """Return the scenario of ``document`` without the places in its text: those made out of it have none.

    :raises ScenarioError: if it holds mistakes, with their places.
    """
    return from_mapping(document.data, file=scenario_of(document).file)


def _uses(scenario: Scenario) -> list[str]:
    """Return what names code in ``scenario``."""
    return [use for use in (scenario.server.use, *(each.use for each in scenario.node_uses)) if use is not None]


def _complaint(problem: Problem, ours: str) -> str:
    """Return what is wrong without the places that only a file has."""
    key = problem.key.removeprefix(ours).removeprefix(".") if ours else problem.key
    words = str(replace(problem, file="", line=0, key="" if key in ("", "do") else key))
    return words.replace("that of line 0", "an earlier one").replace(" of line 0", "")
