"""The runner: plays scenarios under readings, has them judged, and says how they ended.

A run can also be asked about any instant of it. A run that raises is a fault of the harness: it is reported as an
`InternalError` that names the run and the command that repeats it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from harness.durations import format_duration, parse_duration
from harness.expectations import Met, Timelines, Value, failure_value, judge_expectations, own_reading, untold
from harness.pool import InternalError, in_order
from harness.problems import ScenarioError, one_of
from harness.rulebook import Judgement, Ruling, judge
from harness.scenario import Scenario
from harness.systems import Choice, choose
from harness.trace import Trace, Trouble
from harness.wires import MEMORY, Unfit, wire_named
from harness.wires.limits import why_not
from harness.world import run
from reference_server.readings import Reading, reading_named

__all__ = ["InternalError", "Job", "Outcome", "Result", "jobs_for", "run_jobs", "run_one"]


class Outcome(Enum):
    """How a run ended."""

    PASSED = "passed"
    #: A rule is violated, or an expectation is not met.
    FAILED = "failed"
    #: Nothing failed, but a rule that the scenario names was not put to the test, or could not be judged.
    UNKNOWN = "unknown"
    #: It was not run, because the wire that was asked for cannot express it.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One scenario to be run under one reading.

    ``server`` and ``node`` name what takes the place of the scenario's own.
    """

    scenario: Scenario
    reading: Reading
    seed: int = 0
    every_poll: bool = False
    server: str | None = None
    node: str | None = None
    wire: str = MEMORY

    @property
    def command(self) -> str | None:
        """The command that runs just this, ``None`` for a scenario that comes from no file."""
        file = self.scenario.file
        if file.startswith("<"):
            return None
        path = f"./{file}" if file.startswith("-") else file
        parts = ["fdl-harness run", shlex.quote(path), f"--reading {self.reading.name}"]
        parts += [f"--seed {self.seed}"] if self.seed else []
        parts += ["--every-poll"] if self.every_poll else []
        parts += [f"--server {shlex.quote(self.server)}"] if self.server else []
        parts += [f"--node {shlex.quote(self.node)}"] if self.node else []
        parts += [f"--wire {self.wire}"] if self.wire != MEMORY else []
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one run, which can be asked about any instant of it.

    ``events`` counts what happened in it: requests, changes of status, slots and hosts, and failure rows. Instants
    that it is asked about are durations from the start, such as ``"1d 3h"``; it answers with what was so after
    everything at that instant. ``systems`` says what was under test, ``("server shop:make",)``, if anything but the
    reference server and nodes. ``skipped`` says why nothing was run, if nothing was.
    """

    scenario: Scenario
    reading: Reading
    seed: int
    every_poll: bool
    server: str | None = None
    node: str | None = None
    systems: tuple[str, ...] = ()
    digest: str
    events: int
    judgements: dict[str, Judgement]
    expectations: tuple[Met, ...]
    trace: Trace
    wire: str = MEMORY
    skipped: str | None = None

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.skipped is not None:
            return Outcome.SKIPPED
        if self.violated or self.unmet or any(trouble.fatal for trouble in self.troubles):
            return Outcome.FAILED
        # What a scenario exercises under its own reading need not come to pass under another.
        asked = self.reading.name == own_reading(self.scenario)
        crashed = any(each.trouble for each in self.judgements.values())
        return Outcome.UNKNOWN if crashed or (asked and self.unjudged) else Outcome.PASSED

    @property
    def violated(self) -> list[Judgement]:
        """The rules that were broken."""
        return [each for each in self.judgements.values() if each.ruling is Ruling.VIOLATED]

    @property
    def unmet(self) -> list[Met]:
        """The expectations that were not met."""
        return [each for each in self.expectations if not each.met]

    @property
    def troubles(self) -> list[Trouble]:
        """What went wrong inside the systems under test: what they raised, and answers that were none."""
        return self.trace.troubles

    @property
    def unjudged(self) -> list[str]:
        """The rules that the scenario names and that could not be judged."""
        return [
            rule
            for rule in self.scenario.rules
            if rule not in self.judgements or self.judgements[rule].ruling is Ruling.UNKNOWN
        ]

    @property
    def command(self) -> str | None:
        """The command that runs just this again, ``None`` for a scenario that comes from no file."""
        return Job(
            scenario=self.scenario,
            reading=self.reading,
            seed=self.seed,
            every_poll=self.every_poll,
            server=self.server,
            node=self.node,
            wire=self.wire,
        ).command

    # What was so when.

    def status(self, node: str, *, at: str) -> Value:
        """Return the status of ``node``, such as ``"registered"``."""
        return self._ask("status", node, at)

    def access(self, node: str, *, at: str) -> Value:
        """Tell whether access to ``node`` was open."""
        return self._ask("access", node, at)

    def failure(self, node: str, *, at: str) -> Value:
        """Return the failure that ``node`` showed: a code, ``"/"``, the generic text, or ``"none"``."""
        return self._ask("failure", node, at)

    def registered(self, *, at: str) -> Value:
        """Return the number of live slots; where they cannot be seen, as of when the server was last asked."""
        return self._ask("registered", None, at)

    def failures(self, node: str) -> list[tuple[int, Value]]:
        """Return every row of the failure list of ``node``, oldest first: its instant (true us) and its code."""
        place = self._place(node)
        return [(row.at_us, failure_value(row.code)) for row in self.trace.failures if row.node == place]

    def rule(self, rule: str) -> Judgement:
        """Return what became of the rule with this id.

        :raises ValueError: if no judged rule has it.
        """
        if rule not in self.judgements:
            raise ValueError(f"no judged rule has the id {rule!r}; `fdl-harness rules` lists them")
        return self.judgements[rule]

    def _place(self, node: str) -> int:
        if node not in self.trace.nodes:
            raise ValueError(f"no node is named {node!r}; expected {one_of(self.trace.nodes, node)}")
        return self.trace.nodes.index(node)

    def _ask(self, what: str, node: str | None, at: str) -> Value:
        at_us, end_us = parse_duration(at), self.scenario.duration_us
        if at_us > end_us:
            raise ValueError(f"{at!r} is after the end of the run, which lasted {format_duration(end_us)}")
        if node is not None:
            self._place(node)
        return self._timelines.of(what, node).at(at_us)

    @cached_property
    def _timelines(self) -> Timelines:
        return Timelines(self.scenario, self.trace)


def run_one(job: Job, *, server: Choice = None, node: Choice = None) -> Result:
    """Play one job and judge what happened.

    :param server: what makes the server under test, or its name, in place of the job's and the scenario's.
    :param node: what makes each node under test, or its name.
    :raises Mistake: if one of them is nothing that could.
    :raises ScenarioError: if what the scenario names is nothing that could.
    """
    scenario, reading = job.scenario, job.reading
    chosen = choose(scenario, job.server if server is None else server, job.node if node is None else node)
    reason = why_not(scenario, reading, job.wire, own_server=chosen.server is not None)
    if reason is not None:
        return _skipped(job, reason)
    wire = chosen.wire if job.wire == MEMORY else wire_named(job.wire)
    try:
        with chosen.at_hand():
            trace = run(scenario, reading, every_poll=job.every_poll, seed=job.seed, node=chosen.node, wire=wire)
    except Unfit as error:
        return _skipped(job, str(error))
    judgements = judge(scenario, reading, trace)
    met = tuple(judge_expectations(scenario, reading, trace))
    result = Result(
        scenario=scenario,
        reading=reading,
        seed=job.seed,
        every_poll=job.every_poll,
        server=job.server,
        node=job.node,
        systems=chosen.names,
        digest=trace.digest(),
        events=trace.events,
        judgements=judgements,
        expectations=met,
        trace=trace,
        wire=job.wire,
    )
    if job.wire != MEMORY and result.outcome is not Outcome.FAILED and (expect := untold(scenario, trace)) is not None:
        # What only the run could show, such as a crash in the course of a request.
        where = f"line {expect.line} states" if expect.line else "an expectation states"
        return _skipped(job, f"{where} how many slots are live when the server could not be asked")
    return result


def _skipped(job: Job, reason: str) -> Result:
    trace = Trace(tuple(node.name for node in job.scenario.nodes))
    return Result(
        scenario=job.scenario,
        reading=job.reading,
        seed=job.seed,
        every_poll=job.every_poll,
        digest=trace.digest(),
        events=0,
        judgements={},
        expectations=(),
        trace=trace,
        wire=job.wire,
        skipped=reason,
    )


def jobs_for(
    scenario: Scenario,
    readings: Sequence[Reading] | None,
    *,
    seed: int = 0,
    every_poll: bool = False,
    server: str | None = None,
    node: str | None = None,
    wire: str = MEMORY,
) -> list[Job]:
    """Return one job for each of ``readings``, ``None`` meaning the scenario's own."""
    if readings is None:
        readings = [reading_named(own_reading(scenario))]
    return [
        Job(scenario=scenario, reading=each, seed=seed, every_poll=every_poll, server=server, node=node, wire=wire)
        for each in readings
    ]


def run_jobs(jobs: Sequence[Job], workers: int = 1) -> Iterator[Result]:
    """Run ``jobs`` and yield their results in order, on ``workers`` processes.

    :raises InternalError: if a run raises, after the results before it.
    :raises ScenarioError: if a scenario names a system under test that is none.
    """
    yield from map(_run, jobs) if workers <= 1 or len(jobs) <= 1 else in_order(_run, jobs, workers)


def _run(job: Job) -> Result:
    try:
        return run_one(job)
    except ScenarioError:
        raise
    except Exception as error:
        run = f"{job.scenario.file} [{job.reading.name}], seed {job.seed}"
        again = f"; again: {job.command} --traceback" if job.command else ""
        raise InternalError(run, f"{type(error).__name__}: {error}{again}") from error
