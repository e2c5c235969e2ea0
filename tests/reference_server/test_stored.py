"""What is stored is enough: an authority made from it goes on as the one that wrote it would have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.authority import Authority
from reference_server.licence import Licence
from reference_server.protocol import Instant, Poll, Register, Unbind
from reference_server.readings import READINGS
from reference_server.stored import SlotRow, Stored
from tests.reference_server.bench import DAY, EPOCH, FIRST, HOUR, MINUTE, Bench

Asked = tuple[type[Register | Poll | Unbind], str, int, int]
LENGTHS = st.sampled_from([0, MINUTE, 2 * HOUR, 20 * HOUR, DAY, DAY + 1])
ASKED = st.tuples(st.sampled_from([Register, Poll, Unbind]), st.sampled_from("abc"), st.sampled_from([0, 1]), LENGTHS)


def as_sets(stored: Stored) -> tuple[object, ...]:
    """Return what is stored without the order of the installations, which is no matter."""
    return stored.date_us, frozenset(stored.slots), frozenset(stored.answers)


@pytest.mark.parametrize("reading", READINGS)
@given(before=st.lists(ASKED, max_size=8), down_us=LENGTHS, after=st.lists(ASKED, max_size=6), ahead_us=LENGTHS)
def test_a_restored_authority_answers_as_the_one_that_was_stopped(
    reading: str, before: list[Asked], down_us: int, after: list[Asked], ahead_us: int
) -> None:
    bench = Bench(reading)
    now_us = 0
    for message, who, moved, later_us in before:
        now_us += later_us
        bench.ask(message, who, now_us, FIRST + moved, cluster="c" if who == "a" else None)
    kept = bench.authority.stored()
    bench.ahead_us = ahead_us
    bench.restart(now_us, now_us + down_us)
    now_us += down_us

    other = Bench(reading)
    other.ahead_us = ahead_us
    other.authority = Authority(bench.authority.licence, READINGS[reading])
    other.authority.restore(kept)
    changes = other.authority.start(other.now(now_us), downtime_us=down_us)
    # In which order they go at the start is no matter.
    assert sorted((each.kind.value, each.installation) for each in changes) == sorted(
        (each.kind.value, each.installation) for each in bench.changes
    )
    assert other.authority.live == bench.authority.live
    other._number = bench._number
    for message, who, moved, later_us in after:
        now_us += later_us
        mine = bench.ask(message, who, now_us, FIRST + moved)
        assert other.ask(message, who, now_us, FIRST + moved) == mine
        assert other.changes == bench.changes
    assert as_sets(other.authority.stored()) == as_sets(bench.authority.stored())


def test_a_copy_of_a_request_gets_the_same_answer_from_the_restored_one() -> None:
    licence = Licence(capacity=1, ranges=((FIRST, FIRST),))
    first = Authority(licence, READINGS["literal"])
    first.start(Instant(0, EPOCH))
    asked = Register(number=1, installation="a", address=FIRST, application="r")
    answer = first.handle(asked, FIRST, Instant(HOUR, EPOCH + HOUR)).answer
    second = Authority(licence, READINGS["literal"])
    second.restore(first.stored())
    second.start(Instant(0, EPOCH + 2 * HOUR))
    reply = second.handle(asked, FIRST, Instant(HOUR, EPOCH + 3 * HOUR))
    # Were it taken for a new one, it would carry the date of now.
    assert (reply.answer, reply.changes) == (answer, [])


def test_a_restored_cluster_keeps_its_one_slot_up_to_its_last_member() -> None:
    bench = Bench("cluster-is-one", capacity=1)
    bench.ask(Register, "a", 0, cluster="c")
    bench.ask(Register, "b", HOUR, cluster="c")
    stored = bench.authority.stored()
    assert stored.slots == (SlotRow("a", FIRST, "c", EPOCH, 0), SlotRow("b", FIRST, "c", EPOCH + HOUR, 0))
    bench.authority = Authority(bench.authority.licence, READINGS["cluster-is-one"])
    bench.authority.restore(stored)
    bench.authority.start(bench.now(2 * HOUR))
    assert bench.authority.live == 1
    bench.ask(Unbind, "a", 2 * HOUR)
    assert bench.authority.live == 1
    bench.ask(Unbind, "b", 2 * HOUR)
    assert bench.authority.live == 0
