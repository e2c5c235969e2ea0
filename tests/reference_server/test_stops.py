"""What survives a stop of the server, and how a slot's age is told at the start after it (R034)."""

from __future__ import annotations

import pytest

from reference_server.authority import Power
from reference_server.protocol import Code, Details, Grant, Poll, Register, Release, Unbind, is_signed
from tests.reference_server.bench import (
    DAY,
    DROPPED,
    EPOCH,
    FIRST,
    HOUR,
    MINUTE,
    MOVED,
    RESTORED,
    VOID,
    Bench,
)


def test_an_answer_that_was_sent_is_not_forgotten_in_a_crash() -> None:
    # The program ends at the very instant at which it answered.
    bench = Bench(capacity=1)
    bench.ask(Register, "a", HOUR)
    bench.restart(HOUR, HOUR + 1)
    assert bench.authority.live == 1
    assert bench.ask(Register, "b", 2 * HOUR).code == Code.REGISTER_OUT_OF_LIMIT
    bench.ask(Unbind, "a", 2 * HOUR)
    bench.restart(2 * HOUR, 2 * HOUR + 1)
    assert bench.authority.live == 0


def test_a_week_of_restarts_every_20_h_frees_a_dead_node_after_24_h() -> None:
    bench = Bench(capacity=1)
    bench.ask(Register, "dead", 0)
    voided = []
    for k in range(1, 9):
        down_us = k * 20 * HOUR
        while (due_us := bench.authority.next_void_us()) is not None and due_us <= down_us:
            voided += [(due_us, change.installation) for change in bench.authority.expire(due_us)]
        bench.restart(down_us, down_us + MINUTE)
        assert bench.changes == []
    # 24 h after it was last heard of, though no program ever ran for 24 h.
    assert voided == [(DAY + 1, "dead")]
    assert bench.granted(Register, "b", 7 * DAY)


@pytest.mark.parametrize(("ahead_us", "kept"), [(22 * HOUR, True), (22 * HOUR + 1, False)])
def test_the_age_at_a_start_is_told_by_the_wall_clock(ahead_us: int, kept: bool) -> None:
    # Registered at 0, started at 2 h by a clock that is 22 h ahead: exactly 24 h old, which is in time.
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ahead_us = ahead_us
    bench.restart(HOUR, 2 * HOUR)
    assert bench.kinds() == ([] if kept else [VOID])
    assert bench.granted(Poll, "a", 2 * HOUR) is kept


def test_while_it_runs_the_age_is_told_by_the_boot_time_clock() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    for ahead_us in (25 * HOUR, -25 * HOUR):
        bench.ahead_us = ahead_us
        assert bench.granted(Poll, "a", HOUR)
        assert bench.kinds() == []


def test_what_is_stored_is_the_wall_clock_at_arrival() -> None:
    # Registered by a clock that is 5 h ahead, started after it was put right: -3 h counts as 0.
    bench = Bench()
    bench.ahead_us = 5 * HOUR
    bench.ask(Register, "a", 0)
    bench.ahead_us = 0
    bench.restart(HOUR, 2 * HOUR)
    assert bench.authority.next_void_us() == 2 * HOUR + DAY + 1
    # A second start reads the same stored instant again: 6 h - 5 h.
    bench.restart(6 * HOUR, 6 * HOUR)
    assert bench.authority.next_void_us() == 6 * HOUR + 23 * HOUR + 1


def test_a_poll_replaces_what_is_stored() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ask(Poll, "a", 20 * HOUR)
    bench.restart(40 * HOUR, 41 * HOUR)
    assert bench.kinds() == []
    assert bench.authority.next_void_us() == 44 * HOUR + 1


def test_a_slot_that_was_void_while_down_is_not_void_twice() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.authority.stop(bench.now(HOUR))
    assert [change.kind for change in bench.authority.expire(DAY + 1)] == [VOID]
    bench.changes = bench.authority.start(bench.now(25 * HOUR))
    assert (bench.changes, bench.authority.live, bench.authority.next_void_us()) == ([], 0, None)


