"""The list of failures: in order, filtered, and as a file that is read as a record of an outage."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.failure_list import Failure, Filter, csv_text, listed
from fake_fdl_nodes.failures import FailureRow
from harness.outage.reading import parse_record, read_record
from reference_server.protocol import Code

SECOND = 1_000_000
#: 2026-03-01T00:00:00Z, in microseconds since the Unix epoch.
EPOCH = 1_772_323_200 * SECOND
DAY = 86_400 * SECOND
FULL = FailureRow(EPOCH, Code.REGISTER_OUT_OF_LIMIT)
AWAY = FailureRow(EPOCH + DAY - SECOND, Code.NO_CONNECTION)
LATER = FailureRow(EPOCH + DAY, Code.NO_CONNECTION)
ROWS = [("b", (FULL, LATER)), ("a", (FULL, AWAY))]


def test_failures_are_listed_in_order_of_time_and_then_of_the_nodes() -> None:
    assert listed(ROWS) == [Failure("b", FULL), Failure("a", FULL), Failure("a", AWAY), Failure("b", LATER)]


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (Filter(node="a"), [("a", FULL), ("a", AWAY)]),
        (Filter(node="nobody"), []),
        (Filter(code=Code.NO_CONNECTION), [("a", AWAY), ("b", LATER)]),
        (Filter(code=Code.INCORRECT_LICENSE_FORMAT), []),
        # The last second of the first day belongs to it, the next one to the second day.
        (Filter(until=date(2026, 3, 1)), [("b", FULL), ("a", FULL), ("a", AWAY)]),
        (Filter(since=date(2026, 3, 2)), [("b", LATER)]),
        (Filter(node="b", code=Code.NO_CONNECTION, since=date(2026, 3, 1), until=date(2026, 3, 2)), [("b", LATER)]),
    ],
)
def test_a_filter_leaves_what_it_names(only: Filter, found: list[tuple[str, FailureRow]]) -> None:
    assert listed(ROWS, only) == found


def test_the_file_has_time_node_and_reason() -> None:
    assert csv_text(listed(ROWS, Filter(node="a"))) == (
        "time,node,reason\r\n"
        "2026-03-01T00:00:00+00:00,a,30007 REGISTER_OUT_OF_LIMIT: every licensed slot is taken\r\n"
        "2026-03-01T23:59:59+00:00,a,/: the authorization server cannot be reached\r\n"
    )


@pytest.mark.parametrize("code", Code)
def test_each_failure_is_read_as_what_it_is(code: Code, tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    file.write_text(csv_text([Failure("上海,一号", FailureRow(EPOCH, code))]), encoding="utf-8-sig", newline="")
    (only,) = read_record(file).observations
    assert (only.at_us, only.source, only.code) == (EPOCH, "上海,一号", code)


#: Spaces at the ends of a name, and the number of those within it, are not read as a part of it.
NAMES = st.text("abé上\",;' -", min_size=1).filter(lambda name: name == " ".join(name.split()))
FAILURES = st.builds(
    Failure,
    NAMES,
    st.builds(FailureRow, st.integers(0, 2_000).map(lambda k: EPOCH + k * SECOND), st.sampled_from(list(Code))),
)


@given(st.lists(FAILURES, min_size=1))
def test_the_file_is_a_record_of_an_outage(failures: list[Failure]) -> None:
    record = parse_record(csv_text(failures))
    read = [(each.at_us, each.source, each.code) for each in record.observations]
    expected = sorted(failures, key=lambda each: each.row.wall_us)
    assert read == [(each.row.wall_us, each.node, each.row.code) for each in expected]
