"""What is to be shrunk: a rule that is violated, an expectation that is not met, or a node that does not come back.

It has to be so by the same systems, under the same reading and seed, as at first. And a smaller scenario in which an
expectation is not met proves nothing if nobody could meet it: where the right machines meet it at first, they have to
meet it all the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.faults import timeline_problems
from harness.problems import Mistake
from harness.rulebook import Finding, Ruling, catalogue
from harness.runner import InternalError, Job, Result, run_jobs
from harness.scenario import Scenario
from harness.sweep.healing import heal, unhealed

__all__ = ["LIVENESS", "Target", "Unsteady", "target_of"]

#: What is broken where a node does not come back when everything was put right, in place of a rule.
LIVENESS = "liveness"


class Unsteady(Exception):  # noqa: N818 - what is wrong is with the systems under test
    """What broke once does not break again in the same world. It says what."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        how = "broken in one run of a world and not in the next"
        return f"{self.what} is {how}; is there chance in what is under test?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What breaks in ``job``: the ``rule`` with this id, or `LIVENESS`, or else the expectation of index ``expect``.

    ``fair`` tells that the right machines have to meet the expectation.
    """

    job: Job
    rule: str | None = None
    expect: int | None = None
    fair: bool = False

    @property
    def scenario(self) -> Scenario:
        """What is to be shrunk: the scenario of the job, with the expectation alone."""
        scenario = self.job.scenario
        if self.expect is None:
            return replace(scenario, expects=())
        return replace(scenario, expects=(replace(scenario.expects[self.expect], index=0),))

    @property
    def name(self) -> str:
        """What breaks, in a word or two."""
        return self.rule if self.rule is not None else f"expectation {self.expect}"

    def played(self, scenario: Scenario) -> Scenario:
        """Return what is run of ``scenario``: it has to be repaired to see who comes back."""
        return heal(scenario).scenario if self.rule == LIVENESS else scenario

    def run(self, scenario: Scenario) -> Result:
        """Run ``scenario`` as the job is run."""
        return _run(replace(self.job, scenario=self.played(scenario)))

    def run_right(self, scenario: Scenario) -> Result:
        """Run ``scenario`` as the job is run, but with the reference server and nodes."""
        plain = replace(scenario, server=replace(scenario.server, use=None), node_uses=())
        return _run(replace(self.job, scenario=self.played(plain), server=None, node=None))

    def breaks(self, scenario: Scenario) -> int | None:
        """Return the instant (true us) at which ``scenario`` breaks, ``None`` if it does not.

        :raises InternalError: if the run raises.
        """
        if self.rule == LIVENESS and timeline_problems(self.played(scenario).events):
            return None
        found = self.found(scenario, self.run(scenario))
        if found is not None and self.fair and self.found(scenario, self.run_right(scenario)) is not None:
            return None
        return None if found is None else found.at_us

    def still_breaks(self, scenario: Scenario) -> int | None:
        """Return the same of a smaller scenario, in which what is wrong may go wrong in a way that ends the run."""
        try:
            return self.breaks(scenario)
        except InternalError:
            return None

    def found(self, scenario: Scenario, result: Result) -> Finding | None:
        """Return what is wrong in the ``result`` of ``scenario``, ``None`` if it is not what is looked for."""
        if self.rule == LIVENESS:
            lost = next(iter(unhealed(heal(scenario), result)), None)
            return None if lost is None else Finding(at_us=lost.at_us, node=lost.node, message=lost.message)
        if self.rule is not None:
            judgement = result.judgements.get(self.rule)
            return judgement.first if judgement is not None and judgement.ruling is Ruling.VIOLATED else None
        unmet = min(result.unmet, key=lambda met: met.decided_us, default=None)
        if unmet is None:
            return None
        stated = ", ".join(f"{what} = {value}" for what, value in unmet.stated.items())
        found = ", ".join(f"{what} = {unmet.found[what]}" for what in unmet.stated)
        return Finding(at_us=unmet.decided_us, node=unmet.node, message=f"expected {stated}, found {found}")


def target_of(job: Job, *, rule: str | None = None, expect: int | None = None) -> Target | None:
    """Return what breaks in ``job``, ``None`` if nothing does.

    :param rule: the id of the rule that has to be violated, or `LIVENESS`; without it the rule that is violated first,
        else the first expectation that is not met.
    :param expect: the index of the expectation that must not be met, in place of a rule.
    :raises Mistake: if there is no such rule or expectation.
    :raises InternalError: if the run raises.
    """
    expectations = len(job.scenario.expects)
    if rule is not None and rule != LIVENESS and rule not in catalogue():
        raise Mistake(rule, f"the id of a rule (`fdl-harness rules` lists them), or {LIVENESS}")
    if expect is not None and not 0 <= expect < expectations:
        raise Mistake(str(expect), f"an index below {expectations}, the number of expectations")
    if rule is None and expect is None:
        result = _run(job)
        first = min(result.violated, key=lambda each: each.first.at_us if each.first else 0, default=None)
        unmet = next((met.expect.index for met in result.unmet), None)
        rule, expect = (None, unmet) if first is None else (first.rule, None)
        if rule is None and expect is None:
            return None
    target = Target(job=job, rule=rule, expect=expect)
    if rule is None:
        scenario = target.scenario
        target = replace(target, fair=target.found(scenario, target.run_right(scenario)) is None)
    return target if target.breaks(target.scenario) is not None else None


def _run(job: Job) -> Result:
    (result,) = run_jobs([job])
    return result