def test_a_slot_that_was_given_back_and_taken_again_is_void_once() -> None:
    # 24 h after it was taken again, whether the program runs or not.
    for runs in (True, False):
        bench = Bench()
        bench.ask(Register, "a", 0)
        bench.ask(Unbind, "a", HOUR)
        bench.ask(Register, "a", 2 * HOUR)
        if not runs:
            bench.authority.stop(bench.now(3 * HOUR))
        assert bench.authority.expire(26 * HOUR) == []
        assert [change.kind for change in bench.authority.expire(26 * HOUR + 1)] == [VOID]
        assert bench.authority.live == 0


def test_a_restored_slot_takes_capacity_again_and_can_be_void_again() -> None:
    bench = Bench(capacity=1)
    bench.ask(Register, "a", 0)
    bench.authority.stop(bench.now(HOUR))
    bench.authority.expire(DAY + 1)
    bench.ahead_us = -2 * HOUR
    bench.changes = bench.authority.start(bench.now(25 * HOUR))
    assert [(change.kind, change.live) for change in bench.changes] == [(RESTORED, 1)]
    assert bench.ask(Register, "b", 25 * HOUR).code == Code.REGISTER_OUT_OF_LIMIT
    # 23 h old at 25 h.
    assert bench.granted(Register, "b", 26 * HOUR + 1)


@pytest.mark.parametrize(("age_us", "moved"), [(105 * MINUTE - 1, False), (105 * MINUTE, True)])
def test_a_move_is_told_by_the_age_over_a_stop(age_us: int, moved: bool) -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 90 * MINUTE)
    assert bench.granted(Poll, "a", age_us, FIRST + 1) is moved
    assert bench.kinds() == ([MOVED] if moved else [])


def test_a_second_start_changes_nothing() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ahead_us = 25 * HOUR
    assert bench.authority.start(bench.now(HOUR)) == []
    assert bench.authority.power is Power.RUNNING
    assert bench.authority.next_void_us() == DAY + 1


def test_a_stopped_server_can_be_destroyed() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.authority.stop(bench.now(HOUR))
    assert [(change.kind, change.live) for change in bench.authority.destroy()] == [(DROPPED, 0)]
    assert bench.authority.destroy() == []
    bench.authority.stop(bench.now(2 * HOUR))
    assert bench.authority.power is Power.DESTROYED


def test_the_latest_date_is_stored() -> None:
    # Expired at 3 h; with the clock set back 10 h the date still is what it was.
    bench = Bench(expires_us=EPOCH + 3 * HOUR)
    assert bench.granted(Register, "a", HOUR)
    assert bench.ask(Poll, "a", 3 * HOUR).code == Code.LICENSE_EXPIRED
    bench.ahead_us = -10 * HOUR
    bench.restart(4 * HOUR, 5 * HOUR)
    assert bench.ask(Poll, "a", 5 * HOUR).code == Code.LICENSE_EXPIRED


def test_a_start_stores_the_date_too() -> None:
    bench = Bench(expires_us=EPOCH + 3 * HOUR)
    bench.restart(HOUR, 3 * HOUR)
    bench.ahead_us = -2 * HOUR
    assert bench.ask(Register, "a", 3 * HOUR).code == Code.LICENSE_EXPIRED


def test_an_expired_licence_does_not_void_a_slot() -> None:
    # The slot of a node that is refused counts until 24 h after its last accepted request.
    bench = Bench(capacity=1, expires_us=EPOCH + HOUR)
    bench.ask(Register, "a", 0)
    bench.ask(Poll, "a", 2 * HOUR)
    assert bench.authority.live == 1
    assert bench.authority.next_void_us() == DAY + 1


def test_a_grant_carries_the_five_items_and_the_date_of_arrival() -> None:
    bench = Bench(capacity=2, applications=("r",), domains=("a.example",), ports=(8068,), expires_us=EPOCH + 9 * HOUR)
    answer = bench.ask(Register, "a", HOUR, domain="a.example", port=8068)
    assert isinstance(answer, Grant)
    assert (answer.number, answer.installation, answer.capacity) == (1, "a", 2)
    assert answer.server_time_us == EPOCH + HOUR
    assert answer.details == Details(
        function_points=("FineDataLink",),
        access_domains=("a.example",),
        access_ports=(8068,),
        application_names=("r",),
        expires_us=EPOCH + 9 * HOUR,
    )
    assert is_signed(answer, bench.authority.licence.key)


