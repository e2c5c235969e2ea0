"""The date of a server, which never goes back: what it stored, and what an earlier state and a copy know of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.rulebook.history import History
from harness.rulebook.ledger import Ledger
from harness.scenario import Event, Verb
from harness.trace import SERVER_HOST, EdgeKind, Verdict
from reference_server.protocol import Kind
from tests.rulebook.hand import ANSWER_LOST, GRANTED, HOUR, LOST, MINUTE, MS, REFUSED_PORT, START, UNTRUSTED, Story

REGISTER, POLL = Kind.REGISTER, Kind.POLL
AHEAD = 10 * HOUR


def ledger(story: Story) -> Ledger:
    return Ledger(History(story.scenario, story.reading, story.trace))


def step(at_us: int, by_us: int) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host="server", by_us=by_us)


def ahead_for_an_hour(since_us: int) -> Story:
    """The server's clock is set forward by 10 h, and an hour later back again."""
    return Story(step(since_us, AHEAD), step(since_us + HOUR, -AHEAD))


@pytest.mark.parametrize(
    ("told", "stores"),
    [
        (GRANTED, True),
        (ANSWER_LOST, True),
        (30002, True),
        (10000, True),
        ("silence", False),
        (REFUSED_PORT, False),
        (UNTRUSTED, False),
        (LOST, False),
    ],
)
def test_a_date_is_stored_with_what_a_program_handled(told: str | int, stores: bool) -> None:
    # Set forward at 1:00 and back at 2:00; in between, at 1:30, it is 11:30 for whoever arrives, 5 ms after sending.
    # So it is at a start that comes to nothing.
    story = ahead_for_an_hour(HOUR)
    story.asks("a", REGISTER, 90 * MINUTE, told)
    story.edge("server", 110 * MINUTE, EdgeKind.STARTED, done=False)
    date_at = ledger(story).date_at
    assert date_at(HOUR - 1) == START + HOUR - 1
    assert date_at(2 * HOUR - 1) == START + 12 * HOUR - 1
    # The clock shows 2:00 again as it is set back, and 5:00 at 5:00.
    floor_us = START + (90 * MINUTE + 5 * MS + AHEAD if stores else 0)
    assert date_at(2 * HOUR) == max(START + 2 * HOUR, floor_us)
    assert date_at(5 * HOUR) == max(START + 5 * HOUR, floor_us)
    # It has caught up with what was stored at 11:30:00.005.
    assert date_at(12 * HOUR) == START + 12 * HOUR


@pytest.mark.parametrize(("arrives_us", "floor_us"), [(-1, 0), (0, AHEAD), (HOUR - 1, AHEAD), (HOUR, 0)])
def test_what_arrives_with_a_step_is_dated_after_it(arrives_us: int, floor_us: int) -> None:
    # It arrives at 1:00 (the clock is set forward), or at 2:00 (set back), or a microsecond before.
    at_us = HOUR + arrives_us
    story = ahead_for_an_hour(HOUR)
    story.asks("a", REGISTER, at_us - 5 * MS)
    assert ledger(story).date_at(3 * HOUR) == START + max(3 * HOUR, at_us + floor_us)


def test_the_start_of_the_run_finds_its_clock_wrong_already() -> None:
    # Ahead from 0 to 1:00. Nobody asks; the start itself stores 10:00.
    assert ledger(ahead_for_an_hour(0)).date_at(2 * HOUR) == START + AHEAD


def test_a_copy_of_the_very_beginning_finds_its_clock_wrong_already() -> None:
    # Ten hours behind from 0 on: neither machine has ever seen it right.
    story = Story(step(0, -AHEAD))
    for what in (EdgeKind.CLONED, EdgeKind.STARTED):
        story.trace.edges.add(0, SERVER_HOST - 1, what, 0, 1)
    story.asks("a", REGISTER, HOUR)
    to_copy(story, 0)
    assert ledger(story).before[0].date_us == START + HOUR + 5 * MS - AHEAD


def test_a_second_arrival_stores_its_date_too() -> None:
    story = ahead_for_an_hour(HOUR)
    story.asks("a", REGISTER, 0)
    story.trace.copies.add(0, 90 * MINUTE, Verdict.GRANTED, START + 5 * MS, 0, 0)
    assert ledger(story).date_at(3 * HOUR) == START + 90 * MINUTE + AHEAD


def test_the_last_poll_of_a_run_stores_its_date() -> None:
    # Ahead from 1:00 to 9:00; polls at 2:00, 4:00, ... and 8:00.
    story = Story(step(HOUR, AHEAD), step(9 * HOUR, -AHEAD))
    story.asks("a", REGISTER, 0)
    story.beats("a", 2 * HOUR, 4)
    assert ledger(story).date_at(9 * HOUR) == START + 8 * HOUR + 5 * MS + AHEAD
    # Whoever asks in between knows of no later date than the clock shows.
    assert ledger(story).date_at(5 * HOUR) == START + 5 * HOUR + AHEAD


