"""One seed from beginning to end: its world is made, repaired, run, judged, and judged for liveness."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version

from harness.problems import Mistake
from harness.rulebook import Ruling
from harness.runner import Job, Result, run_one
from harness.scenario import Scenario
from harness.sweep.healing import Healed, heal, unhealed
from harness.sweep.worlds import PROFILES, world
from reference_server.readings import reading_named

__all__ = ["VERSION", "Breach", "HealedWorlds", "Question", "Trial", "Why", "healed_world", "run_trial"]


#: Of the harness. Another one may make another world of a seed.
VERSION = version("fdl-harness")


class Why(Enum):
    """What was wrong, beside the rules."""

    #: A node that is entitled to a registration has none after the repair.
    LIVENESS = "liveness"
    #: A system under test raised, or there was none.
    TROUBLE = "trouble"
    #: The harness itself, or one of its rules, raised.
    HARNESS = "harness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is swept, but for the seeds: worlds of a profile, under a reading, with these systems under test.

    ``version`` is that of the harness.
    """

    profile: str = "default"
    reading: str = "literal"
    server: str | None = None
    node: str | None = None
    version: str = VERSION

    def command(self, seed: int) -> str:
        """Return the command that runs just ``seed`` again."""
        profile = f" --profile {self.profile}" if self.profile != "default" else ""
        return f"fdl-harness sweep --seeds {seed}{profile}{self.options}"

    @property
    def options(self) -> str:
        """The options that say under which reading what is tested, each with a blank before it."""
        options = f" --reading {self.reading}" if self.reading != "literal" else ""
        options += f" --server {shlex.quote(self.server)}" if self.server else ""
        return options + (f" --node {shlex.quote(self.node)}" if self.node else "")


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that was wrong in the world of a seed: a rule, or a `Why`, when (true us), and what in a sentence.

    What is wrong with the harness has no instant.
    """

    what: str
    at_us: int | None
    node: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one seed: its kinds of fault, the rules that were put to the test, and what was wrong."""

    seed: int
    kinds: tuple[str, ...]
    tested: tuple[str, ...]
    digest: str
    breaches: tuple[Breach, ...] = ()


def healed_world(question: Question, seed: int) -> Healed:
    """Return the world of ``seed`` with its repair, as it is run."""
    return heal(world(seed, PROFILES[question.profile]).scenario)


@dataclass(frozen=True, slots=True)
class HealedWorlds:
    """The worlds of ``seeds`` with their repairs, each made anew whenever it is come to."""

    question: Question
    seeds: Sequence[int]

    def __iter__(self) -> Iterator[Scenario]:
        return (healed_world(self.question, seed).scenario for seed in self.seeds)


def run_trial(question: Question, seed: int) -> Trial:
    """Run the world of ``seed`` and say what came of it. What the harness raises is a breach, too.

    :raises Mistake: if a system under test is none.
    """
    made = world(seed, PROFILES[question.profile])
    reading = reading_named(question.reading)
    try:
        healed = heal(made.scenario)
        job = Job(scenario=healed.scenario, reading=reading, seed=seed, server=question.server, node=question.node)
        result = run_one(job)
        breaches = (*_breaches(result), *_not_alive(healed, result))
    except Mistake:
        raise
    except Exception as error:
        raised = Breach(Why.HARNESS.value, None, None, f"{type(error).__name__}: {error}")
        return Trial(seed, made.kinds, (), "", (raised,))
    tested = tuple(each.rule for each in result.judgements.values() if each.tested)
    return Trial(seed, made.kinds, tested, result.digest, breaches)


def _breaches(result: Result) -> list[Breach]:
    found = []
    for judgement in result.judgements.values():
        if judgement.trouble:
            found.append(Breach(Why.HARNESS.value, None, None, f"{judgement.rule} {judgement.trouble}"))
        elif judgement.ruling is Ruling.VIOLATED and judgement.first is not None:
            first = judgement.first
            found.append(Breach(judgement.rule, first.at_us, first.node, first.message))
    for trouble in result.troubles[:1]:
        found.append(Breach(Why.TROUBLE.value, trouble.at_us, result.trace.host(trouble.host), trouble.what))
    return found


def _not_alive(healed: Healed, result: Result) -> list[Breach]:
    return [Breach(Why.LIVENESS.value, each.at_us, each.node, each.message) for each in unhealed(healed, result)[:1]]
