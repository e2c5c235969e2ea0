"""The rule book's own lease table: what each request found, worked out by hand."""

from __future__ import annotations

from fractions import Fraction

from harness.rulebook.history import History
from harness.rulebook.ledger import ExpectedSlot, Ledger
from harness.scenario import Event, Verb
from harness.trace import NEVER, EdgeKind, SlotChange
from reference_server.protocol import Kind
from reference_server.readings import READINGS
from tests.rulebook.hand import ANSWER_LOST, DAY, FIRST, HOUR, LOST, MINUTE, MS, REFUSED_PORT, START, Story, node

REGISTER, POLL, UNBIND = Kind.REGISTER, Kind.POLL, Kind.UNBIND


def ledger(story: Story) -> Ledger:
    return Ledger(History(story.scenario, story.reading, story.trace))


def test_what_a_request_finds() -> None:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("b", REGISTER, MINUTE)
    story.asks("a", POLL, 2 * HOUR)
    first, second, poll = (ledger(story).before[place] for place in range(3))
    assert (first.live, first.address, first.age_us, first.live_units) == (False, NEVER, 0, 0)
    assert (second.live, second.live_units) == (False, 1)
    assert (poll.live, poll.address, poll.age_us, poll.live_units) == (True, FIRST, 2 * HOUR, 2)
    assert poll.date_us == START + 2 * HOUR + 5 * MS


def test_only_what_reached_a_running_server_is_in_it() -> None:
    story = Story()
    story.asks("a", REGISTER, 0, LOST)
    story.asks("b", REGISTER, 0, ANSWER_LOST)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.asks("a", REGISTER, HOUR, REFUSED_PORT)
    assert sorted(ledger(story).before) == [1]


def test_one_instant_is_ordered_by_sending_then_by_the_file() -> None:
    # All three arrive at once by the file's order of nodes, although the trace has them the other way round.
    story = Story(capacity=2)
    for name in "cba":
        story.asks(name, REGISTER, 0)
    before = ledger(story).before
    assert [before[place].live_units for place in range(3)] == [2, 1, 0]


def test_a_slot_is_live_at_24_hours_sharp_and_void_a_microsecond_later() -> None:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.asks("a", POLL, DAY, 0)
    story.asks("b", POLL, DAY, 0)
    story.asks("b", REGISTER, DAY + 1)
    found = ledger(story)
    assert found.before[1].live
    assert found.before[1].age_us == DAY
    assert found.before[2].live_units == 1
    assert found.before[3].live_units == 0
    assert found.expected[0] == ExpectedSlot(DAY + 5 * MS + 1, 0, SlotChange.VOID)


def test_24_hours_are_those_of_the_servers_own_clock() -> None:
    # Half as fast again: 24 h on it are 16 h of true time. The register arrives at 5 ms, when the clock shows 7.5 ms;
    # it shows that plus 24 h and 1 us, rounded down, from 16 h, 5 ms and 1 us on (which shows 24 h and 7.5015 ms).
    story = Story(Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="server", ppm=Fraction(500_000)))
    story.asks("a", REGISTER, 0)
    assert ledger(story).expected == [ExpectedSlot(16 * HOUR + 5 * MS + 1, 0, SlotChange.VOID)]


def test_a_request_between_two_beats_sees_the_age_of_the_earlier_one() -> None:
    # Polls at 2:00, 4:00 and 6:00 are one row; at 4:30 a register arrives 30 min after the second of them.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.beats("a", 2 * HOUR, 3)
    story.asks("a", REGISTER, 4 * HOUR + 30 * MINUTE)
    assert ledger(story).before[1].age_us == 30 * MINUTE


def test_a_start_reads_the_age_off_the_wall_clock_and_never_rewrites_it() -> None:
    # Restarts at 10:00 and at 20:00 change nothing: void 24 h and 1 us after the arrival.
    story = Story()
    story.asks("a", REGISTER, 0)
    for at_us in (10 * HOUR, 20 * HOUR):
        story.edge("server", at_us - MINUTE, EdgeKind.STOPPED)
        story.edge("server", at_us, EdgeKind.STARTED)
    assert ledger(story).expected == [ExpectedSlot(DAY + 5 * MS + 1, 0, SlotChange.VOID)]


def test_an_age_is_never_negative() -> None:
    # Set back by 10 h while down: at the start the age is 0 instead of 2 h - 10 h, so the slot lives 24 h from there.
    story = Story(Event(index=0, at_us=HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=-10 * HOUR))
    story.asks("a", REGISTER, 0)
    story.edge("server", HOUR - MINUTE, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED)
    assert ledger(story).expected == [ExpectedSlot(26 * HOUR + 1, 0, SlotChange.VOID)]