# A copy of the server's machine.


def copied(copied_us: int) -> Story:
    """Ahead from 1:00 to 2:00; the machine is copied."""
    story = ahead_for_an_hour(HOUR)
    story.trace.edges.add(copied_us, SERVER_HOST - 1, EdgeKind.CLONED, 0, 1)
    story.trace.edges.add(copied_us, SERVER_HOST - 1, EdgeKind.STARTED, 0, 1)
    return story


def to_copy(story: Story, place: int) -> None:
    """Let the request at a place be one to the copy."""
    story.trace.exchanges.column("server")[place] = 1


@pytest.mark.parametrize(
    ("copied_us", "known"),
    [
        # The start of the copy comes before the step of its instant, and a asks the original after it.
        (HOUR, False),
        # The clock is right again, but the state that is copied is that of a server that has seen 11:00.
        (150 * MINUTE, True),
    ],
)
def test_a_copy_knows_what_its_original_had_stored_before_it_was_copied(copied_us: int, known: bool) -> None:
    # Ahead from 1:00 to 2:00. a is handled by the original at 1:00, at which the clock shows 11:00 already.
    story = copied(copied_us)
    story.asks("a", REGISTER, HOUR - 5 * MS)
    story.asks("b", POLL, 3 * HOUR, 0)
    to_copy(story, 1)
    assert ledger(story).before[1].date_us == START + (HOUR + AHEAD if known else 3 * HOUR + 5 * MS)


def test_a_copy_and_its_original_store_apart() -> None:
    # The copy starts at 0:30. a asks it at 1:30, and a second time at 1:40; b asks the original at 1:50. After the step
    # each knows its own latest date alone.
    story = copied(30 * MINUTE)
    story.asks("a", REGISTER, 90 * MINUTE)
    story.asks("b", REGISTER, 110 * MINUTE)
    story.asks("a", POLL, 3 * HOUR)
    story.asks("b", POLL, 3 * HOUR)
    story.trace.copies.add(0, 100 * MINUTE, Verdict.GRANTED, START, 0, 0)
    for place in (0, 2):
        to_copy(story, place)
    before = ledger(story).before
    assert before[2].date_us == START + 100 * MINUTE + AHEAD
    assert before[3].date_us == START + 110 * MINUTE + 5 * MS + AHEAD


def test_a_copy_stores_the_date_of_its_own_start_and_no_run_of_polls() -> None:
    # Ahead from 1:00 to 9:00. The copy starts at 1:30; a's polls of 2:00 to 8:00 go to the original.
    story = Story(step(HOUR, AHEAD), step(9 * HOUR, -AHEAD))
    for what in (EdgeKind.CLONED, EdgeKind.STARTED):
        story.trace.edges.add(90 * MINUTE, SERVER_HOST - 1, what, 0, 1)
    story.asks("a", REGISTER, 0)
    story.beats("a", 2 * HOUR, 4)
    story.asks("b", REGISTER, 10 * HOUR, 30007)
    to_copy(story, 1)
    assert ledger(story).before[1].date_us == START + 90 * MINUTE + AHEAD


# Earlier states that are put back.


@pytest.mark.parametrize(("to_us", "known"), [(90 * MINUTE, False), (90 * MINUTE + 1, True)])
def test_an_earlier_state_has_the_date_of_before_its_instant(to_us: int, known: bool) -> None:
    # A request arrives at 1:30, an hour in which the clock is ahead, and another at 1:45. The state of 1:30 knows
    # neither, that of a microsecond later the first.
    story = ahead_for_an_hour(HOUR)
    for at_us in (90 * MINUTE, 105 * MINUTE):
        story.asks("a", REGISTER, at_us - 5 * MS)
    story.edge("server", 3 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR + 1, EdgeKind.ROLLED_BACK, value=to_us)
    story.edge("server", 3 * HOUR + 2, EdgeKind.STARTED)
    date_at = ledger(story).date_at
    assert date_at(3 * HOUR) == START + 105 * MINUTE + AHEAD
    assert date_at(4 * HOUR) == START + (90 * MINUTE + AHEAD if known else 4 * HOUR)


def test_a_state_that_could_not_be_put_back_changes_no_date() -> None:
    story = ahead_for_an_hour(HOUR)
    story.asks("a", REGISTER, 90 * MINUTE)
    story.edge("server", 3 * HOUR, EdgeKind.ROLLED_BACK, value=MINUTE, done=False)
    assert ledger(story).date_at(4 * HOUR) == START + 90 * MINUTE + 5 * MS + AHEAD


