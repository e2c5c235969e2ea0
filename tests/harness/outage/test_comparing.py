"""Prediction beside record: which rows are which, what is missing on either side, and what contradicts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.outage.case import case_of
from harness.outage.comparing import Comparison, Predicted, paired
from harness.outage.diagnosing import simulate
from harness.outage.record import Observation, Record, What
from harness.scenario import SERVER
from harness.trace import Status
from reference_server.codes import Code
from tests.harness.outage.hand import START_US, seen

#: Registered at 0, the program is stopped from 1 h to 5 h: failures at 2 h and 4 h, well again at 6 h.
FACTS = (
    seen(2, "0h", "fdl-1", What.REGISTERED),
    seen(3, "1h", SERVER, What.STOPPED),
    seen(4, "5h", SERVER, What.STARTED),
    seen(5, "7h", "fdl-1", What.NOTE),
)


def compared(*observations: Observation) -> Comparison:
    record = Record("by hand", tuple(sorted((*FACTS, *observations), key=lambda each: each.at_us)))
    simulated = simulate(case_of(record))
    assert simulated is not None
    return simulated.comparison


def failed(line: int, when: str, code: Code = Code.NO_CONNECTION, unit_us: int = 1_000_000) -> Observation:
    return replace(seen(line, when, "fdl-1", What.FAILED, code=code), unit_us=unit_us)


def lines(observations: tuple[Observation, ...]) -> list[int]:
    return [each.line for each in observations]


def test_rows_are_paired_in_order() -> None:
    found = compared(failed(10, "2h"), failed(11, "4h"))
    hours = [(each.line, round(row.wall_us / 3_600_000_000) - 30) for each, row in found.matched]
    assert hours == [(10, 2), (11, 4)]
    assert (found.unexplained, found.surplus, found.contradicted) == ((), (), ())
    assert found.reproduces


def test_rows_that_nobody_recorded_are_surplus_and_no_contradiction() -> None:
    found = compared(failed(11, "4h"))
    assert [round(row.wall_us / 3_600_000_000) - 30 for row in found.surplus] == [2]
    assert found.reproduces


@pytest.mark.parametrize(
    ("when", "unit_us", "shown"),
    [
        # The row is at 2 h and 10 ms. To the second, with 2 s more, it is from 1:59:57.01 to 2:00:03.01.
        ("2h 3s", 1_000_000, True),
        ("2h 4s", 1_000_000, False),
        ("1h 59m 58s", 1_000_000, True),
        ("1h 59m 57s", 1_000_000, False),
        # To the minute: from 1:58:58.01 to 2:01:02.01.
        ("1h 59m", 60_000_000, True),
        ("2h 1m", 60_000_000, True),
        ("2h 2m", 60_000_000, False),
    ],
)
def test_a_row_is_shown_within_its_unit(when: str, unit_us: int, shown: bool) -> None:
    row = Predicted("fdl-1", 7_200_010_000, Code.NO_CONNECTION, 1)
    each = failed(10, when, unit_us=unit_us)
    pairs, missing, left = paired([each], [row], START_US)
    assert (pairs, missing, left) == (([(each, row)], [], []) if shown else ([], [each], [row]))


def test_a_row_has_to_have_its_code() -> None:
    found = compared(failed(10, "2h", Code.LICENSE_IP_ERROR), failed(11, "4h"))
    assert lines(found.unexplained) == [10]
    assert len(found.surplus) == 1
    assert not found.reproduces


def test_one_row_is_not_two() -> None:
    found = compared(failed(10, "2h"), failed(11, "2h 1s"), failed(12, "4h"))
    assert lines(found.unexplained) == [11]


@pytest.mark.parametrize(
    ("when", "status", "shown"),
    [
        ("1h 30m", Status.REGISTERED, True),
        ("1h 30m", Status.INTERRUPTED, False),
        ("3h", Status.INTERRUPTED, True),
        ("3h", Status.LAPSED, False),
        # About the instant of a change both are shown.
        ("2h", Status.REGISTERED, True),
        ("2h", Status.INTERRUPTED, True),
    ],
)
def test_a_status_has_to_be_what_the_simulation_shows(when: str, status: Status, shown: bool) -> None:
    found = compared(failed(10, "2h"), failed(11, "4h"), seen(12, when, "fdl-1", What.STATUS, status=status))
    assert found.reproduces == shown
    assert [each.line for each, _ in found.contradicted] == ([] if shown else [12])


@pytest.mark.parametrize(("count", "shown"), [(0, False), (1, True), (2, False)])
def test_the_servers_count_has_to_be_that_of_the_slots(count: int, shown: bool) -> None:
    found = compared(failed(10, "2h"), failed(11, "4h"), seen(12, "6h 30m", SERVER, What.STATUS, count=count))
    assert found.reproduces == shown


def test_a_registration_has_to_succeed() -> None:
    found = compared(failed(10, "2h"), failed(11, "4h"), seen(12, "3h", "fdl-1", What.REGISTERED))
    # It is asked at 3 h, finds the port closed, and moves the polls to 5 h, 7 h.
    assert 12 in lines(found.unexplained)


@given(st.lists(st.integers(0, 100), max_size=6), st.lists(st.integers(0, 100), max_size=6))
def test_what_is_paired_is_paired_once(recorded: list[int], more: list[int]) -> None:
    rows = [failed(10 + place, f"{at}m") for place, at in enumerate(sorted({*recorded, *more}))]
    found = compared(*rows)
    assert len({row.number for _, row in found.matched}) == len(found.matched)
    # Each recorded row is paired or left, none is lost.
    told = [*(each.line for each, _ in found.matched), *lines(found.unexplained)]
    assert sorted(told) == [each.line for each in rows]
