"""Judging a history: every rule by itself, and none can stop the others.

A rule is a function of a `History` that reports to a `Tally`; `judges` names the entries of the catalogue that it
judges. Its docstring says what puts the rule to the test, and ``boundary`` names the number at which it begins to say
something else, if it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from harness.rulebook.history import History
from harness.rulebook.verdicts import Judgement, Ruling, Tally
from harness.scenario import Scenario
from harness.trace import Trace
from reference_server.readings import Reading

__all__ = ["BOUNDARIES", "JUDGES", "Rule", "judge", "judges"]

Rule: TypeAlias = Callable[[History, Tally], None]

#: The rules that are judged, by id.
JUDGES: dict[str, Rule] = {}
#: The boundaries of those that have one, by id: what is counted from where, in words.
BOUNDARIES: dict[str, str] = {}


def judges(*ids: str, boundary: str = "") -> Callable[[Rule], Rule]:
    """Register a function as the judge of the rules ``ids``, which the document states more than once.

    A rule with a ``boundary`` tells its tally on which side of it each occasion lay.
    """

    def register(rule: Rule) -> Rule:
        for each in ids:
            assert each not in JUDGES, f"{each} has a judge already"
            JUDGES[each] = rule
            if boundary:
                BOUNDARIES[each] = boundary
        return rule

    return register


def judge(scenario: Scenario, reading: Reading, trace: Trace) -> dict[str, Judgement]:
    """Return what each judged rule makes of the trace, by id, in order.

    A rule that fails to judge is unknown, with the reason as its trouble; the others are judged all the same.
    """
    if trace.in_rank:
        # Only large fleets need the library that columns need.
        from harness.rulebook.ranks import judge_in_rank

        lawful = judge_in_rank(scenario, reading, trace, sorted(JUDGES), judge)
        if lawful is not None:
            return lawful
    history = History(scenario, reading, trace)
    judgements: dict[str, Judgement] = {}
    known: dict[Rule, Judgement] = {}
    for rule_id in sorted(JUDGES):
        rule = JUDGES[rule_id]
        if rule not in known:
            known[rule] = _judge(rule, history)
        sides = known[rule].sides if rule_id in BOUNDARIES else None
        judgements[rule_id] = replace(known[rule], rule=rule_id, sides=sides)
    return judgements


def _judge(rule: Rule, history: History) -> Judgement:
    tally = Tally()
    try:
        rule(history, tally)
    except Exception as error:
        trouble = f"crashed: {type(error).__name__}: {error}"
        return Judgement(rule="", ruling=Ruling.UNKNOWN, tested=tally.tested, trouble=trouble)
    return tally.judgement("")
