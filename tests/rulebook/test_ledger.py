"""The rule book's own lease table: what each request found, worked out by hand."""

from __future__ import annotations

from fractions import Fraction

from harness.rulebook.history import History
from harness.rulebook.ledger import NEVER_SEEN, ExpectedSlot, Ledger
from harness.scenario import Event, Verb
from harness.trace import NEVER, EdgeKind, SlotChange, Verdict
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


def test_a_request_after_a_run_of_polls_sees_the_age_of_the_last_one() -> None:
    # Polls at 2:00, 4:00, ... and 28:00 are one row, and keep the slot for more than 24 h after the register.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.beats("a", 2 * HOUR, 14)
    story.asks("a", REGISTER, 28 * HOUR + 30 * MINUTE)
    found = ledger(story)
    assert (found.before[1].live, found.before[1].address, found.before[1].age_us) == (True, FIRST, 30 * MINUTE)
    assert found.expected == [ExpectedSlot(52 * HOUR + 30 * MINUTE + 5 * MS + 1, 0, SlotChange.VOID)]


def test_a_run_of_polls_begins_at_a_server_that_starts_while_the_first_is_on_its_way() -> None:
    # The polls of 2:00, 4:00 and 6:00 arrive 5 ms later; the server is up again from 2:00:00.002 on.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR + 2 * MS, EdgeKind.STARTED)
    story.beats("a", 2 * HOUR, 3)
    assert ledger(story).expected == [ExpectedSlot(30 * HOUR + 5 * MS + 1, 0, SlotChange.VOID)]


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


def test_revive_adds_up_what_it_does_not_count() -> None:
    # Down from 1:00 to 2:00 and from 3:00 to 5:00.
    story = Story(reading=READINGS["revive"])
    story.asks("a", REGISTER, 0)
    for from_us, to_us in ((HOUR, 2 * HOUR), (3 * HOUR, 5 * HOUR)):
        story.edge("server", from_us, EdgeKind.STOPPED)
        story.edge("server", to_us, EdgeKind.STARTED)
    assert ledger(story).expected == [ExpectedSlot(27 * HOUR + 5 * MS + 1, 0, SlotChange.VOID)]


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


# The ends of the run, and of the slots.


def test_a_slot_is_void_at_the_last_instant_of_the_run_and_not_after_it() -> None:
    void_us = DAY + 5 * MS + 1
    for end_us, expected in ((void_us, [ExpectedSlot(void_us, 0, SlotChange.VOID)]), (void_us - 1, [])):
        story = Story().until(end_us)
        story.asks("a", REGISTER, 0)
        assert ledger(story).expected == expected


def test_who_holds_a_slot_before_an_instant_and_how_many_are_live_at_it() -> None:
    # b's slot is taken 5 ms after noon and given back 5 ms after 13:00; c's is taken as the run ends.
    story = Story().until(DAY)
    story.asks("b", REGISTER, 12 * HOUR)
    story.asks("b", UNBIND, 13 * HOUR)
    story.asks("c", REGISTER, DAY - 5 * MS)
    found = ledger(story)
    taken_us, freed_us = 12 * HOUR + 5 * MS, 13 * HOUR + 5 * MS
    before = [found.holders_before(at_us) for at_us in (0, taken_us, taken_us + 1, freed_us, freed_us + 1)]
    assert before == [[], [], [1], [1], []]
    live = [found.live_at(at_us) for at_us in (0, taken_us - 1, taken_us, freed_us - 1, freed_us, DAY)]
    assert live == [0, 0, 1, 1, 0, 1]


# Ties, and crashes in the course of a request.


def test_a_request_that_arrives_as_the_server_starts_finds_it_up() -> None:
    # Down from 1 ms to 5 ms. In windows-close a start drops every slot: that of a is taken right after it.
    story = Story(reading=READINGS["windows-close"])
    story.edge("server", 1 * MS, EdgeKind.STOPPED)
    story.edge("server", 5 * MS, EdgeKind.STARTED)
    story.asks("a", REGISTER, 0)
    assert ledger(story).changes == [
        ExpectedSlot(5 * MS, 0, SlotChange.TAKEN),
        ExpectedSlot(DAY + 5 * MS + 1, 0, SlotChange.VOID),
    ]


