"""The authority: slots, capacity, and the 24-hour law at its end (R018, R034)."""

from __future__ import annotations

import pytest

from reference_server.authority import Authority, ChangeKind, Power
from reference_server.licence import Licence
from reference_server.protocol import Code, Instant, Malformed, Poll, Refusal, Register, Release, Unbind
from reference_server.readings import LITERAL
from reference_server.stored import SlotRow
from tests.reference_server.bench import (
    DAY,
    DROPPED,
    EPOCH,
    FIRST,
    FREED,
    HOUR,
    MINUTE,
    MOVED,
    MS,
    RESTORED,
    TAKEN,
    VOID,
    Bench,
)


def test_a_register_takes_a_slot_and_a_poll_keeps_it() -> None:
    bench = Bench()
    assert bench.granted(Register, "a", 0)
    assert bench.kinds() == [TAKEN]
    assert bench.granted(Poll, "a", 2 * HOUR)
    assert bench.kinds() == []
    assert bench.authority.live == 1


def test_a_poll_without_a_slot_has_no_code() -> None:
    answer = Bench().ask(Poll, "a", 0)
    assert isinstance(answer, Refusal)
    assert answer.code == 0


def test_capacity_is_the_most_and_registering_again_costs_nothing() -> None:
    bench = Bench(capacity=2)
    assert bench.granted(Register, "a", 0)
    assert bench.granted(Register, "b", 0)
    assert bench.ask(Register, "c", 0).code == Code.REGISTER_OUT_OF_LIMIT
    assert bench.granted(Register, "a", HOUR)
    assert bench.authority.live == 2


def test_a_refused_request_neither_takes_nor_renews() -> None:
    bench = Bench()
    assert bench.granted(Register, "a", 0)
    assert bench.ask(Poll, "a", 12 * HOUR, FIRST + 99).code == Code.LICENSE_IP_ERROR
    # 24 h after the register, not after the refused poll.
    assert [change.kind for change in bench.authority.expire(DAY + 1)] == [VOID]


@pytest.mark.parametrize(("late_us", "granted"), [(0, True), (1, False)])
def test_a_request_at_exactly_24_h_is_in_time(late_us: int, granted: bool) -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    assert bench.granted(Poll, "a", DAY + late_us) is granted
    assert bench.kinds() == ([] if granted else [VOID])


def test_the_next_void_is_the_first_microsecond_beyond_24_h() -> None:
    bench = Bench()
    bench.ask(Register, "a", 5 * MS)
    assert bench.authority.next_void_us() == DAY + 5 * MS + 1
    assert bench.authority.expire(DAY + 5 * MS) == []
    assert [change.kind for change in bench.authority.expire(DAY + 5 * MS + 1)] == [VOID]
    assert bench.authority.next_void_us() is None


@pytest.mark.parametrize(("late_us", "granted"), [(0, True), (1, False)])
def test_the_24_h_run_on_over_a_stop(late_us: int, granted: bool) -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 3 * HOUR)
    assert bench.granted(Poll, "a", DAY + late_us) is granted


def test_a_start_never_rewrites_what_is_stored() -> None:
    # Restarted every 20 h, the slot of a dead node is void after 24 h all the same (E08).
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.restart(20 * HOUR, 20 * HOUR + MINUTE)
    assert bench.kinds() == []
    bench.restart(40 * HOUR, 40 * HOUR + MINUTE)
    assert bench.kinds() == [VOID]


def test_a_wall_clock_set_forward_counts_at_the_next_start() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ahead_us = 25 * HOUR
    assert bench.authority.expire(HOUR) == []
    bench.restart(HOUR, 2 * HOUR)
    assert bench.kinds() == [VOID]


def test_a_wall_clock_set_back_restores_what_was_void_while_down() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.authority.stop(bench.now(HOUR))
    assert [change.kind for change in bench.authority.expire(DAY + 1)] == [VOID]
    assert bench.authority.live == 0
    bench.ahead_us = -2 * HOUR
    bench.changes = bench.authority.start(bench.now(25 * HOUR), downtime_us=24 * HOUR)
    assert bench.kinds() == [RESTORED]
    # Its age is 25 h - 2 h = 23 h at 25 h on the boot-time clock, so one hour is left.
    assert bench.authority.next_void_us() == 26 * HOUR + 1


def test_an_age_is_never_negative() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ahead_us = -5 * HOUR
    bench.restart(HOUR, 2 * HOUR)
    # 2 h - 5 h counts as 0 at the start.
    assert bench.authority.next_void_us() == 26 * HOUR + 1


