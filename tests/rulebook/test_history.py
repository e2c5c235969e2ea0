"""How a history is read off the scenario and the trace."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.rulebook import Ruling
from harness.rulebook.history import Downtime, History
from harness.scenario import Event, Verb
from harness.trace import SERVER_HOST, EdgeKind, Status, TransitionReason
from reference_server.protocol import Kind
from tests.rulebook.hand import HOUR, MS, SECOND, Story, node


def history(story: Story) -> History:
    return History(story.scenario, story.reading, story.trace)


def cut(at_us: int, until_us: int | None = None, direction: str = "both") -> Event:
    return Event(
        index=0,
        at_us=at_us,
        verb=Verb.NETWORK_CUT,
        until_us=until_us,
        nodes=("a", "b"),
        direction=direction,  # type: ignore[arg-type]
    )


def heal(at_us: int, direction: str = "both") -> Event:
    return Event(index=1, at_us=at_us, verb=Verb.NETWORK_HEAL, nodes=("a",), direction=direction)  # type: ignore[arg-type]


@pytest.mark.parametrize(("at_us", "lost"), [(HOUR - 1, False), (HOUR, True), (2 * HOUR - 1, True), (2 * HOUR, False)])
def test_a_cut_holds_from_its_start_to_before_its_end(at_us: int, lost: bool) -> None:
    seen = history(Story(cut(HOUR, 2 * HOUR)))
    a, _, c = seen.nodes
    assert seen.cut(a, "requests", at_us) is lost
    assert seen.cut(a, "answers", at_us) is lost
    assert not seen.cut(c, "requests", at_us)


def test_a_heal_lifts_its_own_node_and_direction_alone() -> None:
    seen = history(Story(cut(HOUR), heal(2 * HOUR, "requests")))
    a, b, _ = seen.nodes
    assert not seen.cut(a, "requests", 2 * HOUR)
    assert seen.cut(a, "answers", 2 * HOUR)
    assert seen.cut(b, "requests", 2 * HOUR)


def test_a_heal_lifts_nothing_that_begins_with_it_or_after_it() -> None:
    # Cut at 1:00 and again at 2:00; healed at 2:00, before the second, and at 3:00.
    seen = history(Story(heal(2 * HOUR), cut(2 * HOUR), heal(3 * HOUR), cut(HOUR)))
    a = seen.nodes[0]
    lost = [seen.cut(a, "requests", at_us) for at_us in (2 * HOUR - 1, 2 * HOUR, 3 * HOUR - 1, 3 * HOUR)]
    assert lost == [True, True, True, False]


def test_cuts_add_up() -> None:
    seen = history(Story(cut(HOUR, 3 * HOUR), cut(2 * HOUR, 4 * HOUR, "answers")))
    a = seen.nodes[0]
    assert seen.cut(a, "answers", 3 * HOUR)
    assert not seen.cut(a, "requests", 3 * HOUR)


def test_the_server_is_down_from_its_stop_to_before_its_start() -> None:
    story = Story()
    story.edge("server", HOUR, EdgeKind.CRASHED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED)
    seen = history(story)
    down = [seen.server_downtime(at_us) is not None for at_us in (HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR)]
    assert down == [False, True, True, False]


def test_a_start_that_was_refused_starts_nothing() -> None:
    story = Story()
    story.edge("server", HOUR, EdgeKind.DESTROYED)
    story.trace.edges.add(2 * HOUR, -1, EdgeKind.STARTED, 0, 0)
    assert history(story).server_downtime(3 * HOUR) is not None


def test_a_destroyed_server_never_runs_again() -> None:
    # Stopped at 1:00, destroyed at 2:00, and "started" at 3:00 by a program that does not know what destroyed means.
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR, EdgeKind.DESTROYED)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    assert history(story).server_downtime(3 * HOUR) is not None
    story.asks("a", Kind.REGISTER, 3 * HOUR)
    assert story.judged("R032").ruling is Ruling.VIOLATED


def test_a_node_is_awake_between_its_edges() -> None:
    story = Story()
    story.edge("a", HOUR, EdgeKind.SUSPENDED)
    story.edge("a", 2 * HOUR, EdgeKind.RESUMED)
    a = history(story).nodes[0]
    assert [a.awake(at_us) for at_us in (0, HOUR, 2 * HOUR - 1, 2 * HOUR)] == [True, False, False, True]
    assert a.awake_throughout(0, HOUR - 1)
    assert not a.awake_throughout(0, HOUR)
    # Back at 2:00, and so awake from then on.
    assert a.awake_throughout(2 * HOUR, 3 * HOUR)
    assert not a.awake_throughout(2 * HOUR - 1, 3 * HOUR)


def test_a_state_that_is_put_there_is_what_an_instant_finds() -> None:
    story = Story()
    story.turns("a", HOUR, Status.UNREGISTERED, Status.REGISTERED, TransitionReason.GRANTED)
    story.turns("a", 2 * HOUR, Status.REGISTERED, Status.LAPSED, TransitionReason.COPIED)
    a = history(story).nodes[0]
    assert a.found_at(HOUR) is Status.UNREGISTERED
    assert a.found_at(2 * HOUR) is Status.LAPSED
    assert a.found_at(2 * HOUR + 1) is Status.LAPSED


@pytest.mark.parametrize(("end_us", "found_us"), [(6 * HOUR + 5 * MS, None), (6 * HOUR + 5 * MS + 1, 6 * HOUR)])
def test_a_poll_of_a_run_reaches_a_server_that_does_not_run(end_us: int, found_us: int | None) -> None:
    # Polls at 2:00, 4:00, ..., 10:00 arrive 5 ms later; the server is down from a second past 4:00 on.
    story = Story()
    story.beats("a", 2 * HOUR, 5)
    story.edge("server", 4 * HOUR + SECOND, EdgeKind.STOPPED)
    story.edge("server", end_us, EdgeKind.STARTED)
    seen = history(story)
    (beat,) = seen.nodes[0].beats
    assert seen.beat_into_downtime(beat) == found_us


@pytest.mark.parametrize(
    ("direction", "start_us", "found_us"),
    [
        # The request of 4:00 is sent as the cut begins, and the answer to it leaves the server 5 ms later.
        ("requests", 4 * HOUR, 4 * HOUR),
        ("requests", 4 * HOUR + 1, 6 * HOUR),
        ("answers", 4 * HOUR + 5 * MS, 4 * HOUR),
        ("answers", 4 * HOUR + 5 * MS + 1, 6 * HOUR),
        ("requests", 10 * HOUR + 1, None),
    ],
)
def test_a_poll_of_a_run_is_lost_to_a_cut(direction: str, start_us: int, found_us: int | None) -> None:
    story = Story(cut(start_us, direction=direction))
    story.beats("a", 2 * HOUR, 5)
    seen = history(story)
    (beat,) = seen.nodes[0].beats
    assert seen.beat_into_cut(beat) == found_us


def test_a_status_before_and_at_an_instant() -> None:
    story = Story()
    story.turns("a", HOUR, Status.UNREGISTERED, Status.REGISTERED, TransitionReason.GRANTED)
    a = history(story).nodes[0]
    assert a.status_before(HOUR) is Status.UNREGISTERED
    assert a.status(HOUR - 1) is Status.UNREGISTERED
    assert a.status(HOUR) is Status.REGISTERED
    assert a.open(HOUR)
    assert not a.open(HOUR - 1)


@pytest.mark.parametrize(
    ("name", "first_us", "last_us", "disturbed"),
    [
        ("a", 0, HOUR - 1, False),
        ("a", 0, HOUR, True),
        ("a", 2 * HOUR, 3 * HOUR, True),
        ("a", 2 * HOUR + 1, 3 * HOUR, False),
        # It is a's delay alone.
        ("b", 0, 4 * HOUR, False),
        # The server's slowness from 5:00 on is everybody's, and has no end.
        ("b", 0, 5 * HOUR, True),
        ("b", 6 * HOUR, 7 * HOUR, True),
    ],
)
def test_what_may_disturb_a_node_in_a_stretch(name: str, first_us: int, last_us: int, disturbed: bool) -> None:
    delay = Event(index=0, at_us=HOUR, verb=Verb.NETWORK_DELAY, until_us=2 * HOUR, nodes=("a",), by_us=1)
    slow = Event(index=1, at_us=5 * HOUR, verb=Verb.SERVER_SLOW, by_us=1)
    seen = history(Story(delay, slow, cut(0)))
    node = next(each for each in seen.nodes if each.name == name)
    assert seen.disturbed(node, first_us, last_us) is disturbed


def test_a_run_of_polls_is_told_by_the_clock_of_its_node() -> None:
    # a's clocks run a tenth fast: at 2:00 they show 2.2 h, and its polls are 2 h of theirs apart. The third one is sent
    # when they show 6.2 h, which is at 6.2 / 1.1 h = 20290909090.9 us.
    fast = Event(index=1, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(100_000))
    story = Story(cut(4 * HOUR), fast)
    story.trace.beats.add(0, 3, 1, 22 * HOUR // 10, 2 * HOUR, 20_290_909_091, 0)
    seen = history(story)
    (beat,) = seen.nodes[0].beats
    assert seen.beat_into_cut(beat) == 20_290_909_091


def test_a_run_of_polls_is_told_by_a_slow_clock_too() -> None:
    # a's clocks run a tenth slow. Its first poll is sent at 2:00, when they show 1.8 h, the second when they show 3.8
    # h, at 3.8 / 0.9 h = 15200000000 us, and so after the cut began.
    slow = Event(index=1, at_us=0, verb=Verb.CLOCK_DRIFT, host="a", ppm=Fraction(-100_000))
    story = Story(cut(4 * HOUR), slow)
    story.trace.beats.add(0, 3, 1, 18 * HOUR // 10, 2 * HOUR, 20_880_000_000, 0)
    seen = history(story)
    (beat,) = seen.nodes[0].beats
    assert seen.beat_into_cut(beat) == 15_200_000_000


@pytest.mark.parametrize(("until_us", "found_us"), [(6 * HOUR + 5 * MS, None), (6 * HOUR + 5 * MS + 1, 6 * HOUR)])
def test_a_cut_of_answers_ends_before_the_answer_that_is_sent_at_its_end(until_us: int, found_us: int | None) -> None:
    # The answer to the poll of 4:00 is sent a microsecond before the cut, that to the one of 6:00 at its end.
    story = Story(cut(4 * HOUR + 5 * MS + 1, until_us, "answers"))
    story.beats("a", 2 * HOUR, 5)
    seen = history(story)
    (beat,) = seen.nodes[0].beats
    assert seen.beat_into_cut(beat) == found_us


@pytest.mark.parametrize(("stop_us", "found_us"), [(4 * HOUR + 5 * MS, 4 * HOUR), (4 * HOUR + 5 * MS + 1, 6 * HOUR)])
def test_a_poll_of_a_run_that_arrives_as_the_server_stops_is_lost(stop_us: int, found_us: int) -> None:
    story = Story()
    story.beats("a", 2 * HOUR, 5)
    story.edge("server", stop_us, EdgeKind.STOPPED)
    seen = history(story)
    (beat,) = seen.nodes[0].beats
    assert seen.beat_into_downtime(beat) == found_us


def test_which_requests_crashed_the_server() -> None:
    # The value of a crash in the course of a request is the request's place, counted from 1; that of a state that is
    # put back is an instant.
    story = Story()
    story.edge("server", HOUR, EdgeKind.CRASHED)
    story.edge("server", 2 * HOUR, EdgeKind.ROLLED_BACK, value=1)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.edge("server", 4 * HOUR, EdgeKind.CRASHED, value=1)
    story.edge("server", 6 * HOUR, EdgeKind.CRASHED, value=3)
    assert {place: edge.at_us for place, edge in history(story).crashed_by.items()} == {0: 4 * HOUR, 2: 6 * HOUR}


def test_a_copy_of_the_server_is_away_from_then_on_unless_it_starts() -> None:
    # It is copied at 1:00; a start that comes to nothing is none.
    for done, away in ((False, [Downtime(HOUR, None, EdgeKind.STOPPED)]), (True, [])):
        story = Story()
        story.trace.edges.add(HOUR, SERVER_HOST - 1, EdgeKind.CLONED, 0, 1)
        story.trace.edges.add(HOUR, SERVER_HOST - 1, EdgeKind.STARTED, 0, int(done))
        assert history(story).server_away == ([], away)
    # Where there is no copy, it is not away.
    assert history(Story()).server_away == ([], [])


def test_a_copy_of_a_node_is_away_until_it_is_made() -> None:
    nodes = (node("a"), node("b", clone_of="a"), node("c", clone_of="a"))
    story = Story(nodes=nodes)
    story.edge("b", HOUR, EdgeKind.CLONED)
    story.edge("b", 2 * HOUR, EdgeKind.STARTED)
    seen = history(story)
    assert [each.away for each in seen.nodes] == [
        [],
        [Downtime(0, 2 * HOUR, EdgeKind.STOPPED)],
        # It never is.
        [Downtime(0, None, EdgeKind.STOPPED)],
    ]
    assert [each.awake(0) for each in seen.nodes] == [True, False, False]


def test_what_is_licensed_at_an_instant() -> None:
    changes = [
        Event(index=k, at_us=at_us, verb=Verb.LICENCE_CHANGE, changes=(("capacity", capacity),))
        for k, (at_us, capacity) in enumerate([(2 * HOUR, 5), (0, 4), (2 * HOUR, 6)])
    ]
    seen = history(Story(*changes[::2]))
    assert [seen.licence(at_us).capacity for at_us in (0, 2 * HOUR - 1, 2 * HOUR)] == [3, 3, 6]
    # What is changed at once was never otherwise.
    assert history(Story(*changes)).licence(0).capacity == 4
