"""The true cause of recorded timelines is found, and where two causes explain a record equally well, both are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from harness.durations import parse_duration
from harness.outage.case import Case, case_of
from harness.outage.causes import Cause, Kind
from harness.outage.deciding import deciding
from harness.outage.diagnosing import Diagnosis, Simulated, diagnose, simulate
from harness.outage.narrowing import Bounds, narrowed
from harness.outage.reading import read_record
from harness.outage.record import Observation, Record, What
from harness.outage.writing import timeline
from harness.scenario import SERVER
from harness.trace import Status
from reference_server.codes import Code
from tests.harness.outage.hand import START_US, seen
from tests.harness.outage.hidden import ALIKE, FOLDER, HIDDEN, Hidden, recorded, scenario_of

ALL = (*HIDDEN, *ALIKE)
SECOND_US = 1_000_000


def path_of(hidden: Hidden) -> Path:
    return FOLDER / f"{hidden.name}.csv"


@cache
def diagnosed(hidden: Hidden) -> Diagnosis:
    return diagnose(case_of(read_record(path_of(hidden))))


def named(causes: Sequence[Cause]) -> list[tuple[str, tuple[str, ...]]]:
    """What causes are, without that of a clock that was a little wrong."""
    return sorted((cause.kind.name, cause.nodes) for cause in causes if cause.kind is not Kind.CLOCK)


def meant(causes: Sequence[tuple[Kind, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((kind.name, nodes) for kind, nodes in causes)


def names(cases: Sequence[Hidden]) -> list[str]:
    return [case.name for case in cases]


def test_there_are_thirty_and_ten() -> None:
    assert (len(HIDDEN), len(ALIKE)) == (30, 10)


@pytest.mark.parametrize("hidden", ALL, ids=names(ALL))
def test_the_records_are_what_customers_would_have_written(hidden: Hidden) -> None:
    assert path_of(hidden).read_text(encoding="utf-8") == "".join(timeline(recorded(hidden)))


@pytest.mark.parametrize("hidden", HIDDEN, ids=names(HIDDEN))
def test_the_true_cause_is_ranked_first(hidden: Hidden) -> None:
    assert named(diagnosed(hidden).explanations[0].causes) == meant(hidden.causes)


@pytest.mark.parametrize("hidden", ALIKE, ids=names(ALIKE))
def test_causes_that_explain_equally_well_are_both_told(hidden: Hidden) -> None:
    best = [named(each.causes) for each in diagnosed(hidden).best]
    assert meant(hidden.causes) in best
    assert meant(hidden.alike) in best
    if hidden.causes == hidden.alike:
        assert best.count(meant(hidden.causes)) == 2


@pytest.mark.parametrize("hidden", ALL, ids=names(ALL))
def test_every_explanation_shows_the_record_when_it_is_simulated_again(hidden: Hidden) -> None:
    diagnosis = diagnosed(hidden)
    for each in diagnosis.explanations:
        again = simulate(diagnosis.case, each.causes)
        assert again is not None
        assert again.comparison.reproduces
        assert again.trace.digest() == each.trace.digest()


#: Those without missing rows, whose one cause begins and ends at known instants.
WHOLE = [
    each
    for each in ALL
    if not each.missing
    and len(each.causes) == 1
    and each.causes[0][0] in (Kind.STOP, Kind.CUT, Kind.LOST_ANSWERS, Kind.NAT, Kind.SUSPENDED, Kind.IDENTITY)
    and "lasts" in each.events[0]
]


@pytest.mark.parametrize("hidden", WHOLE, ids=names(WHOLE))
def test_the_true_start_and_end_lie_between_the_bounds(hidden: Hidden) -> None:
    diagnosis = diagnosed(hidden)
    true = next(each for each in diagnosis.explanations if named(each.causes) == meant(hidden.causes))
    event = hidden.events[0]
    start_us = START_US + parse_duration(event["at"]) - diagnosis.case.start_us
    end_us = start_us + parse_duration(event["lasts"])
    # Clocks that are wrong move all of a node's rows, and so the bounds.
    allowed_us = hidden.offset_us + hidden.unit_us + 2 * SECOND_US
    for each in narrowed(diagnosis.case, true):
        if each.cause.kind is not Kind.CLOCK:
            assert each.start is not None
            assert within(each.start, start_us, allowed_us), each
            assert each.end is not None
            assert within(each.end, end_us, allowed_us), each


def within(bounds: Bounds, at_us: int, allowed_us: int) -> bool:
    first_us = at_us if bounds.first_us is None else bounds.first_us
    last_us = at_us if bounds.last_us is None else bounds.last_us
    return first_us - allowed_us <= at_us <= last_us + allowed_us


def test_the_bounds_are_the_polls_that_fix_them() -> None:
    # fdl-1, 2, 3 poll 10:07, 27:28 and 44:49 past even hours. The stop from 16:00 to 21:00 was first seen by fdl-1 at
    # 16:10:07, and not by fdl-3 at 14:44:49; it was last seen by fdl-3 at 20:44:49. It is over for all at their next
    # polls, of which that of fdl-1 at 22:10:07 comes first; but the case ends less than two hours after its last line.
    diagnosis = diagnosed(next(each for each in HIDDEN if each.name == "stop-overnight"))
    (stop,) = narrowed(diagnosis.case, diagnosis.explanations[0])
    assert stop.start is not None
    assert stop.start.first_us is not None
    assert stop.start.last_us is not None
    seconds = [
        round((diagnosis.case.start_us + at_us - START_US) / SECOND_US)
        for at_us in (stop.start.first_us, stop.start.last_us)
    ]
    assert abs(seconds[0] - (38 * 3600 + 44 * 60 + 49)) <= 2
    assert abs(seconds[1] - (40 * 3600 + 10 * 60 + 7)) <= 2
    assert stop.end is not None
    assert stop.end.first_us is not None
    ended = round((diagnosis.case.start_us + stop.end.first_us - START_US) / SECOND_US)
    assert abs(ended - (44 * 3600 + 44 * 60 + 49)) <= 2
    assert stop.end.last_us is None


# Records by hand.


def record_of(*observations: Observation) -> Record:
    return Record("by hand", tuple(sorted(observations, key=lambda each: each.at_us)))


def failed(line: int, when: str, source: str, code: Code = Code.NO_CONNECTION) -> Observation:
    return seen(line, when, source, What.FAILED, code=code)


def case(*observations: Observation) -> Case:
    return case_of(record_of(*observations))


def test_what_the_recorded_facts_explain_needs_no_cause() -> None:
    # The poll 2 h after the registration finds the program stopped, as recorded.
    found = diagnose(
        case(
            seen(2, "1h", "fdl-1", What.REGISTERED),
            seen(3, "2h", SERVER, What.STOPPED),
            failed(4, "3h", "fdl-1"),
            seen(5, "4h", SERVER, What.STARTED),
            seen(6, "6h", "fdl-1", What.STATUS, status=Status.REGISTERED),
        )
    )
    assert [each.causes for each in found.explanations] == [()]
    assert found.explanations[0].price == 0


def test_what_nothing_explains_cannot_be_told() -> None:
    # Nothing in the simulation answers with 10000 to a node that speaks the protocol.
    found = diagnose(case(seen(2, "1h", "fdl-1", What.REGISTERED), failed(3, "3h", "fdl-1", Code.JSON_PARSER_ERROR)))
    assert found.explanations == ()
    assert [each.line for each in found.nearest.comparison.unexplained] == [3]


def test_a_node_that_cannot_have_been_registered_is_not_explained_away() -> None:
    # A node is registered and lapsed within one minute.
    found = diagnose(
        case(
            seen(2, "10h", "fdl-1", What.REGISTERED),
            seen(3, "10h 1m", "fdl-1", What.STATUS, status=Status.LAPSED),
        )
    )
    assert all(each.comparison.reproduces for each in found.explanations)
    assert found.explanations == ()


def test_the_same_record_has_the_same_diagnosis() -> None:
    hidden = HIDDEN[0]
    one, other = (diagnose(case_of(read_record(path_of(hidden)))) for _ in range(2))
    assert [each.causes for each in one.explanations] == [each.causes for each in other.explanations]
    assert one.tried == other.tried


def test_an_installation_says_how_many_slots_there_are() -> None:
    hidden = next(each for each in HIDDEN if each.name == "one-slot-taken")
    # Four slots for three nodes and a new one: without the stranger all would have one.
    known = scenario_of(hidden)
    known = replace(known, nodes=tuple(node for node in known.nodes if node.name != "stranger"))
    found = diagnose(case_of(read_record(path_of(hidden)), known))
    assert named(found.explanations[0].causes) == [("CAPACITY", ())]
    assert found.explanations[0].causes[0].count == 1


def first_two(hidden: Hidden, *kinds: Kind) -> tuple[Case, Simulated, Simulated]:
    found = diagnosed(hidden)
    one, other = (
        next(each for each in found.explanations if [cause.kind for cause in each.causes] == [kind]) for kind in kinds
    )
    return found.case, one, other


def test_the_seconds_of_rows_decide_between_a_stop_and_a_cut() -> None:
    hidden = next(each for each in ALIKE if each.name == "alike-stop-or-cut-to-the-minute")
    told = deciding(*first_two(hidden, Kind.STOP, Kind.CUT))
    assert told.startswith("the seconds of the rows of fdl-1")
    assert "by the second a failure is listed 30s after its poll was sent" in told


def test_the_number_of_registered_nodes_decides_whether_requests_arrived() -> None:
    # 24 h after the cut began the server has given up the slot of fdl-2, unless requests reached it: 2 or 3.
    hidden = next(each for each in ALIKE if each.name == "alike-cut-or-answers-lost-27h")
    told = deciding(*first_two(hidden, Kind.CUT, Kind.LOST_ANSWERS))
    assert told.startswith("how many nodes the server had registered at 2026-03-03T")
    assert told.endswith(": 2 by the first, 3 by the second")


def test_where_simulations_agree_a_witness_decides() -> None:
    hidden = next(each for each in ALIKE if each.name == "alike-nat-or-moved")
    told = deciding(*first_two(hidden, Kind.MOVED, Kind.NAT))
    assert told.startswith("the address that these nodes had at the time; or the address from which the requests")


@pytest.mark.parametrize("name", ["stop-overnight", "cut-of-two", "stop-with-many-rows-missing"])
def test_predicting_before_simulating_changes_no_bound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # So few nodes are simulated at once; here they are predicted first, as in a large fleet.
    found = diagnosed(next(each for each in HIDDEN if each.name == name))
    simulated = narrowed(found.case, found.explanations[0])
    monkeypatch.setattr("harness.outage.diagnosing._MANY", 0)
    assert narrowed(found.case, found.explanations[0]) == simulated


def test_what_nobody_wrote_down_has_its_price() -> None:
    # A stop costs 6. A cut costs 6.5, and here takes three registers off the rhythm that nobody wrote down, at 2 each.
    stop, cut = diagnosed(next(each for each in HIDDEN if each.name == "stop-overnight")).explanations[:2]
    assert [each.causes[0].kind for each in (stop, cut)] == [Kind.STOP, Kind.CUT]
    assert (stop.price, stop.fit) == (Fraction(6), (1, 0, 0))
    assert (cut.price, cut.fit) == (Fraction(25, 2), (1, 3, 0))
