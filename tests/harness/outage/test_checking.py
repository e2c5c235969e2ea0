"""Checking records: for each rule one that obeys, one that does not, and one that cannot tell.

All times are UTC, of days in March 2026. Unless a test says otherwise clocks are right within 5 minutes, so that two
times may each be off by that: a length of time is known to 10 minutes. Over 24 h a host may go 86.4 s wrong (one part
in a thousand), and by its wall clock over a reboot 10 minutes; an answer takes 30 s at most.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_fdl_nodes.fleet import fleet
from harness.outage.checking import CHECKS, Checked, Terms, check
from harness.outage.record import Record
from harness.rulebook import Ruling, catalogue
from harness.scenario import LicenceSpec, Scenario
from reference_server.addresses import parse_address
from reference_server.codes import Code
from reference_server.readings import READINGS
from tests.harness.outage.records import record

#: 2026-03-03T00:00:00Z.
_DAY_3_US = 1_772_496_000_000_000


def _installation(*, nodes: int = 3, **licence: object) -> Scenario:
    first = parse_address("10.0.0.1")
    spec = LicenceSpec(capacity=2, ranges=((first, first + 9),), applications=("report1",))
    return Scenario(
        title="an installation",
        start_us=0,
        duration_us=1,
        licence=replace(spec, **licence),  # type: ignore[arg-type]
        nodes=fleet("a", address=first, application="report1", count=nodes),
    )


def _checked(rule: str, made: Record, *, reading: str = "literal", **terms: object) -> Checked:
    given = Terms(reading=READINGS[reading], **terms)  # type: ignore[arg-type]
    return next(each for each in check(made, given) if each.rule == rule)


def _ruling(rule: str, made: Record, **terms: object) -> str:
    return _checked(rule, made, **terms).ruling.value  # type: ignore[arg-type]


def _only_if_complete(rule: str, made: Record, **terms: object) -> tuple[int, ...]:
    """Return the lines of the only violation, which is one only in a complete record."""
    as_it_is = _checked(rule, made, **terms)  # type: ignore[arg-type]
    assert as_it_is.broken == ()
    assert any("--complete" in each.wanted for each in as_it_is.undecided)
    (broken,) = _checked(rule, made, complete=True, **terms).broken  # type: ignore[arg-type]
    return broken.lines


def test_every_check_is_of_the_catalogue_and_says_what_it_decides() -> None:
    assert set(CHECKS) <= set(catalogue())
    for rule, each in CHECKS.items():
        assert each.find.__doc__, rule
        assert each.wanted, rule


def test_a_record_of_notes_puts_nothing_to_the_test() -> None:
    found = check(record("1 08:00 server note everybody was asleep"), Terms())
    assert {each.ruling for each in found} == {Ruling.UNKNOWN}
    assert all(each.wanted for each in found)


# R031: the rhythm.


@pytest.mark.parametrize("later", ["10:00", "12:00", "10:10", "09:50", "22:00"])
def test_failures_two_hours_apart_keep_the_rhythm(later: str) -> None:
    # 2 h, 4 h, and 2 h give or take what both times may be wrong by.
    made = record("1 08:00 a-1 failed /", f"1 {later} a-1 failed /", "3 08:00 a-1 note")
    assert _ruling("R031", made, complete=True) == "held"


@pytest.mark.parametrize("later", ["08:05", "08:30", "09:00", "09:45", "10:15", "11:00"])
def test_a_code_at_another_time_needs_somebody_who_asked(later: str) -> None:
    made = record("1 08:00 a-1 failed 30003", f"1 {later} a-1 failed 30003")
    assert _only_if_complete("R031", made) == (2,)


@pytest.mark.parametrize("between", ["1 08:29 a-1 started", "1 06:30 a-1 registered", "1 08:33 a-1 started"])
def test_what_was_recorded_explains_a_failure_at_another_time(between: str) -> None:
    # A start polls at once, and may have been before the row although its clock showed later; a register is 2 h before.
    made = record("1 06:00 a-1 failed /", between, "1 08:30 a-1 failed 30003")
    assert _checked("R031", made, complete=True).broken == ()


def test_of_two_lines_at_one_time_either_may_be_the_first() -> None:
    # The poll at 08:00 fails, and then somebody registers the node.
    made = record("1 06:00 a-1 failed 30003", "1 08:00 a-1 registered", "1 08:00 a-1 failed 30003")
    assert _checked("R031", made, complete=True).broken == ()
    # 20 minutes later it is no longer to be found among what was before.
    made = record("1 06:00 a-1 failed 30003", "1 08:00 a-1 registered", "1 08:20 a-1 failed 30003")
    assert len(_checked("R031", made, complete=True).broken) == 1


def test_a_failure_that_is_known_to_be_a_register_begins_the_rhythm_anew() -> None:
    # From 09:00 on: 11:00 is on the beat, and so 10:00 would have been no more.
    made = record("1 08:00 a-1 failed /", "1 09:00 a-1 failed / register", "1 11:00 a-1 failed 30003")
    assert _ruling("R031", made, complete=True) == "held"
    made = record("1 08:00 a-1 failed /", "1 09:00 a-1 failed / register", "1 10:00 a-1 failed 30003")
    assert _only_if_complete("R031", made) == (3,)


def test_a_slash_off_the_beat_may_be_the_lapse_if_nothing_follows() -> None:
    lines = ["1 08:00 a-1 failed /", "1 09:00 a-1 failed /"]
    assert _checked("R031", record(*lines), complete=True).broken == ()
    assert _checked("R031", record(*lines, "1 10:00 a-1 registered"), complete=True).broken == ()
    later = record(*lines, "1 10:00 a-1 registered", "1 12:00 a-1 failed /")
    assert _checked("R031", later, complete=True).broken == ()
    assert _only_if_complete("R031", record(*lines, "1 11:00 a-1 failed /")) == (2,)
    assert _checked("R031", record(*lines, "1 11:00 a-1 failed /"), complete=True, reading="revive").broken == ()


def test_a_clock_that_is_right_to_the_second_proves_more() -> None:
    made = record("1 08:00 a-1 failed 30003", "1 09:55 a-1 failed 30003")
    assert _checked("R031", made, complete=True).broken == ()
    # 5 minutes are more than 30 s, 7.2 s and the units.
    assert len(_checked("R031", made, complete=True, clock_error_us=0).broken) == 1


def test_a_corrected_clock_was_wrong_before() -> None:
    lines = ["1 08:00 a-1 failed 30003", "1 08:10 a-1 clock 1h", "1 11:00 a-1 failed 30003"]
    # It was 08:00 to 09:00, and 11:00 is 2 h after 09:00.
    assert _checked("R031", record(*lines), complete=True).broken == ()
    del lines[1]
    assert len(_checked("R031", record(*lines), complete=True).broken) == 1


def test_the_lapse_leaves_the_rhythm_as_it_is() -> None:
    # The deadline of the contact at 20:00 is on the rhythm that it began, and not on that of the start at 19:30, on
    # which a node goes on polling that may be revived.
    lines = ["1 20:00 a-1 registered", "2 19:30 a-1 started", "2 19:30 a-1 failed /", "2 20:00 a-1 failed /"]
    made = record(*lines, "2 21:30 a-1 failed 30003")
    assert _checked("R031", made, complete=True, reading="revive").broken == ()


def test_each_failure_is_held_against_the_one_before() -> None:
    # 2 h 9 min, and then 1 h 48 min: two times can be 10 minutes and a half off, not 12. From the first it is 3 h 57.
    made = record("1 08:00 a-1 failed 30003", "1 10:09 a-1 failed 30003", "1 11:57 a-1 failed 30003")
    assert _only_if_complete("R031", made) == (3,)


def test_what_stands_twice_in_the_file_happened_once() -> None:
    made = record("1 08:00 a-1 failed 30003", "1 08:00 a-1 failed 30003", "1 10:00 a-1 failed 30003")
    found = _checked("R031", made, complete=True)
    assert (found.ruling, found.tested) == (Ruling.HELD, 1)


# R033, R035: the twenty-four hours.


@pytest.mark.parametrize(("when", "ruling"), [("2 07:38", "violated"), ("2 07:39", "unknown"), ("2 09:00", "unknown")])
def test_a_node_does_not_lapse_within_a_day_of_its_register(when: str, ruling: str) -> None:
    # Registered at 08:00, which may have been asked 5 min 30.5 s before. 24 h by its own reckoning may take 86.4 s and
    # 10 min less: it lapses at 07:43:03 by the true time or later, which no clock shows as 07:38:00.
    made = record("1 08:00 a-1 registered", f"{when} a-1 status lapsed")
    assert _ruling("R033", made) == ruling


def test_a_node_that_lapsed_after_its_failures_is_as_it_should_be() -> None:
    # The last contact was at 08:00, the twelfth failure at 08:00 of the next day.
    failures = [f"{1 + hour // 24} {hour % 24:02}:00:30 a-1 failed /" for hour in range(10, 34, 2)]
    made = record("1 08:00 a-1 registered", *failures, "2 08:30 a-1 status lapsed")
    assert _ruling("R033", made) == "held"


def test_a_status_registered_proves_a_contact_in_a_complete_record() -> None:
    # Registered at 20:00: a contact since 17:54 (2 h, 30 s, 5 minutes before). 08:00 is 14 h later.
    made = record("1 20:00 a-1 status registered", "2 08:00 a-1 status lapsed")
    assert _ruling("R033", made) == "unknown"
    assert _ruling("R033", made, complete=True) == "violated"


def test_a_node_without_an_answer_for_more_than_a_day_polls_no_more() -> None:
    # From 08:00 on every poll fails; the one at 09:00 of day 2 would be 25 h after the first that failed.
    failures = [f"{1 + hour // 24} {hour % 24:02}:00 a-1 failed /" for hour in range(8, 36, 2)]
    assert _checked("R033", record(*failures[:13]), complete=True).broken == ()  # 24 h
    assert _only_if_complete("R033", record(*failures)) == (1, 14)  # 26 h
    assert _checked("R033", record(*failures), complete=True, reading="thirteenth-miss").broken == ()
    assert _checked("R033", record(*failures), complete=True, reading="revive").broken == ()


def _every(hours: int, first: int, number: int, what: str, *, seconds: int = 0) -> list[str]:
    """Return so many lines, every so many hours and seconds from an hour of day 1 on."""
    times = [(first + hours * k) * 3600 + seconds * k for k in range(number)]
    return [
        f"{1 + at // 86_400} {at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02} a-1 failed {what}" for at in times
    ]


def test_a_node_may_reckon_a_day_a_little_long() -> None:
    # Twelve times 2 h and 7 s are 24 h and 84 s, of which a slow clock explains 86.4; 2 h and 20 s are 24 h and 4 min.
    slow = record(*_every(2, 8, 13, "/", seconds=7))
    assert _checked("R033", slow, complete=True, clock_error_us=0).broken == ()
    slower = record(*_every(2, 8, 13, "/", seconds=20))
    assert len(_checked("R033", slower, complete=True, clock_error_us=0).broken) == 1


def test_a_start_may_hide_that_the_status_is_old() -> None:
    made = record("1 19:00 a-1 started", "1 20:00 a-1 status registered", "2 08:00 a-1 status lapsed")
    assert _ruling("R033", made, complete=True) == "unknown"


def test_between_registers_that_fail_polls_may_succeed() -> None:
    # Each register puts the polls off by 2 h, and 3 h later comes the next: the poll in between was answered.
    tried = _every(3, 11, 9, "/ register")  # the last at 11:00 of day 2
    made = record("1 08:00 a-1 failed /", *tried, "2 13:00 a-1 failed /")
    assert _checked("R033", made, complete=True).broken == ()


def test_registers_that_fail_are_no_lapse() -> None:
    # It never had a registration that could lapse.
    made = record(*_every(1, 8, 30, "/ register"), "2 15:00 a-1 registered")
    assert _ruling("R035", made, complete=True) == "unknown"


def test_a_start_polls_at_once_which_may_be_just_in_time() -> None:
    # The deadline is at 08:00 of day 2. By a slow clock, and over a reboot, it may be 17 minutes later, and a start
    # that shows as 08:14 may have been before it.
    lines = ["1 08:00 a-1 registered", *_every(2, 10, 12, "/"), "2 08:14 a-1 started", "2 09:00 a-1 status registered"]
    assert _checked("R035", record(*lines), complete=True).broken == ()
    del lines[-2]
    assert len(_checked("R035", record(*lines), complete=True).broken) == 1


def test_a_start_begins_the_day_anew() -> None:
    # The start at 09:00 polled and was answered, so the deadline is at 09:00 of day 2.
    for before in ("registered", "failed /"):
        made = record(f"1 08:00 a-1 {before}", "1 09:00 a-1 started", *_every(2, 11, 12, "/"))
        assert _checked("R033", made, complete=True).broken == ()


def test_twelve_strikes_are_counted() -> None:
    failures = [f"{1 + hour // 24} {hour % 24:02}:00 a-1 failed /" for hour in range(8, 34, 2)]
    assert _checked("R033", record(*failures[:12]), complete=True, reading="twelve-strikes").broken == ()
    assert len(_checked("R033", record(*failures), complete=True, reading="twelve-strikes").broken) == 1
    soon = record("1 08:00 a-1 registered", "1 10:00 a-1 failed /", "1 12:00 a-1 status lapsed")
    assert _only_if_complete("R033", soon, reading="twelve-strikes") == (1, 2, 3)


def test_a_node_whose_time_is_up_is_not_interrupted() -> None:
    # Registered at 08:00, and 13 failures up to 10:00 of day 2: the deadline was at 08:00, give or take.
    failures = [f"{1 + hour // 24} {hour % 24:02}:00 a-1 failed /" for hour in range(10, 34, 2)]
    made = record("1 08:00 a-1 registered", *failures, "2 09:00 a-1 status interrupted")
    assert _only_if_complete("R033", made) == (1, 2, 13, 14)


def test_only_a_register_brings_a_lapsed_node_back() -> None:
    made = record("1 08:00 a-1 status lapsed", "1 12:00 a-1 status registered")
    assert _only_if_complete("R035", made) == (1, 2)
    assert _ruling("R035", made, complete=True, reading="revive") == "unknown"
    made = record("1 08:00 a-1 status lapsed", "1 10:00 a-1 registered", "1 12:00 a-1 status registered")
    assert _ruling("R035", made, complete=True) == "held"
    made = record("1 08:00 a-1 status lapsed", "1 10:00 a-1 failed /")
    assert _only_if_complete("R035", made) == (1, 2)
    made = record("1 08:00 a-1 status lapsed", "1 10:00 a-1 failed / register")
    assert _ruling("R035", made, complete=True) == "unknown"


def test_a_day_of_failures_needs_a_register_too() -> None:
    failures = [f"{1 + hour // 24} {hour % 24:02}:00 a-1 failed /" for hour in range(10, 34, 2)]
    lines = ["1 08:00 a-1 registered", *failures]
    assert _only_if_complete("R035", record(*lines, "2 12:00 a-1 status registered")) == (1, 2, 13, 14)
    back = record(*lines, "2 11:00 a-1 registered", "2 12:00 a-1 status registered")
    assert _ruling("R035", back, complete=True) == "held"


# R036, R037, R107, R120: the list.


def test_a_status_that_failed_has_a_row() -> None:
    made = record("1 08:00 a-1 registered", "1 12:00 a-1 status interrupted")
    assert _only_if_complete("R036", made) == (1, 2)
    made = record("1 08:00 a-1 registered", "1 10:00 a-1 failed /", "1 12:00 a-1 status interrupted")
    assert _ruling("R036", made, complete=True) == "held"
    assert _ruling("R037", made) == "held"


def test_a_row_without_its_reason_proves_nothing() -> None:
    bare = record("1 10:00 a-1 failed /").observations[0]
    assert _ruling("R036", Record("<record>", (replace(bare, code=None, text=""),))) == "unknown"


def test_a_number_that_the_table_does_not_have_is_not_shown() -> None:
    assert _ruling("R120", record("1 10:00 a-1 failed 30006")) == "violated"
    assert _ruling("R107", record("1 10:00 a-1 failed 30003")) == "held"
    assert _ruling("R107", record("1 10:00 a-1 failed Incorrect License Format")) == "held"


# R026 to R030, R034, R081: a day down.

_DAY_DOWN = ("1 08:00 a-1 registered", "1 09:00 server stopped", "2 10:00 server started")


@pytest.mark.parametrize("rule", ["R026", "R029", "R030", "R034", "R081"])
def test_a_day_down_loses_every_registration(rule: str) -> None:
    assert _only_if_complete(rule, record(*_DAY_DOWN, "2 12:00 a-1 status registered")) == (2, 3, 4)
    assert _only_if_complete(rule, record(*_DAY_DOWN, "2 10:30 a-1 status interrupted")) == (2, 3, 4)
    again = record(*_DAY_DOWN, "2 11:00 a-1 registered", "2 12:00 a-1 status registered")
    assert _ruling(rule, again, complete=True) == "held"
    assert _ruling(rule, record(*_DAY_DOWN, "2 12:00 a-1 status lapsed")) == "held"
    assert _ruling(rule, record(*_DAY_DOWN)) == "unknown"


def test_the_server_counts_nobody_after_a_day_down() -> None:
    made = record(*_DAY_DOWN, "2 10:10 server status 0", "2 11:00 a-1 registered", "2 12:00 server status 2")
    assert _only_if_complete("R026", made) == (2, 3, 6)
    made = record(*_DAY_DOWN, "2 11:00 a-1 registered", "2 12:00 server status 1")
    assert _checked("R026", made, complete=True).broken == ()


@pytest.mark.parametrize("back", ["2 09:05", "2 08:55"])
def test_about_a_day_down_proves_nothing(back: str) -> None:
    made = record("1 09:00 server stopped", f"{back} server started", "2 12:00 a-1 status registered")
    assert _ruling("R026", made, complete=True) == "unknown"


def test_the_readings_differ_over_a_day_down() -> None:
    made = record(*_DAY_DOWN, "2 12:00 a-1 status registered")  # 25 h
    assert _ruling("R026", made, complete=True, reading="thirteenth-miss") == "unknown"
    made = record(*_DAY_DOWN, "2 10:30 a-1 status interrupted")
    assert _ruling("R026", made, complete=True, reading="twelve-strikes") == "unknown"


def test_by_count_a_node_shows_what_it_was_until_its_first_poll() -> None:
    away = ["1 09:30 a-1 stopped", "2 12:00 a-1 started", "2 12:00 a-1 status registered"]
    assert _checked("R026", record(*_DAY_DOWN, *away), complete=True, reading="twelve-strikes").broken == ()
    away[-1] = "2 12:30 a-1 status registered"
    assert len(_checked("R026", record(*_DAY_DOWN, *away), complete=True, reading="twelve-strikes").broken) == 1


# R027, R028, R082, R097, R119, R125: stops.

_STOP = ("1 08:00 a-1 registered", "1 09:00 server stopped")


def test_a_stop_shows_at_each_node() -> None:
    assert _ruling("R027", record(*_STOP, "1 10:00 a-1 failed /", "1 12:30 server started")) == "held"
    late = record(*_STOP, "1 11:30 a-1 status registered", "1 12:30 server started")
    assert _only_if_complete("R027", late) == (2, 4, 3)
    # At 11:05 the poll may still be to come.
    soon = record(*_STOP, "1 11:05 a-1 status registered", "1 12:30 server started")
    assert _ruling("R027", soon, complete=True) == "unknown"


def test_a_node_that_was_started_meanwhile_shows_what_it_was() -> None:
    made = record(*_STOP, "1 11:30 a-1 started", "1 11:30 a-1 status registered", "1 12:30 server started")
    assert _ruling("R027", made, complete=True) == "unknown"


def test_a_list_without_the_stop_needs_another_reason() -> None:
    lines = ["1 05:00 a-1 failed /", *_STOP, "1 12:30 server started", "1 13:00 a-1 failed 30003"]
    assert _only_if_complete("R027", record(*lines)) == (2, 3, 4)
    assert _ruling("R027", record(*lines, "1 08:30 a-1 stopped"), complete=True) == "unknown"
    # Down for 2 h only, and its poll was just before.
    assert _ruling("R027", record(*lines[:3], "1 11:00 server started"), complete=True) == "unknown"


def test_a_start_just_before_a_stop_may_have_ended_it() -> None:
    lines = [
        "1 08:00 a-1 registered",
        "1 09:01 server stopped",
        "1 09:00 server started",
        "1 12:00 a-1 status registered",
    ]
    assert _checked("R027", record(*lines), complete=True).broken == ()
    # Not if it ended another one, and not if it was long before.
    assert len(_checked("R027", record("1 08:50 server stopped", *lines), complete=True).broken) == 1
    lines[2] = "1 08:30 server started"
    assert len(_checked("R027", record(*lines), complete=True).broken) == 1


def test_a_short_stop_loses_nobody_who_was_in_contact() -> None:
    stop = [*_STOP, "1 10:00 a-1 failed /", "1 20:00 server started"]
    assert _ruling("R028", record(*stop, "1 22:30 a-1 status registered")) == "held"
    assert _ruling("R028", record(*stop, "1 22:30 a-1 status lapsed")) == "violated"
    assert _ruling("R028", record(*stop)) == "unknown"
    # After more than a day it is no matter of recovering.
    long = ["1 09:00 server stopped", "1 10:00 a-1 failed /", "2 10:00 server started"]
    assert _ruling("R028", record(*long, "2 12:30 a-1 status registered")) == "unknown"
    # Whoever was registered again did not recover.
    assert _ruling("R028", record(*stop, "1 21:00 a-1 registered", "1 22:30 a-1 status registered")) == "unknown"


def test_from_twenty_hours_on_both_may_be() -> None:
    stop = [*_STOP, "1 10:00 a-1 failed /", "2 08:30 server started"]  # 23 h 30 min
    assert _ruling("R028", record(*stop, "2 09:00 a-1 status lapsed")) == "unknown"
    assert _ruling("R028", record(*stop, "2 09:00 a-1 status registered")) == "held"


def test_a_registration_outlives_the_closing_but_for_one_reading() -> None:
    made = record(*_STOP, "1 09:10 server started", "1 12:00 a-1 status registered")
    assert _ruling("R082", made) == "held"
    assert _only_if_complete("R082", made, reading="windows-close") == (2, 3, 4)
    started = record(*_STOP, "1 09:10 server started", "1 12:00 a-1 started", "1 12:00 a-1 status registered")
    assert _ruling("R082", started, complete=True, reading="windows-close") == "unknown"
    # It may not have polled since.
    made = record(*_STOP, "1 09:10 server started", "1 11:00 a-1 status registered")
    assert _ruling("R082", made, complete=True, reading="windows-close") == "unknown"


def test_nobody_registers_at_a_stopped_server() -> None:
    made = record("1 09:00 server stopped", "1 10:00 a-1 registered", "1 12:00 server started")
    assert _only_if_complete("R097", made) == (1, 3, 2)
    soon = record("1 09:00 server stopped", "1 09:08 a-1 registered", "1 12:00 server started")
    assert _checked("R097", soon, complete=True).broken == ()
    assert _ruling("R097", record("1 09:00 server stopped", "1 08:00 a-1 registered")) == "held"


def test_a_stopped_server_gives_no_answer() -> None:
    stop = ["1 09:00 server stopped", "1 12:00 server started"]
    assert _only_if_complete("R119", record(*stop, "1 10:00 a-1 failed 30003")) == (1, 2, 3)
    assert _ruling("R119", record(*stop, "1 10:00 a-1 failed 30000"), complete=True) == "unknown"
    assert _ruling("R119", record(*stop, "1 10:00 a-1 failed /")) == "held"
    cut = ["1 09:00 network stopped a-1", "1 12:00 network started"]
    assert _ruling("R119", record(*cut, "1 10:00 a-1 failed /")) == "held"
    assert _ruling("R119", record(*cut, "1 10:00 a-2 failed /")) == "unknown"
    assert _ruling("R119", record(*cut, "1 13:00 a-1 failed /")) == "unknown"


def test_nothing_is_granted_after_a_destroy() -> None:
    gone = ["1 08:00 a-1 registered", "1 09:00 server stopped destroyed"]
    assert _only_if_complete("R125", record(*gone, "1 10:00 a-1 registered")) == (2, 3)
    assert _ruling("R125", record(*gone, "1 10:00 a-1 failed /")) == "held"
    anew = record(*gone, "1 09:30 server started", "1 10:00 a-1 registered")
    assert _ruling("R125", anew, complete=True) == "unknown"
    assert _ruling("R125", record("1 09:00 server stopped", "1 10:00 a-1 registered"), complete=True) == "unknown"


# R018, R072, R099, R118: the capacity.


def test_the_server_never_counts_more_than_the_capacity() -> None:
    assert _ruling("R018", record("1 08:00 server status 3"), installation=_installation()) == "violated"
    assert _ruling("R072", record("1 08:00 server status 2"), installation=_installation()) == "held"
    assert _ruling("R099", record("1 08:00 server status 3")) == "unknown"


def test_three_registers_within_a_day_need_three_slots() -> None:
    lines = ["1 08:00 a-1 registered", "1 08:10 a-2 registered", "2 07:00 a-3 registered"]
    assert _only_if_complete("R018", record(*lines), installation=_installation()) == (1, 2, 3)
    found = _checked("R018", record(*lines, "2 07:10 a-4 registered"), complete=True, installation=_installation())
    assert [each.lines for each in found.broken] == [(1, 2, 3), (2, 3, 4)]
    freed = record(*lines, "1 12:00 a-1 unbound")
    assert _ruling("R018", freed, complete=True, installation=_installation()) == "held"
    stop = record(*lines, "1 12:00 server stopped", "1 12:10 server started")
    assert _ruling("R018", stop, complete=True, installation=_installation()) == "violated"
    lost = _checked("R018", stop, complete=True, installation=_installation(), reading="windows-close")
    assert lost.ruling is Ruling.HELD
    gone = record(*lines, "1 12:00 server stopped destroyed", "1 12:10 server started")
    assert _ruling("R018", gone, complete=True, installation=_installation()) == "held"
    later = record(*lines[:2], "2 08:00 a-3 registered")  # when the slot of a-1 may be void
    assert _ruling("R018", later, complete=True, installation=_installation()) == "held"
    same = record(*lines[:2], "2 07:00 a-1 registered")
    assert _ruling("R018", same, complete=True, installation=_installation()) == "held"


def test_a_cluster_is_one_in_one_reading() -> None:
    cluster = _installation(capacity=1)
    cluster = replace(cluster, nodes=tuple(replace(node, cluster="c") for node in cluster.nodes))
    made = record("1 08:00 a-1 registered", "1 08:10 a-2 registered")
    assert _ruling("R018", made, complete=True, installation=cluster) == "violated"
    assert _ruling("R018", made, complete=True, installation=cluster, reading="cluster-is-one") == "held"


def test_a_slot_is_refused_only_if_none_is_left() -> None:
    made = record("1 08:00 a-1 failed 30007")
    assert _ruling("R118", made) == "unknown"
    assert _ruling("R118", made, installation=_installation(nodes=2)) == "violated"
    assert _ruling("R118", made, installation=_installation(nodes=3)) == "unknown"
    # A node that is not installed takes a slot, too.
    other = record("1 08:00 a-1 failed 30007", "1 09:00 b-1 failed /")
    assert _ruling("R118", other, installation=_installation(nodes=2)) == "unknown"
    counted = record("1 08:00 a-1 failed 30007", "1 08:01 server status 2")
    assert _ruling("R118", counted, installation=_installation(nodes=3)) == "held"


# R023, R115 and the other codes.


@pytest.mark.parametrize("rule", ["R023", "R115"])
def test_who_registers_has_a_licensed_address(rule: str) -> None:
    installed = _installation()
    assert _ruling(rule, record("1 08:00 a-1 registered"), installation=installed) == "held"
    moved = record("1 07:00 a-1 address 10.0.0.11", "1 08:00 a-1 registered")
    assert _ruling(rule, moved, installation=installed) == "violated"
    # It moved at about that time.
    moved = record("1 07:55 a-1 address 10.0.0.11", "1 08:00 a-1 registered")
    assert _ruling(rule, moved, installation=installed) == "unknown"
    assert _ruling(rule, record("1 08:00 a-1 failed 30003")) == "unknown"
    assert _ruling(rule, record("1 08:00 a-1 failed 30003"), installation=installed) == "unknown"
    moved = record("1 07:00 a-1 address 10.0.0.11", "1 08:00 a-1 failed 30003")
    assert _ruling(rule, moved, installation=installed) == "held"


@pytest.mark.parametrize(
    ("when", "ruling"),
    [
        # The licence ends at 00:00 of day 3. The row's clock may be 5 minutes slow, and a node's reckoning 15 minutes
        # and 86.4 s wrong: the server's clock, and its own over a reboot.
        ("2 23:30", "violated"),
        ("2 23:50", "unknown"),
        ("3 00:04", "unknown"),
        ("3 00:10", "held"),
    ],
)
def test_expired_means_expired(when: str, ruling: str) -> None:
    ends = _installation(expires_us=_DAY_3_US)
    assert _ruling("R112", record(f"{when} a-1 failed 30000"), installation=ends) == ruling
    assert _ruling("R112", record(f"{when} a-1 failed 30000")) == "unknown"
    assert _ruling("R112", record(f"{when} a-1 failed 30000"), installation=_installation()) == "violated"


def test_nobody_is_registered_when_the_licence_has_ended() -> None:
    ends = _installation(expires_us=_DAY_3_US)
    assert _ruling("R112", record("3 00:20 a-1 registered"), installation=ends) == "violated"
    assert _ruling("R112", record("3 00:08 a-1 registered"), installation=ends) == "unknown"
    assert _ruling("R112", record("3 00:30 a-1 status interrupted"), installation=ends) == "violated"
    assert _ruling("R112", record("3 00:15 a-1 status interrupted"), installation=ends) == "unknown"
    silent = _ruling("R112", record("3 00:30 a-1 status interrupted"), installation=ends, reading="twelve-strikes")
    assert silent == "unknown"
    assert _ruling("R112", record("3 00:30 a-1 status rejected"), installation=ends) == "unknown"


@pytest.mark.parametrize(
    ("rule", "code", "key", "licensed"),
    [
        ("R113", 30001, "version", "FineDataLink 9"),
        ("R116", 30004, "domains", ("other.example",)),
        ("R117", 30005, "applications", ("other",)),
    ],
)
def test_a_code_says_what_is_not_licensed(rule: str, code: int, key: str, licensed: object) -> None:
    row, register = record(f"1 08:00 a-1 failed {code}"), record("1 08:00 a-1 registered")
    assert _ruling(rule, row) == "unknown"
    assert _ruling(rule, row, installation=_installation()) == "violated"
    assert _ruling(rule, row, installation=_installation(nodes=3, **{key: licensed})) == "held"
    assert _ruling(rule, register, installation=_installation(nodes=3, **{key: licensed})) == "violated"
    assert _ruling(rule, register, installation=_installation()) == "unknown"


@pytest.mark.parametrize(("rule", "code"), [("R109", 10000), ("R110", 10001), ("R114", 30002)])
def test_what_a_record_cannot_show(rule: str, code: int) -> None:
    found = _checked(rule, record(f"1 08:00 a-1 failed {code}"), complete=True, installation=_installation())
    assert found.ruling is Ruling.UNKNOWN
    assert [each.lines for each in found.undecided] == [(1,)]


def test_unbinding_twice() -> None:
    assert _ruling("R111", record("1 07:00 a-1 unbound", "1 08:00 a-1 failed 20000")) == "held"
    assert _ruling("R111", record("1 08:00 a-1 failed 20000")) == "unknown"
    again = record("1 06:00 a-1 unbound", "1 07:00 a-1 registered", "1 08:00 a-1 failed 20000")
    assert _ruling("R111", again) == "unknown"


def test_every_code_of_the_table_has_a_check() -> None:
    # Those that a failure may carry, each with the rule that says what it means.
    meant = {10000: "R109", 10001: "R110", 20000: "R111", 30000: "R112", 30001: "R113", 30002: "R114", 30003: "R115"}
    meant |= {30004: "R116", 30005: "R117", 30007: "R118", -1: "R119", 0: "R107"}
    assert {int(code) for code in Code} == set(meant)
    assert set(meant.values()) <= set(CHECKS)
