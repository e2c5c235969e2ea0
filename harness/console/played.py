"""What came of a world: its run, and what that was like at any instant.

Statuses, slots and clocks at an instant are read out of the history of the whole run. How the rules are judged by an
instant, and the digest of what lies before it, are those of the same scenario ending there (`until`): a rule says then
what it would say had nobody looked any further.
"""

from __future__ import annotations

import gc
import gzip
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from threading import Lock
from typing import NamedTuple

from harness.console.session import Refused
from harness.expectations import Timelines
from harness.faults import Ends, Plan, plan
from harness.problems import ScenarioError
from harness.report.timeline.data import data_of
from harness.report.timeline.lanes import AWAY, BACK
from harness.report.timeline.network import network_lane
from harness.report.timeline.story import Span
from harness.report.timeline.told import story_of
from harness.runner import InternalError, Job, Result, run_jobs
from harness.scenario import Event, Scenario
from harness.trace import EdgeKind, Outcome, SlotChange
from reference_server.protocol import Kind
from reference_server.readings import Reading

__all__ = ["Played", "Settings", "until"]

_HOLDS = (SlotChange.TAKEN, SlotChange.MOVED, SlotChange.RESTORED, SlotChange.FOUND)
#: Cheap compression: the page is on the same machine.
_EFFORT = 3
#: How many instants are remembered with how the rules were judged by then.
_REMEMBERED = 16
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every world of a console is run: as for ``fdl-harness run``."""

    reading: Reading
    seed: int = 0
    server: str | None = None
    node: str | None = None

    def run(self, scenario: Scenario) -> Result:
        """Run ``scenario`` and judge it.

        :raises Refused: if that fails, which is no verdict.
        """
        job = Job(scenario=scenario, reading=self.reading, seed=self.seed, server=self.server, node=self.node)
        # Code under test is shown the clocks of its host in place of the process's, of which there is one.
        try:
            with _ONE_AT_A_TIME:
                (result,) = run_jobs([job])
        except InternalError as error:
            raise Refused(f"internal error, not a verdict: {error}") from None
        except ScenarioError as error:
            raise Refused(str(error)) from None
        return result


def until(scenario: Scenario, at_us: int) -> Scenario:
    """Return ``scenario`` as if it ended after everything at ``at_us``, and nobody had planned or expected any more."""
    nodes = scenario.nodes
    if any(node.register_us is not None and node.register_us > at_us for node in nodes):
        nodes = tuple(
            replace(node, register_us=None) if node.register_us is not None and node.register_us > at_us else node
            for node in nodes
        )
    events = tuple(event for event in scenario.events if event.at_us <= at_us)
    return replace(scenario, duration_us=at_us, nodes=nodes, events=events, expects=())


class _Turns(NamedTuple):
    """Something that changes: from ``times[k]`` on it is ``values[k]``."""

    times: list[int]
    values: list[int]

    def at(self, at_us: int) -> int | None:
        place = bisect_right(self.times, at_us)
        return self.values[place - 1] if place else None


class Played:
    """What came of one scenario. Whatever takes long is computed once, when it is first asked for."""

    def __init__(self, scenario: Scenario, settings: Settings) -> None:
        self.scenario = scenario
        self.settings = settings
        self._judged: dict[int, Result] = {}
        self._one_at_a_time = Lock()

    @cached_property
    def result(self) -> Result:
        """The whole run."""
        return self.settings.run(self.scenario)

    def judged_by(self, at_us: int) -> Result:
        """Return the run up to ``at_us``, with how the rules are judged by then."""
        with self._one_at_a_time:
            found = self._judged.get(at_us)
            if found is None:
                found = self._judged[at_us] = self.settings.run(until(self.scenario, at_us))
                while len(self._judged) > _REMEMBERED:
                    del self._judged[next(iter(self._judged))]
        return found

    @cached_property
    def story(self) -> bytes:
        """The story of the whole run as JSON, compressed with gzip."""
        with _without_collecting():
            text = json.dumps(data_of(story_of(self.result)), separators=(",", ":"), ensure_ascii=False)
        return gzip.compress(text.encode(), _EFFORT, mtime=0)

    # What was so when.

    @cached_property
    def timelines(self) -> Timelines:
        """Statuses, access, failures and the number of slots."""
        return Timelines(self.scenario, self.result.trace)

    @cached_property
    def plan(self) -> Plan:
        """The clocks, and where the server is."""
        return plan(self.scenario, seed=self.settings.seed)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each node, by its name."""
        return {node.name: place for place, node in enumerate(self.scenario.nodes)}

    def away(self, host: int, at_us: int) -> str:
        """Return why a host's program does not run at ``at_us``, such as "stopped"; nothing if it runs."""
        edge = self._edges[host].at(at_us) if host in self._edges else None
        return "" if edge is None else AWAY.get(EdgeKind(edge), "")

    def has_slot(self, node: int, at_us: int) -> bool | None:
        """Tell whether a node has a live slot, at the server or at its copy; ``None`` where nobody can look."""
        if not self.result.trace.sees_slots:
            return None
        return any(self._slots[key].at(at_us) in _HOLDS for key in ((node, 0), (node, 1)) if key in self._slots)

    def network(self, at_us: int) -> Span:
        """Return what is wrong with the network at ``at_us``, and why."""
        spans = self._network
        return spans[bisect_right(spans, at_us, key=lambda span: span.start_us) - 1]

    def last_contact_us(self, node: int, at_us: int) -> int | None:
        """Return when the last request was sent that was answered positively by ``at_us``, ``None`` if none was."""
        trace = self.result.trace.about([node])
        found = [
            each.sent_us
            for each in trace.exchanges
            if each.node == node
            and each.outcome == Outcome.POSITIVE
            and each.ended_us <= at_us
            and each.kind != Kind.UNBIND
        ]
        # On a clean path an answer is back after a round trip.
        sent_by_us = at_us - 2 * self.scenario.network.latency_us
        for beat in trace.beats:
            if beat.node == node and beat.first_sent_us <= sent_by_us:
                passed_us = min(sent_by_us, beat.last_sent_us) - beat.first_sent_us
                step_us = (beat.last_sent_us - beat.first_sent_us) // max(beat.polls - 1, 1)
                found.append(beat.first_sent_us + (passed_us // step_us * step_us if step_us else 0))
        return max(found, default=None)

    def end_of(self, event: Event) -> int | None:
        """Return when ``event`` is over for all that it is about, ``None`` if it never is."""
        return self._ends.over(event)

    @cached_property
    def moments(self) -> list[int]:
        """The instants at which anything happened, in order; polls that changed nothing are nothing."""
        trace, end_us = self.result.trace, self.scenario.duration_us
        tables = (trace.transitions, trace.failures, trace.slots, trace.edges)
        planned = [at for event in self.scenario.events for at in (event.at_us, event.until_us) if at is not None]
        happened = chain(*(table.column("at_us") for table in tables), planned, (0, end_us))
        return sorted({at_us for at_us in happened if at_us <= end_us})

    @cached_property
    def _edges(self) -> dict[int, _Turns]:
        """By host, when its program was taken down or came back."""
        found: dict[int, _Turns] = defaultdict(lambda: _Turns([], []))
        for edge in self.result.trace.edges:
            if edge.done and (edge.what in AWAY or edge.what in BACK):
                _turn(found[edge.host], edge.at_us, edge.what)
        return dict(found)

    @cached_property
    def _slots(self) -> dict[tuple[int, int], _Turns]:
        """By node and server, what happened to the slot."""
        found: dict[tuple[int, int], _Turns] = defaultdict(lambda: _Turns([], []))
        for slot in self.result.trace.slots:
            _turn(found[slot.node, slot.server], slot.at_us, slot.change)
        return dict(found)

    @cached_property
    def _network(self) -> tuple[Span, ...]:
        return network_lane(self.scenario).spans

    @cached_property
    def _ends(self) -> Ends:
        return Ends(self.scenario.events)


def _turn(turns: _Turns, at_us: int, value: int) -> None:
    turns.times.append(at_us)
    turns.values.append(value)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Make many small values without the collector looking at all of them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