def test_a_slot_that_falls_void_at_a_crash_is_marked_unless_a_request_came_first() -> None:
    # a's slot is void at 24:00:00.005001. The server crashes at that instant, and at 25:00 its clock is set back by 20
    # h. Its start at 26:00 reads 6:00, an age of 6 h less 5 ms: what was marked lives for 18 h, 5 ms and 1 us more. But
    # if it was a request of b that crashed the server, the slot was void before that arrived.
    void_us = DAY + 5 * MS + 1
    for value, expected in (
        (0, [(void_us, SlotChange.VOID), (26 * HOUR, SlotChange.RESTORED), (44 * HOUR + 5 * MS + 1, SlotChange.VOID)]),
        (2, [(void_us, SlotChange.VOID)]),
    ):
        story = Story(Event(index=0, at_us=25 * HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=-20 * HOUR))
        story.asks("a", REGISTER, 0)
        story.asks("b", REGISTER, void_us - 5 * MS, REFUSED_PORT if value == 0 else "silence")
        story.edge("server", void_us, EdgeKind.CRASHED, value=value)
        story.edge("server", 26 * HOUR, EdgeKind.STARTED)
        found = ledger(story)
        assert found.expected == [ExpectedSlot(at_us, 0, change) for at_us, change in expected]
        # What b asked was never handled: the port refused it, or the server broke down over it.
        assert sorted(found.before) == [0]


def test_a_crash_that_a_request_brings_comes_after_that_request() -> None:
    # The server crashes with the register of a, or with that of b an hour later, and stays down, which is no silence in
    # revive: what was granted before the crash is not void in its course.
    for names in ("a", "ab"):
        story = Story(reading=READINGS["revive"])
        for k, name in enumerate(names):
            story.asks(name, REGISTER, k * HOUR)
        last = len(names) - 1
        story.edge("server", last * HOUR + 5 * MS, EdgeKind.CRASHED, value=last + 1)
        assert ledger(story).expected == []


# Starts.


def test_a_reboot_of_a_stopped_server_does_not_begin_its_downtime_anew() -> None:
    # Down since 1:00; at 20:00 the power fails, too. Up again at 22:00: 21 h of 22 h less 5 ms are excused, and 24 h of
    # silence are over 45 h after the register. Up again at 26:00: 25 h are too long.
    for back_us, expected in (
        (22 * HOUR, ExpectedSlot(45 * HOUR + 5 * MS + 1, 0, SlotChange.VOID)),
        (26 * HOUR, ExpectedSlot(26 * HOUR, 0, SlotChange.DROPPED)),
    ):
        story = Story(reading=READINGS["revive"])
        story.asks("a", REGISTER, 0)
        story.edge("server", HOUR, EdgeKind.STOPPED)
        story.edge("server", 20 * HOUR, EdgeKind.POWER_LOST)
        story.edge("server", back_us, EdgeKind.STARTED)
        assert ledger(story).expected == [expected]


def test_a_start_does_not_see_a_step_of_its_own_instant() -> None:
    # Set forward by 25 h as it starts: it reads 2:00, and the slot lives to the end of its day.
    story = Story(Event(index=0, at_us=2 * HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=25 * HOUR))
    story.asks("a", REGISTER, 0)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED)
    assert ledger(story).expected == [ExpectedSlot(DAY + 5 * MS + 1, 0, SlotChange.VOID)]


def test_an_age_that_a_start_reads_is_told_to_the_microsecond() -> None:
    # Set back by 10 h while down, the server reads an age of nothing at 2:00; an hour and 5 ms later that has grown to
    # an hour and 5 ms.
    story = Story(Event(index=0, at_us=HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=-10 * HOUR))
    story.asks("a", REGISTER, 0)
    story.edge("server", HOUR - MINUTE, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR, EdgeKind.STARTED)
    story.asks("a", POLL, 3 * HOUR)
    assert ledger(story).before[1].age_us == HOUR + 5 * MS