def test_a_release_is_signed_and_carries_the_date() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    answer = bench.ask(Unbind, "a", HOUR)
    assert isinstance(answer, Release)
    assert (answer.number, answer.installation, answer.server_time_us) == (2, "a", EPOCH + HOUR)
    assert is_signed(answer, bench.authority.licence.key)


# What the readings change.


@pytest.mark.parametrize(("late_us", "granted"), [(0, True), (1, False)])
def test_revive_gives_24_h_of_uptime(late_us: int, granted: bool) -> None:
    # Registered at 0, down from 1 h to 21 h: 24 h of silence are over at 44 h.
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 21 * HOUR)
    assert bench.granted(Poll, "a", 44 * HOUR + late_us) is granted


def test_revive_excuses_a_downtime_once() -> None:
    # The downtime from 1 h to 21 h does not count for a poll of 22 h: 1 h up, 1 h down, so 23 h are left at 24 h.
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 21 * HOUR)
    bench.ask(Poll, "a", 22 * HOUR)
    bench.restart(23 * HOUR, DAY)
    assert bench.authority.next_void_us() == DAY + 23 * HOUR + 1


def test_revive_judges_each_downtime_by_itself() -> None:
    # Two downtimes of 24 h each drop nothing; one of a microsecond more does, however old the slot.
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 25 * HOUR)
    bench.restart(26 * HOUR, 50 * HOUR)
    assert bench.kinds() == []
    bench.ask(Poll, "a", 51 * HOUR)
    bench.restart(51 * HOUR, 75 * HOUR + 1)
    assert bench.kinds() == [DROPPED]


@pytest.mark.parametrize(("age_us", "moved"), [(105 * MINUTE - 1, False), (105 * MINUTE, True)])
def test_revive_excuses_downtime_from_silence_and_not_from_the_age_that_tells_a_move(age_us: int, moved: bool) -> None:
    # Up for 45 min of the 1 h 45 min: the last request is that old all the same, so the node has moved.
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.restart(30 * MINUTE, 90 * MINUTE)
    assert bench.granted(Poll, "a", age_us, FIRST + 1) is moved
    # The holder that has not moved is silent for 24 h of uptime at 25 h.
    if not moved:
        assert bench.authority.expire(25 * HOUR) == []
        assert [change.kind for change in bench.authority.expire(25 * HOUR + 1)] == [VOID]


@pytest.mark.parametrize(("stop_us", "void"), [(DAY, False), (DAY + 1, True)])
def test_revive_voids_a_slot_at_the_instant_of_a_stop_but_not_after_it(stop_us: int, void: bool) -> None:
    # The 24 h of uptime are over at 24 h and 1 us: a stop at that instant cannot excuse them any more.
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.authority.stop(bench.now(stop_us))
    assert bench.authority.next_void_us() == (DAY + 1 if void else None)
    if void:
        assert [(change.kind, change.live) for change in bench.authority.expire(DAY + 1)] == [(VOID, 0)]
    bench.changes = bench.authority.start(bench.now(26 * HOUR), downtime_us=26 * HOUR - stop_us)
    assert (bench.kinds(), bench.authority.live) == ([], int(not void))


@pytest.mark.parametrize(("late_us", "granted"), [(0, True), (1, False)])
def test_thirteenth_miss_counts_26_h_over_a_stop(late_us: int, granted: bool) -> None:
    bench = Bench("thirteenth-miss")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 25 * HOUR)
    assert bench.kinds() == []
    assert bench.granted(Poll, "a", 26 * HOUR + late_us) is granted


@pytest.mark.parametrize("reading", ["twelve-strikes", "stop-closes-access", "first-in-time", "cluster-is-one"])
def test_the_other_readings_keep_the_servers_24_hours(reading: str) -> None:
    bench = Bench(reading)
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 20 * HOUR)
    assert bench.authority.next_void_us() == DAY + 1


def test_windows_close_voids_after_the_shortest_stop_and_a_poll_finds_nothing() -> None:
    bench = Bench("windows-close", capacity=1)
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, HOUR)
    assert bench.kinds() == [DROPPED]
    assert bench.ask(Poll, "a", 2 * HOUR).code == Code.INCORRECT_LICENSE_FORMAT
    assert bench.granted(Register, "b", 2 * HOUR)