def test_revive_counts_no_downtime_until_one_stop_exceeds_a_day() -> None:
    for length_us, expected in (
        (DAY, ExpectedSlot(2 * DAY + 5 * MS + 1, 0, SlotChange.VOID)),
        (DAY + 1, ExpectedSlot(HOUR + DAY + 1, 0, SlotChange.DROPPED)),
    ):
        story = Story(reading=READINGS["revive"])
        story.asks("a", REGISTER, 0)
        story.edge("server", HOUR, EdgeKind.STOPPED)
        story.edge("server", HOUR + length_us, EdgeKind.STARTED)
        assert ledger(story).expected == [expected]


def test_revive_excuses_no_downtime_from_the_age_that_tells_a_move() -> None:
    # Down from 0:30 to 1:30. At 1:45 the last request is 1 h 45 min old, though of its silence just 45 min count: the
    # slot is void after 24 h of uptime, at 25 h, 5 ms and 1 us.
    story = Story(reading=READINGS["revive"])
    story.asks("a", REGISTER, 0)
    story.edge("server", 30 * MINUTE, EdgeKind.STOPPED)
    story.edge("server", 90 * MINUTE, EdgeKind.STARTED)
    story.asks("a", POLL, 105 * MINUTE, 0)
    found = ledger(story)
    assert found.before[1].age_us == 105 * MINUTE
    assert found.expected == [ExpectedSlot(25 * HOUR + 5 * MS + 1, 0, SlotChange.VOID)]


def test_revive_voids_at_the_instant_of_a_stop_and_not_in_it() -> None:
    void_us = DAY + 5 * MS + 1
    for stop_us, expected in ((void_us, void_us), (void_us - 1, 26 * HOUR + 1)):
        story = Story(reading=READINGS["revive"])
        story.asks("a", REGISTER, 0)
        story.edge("server", stop_us, EdgeKind.STOPPED)
        story.edge("server", 26 * HOUR, EdgeKind.STARTED)
        assert ledger(story).expected == [ExpectedSlot(expected, 0, SlotChange.VOID)]


def test_a_start_stores_its_date_before_a_step_of_the_same_instant() -> None:
    # Up again at 27:05, with the clock set back by 20 h at that very instant: ends come before starts, so the start
    # saw 27:05, and the date waits there until the clock has caught up, at 47:05.
    back = Event(index=0, at_us=27 * HOUR + 5 * MINUTE, verb=Verb.CLOCK_STEP, host="server", by_us=-20 * HOUR)
    story = Story(back)
    story.edge("server", 27 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 27 * HOUR + 5 * MINUTE, EdgeKind.STARTED)
    found = ledger(story)
    assert found.date_at(40 * HOUR) == START + 27 * HOUR + 5 * MINUTE
    assert found.date_at(48 * HOUR) == START + 28 * HOUR


def test_a_step_forward_at_the_instant_of_a_start_leaves_no_date() -> None:
    # The clock is a day ahead for an hour in which nobody asks: the start came before the step and did not see it.
    at_us = 27 * HOUR + 5 * MINUTE
    story = Story(
        Event(index=0, at_us=at_us, verb=Verb.CLOCK_STEP, host="server", by_us=25 * HOUR),
        Event(index=1, at_us=at_us + HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=-25 * HOUR),
    )
    story.edge("server", 27 * HOUR, EdgeKind.STOPPED)
    story.edge("server", at_us, EdgeKind.STARTED)
    assert ledger(story).date_at(40 * HOUR) == START + 40 * HOUR


def test_an_unbind_and_a_destroy_free_slots() -> None:
    story = Story()
    for name in "ab":
        story.asks(name, REGISTER, 0)
    story.asks("a", UNBIND, HOUR)
    story.asks("a", POLL, 2 * HOUR, 0)
    story.edge("server", 3 * HOUR, EdgeKind.DESTROYED)
    found = ledger(story)
    assert not found.before[3].live
    assert found.expected == [
        ExpectedSlot(HOUR + 5 * MS, 0, SlotChange.FREED),
        ExpectedSlot(3 * HOUR, 1, SlotChange.DROPPED),
    ]


def test_members_of_a_cluster_share_one_unit_where_the_reading_says_so() -> None:
    members = tuple(node(name, cluster="c", address=FIRST + k) for k, name in enumerate("ab"))
    for reading, units in (("literal", 2), ("cluster-is-one", 1)):
        story = Story(nodes=members, reading=READINGS[reading])
        for name in "ab":
            story.asks(name, REGISTER, 0)
        story.asks("a", POLL, 2 * HOUR)
        view = ledger(story).before[2]
        assert (view.live_units, view.unit_live) == (units, True)