@pytest.mark.parametrize(("age_us", "granted"), [(105 * MINUTE - 1, False), (105 * MINUTE, True)])
def test_a_poll_from_a_new_address_is_a_clone_until_1_h_45(age_us: int, granted: bool) -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    assert bench.granted(Poll, "a", age_us, FIRST + 1) is granted
    assert bench.kinds() == ([MOVED] if granted else [])
    assert bench.authority.holder_address("a") == FIRST + granted


def test_a_register_from_a_new_address_takes_over_at_once() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    assert bench.granted(Register, "a", 1, FIRST + 1)
    assert bench.kinds() == [MOVED]


def test_unbind_frees_and_a_second_one_finds_nothing() -> None:
    bench = Bench(capacity=1)
    bench.ask(Register, "a", 0)
    assert isinstance(bench.ask(Unbind, "a", HOUR), Release)
    assert bench.kinds() == [FREED]
    assert bench.ask(Unbind, "a", HOUR).code == Code.DO_NOT_NEED_DEACTIVATE
    assert bench.granted(Register, "b", HOUR)


def test_a_request_seen_twice_gets_the_same_answer_and_changes_nothing() -> None:
    bench = Bench(capacity=1)
    request = Register(number=7, installation="a", address=FIRST, application="r")
    first = bench.authority.handle(request, FIRST, bench.now(0))
    again = bench.authority.handle(request, FIRST, bench.now(HOUR))
    assert again.answer == first.answer
    assert again.changes == []
    # It did not renew the lease either.
    assert bench.authority.next_void_us() == DAY + 1


def test_malformed_bytes_get_their_code() -> None:
    bench = Bench()
    reply = bench.authority.handle(Malformed(code=Code.JSON_PARSER_ERROR, reason="no JSON"), FIRST, bench.now(0))
    assert reply.answer == Refusal(number=0, code=10000, reason="no JSON")


def test_destroyed_is_for_ever() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    assert [change.kind for change in bench.authority.destroy()] == [DROPPED]
    assert bench.authority.start(bench.now(HOUR)) == []
    assert bench.authority.power is Power.DESTROYED


def test_a_foreign_machine_refuses_to_start_and_a_drifted_one_to_grant() -> None:
    bench = Bench()
    bench.authority.integrity_lost = True
    assert bench.ask(Register, "a", 0).code == 0
    bench.authority.stop(bench.now(MINUTE))
    bench.authority.start(bench.now(HOUR))
    assert bench.authority.power is Power.OFF


def test_holders_keep_their_slots_above_a_lowered_capacity() -> None:
    bench = Bench(capacity=2)
    bench.ask(Register, "a", 0)
    bench.ask(Register, "b", 0)
    bench.authority.use(Licence(capacity=1, ranges=bench.authority.licence.ranges))
    assert bench.granted(Poll, "a", HOUR)
    assert bench.granted(Poll, "b", HOUR)
    bench.ask(Unbind, "a", HOUR)
    # One slot is live, which is the whole capacity.
    assert bench.ask(Register, "a", HOUR).code == Code.REGISTER_OUT_OF_LIMIT


def test_the_date_is_never_earlier_than_the_latest_stored() -> None:
    bench = Bench(expires_us=EPOCH + 3 * HOUR)
    bench.ask(Register, "a", 2 * HOUR)
    bench.ahead_us = -10 * HOUR
    answer = bench.ask(Poll, "a", 3 * HOUR)
    assert answer.server_time_us == EPOCH + 2 * HOUR
    bench.ahead_us = 0
    assert bench.ask(Poll, "a", 3 * HOUR).code == Code.LICENSE_EXPIRED


@pytest.mark.parametrize(("late_us", "code"), [(-1, None), (0, Code.LICENSE_EXPIRED)])
def test_expired_from_the_named_instant_on(late_us: int, code: Code | None) -> None:
    bench = Bench(expires_us=EPOCH + HOUR)
    answer = bench.ask(Register, "a", HOUR + late_us)
    assert getattr(answer, "code", None) == code


# What the readings change.


def test_windows_close_drops_every_slot_at_a_start() -> None:
    bench = Bench("windows-close")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, HOUR + MINUTE)
    assert bench.kinds() == [DROPPED]


@pytest.mark.parametrize(("down_us", "kept"), [(DAY, True), (DAY + 1, False)])
def test_revive_drops_everything_after_one_downtime_of_more_than_a_day(down_us: int, kept: bool) -> None:
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, HOUR + down_us)
    assert bench.kinds() == ([] if kept else [DROPPED])


def test_revive_does_not_count_downtime_as_silence() -> None:
    # Silent for 1 h, down for 20 h, silent for 2 h, down for 20 h: 3 h of silence so far, 21 h are left.
    bench = Bench("revive")
    bench.ask(Register, "a", 0)
    bench.restart(HOUR, 21 * HOUR)
    bench.restart(23 * HOUR, 43 * HOUR)
    assert bench.authority.next_void_us() == 43 * HOUR + 21 * HOUR + 1
    bench.authority.stop(bench.now(44 * HOUR))
    assert bench.authority.next_void_us() is None