def test_a_state_in_turn_knows_what_one_before_it_has_forgotten() -> None:
    # A request arrives at 1:30, while the clock is ahead. At 3:00 the state of 0:30 is put back, which does not know
    # it; at 4:00 that of 2:30, which does, since it was kept before.
    story = ahead_for_an_hour(HOUR)
    story.asks("a", REGISTER, 90 * MINUTE)
    for hour, to_us in ((3, 30 * MINUTE), (4, 150 * MINUTE)):
        story.edge("server", hour * HOUR, EdgeKind.STOPPED)
        story.edge("server", hour * HOUR + MINUTE, EdgeKind.ROLLED_BACK, value=to_us)
        story.edge("server", hour * HOUR + 2 * MINUTE, EdgeKind.STARTED)
    date_at = ledger(story).date_at
    assert date_at(3 * HOUR + 30 * MINUTE) == START + 3 * HOUR + 30 * MINUTE
    assert date_at(5 * HOUR) == START + 90 * MINUTE + 5 * MS + AHEAD


def test_what_happens_to_a_server_at_one_instant_happens_in_its_order() -> None:
    # It starts at 1:30, while its clock is ahead, and at that instant is stopped again, and the state of 0:30 is put
    # back: with it goes the date of the start.
    story = ahead_for_an_hour(HOUR)
    story.edge("server", 70 * MINUTE, EdgeKind.STOPPED)
    for what in (EdgeKind.STARTED, EdgeKind.STOPPED, EdgeKind.ROLLED_BACK):
        story.edge("server", 90 * MINUTE, what, value=30 * MINUTE if what is EdgeKind.ROLLED_BACK else 0)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    assert ledger(story).date_at(4 * HOUR) == START + 4 * HOUR


def test_a_date_before_1970_is_one() -> None:
    # 60 years behind; the state of the very beginning has no date at all.
    years_us = 60 * 365 * 24 * HOUR
    story = Story(step(HOUR, -years_us))
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR + 1, EdgeKind.ROLLED_BACK, value=0)
    story.edge("server", 2 * HOUR + 2, EdgeKind.STARTED)
    assert ledger(story).date_at(3 * HOUR) == START + 3 * HOUR - years_us


#: What happens in the course of an hour: a request is handled, the port refuses one, or the program is restarted (with
#: a number of hours, the state of then is put back meanwhile).
HOURS = st.lists(st.sampled_from(["asks", "refused", "restarts"]) | st.integers(0, 7), min_size=4, max_size=8)
STEPS = st.lists(st.tuples(st.integers(0, 24), st.sampled_from([-9, -2, 3, 9])), min_size=1, max_size=4)


@settings(max_examples=300)
@given(hours=HOURS, steps=STEPS)
def test_the_date_is_the_latest_of_all_that_the_state_has_seen(
    hours: list[str | int], steps: list[tuple[int, int]]
) -> None:
    """Another way to say it: gather what the state of an instant has seen, going back from each state that was put
    back to what it was before, and take the latest of what the clock showed then and shows now.
    """
    # Requests arrive on the hour, restarts are over at a quarter past, and steps are on any quarter.
    events = [step(quarter * 15 * MINUTE, by * HOUR) for quarter, by in steps]
    story = Story(*events)
    seen = [0]
    put_back: list[tuple[int, int]] = []
    for hour, what in enumerate(hours, 1):
        at_us = hour * HOUR
        if what in ("asks", "refused"):
            story.asks("a", REGISTER, at_us - 5 * MS, GRANTED if what == "asks" else REFUSED_PORT)
            seen += [at_us] if what == "asks" else []
        else:
            story.edge("server", at_us, EdgeKind.STOPPED)
            if isinstance(what, int) and what < hour:
                story.edge("server", at_us + MINUTE, EdgeKind.ROLLED_BACK, value=what * HOUR)
                put_back.append((at_us + MINUTE, what * HOUR))
            story.edge("server", at_us + 15 * MINUTE, EdgeKind.STARTED)
            seen.append(at_us + 15 * MINUTE)

    def shown(at_us: int) -> int:
        # A start but the first comes before a step of its instant.
        before = at_us % HOUR != 0
        return at_us + sum(event.by_us for event in events if event.at_us < at_us + (not before))

    def has_seen(at_us: int) -> list[int]:
        back_us, to_us = max((each for each in put_back if each[0] <= at_us), default=(0, 0))
        earlier = has_seen(to_us - 1) if back_us else []
        return earlier + [each for each in seen if back_us <= each <= at_us]

    date_at = ledger(story).date_at
    for at_us in range(0, 14 * HOUR, 15 * MINUTE):
        shows = at_us + sum(event.by_us for event in events if event.at_us <= at_us)
        assert date_at(at_us) == START + max([shows, *map(shown, has_seen(at_us))])
