"""A shrunk scenario as a file to commit: what broke, what the right machines do instead, and how it came about."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version

from harness.durations import format_duration, format_instant, format_utc
from harness.expectations import Timelines
from harness.rulebook import Finding, Ruling, catalogue
from harness.runner import Result
from harness.scenario import Expect, Scenario
from harness.scenario_file import printed
from harness.shrinking.engine import Shrunk
from harness.shrinking.targets import LIVENESS, Target, Unsteady
from reference_server.readings import LITERAL

__all__ = ["regression"]

_OF_A_NODE = ("status", "access", "failure")
_TITLE_LIMIT = 200


def regression(shrunk: Shrunk, target: Target, *, command: str, file: str = "FILE") -> str:
    """Return the text of a scenario file that keeps what was found from coming back.

    Its expectations are what the right machines do when the others go wrong. It fails as long as the systems under test
    are wrong, and passes when they are right.

    :param command: what was called to shrink it.
    :param file: the name that the file will have.
    :raises Unsteady: if it does not break this time.
    :raises InternalError: if a run raises.
    """
    found = _Found.of(shrunk.scenario, target)
    scenario = replace(
        target.played(shrunk.scenario),
        title=f"{target.name} is broken: {target.job.scenario.title}"[:_TITLE_LIMIT],
        rules=tuple(_rules(found, target)),
        reading=None if target.job.reading is LITERAL else target.job.reading.name,
    )
    if target.expect is None:
        scenario = replace(scenario, expects=() if found.right_too else tuple(_expected(scenario, found)))
    again = replace(target.job, scenario=replace(scenario, file=file)).command
    comment = [*_what(scenario, found, target), "", *_whence(target), f"Found with: {command}", f"Again with: {again}"]
    versions = [f"{name} {version(name)}" for name in ("fdl-harness", "hypothesis")]
    comment.append(f"With: {', '.join(versions)}, python {platform.python_version()}")
    return printed(scenario, comment="\n".join(comment))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the systems under test and the right machines made of the shrunk scenario.

    ``right_too`` tells that the right machines break, too.
    """

    finding: Finding
    wrong: Result
    right: Result
    right_too: bool

    @classmethod
    def of(cls, scenario: Scenario, target: Target) -> _Found:
        wrong, right = target.run(scenario), target.run_right(scenario)
        finding = target.found(scenario, wrong)
        if finding is None:
            raise Unsteady(target.name)
        return cls(finding=finding, wrong=wrong, right=right, right_too=target.found(scenario, right) is not None)


def _rules(found: _Found, target: Target) -> Iterator[str]:
    """Yield the rule that is broken, if the right machines put it to the test: else the file would have no verdict."""
    judgement = found.right.judgements.get(target.name)
    if judgement is not None and judgement.ruling is Ruling.HELD:
        yield target.name


def _what(scenario: Scenario, found: _Found, target: Target) -> Iterator[str]:
    """Yield what is wrong, and what would be right."""
    who = " and ".join(found.wrong.systems) or "the reference machines"
    if target.rule == LIVENESS:
        yield f"Everything is put right here, and a node does not come back ({LIVENESS}), with {who}."
    elif target.rule is not None:
        entry = catalogue()[target.rule]
        yield f"{target.rule} is violated here by {who} ({entry.place}): {entry.text}"
    else:
        yield f"An expectation of {target.job.scenario.file} is not met here by {who}."
    finding = found.finding
    when = f"{format_instant(finding.at_us)} ({format_utc(scenario.start_us + finding.at_us)})"
    yield f"At {when}, {finding.node or 'server'}: {finding.message}"
    yield ""
    if found.right_too:
        yield "The reference machines do the same, so what would be right is for you to say."
    else:
        yield "What is expected is what the reference machines do."


def _whence(target: Target) -> Iterator[str]:
    """Yield what it was shrunk from."""
    given, job = target.job.scenario, target.job
    nodes, events = len(given.nodes), len({event.index for event in given.events})
    size = f"{_count(nodes, 'node')}, {_count(events, 'event')}, {format_duration(given.duration_us)}"
    yield f"Shrunk from {given.file} ({size}), reading {job.reading.name}, seed {job.seed}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _expected(scenario: Scenario, found: _Found) -> Iterator[Expect]:
    """Yield what the right machines do, when it was found or at the first instant after that which tells them apart."""
    finding = found.finding
    wrongs, rights = Timelines(scenario, found.wrong.trace), Timelines(scenario, found.right.trace)
    nodes = [node.name for node in scenario.nodes if finding.node in (None, node.name)]
    asked = [(what, name) for name in nodes for what in _OF_A_NODE] + [("registered", None)]

    def apart(at_us: int) -> bool:
        pairs = [(wrongs.of(*each).at(at_us), rights.of(*each).at(at_us)) for each in asked]
        # Some servers do not tell how many slots they have.
        return any(what is not None and what != due for what, due in pairs)

    later = {us for each in asked for us in (*wrongs.of(*each).times, *rights.of(*each).times)}
    instants = [finding.at_us, *sorted(us for us in later if finding.at_us < us <= scenario.duration_us)]
    at_us = next((us for us in instants if apart(us)), finding.at_us)
    registered = rights.of("registered", None).at(at_us)
    for index, name in enumerate(nodes):
        status, access, failure = (rights.of(what, name).at(at_us) for what in _OF_A_NODE)
        yield Expect(
            index=index,
            at_us=at_us,
            nodes=(name,),
            status=str(status),
            access=bool(access),
            failure=failure,
            registered=registered if isinstance(registered, int) and index == 0 else None,
        )