def test_cluster_is_one_frees_the_slot_with_its_last_member() -> None:
    bench = Bench("cluster-is-one", capacity=1)
    bench.ask(Register, "a", 0, cluster="c")
    bench.ask(Register, "b", 0, cluster="c")
    bench.ask(Unbind, "a", HOUR)
    assert (bench.authority.live, bench.ask(Register, "x", HOUR).code) == (1, Code.REGISTER_OUT_OF_LIMIT)
    bench.ask(Unbind, "b", HOUR)
    assert bench.authority.live == 0
    assert bench.granted(Register, "x", HOUR)


def test_two_clusters_are_two_slots() -> None:
    bench = Bench("cluster-is-one", capacity=2)
    assert bench.granted(Register, "a", 0, cluster="c")
    assert bench.granted(Register, "b", 0, cluster="d")
    assert bench.ask(Register, "x", 0).code == Code.REGISTER_OUT_OF_LIMIT


def test_a_member_of_a_cluster_takes_a_slot_of_its_own_in_the_literal_reading() -> None:
    bench = Bench(capacity=1)
    assert bench.granted(Register, "a", 0, cluster="c")
    assert bench.ask(Register, "b", 0, cluster="c").code == Code.REGISTER_OUT_OF_LIMIT


@pytest.mark.parametrize("who", ["c", "cluster c"])
def test_an_installation_is_not_mistaken_for_a_cluster(who: str) -> None:
    # A full server in the reading that gives a cluster one slot, and a standalone node with an odd id.
    bench = Bench("cluster-is-one", capacity=1)
    assert bench.granted(Register, "a", 0, cluster="c")
    assert bench.ask(Register, who, 0).code == Code.REGISTER_OUT_OF_LIMIT


# Several slots at once.


def test_a_start_judges_every_slot() -> None:
    # At 30 h those of a and b are 30 h old, that of c is 20 h old.
    bench = Bench(capacity=3)
    bench.ask(Register, "a", 0)
    bench.ask(Register, "b", 0)
    bench.ask(Register, "c", 10 * HOUR)
    bench.restart(11 * HOUR, 30 * HOUR)
    assert [(change.kind, change.installation) for change in bench.changes] == [(VOID, "a"), (VOID, "b")]
    assert bench.authority.next_void_us() == 34 * HOUR + 1


def test_a_destroyed_server_drops_every_slot() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ask(Register, "b", 0)
    dropped = bench.authority.destroy()
    assert [(change.kind, change.installation, change.live) for change in dropped] == [
        (DROPPED, "a", 1),
        (DROPPED, "b", 0),
    ]


def test_a_restored_cluster_is_live_for_as_long_as_one_of_its_members() -> None:
    bench = Bench("cluster-is-one", capacity=1)
    bench.ask(Register, "a", 0, cluster="c")
    bench.ask(Register, "b", 0, FIRST + 1, cluster="c")
    bench.authority.stop(bench.now(HOUR))
    bench.authority.expire(DAY + 1)
    # At 25 h the clock is two hours back, and finds both 23 h old.
    bench.ahead_us = -2 * HOUR
    bench.changes = bench.authority.start(bench.now(25 * HOUR))
    assert [(change.kind, change.live) for change in bench.changes] == [(RESTORED, 1), (RESTORED, 1)]
    bench.ask(Unbind, "a", 25 * HOUR)
    assert bench.authority.live == 1
    bench.ask(Unbind, "b", 25 * HOUR, FIRST + 1)
    assert bench.authority.live == 0


def test_at_a_start_a_slot_from_the_future_is_not_a_microsecond_old() -> None:
    # Its age is 0 at 2 h, so it can be taken over from 2 h + 1 h 45 min on.
    bench = Bench()
    bench.ahead_us = 5 * HOUR
    bench.ask(Register, "a", 0)
    bench.ahead_us = 0
    bench.restart(HOUR, 2 * HOUR)
    assert bench.ask(Poll, "a", 2 * HOUR + 105 * MINUTE - 1, FIRST + 1).code == 0
    assert bench.granted(Poll, "a", 2 * HOUR + 105 * MINUTE, FIRST + 1)


def test_a_start_of_which_nobody_tells_the_downtime_excuses_nothing() -> None:
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.authority.stop(bench.now(HOUR))
    bench.authority.start(bench.now(2 * HOUR))
    row = bench.authority.slot_row("a")
    assert row is not None
    assert row.excused_us == 0
