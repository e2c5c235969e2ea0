"""The story of a checked record: what was observed, and what each rule says of it, each finding at its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.outage.case import Case
from harness.outage.checking import Checked
from harness.report.timeline.recorded import story_of_case
from harness.report.timeline.story import Finding, Rule, Story
from harness.rulebook import Ruling, catalogue

__all__ = ["story_of_check"]


def story_of_check(case: Case, checked: Sequence[Checked], *, reading: str) -> Story:
    """Return what a page of a checked record shows. It is no simulation: there is one lane for each host."""
    story = story_of_case(case, facts=[("reading", reading)], title=f"What the document says of {case.record.file}")
    early_us = story.start_us - case.start_us
    places = {lane.name: place for place, lane in enumerate(story.lanes)}
    where = {}
    for each in case.record.observations:
        at_us = case.clock(each.source).true_us(case.wall_us(each)) - early_us
        where[each.line] = (min(max(0, at_us), story.duration_us), each.source)
    violated = any(each.ruling is Ruling.VIOLATED for each in checked)
    return replace(
        story,
        outcome="against the document" if violated else "nothing against the document",
        rules=tuple(_rule(each, where, places) for each in checked),
    )


def _rule(checked: Checked, where: Mapping[int, tuple[int, str]], places: Mapping[str, int]) -> Rule:
    def findings(sentence: str, lines: Sequence[int], *, broken: bool = False) -> Iterator[Finding]:
        for line in lines:
            at_us, source = where[line]
            yield Finding(at_us=at_us, lane=places.get(source), words=f"line {line}: {sentence}", broken=broken)

    found = [finding for each in checked.broken for finding in findings(each.sentence, each.lines, broken=True)]
    found += [finding for each in checked.obeyed for finding in findings(each.sentence, each.lines)]
    found += [
        finding
        for each in checked.undecided
        for finding in findings(f"{each.sentence}; what would decide it: {each.wanted}", each.lines[:3])
    ]
    return Rule(
        id=checked.rule,
        title=catalogue()[checked.rule].text,
        ruling=checked.ruling.value,
        tested=checked.tested,
        violations=len(checked.broken),
        findings=tuple(sorted(found, key=lambda each: each.at_us)),
    )
