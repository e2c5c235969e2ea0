"""What came of a world at any instant: held against the expectations' own answers, and against runs that end there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.console.played import Played, until
from harness.console.session import Session
from harness.console.views import host_view, row_view, world_view
from harness.scenario_file import load
from harness.trace import Trace
from tests.harness.console.test_session import happenings
from tests.harness.console.worlds import HOUR, LITERALLY, played, session

LIBRARY = Path(__file__).resolve().parents[3] / "scenarios"
#: Clones, snapshots, drifts, NAT, chance, a full disk and a licence that changes.
VARIED = sorted(LIBRARY.rglob("*.toml"))[::9]


def before(trace: Trace, at_us: int) -> dict[str, list[tuple[Any, ...]]]:
    """Return what happened before ``at_us``, in the order in which it is digested."""
    tables = {name: getattr(trace, name) for name in ("transitions", "failures", "slots", "access", "edges")}
    return {name: sorted(row for row in table if row.at_us < at_us) for name, table in tables.items()}


# The past.


@settings(max_examples=40)
@given(st.lists(happenings, max_size=3), happenings)
def test_an_action_changes_nothing_before_the_cursor(
    done: list[tuple[int, dict[str, Any]]], last: tuple[int, dict[str, Any]]
) -> None:
    given_session = session()
    for at_us, event in done:
        given_session = given_session.at(at_us).done(event)
    cursor_us, event = last
    after = given_session.at(cursor_us).done(event)
    assert before(played(after).result.trace, cursor_us) == before(played(given_session).result.trace, cursor_us)
    if cursor_us:
        digests = [played(each).judged_by(cursor_us - 1).digest for each in (given_session, after)]
        assert digests[0] == digests[1]


def test_an_action_does_change_what_lies_after_it() -> None:
    after = session().at(10 * HOUR).done({"do": "server.stop", "lasts": "3h"})
    # fdl-1 polls at 10 h, while the server is down.
    assert before(played(after).result.trace, 11 * HOUR) != before(played(session()).result.trace, 11 * HOUR)


@pytest.mark.parametrize("file", VARIED, ids=lambda file: str(file.relative_to(LIBRARY)))
def test_a_run_that_ends_there_is_the_whole_run_up_to_there(file: Path) -> None:
    scenario = load(file)
    whole = LITERALLY.run(scenario)
    for part in (0, 1, 3, 5, 8):
        at_us = scenario.duration_us * part // 8
        shorter = LITERALLY.run(until(scenario, at_us))
        assert before(shorter.trace, at_us + 1) == before(whole.trace, at_us + 1)
        # What is violated by then stays violated: no rule takes the end of what is looked at for the end of the world.
        broken = [[each.rule for each in result.violated] for result in (shorter, whole)]
        assert [rule for rule in broken[0] if rule not in broken[1]] == []
        assert not any(each.trouble for each in shorter.judgements.values())
    assert LITERALLY.run(until(scenario, scenario.duration_us)).digest == whole.digest


def test_a_run_that_ends_there_knows_of_nothing_that_comes_after() -> None:
    scenario = stopped().done({"do": "node.register", "node": "*", "at": "40m"}).world.scenario
    # fdl-2 registers at 40 min.
    shorter = until(scenario, 2_400 * 1_000_000)
    assert [node.register_us for node in shorter.nodes] == [0, 2_400_000_000, None]
    assert [event.at_us for event in shorter.events] == [2_400_000_000]
    assert (shorter.duration_us, shorter.expects) == (2_400_000_000, ())
    assert [node.register_us for node in until(scenario, 2_399_999_999).nodes] == [0, None, None]


def test_the_digest_is_that_of_what_lies_before_the_cursor() -> None:
    views = [
        [world_view(each.world, played(each), at_us)["digest"] for each in (session(), stopped())]
        for at_us in (10 * HOUR - 1, 11 * HOUR)
    ]
    assert views[0][0] == views[0][1]
    assert views[1][0] != views[1][1]


# How it was.


def stopped() -> Session:
    """The server is down from 10 h to 13 h: fdl-1 polls at 10 h and 12 h in vain, and again at 14 h."""
    return session().at(10 * HOUR).done({"do": "server.stop", "lasts": "3h"})


def test_a_row_is_how_the_node_was() -> None:
    came = played(stopped())
    # The poll of 10 h comes back refused after twice 5 ms.
    row = row_view(came, 0, 10 * HOUR + 10_000)
    assert (row["name"], row["status"], row["access"], row["failure"], row["slot"]) == (
        "fdl-1",
        "interrupted",
        True,
        "/",
        True,
    )
    assert row_view(came, 0, 10 * HOUR + 9_999)["status"] == "registered"
    # fdl-2 registers at 40 min: its grant is back 10 ms later, its slot is taken 5 ms later.
    assert row_view(came, 1, 2_400_004_999)["slot"] is False
    assert row_view(came, 1, 2_400_005_000)["slot"] is True
    assert row_view(came, 1, 2_400_009_999)["status"] == "unregistered"
    assert row_view(came, 1, 2_400_010_000)["status"] == "registered"


def test_last_contact_is_when_the_last_request_was_sent_that_was_granted() -> None:
    came = played(stopped())
    assert came.last_contact_us(0, 10 * HOUR - 1) == 8 * HOUR
    assert came.last_contact_us(0, 13 * HOUR) == 8 * HOUR
    assert came.last_contact_us(0, 14 * HOUR + 10_000) == 14 * HOUR
    assert came.last_contact_us(1, 0) is None
    # It is known when the answer is back, after twice 5 ms: of a register, and of a poll that changes nothing.
    assert came.last_contact_us(0, 9_999) is None
    assert came.last_contact_us(0, 10_000) == 0
    assert came.last_contact_us(0, 6 * HOUR + 9_999) == 4 * HOUR
    assert came.last_contact_us(0, 6 * HOUR + 10_000) == 6 * HOUR
    assert came.last_contact_us(0, 7 * HOUR) == 6 * HOUR


def test_both_clocks_of_a_host_are_shown_and_by_how_much_the_one_is_off() -> None:
    after = session().at(5 * HOUR).done({"do": "clock.step", "host": "fdl-2", "by": "25h"})
    came = played(after)
    start_us = after.world.scenario.start_us
    row = row_view(came, 1, 6 * HOUR)
    assert (row["wall_us"], row["boot_us"], row["off_us"]) == (start_us + 31 * HOUR, 6 * HOUR, 25 * HOUR)
    assert row_view(came, 0, 6 * HOUR)["off_us"] == 0


def test_a_host_that_does_not_run_says_so_and_how_it_was_before() -> None:
    came = played(session().at(5 * HOUR).done({"do": "node.suspend", "node": "fdl-3", "lasts": "2h"}))
    host = host_view(came, 2, 6 * HOUR)
    assert (host["status"], host["known"]) == ("suspended", "registered")
    assert host_view(came, 2, 7 * HOUR)["status"] == "registered"


def test_the_path_of_a_node_says_what_is_wrong_with_it() -> None:
    came = played(session().at(5 * HOUR).done({"do": "network.cut", "node": "fdl-1", "lasts": "2h"}))
    assert host_view(came, 0, 5 * HOUR)["path"] == ["cut"]
    assert host_view(came, 0, 7 * HOUR)["path"] == []
    assert host_view(came, 1, 5 * HOUR)["path"] == []


def test_the_world_counts_its_nodes_and_its_slots() -> None:
    given_session = stopped()
    view = world_view(given_session.world, played(given_session), 10 * HOUR + 10_000)
    assert view["counts"] == [["registered", 2], ["interrupted", 1]]
    assert (view["server"]["status"], view["server"]["slots"], view["server"]["capacity"]) == ("stopped", 3, 3)
    assert view["network"]["status"] == "clear"
    assert [(event["told"], event["state"]) for event in view["events"]] == [("server.stop for 3h", "in force")]


@pytest.mark.parametrize(
    ("at_us", "state"),
    [(10 * HOUR - 1, "to come"), (10 * HOUR, "in force"), (13 * HOUR - 1, "in force"), (13 * HOUR, "over")],
)
def test_an_event_is_to_come_in_force_or_over(at_us: int, state: str) -> None:
    given_session = stopped()
    (event,) = world_view(given_session.world, played(given_session), at_us)["events"]
    assert event["state"] == state


def test_what_another_event_undoes_is_over_then() -> None:
    given_session = session().at(HOUR).done({"do": "server.stop"}).at(3 * HOUR).done({"do": "server.start"})
    states = [
        [event["state"] for event in world_view(given_session.world, played(given_session), at_us)["events"]]
        for at_us in (2 * HOUR, 3 * HOUR)
    ]
    assert states == [["in force", "to come"], ["over", "over"]]


def test_a_rule_turns_where_something_puts_it_to_the_test() -> None:
    came = played(stopped())

    def ruling(at_us: int) -> str:
        view = world_view(stopped().world, came, at_us)
        return next(str(rule["ruling"]) for rule in view["rules"] if rule["id"] == "R027")

    # R027 is about what is reported while the server is down: nothing is, before the poll of 10 h comes back.
    assert ruling(10 * HOUR) == "unknown"
    assert ruling(10 * HOUR + 10_000) == "held"


def test_moments_are_where_something_happened_and_no_poll_that_changed_nothing() -> None:
    moments = played(stopped()).moments
    assert moments[0] == 0
    assert moments[-1] == 96 * HOUR
    assert moments == sorted(set(moments))
    assert 10 * HOUR in moments
    # fdl-1 is granted a poll at 8 h.
    assert not [at_us for at_us in moments if 7 * HOUR < at_us < 10 * HOUR]


def test_a_large_fleet_is_read_like_a_small_one() -> None:
    text = """
