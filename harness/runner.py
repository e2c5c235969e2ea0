"""The runner: plays scenarios under readings, has them judged, and says how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum
from multiprocessing import get_context

from fake_fdl_nodes.node import Node
from harness.expectations import Met, judge_expectations, own_reading
from harness.rulebook import Judgement, Ruling, judge
from harness.scenario import Scenario
from harness.trace import Trace
from harness.world import NodeFactory, ServerFactory, run
from reference_server.authority import Authority
from reference_server.readings import Reading, reading_named

__all__ = ["Job", "Outcome", "Result", "jobs_for", "run_jobs", "run_one"]


class Outcome(Enum):
    """How a run ended."""

    PASSED = "passed"
    #: A rule is violated, or an expectation is not met.
    FAILED = "failed"
    #: Nothing failed, but a rule that the scenario names was not put to the test, or could not be judged.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One scenario to be run under one reading."""

    scenario: Scenario
    reading: Reading
    seed: int = 0
    every_poll: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one run.

    ``events`` counts what happened in it: requests, changes of status, slots and hosts, and failure rows.
    """

    scenario: Scenario
    reading: Reading
    seed: int
    every_poll: bool
    digest: str
    events: int
    judgements: dict[str, Judgement]
    expectations: tuple[Met, ...]
    trace: Trace

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.violated or self.unmet:
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
    def unjudged(self) -> list[str]:
        """The rules that the scenario names and that could not be judged."""
        return [
            rule
            for rule in self.scenario.rules
            if rule not in self.judgements or self.judgements[rule].ruling is Ruling.UNKNOWN
        ]

    @property
    def command(self) -> str:
        """The command that runs just this again."""
        parts = ["fdl-harness run", _quoted(self.scenario.file), f"--reading {self.reading.name}"]
        parts += [f"--seed {self.seed}"] if self.seed else []
        parts += ["--every-poll"] if self.every_poll else []
        return " ".join(parts)


def _quoted(path: str) -> str:
    return path if all(c.isalnum() or c in "/._-+" for c in path) else f"'{path}'"


def run_one(job: Job, *, server: ServerFactory = Authority, node: NodeFactory = Node) -> Result:
    """Play one job and judge what happened.

    :param server: makes the authorization server, in place of the reference one.
    :param node: makes a node, in place of the reference one.
    """
    scenario, reading = job.scenario, job.reading
    trace = run(scenario, reading, every_poll=job.every_poll, server=server, node=node)
    judgements = judge(scenario, reading, trace)
    met = tuple(judge_expectations(scenario, reading, trace))
    return Result(
        scenario=scenario,
        reading=reading,
        seed=job.seed,
        every_poll=job.every_poll,
        digest=trace.digest(),
        events=sum(len(table) for table in (trace.transitions, trace.failures, trace.slots, trace.edges))
        + sum(trace.requests),
        judgements=judgements,
        expectations=met,
        trace=trace,
    )


def jobs_for(
    scenario: Scenario, readings: Sequence[Reading] | None, *, seed: int = 0, every_poll: bool = False
) -> list[Job]:
    """Return one job for each of ``readings``, ``None`` meaning the scenario's own."""
    if readings is None:
        readings = [reading_named(own_reading(scenario))]
    return [Job(scenario=scenario, reading=each, seed=seed, every_poll=every_poll) for each in readings]


def run_jobs(jobs: Sequence[Job], workers: int = 1) -> Iterator[Result]:
    """Run ``jobs`` and yield their results in order, on ``workers`` processes."""
    if workers <= 1 or len(jobs) <= 1:
        yield from map(run_one, jobs)
        return
    # Spawned workers share nothing with this process that could differ between runs.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_one, jobs)