def test_an_age_is_that_on_the_servers_own_clock() -> None:
    # Half as fast again: 2 h of true time are 3 h.
    story = Story(Event(index=0, at_us=0, verb=Verb.CLOCK_DRIFT, host="server", ppm=Fraction(500_000)))
    story.asks("a", REGISTER, 0)
    story.asks("a", POLL, 2 * HOUR)
    assert ledger(story).before[1].age_us == 3 * HOUR


# A unit of two members, which is live as long as one of them is.


def cluster_of_two(*events: Event) -> Story:
    """a and b of one cluster, which takes one slot, register at once."""
    members = tuple(node(name, cluster="c", address=FIRST + k) for k, name in enumerate("ab"))
    story = Story(*events, nodes=members, reading=READINGS["cluster-is-one"])
    for name in "ab":
        story.asks(name, REGISTER, 0)
    return story


def leaves_one(story: Story, at_us: int) -> None:
    """Assert that after an unbind of a the cluster still holds its slot, for b."""
    story.asks("a", UNBIND, at_us)
    story.asks("b", POLL, at_us + HOUR)
    found = ledger(story)
    assert (found.before[3].live, found.before[3].unit_live, found.before[3].live_units) == (True, True, 1)


def test_a_cluster_whose_members_are_restored_has_two_of_them() -> None:
    # Both are void at 24:00:00.005001, while the server is down, and the start at 26:00 reads 6:00.
    story = cluster_of_two(Event(index=0, at_us=25 * HOUR, verb=Verb.CLOCK_STEP, host="server", by_us=-20 * HOUR))
    story.edge("server", DAY, EdgeKind.STOPPED)
    story.edge("server", 26 * HOUR, EdgeKind.STARTED)
    leaves_one(story, 27 * HOUR)


def test_a_cluster_that_is_put_back_has_two_members() -> None:
    story = cluster_of_two()
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.ROLLED_BACK, value=HOUR)
    story.edge("server", 4 * HOUR, EdgeKind.STARTED)
    leaves_one(story, 5 * HOUR)


# Earlier states that are put back.


def test_what_is_put_back_is_judged_by_the_next_start() -> None:
    # The state of 1:00 is put back at 3:00. The server is up again at 30:00, and only then the slot is found void.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.ROLLED_BACK, value=HOUR)
    story.edge("server", 30 * HOUR, EdgeKind.STARTED)
    assert ledger(story).expected == [ExpectedSlot(30 * HOUR, 0, SlotChange.VOID)]


def test_what_is_put_back_outlives_a_reboot_in_revive() -> None:
    # Down from 2:00 to 5:00, with a power failure after the state of 1:00 was put back: 3 h are no silence.
    story = Story(reading=READINGS["revive"])
    story.asks("a", REGISTER, 0)
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 3 * HOUR, EdgeKind.ROLLED_BACK, value=HOUR)
    story.edge("server", 4 * HOUR, EdgeKind.POWER_LOST)
    story.edge("server", 5 * HOUR, EdgeKind.STARTED)
    assert ledger(story).expected == [ExpectedSlot(27 * HOUR + 5 * MS + 1, 0, SlotChange.VOID)]


def test_the_state_of_an_instant_is_that_before_anything_happened_at_it() -> None:
    # The slot is void at 24:00:00.005001. The state of that very instant still has it; the start finds it too old.
    void_us = DAY + 5 * MS + 1
    story = Story()
    story.asks("a", REGISTER, 0)
    story.edge("server", 25 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 26 * HOUR, EdgeKind.ROLLED_BACK, value=void_us)
    story.edge("server", 27 * HOUR, EdgeKind.STARTED)
    assert ledger(story).expected == [
        ExpectedSlot(void_us, 0, SlotChange.VOID),
        ExpectedSlot(26 * HOUR, 0, SlotChange.FOUND),
        ExpectedSlot(27 * HOUR, 0, SlotChange.VOID),
    ]