@pytest.mark.parametrize(("late_us", "granted"), [(0, True), (1, False)])
def test_thirteenth_miss_gives_a_slot_26_h(late_us: int, granted: bool) -> None:
    bench = Bench("thirteenth-miss")
    bench.ask(Register, "a", 0)
    assert bench.granted(Poll, "a", 26 * HOUR + late_us) is granted


def test_cluster_is_one_counts_units_and_keeps_each_members_lease() -> None:
    bench = Bench("cluster-is-one", capacity=1)
    assert bench.granted(Register, "a", 0, cluster="c")
    assert bench.granted(Register, "b", HOUR, FIRST + 1, cluster="c")
    assert bench.authority.live == 1
    assert bench.ask(Register, "x", HOUR, FIRST + 2).code == Code.REGISTER_OUT_OF_LIMIT
    # a is silent for 24 h, b is not: the cluster keeps its slot, a has to register again.
    assert bench.granted(Poll, "b", 23 * HOUR, FIRST + 1, cluster="c")
    assert bench.ask(Poll, "a", DAY + 1, cluster="c").code == 0
    assert bench.authority.live == 1


# What comes together, and what a driver asks.


def test_an_event_voids_every_slot_that_is_due() -> None:
    bench = Bench(capacity=3)
    bench.ask(Register, "gone", 0)
    bench.ask(Unbind, "gone", HOUR)
    bench.ask(Register, "a", 2 * HOUR)
    bench.ask(Register, "b", 2 * HOUR)
    # What is left of the first one, due at 24 h, is in nobody's way.
    voided = bench.authority.expire(26 * HOUR + 1)
    assert [(change.kind, change.installation) for change in voided] == [(VOID, "a"), (VOID, "b")]


@pytest.mark.parametrize(("message", "who", "then"), [(Unbind, "b", [FREED]), (Register, "c", [TAKEN])])
def test_a_request_tells_of_the_slots_that_were_void_before_it(
    message: type[Register | Unbind], who: str, then: list[ChangeKind]
) -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ask(Register, "b", HOUR)
    assert bench.granted(message, who, DAY + 1)
    assert bench.kinds() == [VOID, *then]


def test_what_is_no_request_tells_of_the_slots_that_were_void_before_it() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    reply = bench.authority.handle(Malformed(code=Code.JSON_PARSER_ERROR, reason="no"), FIRST, bench.now(DAY + 1))
    assert [change.kind for change in reply.changes] == [VOID]


def test_a_refusal_says_its_reason() -> None:
    bench = Bench()
    assert bench.ask(Register, "a", 0, FIRST + 99) == Refusal(number=1, code=30003, reason=Code.LICENSE_IP_ERROR.reason)


def test_a_new_authority_has_nothing_against_it_and_takes_any_date() -> None:
    authority = Authority(Licence(capacity=1, ranges=((FIRST, FIRST),)), LITERAL)
    assert authority.integrity_lost is False
    # A clock that shows a date before 1970.
    authority.start(Instant(0, -1))
    assert authority.date_us == -1


def test_a_renewal_unseen_is_what_a_poll_would_have_been() -> None:
    polled, cruised = Bench(), Bench()
    for bench in (polled, cruised):
        bench.ask(Register, "a", 0)
    polled.ask(Poll, "a", 20 * HOUR)
    cruised.authority.renew_unseen("a", cruised.now(20 * HOUR))
    for bench in (polled, cruised):
        assert bench.authority.slot_row("a") == SlotRow("a", FIRST, None, EPOCH + 20 * HOUR, 0)
        assert bench.authority.expire(DAY + 1) == []
        # 24 h after the poll.
        assert bench.authority.next_void_us() == 44 * HOUR + 1


def test_who_holds_a_live_slot() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0, FIRST + 1)
    assert (bench.authority.holders, bench.authority.holder_address("a")) == (["a"], FIRST + 1)
    assert bench.authority.holder_address("b") is None
    # Void while the program is down: it may come back.
    bench.authority.stop(bench.now(HOUR))
    bench.authority.expire(DAY + 1)
    assert (bench.authority.holders, bench.authority.holder_address("a")) == ([], None)


def test_the_latest_two_answers_are_kept_the_newest_first() -> None:
    bench = Bench()
    bench.ask(Register, "a", 0)
    bench.ask(Poll, "a", HOUR)
    bench.ask(Poll, "a", 2 * HOUR)
    assert [row.request.number for row in bench.authority.answer_rows("a")] == [3, 2]
    assert bench.authority.answer_rows("nobody") == ()
