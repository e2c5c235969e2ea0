"""Scenarios in Python: a small builder that makes what a scenario file makes, with the same checks and messages.

::

    def test_a_short_stop(world):
        world.licence(capacity=3, addresses=["192.168.100.25 - 192.168.100.40"])
        world.nodes("fdl", count=3, address="192.168.100.25", application="report1", spread="40m")
        world.at("1d 1h 30m").server_stop(lasts="5h")
        result = world.run("3d")
        assert result.outcome is Outcome.PASSED
        assert result.status("fdl-1", at="1d 3h") == "interrupted"

The world itself answers the same questions about its last run.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from harness.expectations import Value
from harness.runner import Result, jobs_for, run_one
from harness.scenario import Scenario, Verb
from harness.scenario_file import from_mapping
from harness.systems import Choice
from harness.wires import MEMORY
from reference_server.readings import reading_named

__all__ = ["Moment", "WorldBuilder"]


class Moment:
    """An instant of a world that is being built: each verb is a method, ``server.stop`` is `server_stop`.

    Arguments are the keys of the event in a scenario file: ``world.at("2d").network_cut(node="fdl-1", lasts="5h")``.
    """

    def __init__(self, events: list[dict[str, Any]], at: str) -> None:
        self._events = events
        self._at = at

    def __getattr__(self, name: str) -> Any:
        verb = name.replace("_", ".", 1)
        if verb not in {each.value for each in Verb}:
            raise AttributeError(f"no event is called {name!r}; there are {', '.join(_method_names())}")

        def happen(node: str | None = None, **keys: Any) -> Moment:
            event = {"at": self._at, "do": verb} | ({} if node is None else {"node": node}) | keys
            self._events.append(event)
            return self

        return happen


def _method_names() -> list[str]:
    return [each.value.replace(".", "_") for each in Verb]


class WorldBuilder:
    """A world that is being built. After `run` it answers what became of its nodes, as the `Result` does."""

    def __init__(self, title: str = "a world built in Python", start: str = "2026-03-01T00:00:00Z") -> None:
        self._data: dict[str, Any] = {"title": title, "start": start, "nodes": [], "events": [], "expect": []}
        self._last: Result | None = None
        self.licence()

    def licence(self, capacity: int = 1, addresses: list[str] | None = None, **keys: Any) -> WorldBuilder:
        """Say what is licensed. Left out: one slot, and any private address of 192.168.0.0 to 192.168.255.255."""
        addresses = ["192.168.0.0 - 192.168.255.255"] if addresses is None else addresses
        self._data["licence"] = {"capacity": capacity, "addresses": addresses} | keys
        return self

    def server(self, **keys: Any) -> WorldBuilder:
        """Say which server runs; the keys are those of ``[server]``."""
        self._data["server"] = keys
        return self

    def network(self, **keys: Any) -> WorldBuilder:
        """Set ``latency`` and ``timeout`` (durations such as ``"5ms"``)."""
        self._data["network"] = keys
        return self

    def nodes(
        self, name: str, *, address: str = "192.168.100.25", application: str = "report1", **keys: Any
    ) -> WorldBuilder:
        """Add a node, or with ``count`` a fleet; the keys are those of ``[[nodes]]``."""
        self._data["nodes"].append({"name": name, "address": address, "application": application} | keys)
        return self

    def at(self, at: str) -> Moment:
        """Return the instant ``at`` (a duration from the start), whose methods are the verbs."""
        return Moment(self._data["events"], at)

    def expect(self, **keys: Any) -> WorldBuilder:
        """State what must hold; the keys are those of ``[[expect]]``."""
        self._data["expect"].append(keys)
        return self

    def scenario(self, duration: str) -> Scenario:
        """Return what was built as a scenario that lasts ``duration``.

        :raises ScenarioError: naming every mistake.
        """
        data = self._data | {"duration": duration}
        # A text that is no instant is left for the checks to name, like every other mistake.
        with suppress(ValueError):
            data["start"] = datetime.fromisoformat(data["start"])
        return from_mapping(data)

    def run(
        self,
        duration: str,
        *,
        reading: str = "literal",
        every_poll: bool = False,
        server: Choice = None,
        node: Choice = None,
        wire: str = MEMORY,
    ) -> Result:
        """Run what was built for ``duration`` and return what came of it.

        :param server: what makes the server under test, or its name such as ``"package.module:factory"``.
        :param node: what makes each node under test, or its name.
        :param wire: the name of the way to the server.
        :raises Mistake: if one of them is nothing that could.
        """
        scenario = self.scenario(duration)
        (job,) = jobs_for(scenario, [reading_named(reading)], every_poll=every_poll, wire=wire)
        result = run_one(job, server=server, node=node)
        self._last = result
        return result

    # What became of it in the last run.

    def status(self, node: str, *, at: str) -> Value:
        """Return the status of ``node`` after everything at the instant ``at``."""
        return self._result.status(node, at=at)

    def access(self, node: str, *, at: str) -> Value:
        """Tell whether access to ``node`` is open after everything at the instant ``at``."""
        return self._result.access(node, at=at)

    def failure(self, node: str, *, at: str) -> Value:
        """Return the failure that ``node`` shows at ``at``: a code, ``"/"``, the generic text, or ``"none"``."""
        return self._result.failure(node, at=at)

    def registered(self, *, at: str) -> Value:
        """Return the number of live slots after everything at the instant ``at``."""
        return self._result.registered(at=at)

    @property
    def _result(self) -> Result:
        if self._last is None:
            raise RuntimeError("nothing has happened yet; call run() first")
        return self._last
