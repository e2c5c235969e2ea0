"""What the right machines do is never held against them, whatever of it was written down; what wrong ones do is."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import pytest

from harness.outage.checking import Terms, check
from harness.outage.record import What
from harness.rulebook import Ruling
from harness.runner import Job, Result, run_one
from harness.scenario import Scenario
from harness.sweep.kinds import HOUR, KINDS, MINUTE, SECOND
from harness.sweep.worlds import PROFILES, Profile, world
from harness.world import run
from reference_server.readings import LITERAL, READINGS
from tests.harness.outage.observing import observed, worn
from tests.planted_bugs import BUGS

#: What a check takes for granted that it does not happen: earlier states, copies, addresses that are reported wrongly,
#: clocks that are wrong by more than the clock error, and another licence.
_BARRED = ("snapshots", "copies", "answers", "steps", "rates", "licences")
#: Whatever else may happen, nobody has to know of.
_WIDE = Profile(
    name="observed",
    summary="what a record may leave out",
    kinds=tuple(kind for kind in KINDS if kind not in _BARRED),
    nodes=4,
    days=5,
    occasions=8,
)
#: An address holds until another one is recorded, so these lines are the only ones that may not be missing.
_MISSABLE = tuple(what for what in What if what is not What.ADDRESS)
#: How a record is kept: how wrong clocks are all the time and from line to line, how coarse times are, and how many
#: lines of a hundred are missing, in those that may have gaps.
Kept: TypeAlias = tuple[int, int, int, int]
_KEPT: tuple[Kept, ...] = ((0, 0, 1, 0), (0, 0, SECOND, 0), (5 * MINUTE, 0, MINUTE, 30), (0, 5 * MINUTE, SECOND, 60))


def _looks(result: Result) -> list[int]:
    """Return when somebody looked: at odd hours, and after each failure, as people do."""
    after = [row.at_us + later_us for row in result.trace.failures for later_us in (1, HOUR)]
    return sorted(
        at_us
        for at_us in {*after, *range(HOUR // 3, result.scenario.duration_us, 7 * HOUR)}
        if at_us <= result.scenario.duration_us
    )


def _accused(result: Result, seed: int, kept: Kept, *, complete: bool, installed: bool) -> Counter[str]:
    """Check a run as it was recorded, and return how often each rule was found obeyed; none may be broken."""
    offset_us, swing_us, unit_us, missing = kept
    seen = observed(result, looks_us=_looks(result), cuts=complete)
    gaps = {"missing": 0 if complete else missing, "only": _MISSABLE}
    made = worn(seen, seed, offset_us=offset_us, swing_us=swing_us, unit_us=unit_us, **gaps)  # type: ignore[arg-type]
    installation = result.scenario if installed else None
    error_us = offset_us + swing_us
    terms = Terms(reading=result.reading, clock_error_us=error_us, complete=complete, installation=installation)
    found = check(made, terms)
    lines = {each.line: each for each in made.observations}
    for each in found:
        for proof in each.broken:
            shown = "\n".join(str(lines[line]) for line in proof.lines)
            pytest.fail(f"seed {seed} [{result.reading.name}] {kept}: {each.rule} {proof.sentence}\n{shown}")
    return Counter(each.rule for each in found if each.ruling is Ruling.HELD)


@pytest.mark.parametrize("reading", READINGS)
def test_what_may_have_gaps_accuses_nobody_falsely(reading: str) -> None:
    for seed in range(20):
        result = run_one(Job(scenario=world(seed, _WIDE).scenario, reading=READINGS[reading], seed=seed))
        for kept in _KEPT:
            for installed in (False, True):
                _accused(result, seed, kept, complete=False, installed=installed)


@pytest.mark.parametrize("reading", READINGS)
def test_a_complete_record_accuses_nobody_falsely(reading: str) -> None:
    held: Counter[str] = Counter()
    for seed in range(40):
        result = run_one(Job(scenario=world(seed, PROFILES["outages"]).scenario, reading=READINGS[reading], seed=seed))
        for kept in _KEPT:
            held += _accused(result, seed, kept, complete=True, installed=True)
    # These are put to the test in such worlds, or the test above would say little.
    rare = {"thirteenth-miss": {"R026"}, "windows-close": {"R028"}}.get(reading, set())
    rules = {"R018", "R023", "R026", "R027", "R028", "R031", "R033", "R036", "R097", "R107", "R119"}
    assert sorted(rules - rare - set(held)) == []


#: Wrong machines of the planted bugs, and the rule that a record of what they do has to be found to break.
_NOTICED = {
    "Hasty": "R031",
    "LapsesAtTheEleventh": "R033",
    "RefusalLapses": "R033",
    "PollsWhenLapsed": "R035",
    "Undead": "R035",
    "Silent": "R036",
    "NeverVoids": "R026",
    "RefreshesAtStart": "R034",
    "OneTooMany": "R018",
    "OneTooFew": "R118",
    "OneBeyond": "R115",
    "EndsAsItsLastDayBegins": "R112",
    "FirstApplicationOnly": "R117",
    "EveryNodeNeedsADomain": "R116",
    "SilenceIsAVerdict": "R119",
    "SilenceIsAGrant": "R033",
    "AClosedPortIsAGrant": "R027",
}


@pytest.mark.parametrize("name", _NOTICED)
def test_what_wrong_machines_do_is_noticed(name: str) -> None:
    bug = next(bug for bug in BUGS if bug.name == name)
    for seed in range(14):
        profile = PROFILES["outages" if seed % 2 else "capacity"]
        scenario = world(seed, profile).scenario
        if _NOTICED[name] in _broken(scenario, seed, server=bug.server, node=bug.node):
            return
    pytest.fail(f"{name} breaks {_NOTICED[name]}, and no record shows it")


def _broken(scenario: Scenario, seed: int, **machines: Any) -> list[str]:
    trace = run(scenario, LITERAL, seed=seed, **machines)
    result = Result(
        scenario=scenario,
        reading=LITERAL,
        seed=seed,
        every_poll=False,
        digest="",
        events=0,
        judgements={},
        expectations=(),
        trace=trace,
    )
    made = worn(observed(result, looks_us=_looks(result)), seed, offset_us=MINUTE)
    terms = Terms(clock_error_us=MINUTE, complete=seed % 2 == 1, installation=scenario)
    return [each.rule for each in check(made, terms) if each.ruling is Ruling.VIOLATED]
