"""Branches of worlds and the cursor: what is done, taken back and refused, and that a refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.console.session import MOST_BRANCHES, Refused, Session, instant_of, told
from harness.problems import ScenarioError
from harness.scenario import Verb
from tests.harness.console.worlds import HOUR, THREE, session

#: Each is possible at any instant of `THREE`, whatever else of these happened before.
EVENTS: list[dict[str, Any]] = [
    {"do": "network.cut", "node": "fdl-1", "lasts": "5h"},
    {"do": "network.cut", "node": "*", "direction": "answers", "lasts": "1h"},
    {"do": "nat.add", "node": "fdl-2", "address": "10.0.0.1", "lasts": "3h"},
    {"do": "node.register", "node": "*"},
    {"do": "node.unbind", "node": "fdl-3"},
    {"do": "node.move", "node": "fdl-3", "address": "192.168.100.40"},
    {"do": "server.slow", "by": "2s", "lasts": "30h"},
]
#: When, in microseconds, and which.
happenings = st.tuples(st.integers(0, 96 * HOUR), st.sampled_from(EVENTS))


# Doing and taking back.


def test_an_event_happens_at_the_cursor_and_is_the_last_of_the_file() -> None:
    after = session().at(10 * HOUR).done({"do": "server.stop", "lasts": "3h"})
    assert after.world.events == [{"at": "10h", "do": "server.stop", "lasts": "3h"}]
    (event,) = after.world.scenario.events
    assert (event.verb, event.at_us, event.until_us) == (Verb.SERVER_STOP, 10 * HOUR, 13 * HOUR)
    assert after.cursor_us == 10 * HOUR
    assert after.world.told == "server.stop for 3h at 0d 10:00:00"
    assert after.world.changed_us == 10 * HOUR


@settings(max_examples=40)
@given(st.lists(happenings, min_size=1, max_size=5))
def test_taking_back_and_doing_again_are_inverse(done: list[tuple[int, dict[str, Any]]]) -> None:
    steps = [session()]
    for at_us, event in done:
        steps.append(steps[-1].at(at_us).done(event))
    back = steps[-1]
    for before in reversed(steps[:-1]):
        back = back.undone()
        assert back.world == before.world
    for after in steps[1:]:
        back = back.redone()
        assert back.world == after.world
    assert back.branches == steps[-1].branches


@settings(max_examples=40)
@given(st.lists(happenings, min_size=1, max_size=4))
def test_leaving_out_the_event_that_was_just_done_is_taking_it_back(done: list[tuple[int, dict[str, Any]]]) -> None:
    before = session()
    for at_us, event in done[:-1]:
        before = before.at(at_us).done(event)
    after = before.at(done[-1][0]).done(done[-1][1])
    without = after.without(len(done) - 1)
    assert list(without.world.events) == list(before.world.events)
    assert without.world.scenario == before.world.scenario
    assert without.undone().world == after.world


def test_any_event_can_be_left_out_and_that_can_be_taken_back() -> None:
    two = session().at(10 * HOUR).done(EVENTS[0]).at(20 * HOUR).done(EVENTS[2])
    without = two.without(0)
    assert [event.verb for event in without.world.scenario.events] == [Verb.NAT_ADD]
    assert without.world.told == "without network.cut of fdl-1 for 5h at 0d 10:00:00"
    assert without.world.changed_us == 10 * HOUR
    assert without.undone().world.scenario == two.world.scenario


def test_what_is_done_after_something_was_taken_back_forgets_it() -> None:
    one = session().at(HOUR).done(EVENTS[0]).undone().done(EVENTS[2])
    assert [world.told for world in one.branch.worlds[1:]] == [
        "nat.add of fdl-2 for 3h (address 10.0.0.1) at 0d 01:00:00"
    ]
    with pytest.raises(Refused, match="nothing was taken back"):
        one.redone()


def test_each_world_has_a_number_of_its_own() -> None:
    one = session().done(EVENTS[0])
    other = one.undone().done(EVENTS[0])
    both = [world.number for world in (*one.branch.worlds, other.world)]
    assert both == [0, 1, 2]


def test_a_copy_of_a_node_is_off_until_it_is_made() -> None:
    after = session().at(30 * HOUR).cloned("fdl-2", "192.168.100.33")
    copy = after.world.scenario.nodes[-1]
    assert (copy.name, copy.clone_of, copy.register_us) == ("fdl-2-copy-1", "fdl-2", None)
    (event,) = after.world.scenario.events
    assert (event.verb, event.at_us, event.nodes) == (Verb.NODE_CLONE, 30 * HOUR, ("fdl-2-copy-1",))
    assert after.cloned("fdl-2", "192.168.100.34").world.scenario.nodes[-1].name == "fdl-2-copy-2"


# What is refused.


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"do": "server.start"}, r"server\.start is not possible: found server\.start with nothing to undo"),
        ({"do": "server.stp"}, r"server\.stp is not possible: found \"server\.stp\", .*did you mean server\.stop"),
        ({"do": "node.stop", "node": "fld-1"}, r"node: found \"fld-1\", which matches no node"),
        ({"do": "nat.add", "node": "fdl-1"}, r"address: found nothing, expected this key"),
        ({"do": "server.stop", "lasts": "0s"}, r"lasts: found \"0s\", expected a duration above zero"),
        ({"do": "server.stop", "at": "5d"}, r"at: found \"5d\" \(1d after the end\)"),
        ({}, r"an event is not possible: do: found nothing|an event is not possible: found nothing"),
    ],
)
def test_an_event_that_the_state_does_not_allow_says_why(event: dict[str, Any], message: str) -> None:
    before = session().at(10 * HOUR)
    with pytest.raises(Refused, match=message):
        before.done(event)
    assert before == session().at(10 * HOUR)


def test_a_stop_of_what_is_down_names_no_line_of_a_file() -> None:
    down = session().at(HOUR).done({"do": "server.stop"})
    with pytest.raises(Refused, match=r"already down \(server\.stop\), expected stops of one host that do not overlap"):
        down.at(2 * HOUR).done({"do": "server.crash"})


def test_an_event_that_another_one_needs_stays() -> None:
    both = session().at(HOUR).done({"do": "server.stop"}).at(2 * HOUR).done({"do": "server.start"})
    with pytest.raises(Refused, match=r"server\.stop cannot be left out: events\[0\].*nothing to undo"):
        both.without(0)
    with pytest.raises(Refused, match="no such event any more"):
        both.without(2)


@pytest.mark.parametrize(
    ("at_us", "message"), [(-1, "before the start"), (96 * HOUR + 1, "after the end, 4d 00:00:00")]
)
def test_the_cursor_stays_in_the_run(at_us: int, message: str) -> None:
    with pytest.raises(Refused, match=message):
        session().at(at_us)


def test_both_ends_are_in_the_run() -> None:
    assert session().at(0).cursor_us == 0
    assert session().at(96 * HOUR).cursor_us == 96 * HOUR


def test_nothing_is_taken_back_where_nothing_was_done() -> None:
    with pytest.raises(Refused, match="nothing to take back"):
        session().undone()


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("fdl-9", "192.168.100.33", "no node is named 'fdl-9'"),
        ("fdl-1", "192.168.100.26", r"a copy of fdl-1 at 192\.168\.100\.26 is not possible: address: .*fdl-2"),
        ("fdl-1", "here", 'address: found "here"'),
    ],
)
def test_a_copy_has_a_name_and_an_address_of_its_own(name: str, address: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        session().cloned(name, address)


# Branches.


def test_a_branch_goes_on_by_itself() -> None:
    two = session().at(HOUR).done(EVENTS[0]).branched("two").done(EVENTS[2])
    assert [len(branch.world.events) for branch in two.branches] == [1, 2]
    assert two.branch.name == "two"
    # What was done before the branch can be taken back in it, and is not taken back in the other.
    back = two.undone().undone()
    assert [len(branch.world.events) for branch in back.branches] == [1, 0]


def test_branches_without_a_name_get_one() -> None:
    three = session().branched().branched()
    assert [branch.name for branch in three.branches] == ["as opened", "what if 1", "what if 2"]
    assert [branch.name for branch in three.closed(1).branched().branches] == ["as opened", "what if 2", "what if 1"]


@pytest.mark.parametrize(
    ("chosen", "closed", "shown"),
    [(0, 1, "as opened"), (2, 1, "what if 2"), (2, 2, "what if 1"), (1, 0, "what if 1"), (0, 0, "what if 1")],
)
def test_closing_a_branch_shows_the_same_or_a_neighbour(chosen: int, closed: int, shown: str) -> None:
    three = session().branched().branched()
    assert three.choose(chosen).closed(closed).branch.name == shown


def test_what_a_branch_cannot_be() -> None:
    with pytest.raises(Refused, match="the last branch stays open"):
        session().closed(0)
    with pytest.raises(Refused, match="no such branch"):
        session().choose(1)
    with pytest.raises(Refused, match="no such branch"):
        session().closed(-1)
    with pytest.raises(Refused, match="named 'as opened' already"):
        session().branched("as opened")
    full = session()
    for _ in range(MOST_BRANCHES - 1):
        full = full.branched()
    with pytest.raises(Refused, match="close one first"):
        full.branched()


def test_another_scenario_can_be_opened_beside_and_the_cursor_stays_in_its_run() -> None:
    both = session().at(90 * HOUR).opened(THREE.replace('"4d"', '"2d"').replace('"3d"', '"1d"'))
    assert [branch.name for branch in both.branches] == ["as opened", "opened 1"]
    assert both.cursor_us == 48 * HOUR
    assert both.choose(0).cursor_us == 48 * HOUR


def test_a_scenario_that_does_not_parse_changes_nothing_and_says_all_that_is_wrong() -> None:
    before = session()
    with pytest.raises(ScenarioError) as raised:
        before.opened(THREE.replace("capacity", "capactiy").replace('"4d"', '"4x"'))
    assert [problem.key for problem in raised.value.problems] == ["duration", "licence.capactiy"]
    assert before == session()


def test_a_text_of_a_page_chooses_no_code() -> None:
    text = THREE.replace("[[nodes]]", '[server]\nuse = "os:system"\n\n[[nodes]]')
    with pytest.raises(Refused, match=r"use = 'os:system' names code"):
        session().opened(text)
    # What was named where the console was started may be named again.
    assert len(session(text).opened(text).branches) == 2


# Instants.


@pytest.mark.parametrize(
    ("text", "at_us"),
    [("1d 2h", 26 * HOUR), (" 0s ", 0), ("2026-03-02T02:00:00Z", 26 * HOUR), ("2026-03-02 03:00+01:00", 26 * HOUR)],
)
def test_an_instant_is_a_duration_or_a_date(text: str, at_us: int) -> None:
    assert instant_of(text, session().world.scenario) == at_us


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5d", r"found \"5d\" \(1d after the end\)"),
        ("soon", r"expected a duration such as"),
        ("", r"expected a duration such as"),
        ("2026-03-02T02:00:00", "a local date-time, which no zone makes an instant"),
        ("2026-02-28T00:00:00Z", "1d before the start"),
    ],
)
def test_what_is_no_instant_of_the_run_says_why(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        instant_of(text, session().world.scenario)


def test_an_event_in_words() -> None:
    event = {"at": "1h", "do": "nat.add", "node": "fdl-*", "address": "10.0.0.1", "lasts": "2h"}
    assert told(event) == "nat.add of fdl-* for 2h (address 10.0.0.1)"
    assert told({"do": "clock.step", "host": "server", "by": "-2m"}) == "clock.step of server (by -2m)"
    assert told({"do": "licence.change", "addresses": ["10.0.0.1", "10.0.0.9"]}) == (
        "licence.change (addresses 10.0.0.1, 10.0.0.9)"
    )


def test_a_session_is_a_value() -> None:
    one, other = session(), session()
    assert one == other
    assert isinstance(one.at(HOUR), Session)
    assert one.cursor_us == 0