def test_what_was_asked_after_the_state_that_is_put_back_is_new_when_it_comes_again() -> None:
    # Registered at 1:00, which the state of 0:30 does not know. A copy of that request arrives at 2:30, and the
    # node, whose state was put back too, sends one like it at 3:00: that one the server knows, by the copy.
    story = Story()
    story.asks("a", REGISTER, HOUR)
    story.edge("server", 2 * HOUR, EdgeKind.STOPPED)
    story.edge("server", 2 * HOUR + 10 * MINUTE, EdgeKind.ROLLED_BACK, value=30 * MINUTE)
    story.edge("server", 2 * HOUR + 20 * MINUTE, EdgeKind.STARTED)
    again_us = 2 * HOUR + 30 * MINUTE
    story.trace.copies.add(0, again_us, Verdict.GRANTED, START + again_us, 0, 0)
    story._numbers[0] = 0
    story.asks("a", REGISTER, 3 * HOUR)
    found = ledger(story)
    (copy,) = story.trace.copies
    assert found.copies == [(copy, NEVER_SEEN)]
    assert (found.before[1].seen, found.before[1].first) == (Verdict.GRANTED, 0)
    assert found.changes == [
        ExpectedSlot(HOUR + 5 * MS, 0, SlotChange.TAKEN),
        ExpectedSlot(2 * HOUR + 10 * MINUTE, 0, SlotChange.LOST),
        ExpectedSlot(again_us, 0, SlotChange.TAKEN),
        ExpectedSlot(again_us + DAY + 1, 0, SlotChange.VOID),
    ]


# What makes two requests the same.


def test_a_copy_that_arrives_with_its_request_comes_second() -> None:
    story = Story()
    story.asks("a", REGISTER, 0)
    story.trace.copies.add(0, 5 * MS, Verdict.GRANTED, START + 5 * MS, 0, 0)
    found = ledger(story)
    assert found.before[0].seen == NEVER_SEEN
    assert [seen for _, seen in found.copies] == [Verdict.GRANTED]


def test_what_was_no_request_is_neither_known_again_nor_takes_the_place_of_what_is() -> None:
    # Two requests are remembered. The malformed ones of 1:00 and 2:00 push none of them out, and one with the number of
    # a register is not that register.
    story = Story()
    story.asks("a", REGISTER, 0)
    for hour in (1, 2):
        story.asks("a", REGISTER, hour * HOUR, 10000, form=1)
    story.trace.copies.add(0, 3 * HOUR, Verdict.GRANTED, START + 5 * MS, 0, 0)
    story._numbers[0] = 0
    story.asks("a", REGISTER, 4 * HOUR, 10000, form=1)
    found = ledger(story)
    assert [seen for _, seen in found.copies] == [Verdict.GRANTED]
    assert found.before[3].seen == NEVER_SEEN


def test_what_was_never_answered_is_new_when_it_comes_again() -> None:
    story = Story()
    story.asks("a", REGISTER, 0, "silence")
    story._numbers[0] = 0
    story.asks("a", REGISTER, HOUR)
    found = ledger(story)
    assert found.before[1].seen == NEVER_SEEN
    assert found.changes[0] == ExpectedSlot(HOUR + 5 * MS, 0, SlotChange.TAKEN)


def test_a_clone_with_another_application_asks_for_itself() -> None:
    # One installation id, one address, one number: but what they are granted is decided by what they say of themselves.
    for application, seen in (("report1", Verdict.GRANTED), ("report2", NEVER_SEEN)):
        story = Story(nodes=(node("a"), node("b", clone_of="a", application=application)))
        story.asks("a", REGISTER, 0)
        story.asks("b", REGISTER, HOUR)
        assert ledger(story).before[1].seen == seen


def test_a_stopped_server_that_answers_finds_no_slot_that_is_void() -> None:
    # Down since 1:00, and yet it answers at 25:00, an hour after a's slot was void.
    story = Story()
    story.asks("a", REGISTER, 0)
    story.edge("server", HOUR, EdgeKind.STOPPED)
    story.asks("a", POLL, 25 * HOUR)
    found = ledger(story).before[1]
    assert (found.live, found.address, found.age_us, found.live_units) == (False, NEVER, 0, 0)
