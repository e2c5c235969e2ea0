"""A world as a state machine for Hypothesis: whatever happens in whatever order, no rule may be violated.

`WorldMachine` makes a world step by step: stops, cuts, clocks that are set, administrators. At the end the world is run
and judged; if a rule is violated, Hypothesis looks for the fewest steps with which it still is, and the world that is
left is told as a scenario file. A test is a subclass that names what is under test; it can add steps of its own, and
require more.

Hypothesis is not among what `fdl-harness` itself needs: this module needs the extra ``validators``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from harness.durations import format_duration, parse_duration
from harness.report.failures import explain
from harness.runner import Result, jobs_for, run_one
from harness.scenario import SERVER, Scenario
from harness.scenario_file import ScenarioError, from_mapping, printed
from harness.scenario_file.checking import checked_events
from harness.scenario_file.frame import Frame
from harness.systems import Choice
from reference_server.readings import reading_named

__all__ = ["AFTER", "LASTS", "WorldMachine"]

#: How long after the step before: distances that the timing law knows, as a scenario file writes them.
AFTER = st.sampled_from(["1h", "0s", "1us", "5ms", "10ms", "30s", "2h", "20h", "22h", "1d", "1d 1us"])
#: How long something lasts.
LASTS = st.sampled_from(["1h", "1us", "5ms", "2h", "20h", "22h", "1d", "1d 1us", "26h"])
_STEPS = 10
_NODES = st.integers(0, 2)
_HOSTS = st.integers(-1, 2)


class WorldMachine(RuleBasedStateMachine):
    """A world in which something happens at each step.

    Subclass it, and let ``Subclass.TestCase`` be a test. Its ``settings`` are those of Hypothesis, but with ten steps a
    world, which mostly is enough for it to go wrong. What a subclass can set:

    - ``server``, ``node``: what makes the systems under test, or its name; left out, the reference ones;
    - ``reading``: the name of the reading to judge under;
    - ``rest``: for how long nothing happens any more before the end, so that it shows what the last step led to.
    """

    server: ClassVar[Choice] = None
    node: ClassVar[Choice] = None
    reading: ClassVar[str] = "literal"
    rest: ClassVar[str] = "26h"

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.TestCase.settings = settings(cls.TestCase.settings, stateful_step_count=_STEPS)

    def __init__(self) -> None:
        super().__init__()
        self._now_us = 0
        self._content: dict[str, Any] = _quiet(1, 1, "0s")

    # What can be used and overridden.

    def happen(self, do: str, *, after: str = "0s", **keys: Any) -> bool:
        """Let an event happen ``after`` the one before, and tell whether it does.

        It does not where it cannot, such as a stop of a server that is stopped. Time passes all the same.

        :param do: the verb, such as ``"server.stop"``.
        :param after: how much later than what happened before.
        :param keys: the other keys of the event, as a scenario file has them.
        :raises ScenarioError: if there is no such event at any time.
        """
        self._now_us += parse_duration(after)
        event = {"at": format_duration(self._now_us), "do": do} | keys
        content = self._content | {"events": [*self._content["events"], event]} | {"duration": self._duration()}
        allowed = True
        try:
            from_mapping(content)
        except ScenarioError:
            if checked_events(content, Frame.of(content)) is None:
                raise
            allowed = False
        if allowed:
            self._content = content
        return allowed

    def name(self, which: int) -> str:
        """Return the name of a host: the server's for -1, else that of a node, counted from 0 and round again."""
        count = self._content["nodes"][0]["count"]
        return SERVER if which < 0 else f"fdl-{which % count + 1}"

    @property
    def scenario(self) -> Scenario:
        """Everything that has happened so far, as a scenario that ends after the rest."""
        return from_mapping(self._content | {"duration": self._duration()})

    def check(self, result: Result) -> None:
        """Raise an AssertionError if ``result`` is not as it should be: if a rule is violated.

        Override it to require more, or less.
        """
        if result.violated or any(trouble.fatal for trouble in result.troubles):
            raise AssertionError("\n".join([*explain(result), "", "as a scenario file:", "", printed(result.scenario)]))

    def teardown(self) -> None:
        """Run the world and check what came of it."""
        (job,) = jobs_for(self.scenario, [reading_named(self.reading)])
        self.check(run_one(job, server=self.server, node=self.node))

    def _duration(self) -> str:
        return format_duration(self._now_us + parse_duration(self.rest))

    # What happens.

    @initialize(count=st.integers(1, 3), capacity=st.integers(1, 3), spread=st.sampled_from(["0s", "1us", "40m"]))
    def begin(self, count: int, capacity: int, spread: str) -> None:
        """Register a few nodes, for which there may be too few slots."""
        self._content = _quiet(count, capacity, spread)

    @rule(after=AFTER, how=st.sampled_from(["stop", "crash", "suspend", "hang"]), lasts=LASTS)
    def server_is_down(self, after: str, how: str, lasts: str) -> None:
        """The server stops, crashes, is suspended or hangs, and is back."""
        self.happen(f"server.{how}", after=after, lasts=lasts)

    @rule(after=AFTER, which=_NODES, how=st.sampled_from(["stop", "crash", "suspend", "reboot"]), lasts=LASTS)
    def node_is_down(self, after: str, which: int, how: str, lasts: str) -> None:
        """A node stops, crashes, is suspended or rebooted, and is back."""
        self.happen(f"node.{how}", after=after, node=self.name(which), lasts=lasts)

    @rule(after=AFTER, which=_NODES, direction=st.sampled_from(["both", "requests", "answers"]), lasts=LASTS)
    def path_is_cut(self, after: str, which: int, direction: str, lasts: str) -> None:
        """A node is cut off from the server, in one direction or both."""
        self.happen("network.cut", after=after, node=self.name(which), direction=direction, lasts=lasts)

    @rule(after=AFTER, which=_HOSTS, by=st.sampled_from(["1h", "-1h", "1us", "-1us", "25h", "-25h"]))
    def clock_is_set(self, after: str, which: int, by: str) -> None:
        """A wall clock is set."""
        self.happen("clock.step", after=after, host=self.name(which), by=by)

    @rule(after=AFTER, which=_HOSTS, ppm=st.sampled_from([1, -1, 50, -50, 50_000, -50_000]), lasts=LASTS)
    def clock_drifts(self, after: str, which: int, ppm: int, lasts: str) -> None:
        """The clocks of a host run fast or slow."""
        self.happen("clock.drift", after=after, host=self.name(which), ppm=ppm, lasts=lasts)

    @rule(after=AFTER, which=_NODES)
    def node_is_registered(self, after: str, which: int) -> None:
        """An administrator registers a node."""
        self.happen("node.register", after=after, node=self.name(which))

    @rule(after=AFTER, which=_NODES)
    def node_is_unbound(self, after: str, which: int) -> None:
        """An administrator gives the slot of a node back."""
        self.happen("node.unbind", after=after, node=self.name(which))

    @rule(after=AFTER, capacity=st.integers(1, 3))
    def capacity_is_changed(self, after: str, capacity: int) -> None:
        """There is a new authorization file."""
        self.happen("licence.change", after=after, capacity=capacity)

    @rule(after=AFTER, lasts=LASTS)
    def licence_is_suspended(self, after: str, lasts: str) -> None:
        """The issuer suspends the licence for a while."""
        self.happen("licence.suspend", after=after, lasts=lasts)


def _quiet(count: int, capacity: int, spread: str) -> dict[str, Any]:
    """Return the content of a file in which nothing happens yet."""
    return {
        "title": "a world of the state machine",
        "start": datetime(2026, 3, 1, tzinfo=UTC),
        "licence": {"capacity": capacity, "addresses": ["192.168.100.25 - 192.168.100.40"]},
        "nodes": [
            {
                "name": "fdl",
                "count": count,
                "address": "192.168.100.25",
                "application": "report1",
                "spread": spread,
            }
        ],
        "events": [],
    }
