"""The rules of time on their boundaries: a microsecond either side, the ties, and what must not be called a violation.

Every story is written by hand, with nodes a, b and c, 5 ms each way and a timeout of 30 s; the instants are worked out
from the law beside it. The stories that each rule needs at the least are in `tests.rulebook.test_rules`.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.rulebook import Ruling
from harness.scenario import Event, Verb
from harness.trace import EdgeKind, Outcome, SlotChange, Status, TransitionReason
from reference_server.protocol import Code, Kind
from reference_server.readings import LITERAL, READINGS, Reading
from tests.rulebook.hand import (
    ANSWER_LOST,
    DAY,
    FIRST,
    GRANTED,
    HOUR,
    LOST,
    MINUTE,
    MS,
    REFUSED_PORT,
    SECOND,
    START,
    Story,
)

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND
REGISTERED, INTERRUPTED, REJECTED, LAPSED = Status.REGISTERED, Status.INTERRUPTED, Status.REJECTED, Status.LAPSED
SILENCE, UNANSWERED = TransitionReason.SILENCE, TransitionReason.UNANSWERED
HELD, VIOLATED, UNKNOWN = Ruling.HELD, Ruling.VIOLATED, Ruling.UNKNOWN


def step(at_us: int, by_us: int, host: str = "server") -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host=host, by_us=by_us)


def drift(ppm: int, host: str, at_us: int = 0) -> Event:
    return Event(index=0, at_us=at_us, verb=Verb.CLOCK_DRIFT, host=host, ppm=Fraction(ppm))


# R026, R029 and R030: a stop of more than 24 h.


def stopped_for(length_us: int, *events: Event, survives: bool = False, reading: Reading = LITERAL) -> Story:
    """a registers at 23:00 and polls at 25:00; the server is down from 26:00; a lapses at 49:00 and 10 ms."""
    story = Story(*events, reading=reading)
    story.registers("a", 23 * HOUR)
    story.asks("a", POLL, 25 * HOUR)
    story.edge("server", 26 * HOUR, EdgeKind.STOPPED)
    if not survives:
        story.slot("a", 49 * HOUR + 5 * MS + 1, SlotChange.VOID, 0)
    story.edge("server", 26 * HOUR + length_us, EdgeKind.STARTED)
    return story


@pytest.mark.parametrize("rule", ["R026", "R029"])
@pytest.mark.parametrize(("length_us", "ruling"), [(DAY, UNKNOWN), (DAY + 1, HELD)])
def test_the_limit_of_a_stop_is_beyond_24_hours(rule: str, length_us: int, ruling: Ruling) -> None:
    assert stopped_for(length_us).judged(rule).ruling is ruling


@pytest.mark.parametrize(("length_us", "ruling"), [(26 * HOUR, UNKNOWN), (26 * HOUR + 1, VIOLATED)])
def test_thirteenth_miss_has_a_limit_of_26_hours(length_us: int, ruling: Ruling) -> None:
    story = stopped_for(length_us, survives=True, reading=READINGS["thirteenth-miss"])
    assert story.judged("R026").ruling is ruling


def test_a_slot_that_survives_by_a_clock_set_back_before_the_stop_breaks_nothing() -> None:
    # At 25:30 the server's wall clock is set back by 27 h; at the start after 25 h, the stored 25:00 lies ahead of
    # 51:00 less 27 h, so the age is 0 and the slot lives: a clock's doing and no fault of the server's.
    story = stopped_for(25 * HOUR, step(25 * HOUR + 30 * MINUTE, -27 * HOUR), survives=True)
    assert story.judged("R026").ruling is UNKNOWN


def test_a_slot_may_be_taken_anew_at_the_instant_of_the_return() -> None:
    # A register that was sent 5 ms before the server is back arrives at that instant.
    story = stopped_for(25 * HOUR)
    story.asks("a", REGISTER, 51 * HOUR - 5 * MS)
    story.slot("a", 51 * HOUR, SlotChange.TAKEN, 1)
    assert story.judged("R026").ruling is HELD
    assert story.judged("R030").ruling is HELD


def test_a_suspension_is_no_stop() -> None:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.SUSPENDED)
    story.edge("server", 27 * HOUR, EdgeKind.RESUMED)
    assert story.judged("R026").ruling is UNKNOWN


# R027: a short outage shows.


def test_a_cut_shows_like_a_stop() -> None:
    story = Story()
    story.registers("a")
    story.misses("a", 2 * HOUR, LOST)
    judgement = story.judged("R027")
    assert judgement.ruling is VIOLATED
    assert judgement.first is not None
    assert judgement.first.at_us == 2 * HOUR + 30 * SECOND


@pytest.mark.parametrize("rule", ["R008", "R027"])
def test_silence_does_not_make_a_rejected_node_interrupted(rule: str) -> None:
    story = Story()
    story.registers("a")
    number = story.asks("a", POLL, 2 * HOUR, 30002)
    story.lists("a", 2 * HOUR + 10 * MS, 30002, number)
    story.turns("a", 2 * HOUR + 10 * MS, REGISTERED, REJECTED, TransitionReason.REFUSED)
    story.misses("a", 4 * HOUR, LOST)
    assert story.judged(rule).ruling is not VIOLATED
    story.turns("a", 4 * HOUR + 30 * SECOND, REJECTED, INTERRUPTED, UNANSWERED)
    assert story.judged(rule).ruling is VIOLATED


# R028: coming back by itself.


def test_a_node_that_wakes_as_the_server_returns_polls_at_that_instant() -> None:
    # Its poll was due at 4:00, while it was suspended. It wakes at 5:00 with the server, and the run ends there.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.edge("a", 3 * HOUR, EdgeKind.SUSPENDED)
    story.edge("server", 5 * HOUR, EdgeKind.STARTED)
    story.edge("a", 5 * HOUR, EdgeKind.RESUMED)
    story.asks("a", POLL, 5 * HOUR, LOST, outcome=Outcome.OPEN)
    assert story.judged("R028").ruling is UNKNOWN


@pytest.mark.parametrize("late_us", [0, 1])
def test_a_reconnection_comes_within_two_hours(late_us: int) -> None:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.edge("server", 2 * HOUR + MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 4 * HOUR + late_us)
    story.turns("a", 4 * HOUR + late_us + 10 * MS, INTERRUPTED, REGISTERED, TransitionReason.GRANTED)
    assert story.judged("R028").ruling is (VIOLATED if late_us else HELD)


def test_a_cut_excuses_the_poll_that_should_have_restored() -> None:
    cut = Event(index=0, at_us=4 * HOUR, verb=Verb.NETWORK_CUT, until_us=5 * HOUR, nodes=("a",))
    story = Story(cut)
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.misses("a", 2 * HOUR, first=True)
    story.edge("server", 3 * HOUR, EdgeKind.STARTED)
    story.misses("a", 4 * HOUR, LOST)
    assert story.judged("R028").ruling is UNKNOWN


# R031: the rhythm of polls.


def judged_polls(story: Story, until_us: int) -> Ruling:
    return story.until(until_us).judged("R031").ruling


def test_a_run_of_beats_is_counted_poll_by_poll() -> None:
    # Polls at 2:00, 4:00 and 6:00 are one row, the one at 8:00 another.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.asks("a", POLL, 8 * HOUR)
    judgement = story.until(9 * HOUR).judged("R031")
    assert (judgement.ruling, judgement.tested) == (HELD, 4)


@pytest.mark.parametrize(("first_us", "ruling"), [(2 * HOUR, HELD), (2 * HOUR + 1, VIOLATED)])
def test_a_run_of_beats_starts_when_due(first_us: int, ruling: Ruling) -> None:
    story = Story()
    story.registers("a")
    story.beats("a", first_us, 3)
    assert judged_polls(story, 7 * HOUR) is ruling


@pytest.mark.parametrize(("next_us", "ruling"), [(3 * HOUR, HELD), (2 * HOUR, VIOLATED)])
def test_a_register_starts_the_two_hours_anew(next_us: int, ruling: Ruling) -> None:
    story = Story()
    story.registers("a")
    story.asks("a", REGISTER, HOUR)
    story.asks("a", POLL, next_us)
    assert judged_polls(story, 4 * HOUR) is ruling


@pytest.mark.parametrize(("next_us", "ruling"), [(2 * HOUR, HELD), (3 * HOUR, VIOLATED)])
def test_an_unbind_that_fails_leaves_the_rhythm_alone(next_us: int, ruling: Ruling) -> None:
    story = Story()
    story.registers("a")
    story.asks("a", UNBIND, HOUR, LOST)
    story.asks("a", POLL, next_us)
    assert judged_polls(story, 3 * HOUR + MINUTE) is ruling


@pytest.mark.parametrize(("polls_us", "ruling"), [(90 * MINUTE, HELD), (2 * HOUR, VIOLATED)])
def test_a_start_polls_at_once(polls_us: int, ruling: Ruling) -> None:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.STOPPED)
    story.edge("a", 90 * MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, polls_us)
    assert judged_polls(story, 3 * HOUR) is ruling


@pytest.mark.parametrize(
    ("resumed_us", "polls_us", "ruling"),
    [
        (2 * HOUR - 1, 2 * HOUR, HELD),  # nothing fell due meanwhile
        (2 * HOUR - 1, 2 * HOUR - 1, VIOLATED),
        (7 * HOUR, 7 * HOUR, HELD),  # three fell due, one is sent
        (7 * HOUR, 8 * HOUR, VIOLATED),
    ],
)
def test_a_resumption_polls_if_a_poll_fell_due(resumed_us: int, polls_us: int, ruling: Ruling) -> None:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.SUSPENDED)
    story.edge("a", resumed_us, EdgeKind.RESUMED)
    story.asks("a", POLL, polls_us)
    assert judged_polls(story, polls_us + HOUR) is ruling


@pytest.mark.parametrize("away", [EdgeKind.STOPPED, EdgeKind.CRASHED, EdgeKind.SUSPENDED])
def test_a_program_that_does_not_run_does_not_poll(away: EdgeKind) -> None:
    story = Story()
    story.registers("a")
    story.edge("a", HOUR, away)
    story.asks("a", POLL, 2 * HOUR)
    assert judged_polls(story, 3 * HOUR) is VIOLATED


@pytest.mark.parametrize(("reading", "ruling"), [("literal", VIOLATED), ("revive", HELD)])
def test_only_revive_lets_a_lapsed_node_poll(reading: str, ruling: Ruling) -> None:
    story = off_the_grid(READINGS[reading])
    story.lapses("a", DAY)
    story.misses("a", 25 * HOUR + 10 * MINUTE, LOST)
    assert judged_polls(story, 26 * HOUR) is ruling


@pytest.mark.parametrize(("status", "ruling"), [(REGISTERED, VIOLATED), (Status.UNREGISTERED, HELD)])
def test_a_node_that_gave_its_slot_back_does_not_poll(status: Status, ruling: Ruling) -> None:
    # Whoever stays registered has to poll at 2:00, and does not.
    story = Story()
    story.registers("a")
    story.asks("a", POLL, HOUR * 2)
    story.asks("a", UNBIND, 3 * HOUR)
    if status is Status.UNREGISTERED:
        story.turns("a", 3 * HOUR + 10 * MS, REGISTERED, status, TransitionReason.UNBOUND)
        assert judged_polls(story, 9 * HOUR) is ruling
    else:
        story.asks("a", POLL, 5 * HOUR)
        assert judged_polls(story, 6 * HOUR) is ruling


# R032: answers.


@pytest.mark.parametrize(("at_us", "told", "ruling"), [(HOUR - 1, REFUSED_PORT, VIOLATED), (HOUR, GRANTED, VIOLATED)])
def test_whether_the_server_is_up_counts_on_arrival(at_us: int, told: str, ruling: Ruling) -> None:
    # The server is down from 1:00 on: what arrives a microsecond before is answered, what arrives at 1:00 is refused.
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.asks("a", REGISTER, at_us - 5 * MS, told)
    assert story.judged("R032").ruling is ruling


def test_a_stopped_server_owes_no_answer() -> None:
    story = Story()
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.asks("a", REGISTER, HOUR - 5 * MS, REFUSED_PORT)
    story.asks("b", REGISTER, HOUR - 5 * MS - 1)
    judgement = story.judged("R032")
    assert (judgement.ruling, judgement.tested) == (HELD, 1)


# R033: 24 hours at the node.


def off_the_grid(reading: Reading = LITERAL) -> Story:
    """a registers at 0, is cut off from 1:00 on and restarted at 1:10: its polls at 1:10, 3:10, ... 23:10 are lost.

    So nothing is outstanding at its deadline, 24:00.
    """
    story = Story(reading=reading)
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.STOPPED)
    story.edge("a", 70 * MINUTE, EdgeKind.STARTED)
    for k in range(12):
        story.misses("a", 70 * MINUTE + 2 * k * HOUR, LOST, first=k == 0)
    return story


@pytest.mark.parametrize(("lapses_us", "ruling"), [(DAY - 1, VIOLATED), (DAY, HELD), (DAY + 1, VIOLATED)])
def test_a_node_with_nothing_outstanding_lapses_at_24_hours_sharp(lapses_us: int, ruling: Ruling) -> None:
    story = off_the_grid()
    story.lapses("a", lapses_us)
    assert story.judged("R033").ruling is ruling


@pytest.mark.parametrize(("lapses_us", "ruling"), [(DAY, HELD), (DAY + 20 * SECOND, VIOLATED)])
def test_an_unbind_delays_no_lapse(lapses_us: int, ruling: Ruling) -> None:
    # An unbind sent at 23:59:50 is outstanding until 24:00:20.
    story = off_the_grid()
    story.asks("a", UNBIND, DAY - 10 * SECOND, LOST)
    story.lapses("a", lapses_us)
    assert story.judged("R033").ruling is ruling


@pytest.mark.parametrize(("lapses_us", "ruling"), [(DAY + 30 * SECOND, HELD), (DAY + 60 * SECOND, VIOLATED)])
def test_a_node_may_not_wait_longer_than_its_timeout(lapses_us: int, ruling: Ruling) -> None:
    # The poll at 24:00 is lost. A node that waits a minute for its answer overstays by half a minute, even if it
    # says of the request that it ended only then.
    story = Story()
    story.registers("a")
    for k in range(1, 12):
        story.misses("a", 2 * k * HOUR, LOST, first=k == 1)
    story.asks("a", POLL, DAY, LOST, ended_us=lapses_us)
    story.turns("a", lapses_us, INTERRUPTED, LAPSED, SILENCE)
    assert story.judged("R033").ruling is ruling


def test_a_register_at_the_deadline_is_in_time() -> None:
    story = off_the_grid()
    story.asks("a", REGISTER, DAY)
    story.turns("a", DAY + 10 * MS, INTERRUPTED, REGISTERED, TransitionReason.GRANTED)
    assert story.until(25 * HOUR).judged("R033").ruling is UNKNOWN
    story.lapses("b", DAY)
    assert story.judged("R033").ruling is VIOLATED


def test_whoever_supersedes_the_last_poll_after_the_deadline_lapses_the_node() -> None:
    # The poll at 24:00 is outstanding until 24:00:30. A register at 24:00:10 abandons it, and nothing that was sent
    # in time is left: the node lapses at that instant, and its register ends 10 ms later.
    story = Story()
    story.registers("a")
    for k in range(1, 12):
        story.misses("a", 2 * k * HOUR, LOST, first=k == 1)
    story.asks("a", POLL, DAY, LOST, ended_us=DAY + 10 * SECOND, outcome=Outcome.ABANDONED)
    story.asks("a", REGISTER, DAY + 10 * SECOND)
    story.lapses("a", DAY + 10 * SECOND)
    story.turns("a", DAY + 10 * SECOND + 10 * MS, LAPSED, REGISTERED, TransitionReason.GRANTED)
    for rule in ("R033", "R035", "R036"):
        assert story.until(25 * HOUR).judged(rule).ruling is HELD, rule


@pytest.mark.parametrize(
    ("started_us", "polls", "lapses_us", "rule", "ruling"),
    [
        (DAY, True, DAY + 10 * MS, "R033", HELD),  # a start at exactly the deadline polls
        (DAY, False, DAY, "R031", VIOLATED),
        (DAY + 1, False, DAY + 1, "R033", HELD),
        (DAY + 1, True, DAY + 1 + 10 * MS, "R033", VIOLATED),
    ],
)
def test_a_start_at_the_deadline_polls_and_one_past_it_lapses(
    started_us: int, polls: bool, lapses_us: int, rule: str, ruling: Ruling
) -> None:
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("a", HOUR, EdgeKind.STOPPED)
    story.edge("a", started_us, EdgeKind.STARTED)
    if polls:
        story.asks("a", POLL, started_us, REFUSED_PORT)
    story.turns("a", lapses_us, REGISTERED, LAPSED, SILENCE)
    assert story.judged(rule).ruling is ruling


@pytest.mark.parametrize(("polls", "ruling"), [(True, HELD), (False, VIOLATED)])
def test_a_poll_due_as_the_host_wakes_at_the_deadline_is_in_time(polls: bool, ruling: Ruling) -> None:
    # The poll of 22 h is lost, and its time up while the host sleeps until 24 h sharp. There the next one is due.
    story = Story()
    story.registers("a")
    for k in range(11):
        if k == 10:
            story.edge("a", 22 * HOUR + SECOND, EdgeKind.SUSPENDED)
            story.edge("a", DAY, EdgeKind.RESUMED)
            number = story.asks("a", POLL, 22 * HOUR, LOST, ended_us=DAY)
            story.lists("a", DAY, Code.NO_CONNECTION, number)
        else:
            story.misses("a", 2 * (k + 1) * HOUR, LOST, first=k == 0)
    if polls:
        story.asks("a", POLL, DAY)
        story.turns("a", DAY + 10 * MS, INTERRUPTED, REGISTERED, TransitionReason.GRANTED)
    else:
        story.turns("a", DAY, INTERRUPTED, LAPSED, TransitionReason.SILENCE)
    # Nothing lapses the node. One that lapses without its poll breaks the rhythm, and is then right to lapse.
    assert story.until(DAY + HOUR).judged("R031").ruling is ruling
    assert story.judged("R033").ruling is (UNKNOWN if polls else HELD)


def test_a_node_counts_the_24_hours_on_its_own_slow_clock() -> None:
    # 1,000 ppm slow: at 86,486,486,487 us of true time the clock shows 86,400,000,000.5 us, which reads as exactly
    # 24 h; at ...488 it shows 86,400,000,001.5 us. So ...488 is the first start that is strictly past the deadline.
    story = Story(drift(-1_000, "a"))
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.STOPPED)
    story.edge("a", 86_486_486_488, EdgeKind.STARTED)
    story.lapses("a", 86_486_486_488, before=REGISTERED)
    assert story.judged("R033").ruling is HELD


def test_thirteenth_miss_and_twelve_strikes_know_no_instant() -> None:
    # In both a node that is away at its deadline does not lapse at its start, but polls.
    for reading in (READINGS["thirteenth-miss"], READINGS["twelve-strikes"]):
        story = Story(reading=reading)
        story.registers("a")
        story.edge("a", HOUR, EdgeKind.STOPPED)
        story.edge("a", 25 * HOUR, EdgeKind.STARTED)
        story.lapses("a", 25 * HOUR, before=REGISTERED)
        assert story.judged("R033").ruling is VIOLATED, reading.name


# R034: 24 hours at the server.


@pytest.mark.parametrize(("off_us", "ruling"), [(-1, VIOLATED), (0, HELD), (1, VIOLATED)])
def test_a_slot_lives_from_the_last_of_a_run_of_beats(off_us: int, ruling: Ruling) -> None:
    # Polls at 2:00, 4:00 and 6:00; the last one arrives at 6:00 and 5 ms: void 24 h and 1 us later.
    story = Story()
    story.registers("a")
    story.beats("a", 2 * HOUR, 3)
    story.edge("a", 7 * HOUR, EdgeKind.CRASHED)
    story.slot("a", 30 * HOUR + 5 * MS + 1 + off_us, SlotChange.VOID, 0)
    assert story.judged("R034").ruling is ruling


def test_a_refused_request_refreshes_nothing() -> None:
    # The register is accepted at 5 ms, the poll at 2:00 is refused: void at 24:00 and 5 ms and 1 us.
    story = Story()
    story.registers("a")
    story.edge("server", HOUR, EdgeKind.LICENCE_SUSPENDED)
    story.asks("a", POLL, 2 * HOUR, 30002)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    assert story.judged("R034").ruling is HELD


@pytest.mark.parametrize(
    ("reading", "void_us"),
    [
        ("literal", DAY + 5 * MS + 1),
        ("revive", 44 * HOUR + 5 * MS + 1),  # the 20 h of downtime are not silence
        ("thirteenth-miss", 26 * HOUR + 5 * MS + 1),  # one period more
        ("windows-close", 21 * HOUR),  # dropped at the start
    ],
)
def test_each_reading_voids_a_slot_in_its_own_time(reading: str, void_us: int) -> None:
    # a registers at 0 and is not heard of again; the server is down from 1:00 to 21:00.
    story = Story(reading=READINGS[reading])
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.CRASHED)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 21 * HOUR, EdgeKind.STARTED)
    change = SlotChange.DROPPED if reading == "windows-close" else SlotChange.VOID
    story.slot("a", void_us, change, 0)
    for name, other in READINGS.items():
        same = name == reading or (reading == "literal" and name not in ("revive", "thirteenth-miss", "windows-close"))
        story.reading = other
        assert story.judged("R034").ruling is (HELD if same else VIOLATED), name


def test_a_clock_set_back_restores_at_the_start_what_was_void() -> None:
    # The server is down from 1:00 to 26:00, its wall clock is set back by 5 h meanwhile. The slot is void at 24 h,
    # 5 ms and 1 us; at the start its age is 26:00 - 5 h - 5 ms, so it is alive again, and void 3 h, 5 ms and 1 us
    # later.
    story = Story(step(10 * HOUR, -5 * HOUR))
    story.registers("a")
    story.edge("a", HOUR, EdgeKind.CRASHED)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.slot("a", DAY + 5 * MS + 1, SlotChange.VOID, 0)
    story.edge("server", 26 * HOUR, EdgeKind.STARTED)
    story.slot("a", 26 * HOUR, SlotChange.RESTORED, 1)
    assert story.judged("R034").ruling is VIOLATED
    story.slot("a", 29 * HOUR + 5 * MS + 1, SlotChange.VOID, 0)
    assert story.judged("R034").ruling is HELD


@pytest.mark.parametrize(("told", "ruling"), [(GRANTED, HELD), (30003, VIOLATED)])
def test_a_slot_is_given_back_by_an_accepted_unbind_alone(told: str | int, ruling: Ruling) -> None:
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    story.asks("a", UNBIND, 3 * HOUR, told)
    story.slot("a", 3 * HOUR + 5 * MS, SlotChange.FREED, 0)
    assert story.judged("R034").ruling is ruling


def test_an_overlap_is_attributed_to_the_unbind_whose_answer_was_lost() -> None:
    # The slot is free at 3:00 and 5 ms; access closes when the node stops at 3:30.
    story = Story()
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    story.asks("a", UNBIND, 3 * HOUR, ANSWER_LOST)
    story.slot("a", 3 * HOUR + 5 * MS, SlotChange.FREED, 0)
    story.edge("a", 3 * HOUR + 30 * MINUTE, EdgeKind.STOPPED)
    story.opens("a", 3 * HOUR + 30 * MINUTE, False)
    judgement = story.judged("R034")
    assert judgement.ruling is HELD
    # 30 min less 5 ms.
    assert [note.message for note in judgement.notes] == [
        "access outlives the slot by 1799995000 us (the slot was given back by an unbind)"
    ]


# R036: the list of failures.


def test_a_row_has_to_carry_the_time_of_the_nodes_own_wall_clock() -> None:
    # The node's wall clock is 1 h ahead from 0:30 on; the poll at 2:00 fails at 2:00:30, which it dates 3:00:30.
    for dated_us, ruling in ((HOUR, HELD), (0, VIOLATED)):
        story = Story(step(30 * MINUTE, HOUR, "a"))
        story.registers("a")
        story.misses("a", 2 * HOUR, LOST, first=True, off_us=dated_us)
        assert story.until(3 * HOUR).judged("R036").ruling is ruling


def test_a_timeout_is_dated_as_if_at_its_due_instant() -> None:
    # From 1 us on the node's clock runs twice as fast and shows 2 t - 1: an odd number at each microsecond. The poll
    # is due when it shows 2 h = 7,200,000,000, which is passed at 3,600,000,001 (it shows ...001 by then); the
    # timeout is due at 7,230,000,000 and fires at 3,615,000,001. The row is dated by the due instant.
    story = Story(drift(1_000_000, "a", at_us=1))
    story.registers("a")
    number = story.asks("a", POLL, 3_600_000_001, LOST, boot_us=2 * HOUR, ended_us=3_615_000_001)
    story.turns("a", 3_615_000_001, REGISTERED, INTERRUPTED, UNANSWERED)
    story.lists("a", 3_615_000_001, Code.NO_CONNECTION, number, wall_us=START + 2 * HOUR + 30 * SECOND)
    assert story.until(HOUR + 2 * MINUTE).judged("R036").ruling is HELD


def test_a_row_at_the_very_start_is_judged_too() -> None:
    story = Story()
    story.lists("a", 0, Code.NO_CONNECTION)
    assert story.judged("R036").ruling is VIOLATED


def test_an_abandoned_request_adds_no_row() -> None:
    story = Story()
    number = story.asks("a", REGISTER, 0, LOST, ended_us=10 * SECOND, outcome=Outcome.ABANDONED)
    story.asks("a", REGISTER, 10 * SECOND)
    story.lists("b", 10 * MS, 30007, story.asks("b", REGISTER, 0, 30007))
    assert story.judged("R036").ruling is HELD
    story.lists("a", 10 * SECOND, Code.NO_CONNECTION, number)
    assert story.judged("R036").ruling is VIOLATED


def test_an_answer_at_the_timeout_is_in_time_and_a_later_one_changes_nothing() -> None:
    for delivered_us, ruling in ((30 * SECOND, VIOLATED), (30 * SECOND + 1, HELD)):
        # A grant that the node treats as silence, with a "/" row at the timeout.
        story = Story()
        number = story.asks("a", REGISTER, 0, outcome=Outcome.UNANSWERED, ended_us=30 * SECOND)
        story.trace.exchanges.column("delivered_us")[0] = delivered_us
        story.lists("a", 30 * SECOND, Code.NO_CONNECTION, number)
        assert story.judged("R036").ruling is ruling


def test_a_lapse_while_no_attempt_ends_adds_a_row_of_its_own() -> None:
    story = off_the_grid()
    story.turns("a", DAY, INTERRUPTED, LAPSED, SILENCE)
    assert story.judged("R036").ruling is VIOLATED
    story.lists("a", DAY, Code.NO_CONNECTION)
    assert story.judged("R036").ruling is HELD


@pytest.mark.parametrize(("expires", "ruling"), [(False, HELD), (True, VIOLATED)])
def test_a_node_that_lapses_as_it_wakes_does_not_expire_first(expires: bool, ruling: Ruling) -> None:
    # It sleeps from the last poll, of 24 h, until 25 h; the licence runs out meanwhile. Waking, it finds its attempt
    # failed and lapses with that one row.
    story = Story(expires_us=START + DAY + MINUTE)
    story.registers("a")
    for k in range(11):
        story.misses("a", 2 * (k + 1) * HOUR, LOST, first=k == 0)
    number = story.asks("a", POLL, DAY, LOST, ended_us=25 * HOUR)
    story.edge("a", DAY + SECOND, EdgeKind.SUSPENDED)
    story.edge("a", 25 * HOUR, EdgeKind.RESUMED)
    if expires:
        story.lists("a", 25 * HOUR, Code.LICENSE_EXPIRED)
    story.lists("a", 25 * HOUR, Code.NO_CONNECTION, number)
    story.turns("a", 25 * HOUR, INTERRUPTED, LAPSED, TransitionReason.SILENCE)
    assert story.judged("R036").ruling is ruling


def test_the_nodes_own_expiry_adds_a_row() -> None:
    # Granted at 0 with the date of 5 ms; the licence ends at 1:00, so the node reckons its end at 1:00 less 5 ms.
    story = Story(expires_us=START + HOUR)
    story.registers("a")
    story.turns("a", HOUR - 5 * MS, REGISTERED, REJECTED, TransitionReason.EXPIRED)
    assert story.until(2 * HOUR - 1).judged("R036").ruling is VIOLATED
    story.lists("a", HOUR - 5 * MS, Code.LICENSE_EXPIRED)
    assert story.judged("R036").ruling is HELD


# R037: the list stays.


def test_rows_stay_in_order_and_none_is_made_up() -> None:
    for kept in ((1, 0), (0,), (0, 1, 1)):
        story = Story()
        story.lists("a", 10 * MS, 30007, story.asks("a", REGISTER, 0, 30007))
        story.lists("a", HOUR + 10 * MS, 30003, story.asks("a", REGISTER, HOUR, 30003))
        assert story.judged("R037").ruling is HELD
        rows = story.trace.final_lists[0]
        story.trace.final_lists[0] = tuple(rows[k] for k in kept)
        assert story.judged("R037").ruling is VIOLATED, kept


# What no rule of time says, but some rule has to see.


@pytest.mark.parametrize(("age_us", "ruling"), [(105 * MINUTE - 1, VIOLATED), (105 * MINUTE, HELD)])
def test_a_clone_is_told_by_the_age_of_the_last_accepted_request(age_us: int, ruling: Ruling) -> None:
    # A poll from a new address is a move from 1 h 45 min on, and a clone before. The port of b makes R107 tested.
    story = Story()
    story.registers("a")
    story.edge("a", MINUTE, EdgeKind.MOVED, FIRST + 9)
    story.asks("a", POLL, age_us, address=FIRST + 9)
    story.lists("b", 10 * MS, Code.INCORRECT_LICENSE_FORMAT, story.asks("b", POLL, 0, 0))
    assert story.judged("R107").ruling is ruling


def test_a_grant_carries_the_servers_date() -> None:
    story = Story()
    story.registers("a")
    assert story.judged("R005").ruling is HELD
    story.trace.exchanges.column("server_time_us")[0] += 1
    assert story.judged("R005").ruling is VIOLATED


def test_the_servers_date_never_goes_back() -> None:
    # Requests at 0 and at 2:00; in between the clock is set back by 3 h, and the date stays at the 5 ms of the first.
    story = Story(step(HOUR, -3 * HOUR))
    story.registers("a")
    story.asks("a", POLL, 2 * HOUR)
    story.trace.exchanges.column("server_time_us")[1] = START + 5 * MS
    assert story.judged("R005").ruling is HELD
    story.trace.exchanges.column("server_time_us")[1] = START - HOUR + 5 * MS
    assert story.judged("R005").ruling is VIOLATED


@pytest.mark.parametrize(
    ("rule", "status", "opened"),
    [("R008", REJECTED, True), ("R008", LAPSED, True), ("R007", INTERRUPTED, False), ("R007", REGISTERED, False)],
)
def test_access_follows_the_status_at_every_instant(rule: str, status: Status, opened: bool) -> None:
    story = Story()
    story.registers("a")
    story.trace.transitions.add(HOUR, 0, REGISTERED, status, SILENCE)
    story.opens("a", HOUR, opened)
    judgement = story.judged(rule)
    assert judgement.ruling is VIOLATED
    assert judgement.first is not None
    assert judgement.first.at_us == HOUR
