"""The story that a run tells: to the tick, and without a gap."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Freeze, HostClock, Slew
from harness.report.timeline.lanes import Turn, pieces, spans
from harness.report.timeline.story import LaneKind, Mark, MarkKind, Piece, Run, Span, Story, Strip, wall_us
from harness.report.timeline.told import story_of
from harness.runner import Job, run_one
from harness.sweep.worlds import PROFILES, world
from reference_server.readings import READINGS
from tests.harness.timeline.told import HOUR, LONG, START, events, lane, told
from tests.planted_bugs.deadlines import Immortal

# What a short stop looks like.


def test_the_lanes_are_the_server_the_network_and_the_nodes() -> None:
    story = told()
    assert [(each.name, each.kind) for each in story.lanes] == [
        ("server", LaneKind.SERVER),
        ("network", LaneKind.NETWORK),
        ("fdl", LaneKind.NODE),
    ]
    assert lane(story, "fdl").about == "192.168.100.25 · report1"
    assert (story.title, story.outcome, story.start_us, story.duration_us) == (
        "A short stop",
        "passed",
        START,
        48 * HOUR,
    )
    assert dict(story.facts)["again"] == "fdl-harness run x.toml --reading literal"


def test_spans_end_where_the_node_knows_it() -> None:
    # Granted 10 ms after the register of 0. The poll of 26 h is refused by the port, which the node knows 10 ms later;
    # that of 28 h is granted.
    assert lane(told(), "fdl").spans == (
        Span(0, 10_000, "unregistered"),
        Span(10_000, 26 * HOUR + 10_000, "registered", "a request was granted"),
        Span(26 * HOUR + 10_000, 28 * HOUR + 10_000, "interrupted", "a request got no answer"),
        Span(28 * HOUR + 10_000, 48 * HOUR, "registered", "a request was granted"),
    )
    assert lane(told(), "fdl").strips == (Strip(10_000, 48 * HOUR, "access open"),)


def test_the_server_is_stopped_from_its_stop_to_its_start() -> None:
    assert lane(told(), "server").spans == (
        Span(0, 25 * HOUR, "running"),
        Span(25 * HOUR, 27 * HOUR, "stopped", "running before that"),
        Span(27 * HOUR, 48 * HOUR, "running"),
    )


def test_each_poll_is_a_mark_or_one_of_a_run() -> None:
    node = lane(told(), "fdl")
    polls = [mark.at_us for mark in node.marks if mark.kind is MarkKind.POLL]
    polls += [at_us for run in node.runs for at_us in run.instants()]
    assert sorted(polls) == [2 * k * HOUR for k in range(1, 25)]
    # From 2 h to 24 h nothing happens: twelve polls are one line.
    assert node.runs[0] == Run(2 * HOUR, 24 * HOUR, 12, MarkKind.POLL, "poll: granted")


def test_what_failed_and_what_was_taken_is_told_in_words() -> None:
    marks = [mark for mark in lane(told(), "fdl").marks if mark.at_us < 27 * HOUR]
    assert marks == [
        Mark(0, MarkKind.REGISTER, "register: granted"),
        Mark(5_000, MarkKind.SLOT, "slot taken, 1 is live"),
        Mark(26 * HOUR, MarkKind.POLL, "poll: no answer, the connection was refused"),
        Mark(26 * HOUR + 10_000, MarkKind.FAILURE, "/: the authorization server cannot be reached"),
    ]


def test_a_deadline_that_passes_ends_in_lapsed() -> None:
    # Last contact at 24 h; the poll of 48 h, sent at the deadline, is refused 10 ms later.
    node = lane(told(LONG), "fdl")
    assert node.spans[-1] == Span(48 * HOUR + 10_000, 72 * HOUR, "lapsed", "too long without contact")
    assert node.strips == (Strip(10_000, 48 * HOUR + 10_000, "access open"),)


# Verdicts and expectations.


def test_a_violation_leads_to_its_lane_and_instant() -> None:
    # Last contact at 24 h, and a node that never lapses: broken when the poll of 48 h is refused, 10 ms later.
    story = told(LONG, node=Immortal)
    (rule,) = (rule for rule in story.rules if rule.id == "R033")
    assert (story.outcome, rule.ruling) == ("failed", "violated")
    first, *others = (each for each in rule.findings if each.broken)
    assert (first.at_us, first.lane) == (48 * HOUR + 10_000, 2)
    assert story.lanes[2].name == "fdl"
    # Each violation is an instant to go to.
    assert 1 + len(others) == rule.violations


def test_an_expectation_tells_what_was_stated_and_what_was_so() -> None:
    (expected,) = told().expectations
    assert expected.met
    assert expected.words == "fdl: status is interrupted, access is open at 1d 02:00:00.010000"
    (finding,) = expected.findings
    assert (finding.at_us, finding.lane) == (26 * HOUR + 10_000, 2)
    assert finding.words == "status was interrupted, access was open"


# Hosts that are away, and what is wrong with the network.


def test_a_stopped_node_shows_no_status_but_what_it_was() -> None:
    node = lane(told(events('at = "3h"\ndo = "node.stop"\nnode = "fdl"\nlasts = "1h"')), "fdl")
    # It polls at once when it starts, at 4 h, and stays registered.
    assert node.spans[1:] == (
        Span(10_000, 3 * HOUR, "registered", "a request was granted"),
        Span(3 * HOUR, 4 * HOUR, "stopped", "registered before that"),
        Span(4 * HOUR, 48 * HOUR, "registered", "a request was granted"),
    )


def test_the_network_tells_the_gravest_fault_and_all_of_them() -> None:
    delay = 'at = "2h"\ndo = "network.delay"\nnode = "fdl"\nby = "1s"\nlasts = "4h"'
    cut = 'at = "3h"\ndo = "network.cut"\nnode = "fdl"\ndirection = "answers"\nlasts = "1h"'
    story = told(events(delay, cut))
    assert lane(story, "network").spans == (
        Span(0, 2 * HOUR, "clear"),
        Span(2 * HOUR, 3 * HOUR, "delays packets", "delays packets: fdl"),
        Span(3 * HOUR, 4 * HOUR, "cut", "delays packets: fdl; cut (answers): fdl"),
        Span(4 * HOUR, 6 * HOUR, "delays packets", "delays packets: fdl"),
        Span(6 * HOUR, 48 * HOUR, "clear"),
    )
    assert [strip for strip in lane(story, "fdl").strips if strip.what != "access open"] == [
        Strip(2 * HOUR, 6 * HOUR, "delays packets"),
        Strip(3 * HOUR, 4 * HOUR, "cut (answers)"),
    ]


def test_a_cut_that_heals_node_by_node_ends_for_each_when_it_does() -> None:
    cut = 'at = "2h"\ndo = "network.cut"\nnode = "fdl"'
    heal = 'at = "5h"\ndo = "network.heal"\nnode = "fdl"\ndirection = "requests"'
    story = told(events(cut, heal, heal.replace("5h", "7h").replace("requests", "answers")))
    # Its requests get through again at 5 h and the answers at 7 h: until then something is cut.
    assert lane(story, "network").spans[1] == Span(2 * HOUR, 7 * HOUR, "cut", "cut: fdl")


# Clocks.


def test_a_clock_that_is_set_jumps_between_two_pieces() -> None:
    story = told(events('at = "1d"\ndo = "clock.step"\nhost = "fdl"\nby = "25h"'))
    clock = lane(story, "fdl").clock
    assert clock == (
        Piece(0, 24 * HOUR, START, START + 24 * HOUR),
        Piece(24 * HOUR, 48 * HOUR, START + 49 * HOUR, START + 73 * HOUR),
    )
    assert wall_us(clock, 24 * HOUR - 1) == START + 24 * HOUR - 1
    assert wall_us(clock, 24 * HOUR) == START + 49 * HOUR
    assert lane(story, "server").clock == (Piece(0, 48 * HOUR, START, START + 48 * HOUR),)
    assert Mark(24 * HOUR, MarkKind.EVENT, "the clock was set forward by 1d 1h") in lane(story, "fdl").marks


def test_a_clock_that_nobody_knows_shows_nothing() -> None:
    assert wall_us((), 5) is None
    assert wall_us((Piece(10, 20, 0, 10),), 5) is None
    assert wall_us((Piece(10, 20, 0, 10),), 21) is None
    assert wall_us((Piece(10, 20, 0, 10),), 20) == 10


ppm = st.integers(-400_000, 400_000).map(Fraction)
times = st.integers(0, 20_000)


@given(
    st.lists(st.tuples(times, ppm), max_size=3, unique_by=lambda each: each[0]),
    st.lists(st.tuples(times, st.integers(-9_000, 9_000)), max_size=3, unique_by=lambda each: each[0]),
    st.one_of(
        st.none(),
        st.builds(Slew, times, st.integers(-500, 500).filter(bool), st.integers(1, 500_000).map(Fraction)),
        st.builds(lambda at, lasts: Freeze(at, at + lasts), times, st.integers(1, 9_000)),
    ),
    times,
)
def test_the_pieces_of_a_clock_show_what_it_shows(
    drifts: list[tuple[int, Fraction]], steps: list[tuple[int, int]], adjustment: Slew | Freeze | None, at_us: int
) -> None:
    clock = HostClock(START, sorted(drifts), sorted(steps), [adjustment] if adjustment else [])
    found = pieces(clock, 20_000)
    assert (found[0].start_us, found[-1].end_us) == (0, 20_000)
    for before, after in pairwise(found):
        assert before.end_us == after.start_us
    for piece in found:
        assert wall_us(found, piece.start_us) == clock.wall_us(piece.start_us)
    shown = wall_us(found, at_us)
    assert shown is not None
    if at_us < 20_000:
        # A clock floors twice, once for its drift and once for what it is slewed by.
        assert abs(shown - clock.wall_us(at_us)) <= 2


# Spans, whatever happens.

turns = st.lists(st.builds(Turn, st.integers(1, 50), st.sampled_from("abc")), max_size=6)
away = st.lists(st.builds(Turn, st.integers(0, 60), st.sampled_from(["off", ""])), max_size=4)


def _in_order(found: list[Turn]) -> list[Turn]:
    return sorted(found, key=lambda turn: turn.at_us)


def _cover(found: tuple[Span, ...], end_us: int) -> bool:
    edges = [0, *(span.end_us for span in found)]
    return (
        [span.start_us for span in found] == edges[:-1]
        and edges[-1] == end_us
        and all(span.start_us < span.end_us for span in found)
    )


@given(turns, away)
def test_spans_cover_the_run_and_tell_what_was_so(statuses: list[Turn], hidden: list[Turn]) -> None:
    statuses, hidden = [Turn(0, "first"), *_in_order(statuses)], _in_order(hidden)
    found = spans(statuses, hidden, 50)
    assert _cover(found, 50)
    for span in found:
        for at_us in range(span.start_us, span.end_us):
            off = [turn.status for turn in hidden if turn.at_us <= at_us][-1:]
            status = [turn.status for turn in statuses if turn.at_us <= at_us][-1]
            assert span.status == ("off" if off == ["off"] else status)


@pytest.mark.parametrize("seed", range(12))
def test_every_lane_of_a_random_world_is_covered_and_in_order(seed: int) -> None:
    scenario = world(seed, PROFILES["default"]).scenario
    result = run_one(Job(scenario=scenario, reading=READINGS["literal"], seed=seed))
    story: Story = story_of(result)
    for each in story.lanes:
        assert _cover(each.spans, story.duration_us), each.name
        for rows in (each.marks, each.runs):
            instants = [row[0] for row in rows]
            assert instants == sorted(instants)
            assert all(0 <= at_us <= story.duration_us for at_us in instants)
        assert all(0 <= strip.start_us < strip.end_us <= story.duration_us for strip in each.strips)


@given(st.integers(0, 10**13), st.integers(0, 10**12), st.integers(2, 300))
def test_the_instants_of_a_run_are_evenly_spread(first_us: int, length_us: int, times: int) -> None:
    run = Run(first_us, first_us + length_us, times, MarkKind.POLL, "")
    found = [*run.instants()]
    assert (found[0], found[-1], len(found)) == (run.first_us, run.last_us, times)
    for k, at_us in enumerate(found):
        assert abs(at_us - (first_us + Fraction(length_us * k, times - 1))) <= Fraction(1, 2)


def test_a_run_of_one_is_one_instant() -> None:
    assert [*Run(7, 7, 1, MarkKind.POLL, "").instants()] == [7]