title = "Many"
start = 2026-03-01T00:00:00Z
duration = "4d"
[licence]
capacity = 600
addresses = ["10.0.0.0 - 10.0.255.255"]
[[nodes]]
name = "fdl"
count = 600
address = "10.0.0.1"
application = "report1"
spread = "10s"
[[events]]
at = "10h"
do = "server.stop"
lasts = "3h"
"""
    came = played(session(text))
    assert came.result.trace.in_rank
    # fdl-61 registers at 10 min and polls at 10 h 10 min.
    assert row_view(came, 60, 10 * HOUR + 600_010_000)["status"] == "interrupted"
    assert row_view(came, 60, 10 * HOUR + 600_009_999)["status"] == "registered"
    assert came.last_contact_us(60, 13 * HOUR) == 8 * HOUR + 600_000_000
    assert came.last_contact_us(60, 9 * HOUR) == 8 * HOUR + 600_000_000


def test_what_was_judged_is_remembered_and_forgotten_and_comes_to_the_same() -> None:
    came = Played(session().world.scenario, LITERALLY)
    first = came.judged_by(HOUR)
    assert came.judged_by(HOUR) is first
    for hour in range(2, 20):
        came.judged_by(hour * HOUR)
    again = came.judged_by(HOUR)
    assert again is not first
    assert again.digest == first.digest
