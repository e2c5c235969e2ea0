"""The story that a run tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version

from harness.durations import format_duration, format_instant, format_utc
from harness.expectations import Met
from harness.report.timeline.lanes import lanes_of
from harness.report.timeline.story import Expected, Finding, Rule, Story
from harness.rulebook import Finding as Found
from harness.rulebook import Judgement, catalogue
from harness.runner import Result

__all__ = ["story_of"]


def story_of(result: Result) -> Story:
    """Return what the run of ``result`` has to show. It must not have been skipped.

    Lanes are in this order: the server, its copy if there is one, the network, the nodes as the file has them.
    """
    assert result.skipped is None, "what was not run has nothing to show"
    lanes = lanes_of(result.scenario, result.trace, seed=result.seed)
    places = {lane.name: place for place, lane in enumerate(lanes)}
    return Story(
        title=result.scenario.title,
        start_us=result.scenario.start_us,
        duration_us=result.scenario.duration_us,
        outcome=result.outcome.value,
        facts=tuple(_facts(result)),
        lanes=lanes,
        rules=tuple(_rule(each, places) for each in result.judgements.values()),
        expectations=tuple(_expected(each, places) for each in result.expectations),
    )


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    scenario = result.scenario
    yield "scenario", scenario.file
    yield "reading", result.reading.name
    yield "from", format_utc(scenario.start_us)
    yield "lasts", format_duration(scenario.duration_us)
    yield "nodes", str(len(scenario.nodes))
    yield "seed", str(result.seed)
    yield "wire", result.wire
    if result.systems:
        yield "under test", ", ".join(result.systems)
    if result.troubles:
        yield "troubles", str(len(result.troubles))
    yield "digest", result.digest[:12]
    yield "version", version("fdl-harness")
    if result.command is not None:
        yield "again", result.command


def _rule(judgement: Judgement, places: Mapping[str, int]) -> Rule:
    findings = [_finding(example, places, broken=True) for example in judgement.examples]
    findings += [_finding(note, places) for note in judgement.notes]
    return Rule(
        id=judgement.rule,
        title=catalogue()[judgement.rule].text,
        ruling=judgement.ruling.value,
        tested=judgement.tested,
        violations=judgement.violations,
        trouble=judgement.trouble,
        findings=tuple(sorted(findings, key=lambda each: each.at_us)),
    )


def _finding(found: Found, places: Mapping[str, int], *, broken: bool = False) -> Finding:
    lane = places.get("server" if found.node is None else found.node)
    return Finding(at_us=found.at_us, lane=lane, words=found.message, broken=broken)


def _expected(met: Met, places: Mapping[str, int]) -> Expected:
    between = met.expect.between
    when = f"at {format_instant(met.decided_us)}"
    if between is not None:
        when = f"{between.hold} from {format_instant(between.first_us)} to {format_instant(between.last_us)}"
    who = f"{met.node}: " if met.node is not None else ""
    found = ", ".join(f"{what} was {_shown(met.found[what])}" for what in met.stated)
    lane = places["server" if met.node is None else met.node]
    return Expected(
        words=f"{who}{', '.join(f'{what} is {_shown(value)}' for what, value in met.stated.items())} {when}",
        met=met.met,
        findings=(Finding(at_us=met.decided_us, lane=lane, words=found, broken=not met.met),),
    )


def _shown(value: object) -> str:
    return {True: "open", False: "closed"}[value] if isinstance(value, bool) else str(value)
