"""The stories of records: observed beside predicted, what differs, and between which instants a cause must lie."""

from __future__ import annotations

import re

from harness.outage.case import case_of
from harness.outage.checking import Terms, check
from harness.outage.diagnosing import diagnose, simulate
from harness.outage.record import NETWORK, Record, What
from harness.report.timeline.checked import story_of_check
from harness.report.timeline.data import data_of, story_from
from harness.report.timeline.diagnosed import stories_of
from harness.report.timeline.recorded import story_of_case
from harness.report.timeline.story import LaneKind, MarkKind, Story
from harness.scenario import SERVER
from harness.trace import Status
from reference_server.codes import Code
from tests.harness.outage.hand import HOUR_US, LEAD_US, START_US, seen

#: The poll at 2 h was lost; nothing recorded says why. At 4 h all was well.
RECORD = Record(
    "by hand",
    (
        seen(2, "0h", "fdl-1", What.REGISTERED),
        seen(3, "2h", "fdl-1", What.FAILED, code=Code.NO_CONNECTION),
        seen(4, "3h", NETWORK, What.NOTE, text="the switch was replaced"),
        seen(5, "5h", "fdl-1", What.STATUS, status=Status.REGISTERED),
        seen(6, "5h", SERVER, What.STATUS, count=1),
    ),
)


def story(*, predicted: bool = True) -> Story:
    case = case_of(RECORD)
    return story_of_case(case, simulate(case) if predicted else None)


def test_each_host_has_what_was_observed_and_what_is_predicted_side_by_side() -> None:
    assert [(lane.name, lane.side, lane.kind) for lane in story().lanes] == [
        ("server", "observed", LaneKind.SERVER),
        ("server", "predicted", LaneKind.SERVER),
        ("network", "observed", LaneKind.NETWORK),
        ("network", "predicted", LaneKind.NETWORK),
        ("fdl-1", "observed", LaneKind.NODE),
        ("fdl-1", "predicted", LaneKind.NODE),
    ]


def test_what_was_observed_is_marked_where_and_as_it_was_written() -> None:
    lane = story().lanes[4]
    assert [(mark.at_us - LEAD_US, mark.kind, mark.words) for mark in lane.marks] == [
        (0, MarkKind.REGISTER, "registered (line 2)"),
        (2 * HOUR_US, MarkKind.FAILURE, "/ (line 3)"),
        (2 * HOUR_US, MarkKind.NOTE, "not predicted"),
        (5 * HOUR_US, MarkKind.SEEN, "seen registered (line 5)"),
    ]


def test_what_the_simulation_has_to_show_is_expected() -> None:
    found = story()
    assert [(each.words, each.met) for each in found.expectations] == [
        ("line 2: fdl-1 registered", True),
        ("line 3: fdl-1 failed: /", False),
        ("line 5: fdl-1 seen registered", True),
        ("line 6: server 1 registered", True),
    ]
    (missed,) = found.expectations[1].findings
    assert (missed.at_us, missed.lane, missed.broken) == (LEAD_US + 2 * HOUR_US, 4, True)
    assert found.outcome == "differs"


def test_a_record_alone_is_not_simulated() -> None:
    found = story(predicted=False)
    assert [(lane.name, lane.side) for lane in found.lanes] == [
        ("server", "observed"),
        ("network", "observed"),
        ("fdl-1", "observed"),
    ]
    assert (found.simulated, found.outcome, found.expectations) == (False, "", ())
    # Without a simulation there is nothing to see before the first line.
    assert (found.start_us, found.lanes[2].marks[0].at_us) == (START_US, 0)
    assert found.lanes[2].clock[0].start_wall_us == START_US


def test_a_diagnosis_has_a_story_for_each_explanation_and_its_bounds_on_the_lanes() -> None:
    told = stories_of(diagnose(case_of(RECORD)), most=2)
    assert [words for words, _ in told] == ["Explanation 1", "Explanation 2"]
    first = told[0][1]
    assert first.title == "1. The server's program was stopped"
    assert first.outcome == "reproduced"
    facts = dict(first.facts)
    # The register at 0 h and the poll at 4 h were well, the poll at 2 h was not. Bounds are found to the second.
    assert re.fullmatch(
        r"the server's program was stopped; "
        r"began between 2026-03-01T00:00:0[01]Z and 2026-03-01T(01:59:59|02:00:00)Z; "
        r"ended between 2026-03-01T02:00:0[01]Z and 2026-03-01T(03:59:59|04:00:00)Z",
        facts["cause"],
    )
    notes = [mark.words for mark in first.lanes[1].marks if mark.kind is MarkKind.NOTE]
    assert notes == [
        "the server's program was stopped: began here at the earliest",
        "the server's program was stopped: began here at the latest",
        "the server's program was stopped: ended here at the earliest",
        "the server's program was stopped: ended here at the latest",
    ]


def test_what_cannot_be_told_has_one_story_of_what_comes_closest() -> None:
    record = Record(
        "by hand",
        (
            seen(2, "0h", "fdl-1", What.REGISTERED),
            seen(3, "2h", "fdl-1", What.FAILED, code=Code.JSON_PARSER_ERROR),
        ),
    )
    ((words, only),) = stories_of(diagnose(case_of(record)), most=3)
    assert (words, only.outcome) == ("", "differs")
    assert dict(only.facts)["explained"].startswith("by nothing")


def test_a_story_of_a_record_goes_through_its_data() -> None:
    assert story_from(data_of(story())) == story()


def test_a_checked_record_has_its_rules_at_the_lines_that_prove_them() -> None:
    # The node is seen lapsed one hour after it was registered, which nothing explains (R033).
    record = Record(
        "by hand",
        (
            seen(2, "0h", "fdl-1", What.REGISTERED),
            seen(3, "1h", "fdl-1", What.STATUS, status=Status.LAPSED),
        ),
    )
    case = case_of(record)
    found = story_of_check(case, check(record, Terms()), reading="literal")
    assert (found.simulated, found.outcome) == (False, "against the document")
    rule = next(rule for rule in found.rules if rule.id == "R033")
    assert (rule.ruling, rule.violations) == ("violated", 1)
    broken = [(each.at_us, each.lane) for each in rule.findings if each.broken]
    assert broken == [(0, 0), (HOUR_US, 0)]
    assert found.lanes[0].name == "fdl-1"
