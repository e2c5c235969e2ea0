"""The failure list: one row for each failed attempt, and the one failure that is shown (R036, R037, Q08)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.failures import FailureList, FailureRow
from reference_server.protocol import Code
from reference_server.readings import READINGS

SUCCESS = None
failures = st.sampled_from(list(Code))


def listed(reading: str, *happened: Code | None) -> FailureList:
    """The list after failures with these codes, one a microsecond, and successes."""
    found = FailureList(READINGS[reading])
    for wall_us, code in enumerate(happened):
        if code is SUCCESS:
            found.success()
        else:
            found.add(FailureRow(wall_us, code))
    return found


@pytest.mark.parametrize("reading", READINGS)
def test_nothing_is_shown_where_nothing_ever_failed(reading: str) -> None:
    found = listed(reading, SUCCESS)
    assert (found.rows, found.shown) == ([], None)


@pytest.mark.parametrize("reading", READINGS)
@given(st.lists(st.none() | failures, max_size=8))
def test_rows_survive_successes_in_order(reading: str, happened: list[Code | None]) -> None:
    found = listed(reading, *happened)
    assert found.rows == [FailureRow(k, code) for k, code in enumerate(happened) if code is not SUCCESS]


@given(st.lists(failures, min_size=1, max_size=8))
def test_the_latest_failure_is_shown(codes: list[Code]) -> None:
    assert listed("literal", *codes).shown is codes[-1]


@given(st.lists(st.none() | failures, max_size=4), st.lists(failures, min_size=1, max_size=4))
def test_first_in_time_shows_the_first_since_the_last_success(before: list[Code | None], after: list[Code]) -> None:
    assert listed("first-in-time", *before, SUCCESS, *after).shown is after[0]


@pytest.mark.parametrize("reading", [name for name in READINGS if name != "first-in-time"])
def test_no_other_reading_keeps_the_first(reading: str) -> None:
    assert listed(reading, Code.NO_CONNECTION, Code.LICENSE_IP_ERROR).shown is Code.LICENSE_IP_ERROR


def test_a_success_changes_neither_the_rows_nor_what_is_shown() -> None:
    found = listed("first-in-time", Code.NO_CONNECTION, SUCCESS)
    assert (len(found.rows), found.shown) == (1, Code.NO_CONNECTION)
