"""A request that the server sees twice gets the same answer again and changes nothing; another one does not.

What makes two requests the same is that they are: the number alone does not, since two machines that were cloned from
one another count alike.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from reference_server.licence import Licence
from reference_server.protocol import Code, Grant, Poll, Refusal, Register, Release, Request, Unbind
from tests.reference_server.bench import DAY, FIRST, HOUR, Bench

REGISTER = Register(number=1, installation="a", address=FIRST, application="r")
POLL = Poll(number=2, installation="a", address=FIRST, application="r")
UNBIND = Unbind(number=2, installation="a", address=FIRST, application="r")


def told(bench: Bench, request: Request, at_us: int) -> object:
    reply = bench.authority.handle(request, request.address, bench.now(at_us))
    bench.changes = reply.changes
    return reply.answer


def last_counted(bench: Bench, at_us: int) -> bool:
    """Whether the only slot was last refreshed at ``at_us``: it is void at the first microsecond beyond 24 h."""
    return not bench.authority.expire(at_us + DAY) and len(bench.authority.expire(at_us + DAY + 1)) == 1


def test_a_second_unbind_of_the_same_number_is_released_again() -> None:
    bench = Bench()
    told(bench, REGISTER, 0)
    first = told(bench, UNBIND, HOUR)
    assert isinstance(first, Release)
    assert told(bench, UNBIND, 2 * HOUR) == first
    assert bench.changes == []


def test_a_refusal_is_repeated_though_its_cause_is_gone() -> None:
    bench = Bench(capacity=1)
    bench.ask(Register, "other", 0, number=9)
    first = told(bench, REGISTER, HOUR)
    assert isinstance(first, Refusal)
    bench.authority.use(Licence(capacity=2, ranges=bench.authority.licence.ranges))
    assert told(bench, REGISTER, 2 * HOUR) == first
    assert bench.authority.live == 1
    assert isinstance(told(bench, replace(REGISTER, number=2), 3 * HOUR), Grant)


def test_the_same_number_of_another_installation_is_another_request() -> None:
    bench = Bench()
    told(bench, REGISTER, 0)
    told(bench, replace(REGISTER, installation="b"), 0)
    assert bench.authority.live == 2


def test_it_is_no_contact() -> None:
    bench = Bench()
    told(bench, REGISTER, 0)
    told(bench, POLL, HOUR)
    told(bench, POLL, 20 * HOUR)
    assert last_counted(bench, HOUR)


def test_a_clone_that_counts_alike_is_refused() -> None:
    # The original's poll was number 2, and so is the clone's, from another address a minute later.
    bench = Bench()
    told(bench, REGISTER, 0)
    told(bench, POLL, HOUR)
    answer = told(bench, replace(POLL, address=FIRST + 1), HOUR + 60_000_000)
    assert isinstance(answer, Refusal)
    assert answer.code == Code.INCORRECT_LICENSE_FORMAT


def test_a_copy_that_was_translated_on_its_way_is_refused() -> None:
    # It comes from another licensed address than the one that it reports.
    bench = Bench()
    told(bench, REGISTER, 0)
    reply = bench.authority.handle(REGISTER, FIRST + 1, bench.now(HOUR))
    assert isinstance(reply.answer, Refusal)
    assert reply.answer.code == Code.LICENSE_IP_ERROR


def test_it_is_known_after_a_newer_request_too() -> None:
    # A copy of the register that comes late, after a poll: no contact at 5 h.
    bench = Bench()
    told(bench, REGISTER, 0)
    told(bench, POLL, HOUR)
    told(bench, REGISTER, 5 * HOUR)
    assert last_counted(bench, HOUR)


@pytest.mark.parametrize("request_", [POLL, UNBIND], ids=["poll", "unbind"])
def test_it_is_known_after_a_crash_too(request_: Request) -> None:
    # An answer that was sent is never forgotten.
    bench = Bench()
    told(bench, REGISTER, 0)
    first = told(bench, request_, HOUR)
    bench.restart(HOUR + 1, HOUR + 2)
    assert told(bench, request_, 2 * HOUR) == first
    assert bench.changes == []


def test_it_is_no_contact_after_a_crash_either() -> None:
    bench = Bench()
    told(bench, REGISTER, 0)
    bench.restart(1, 2)
    told(bench, REGISTER, 5 * HOUR)
    assert last_counted(bench, 0)


def test_of_those_without_a_slot_only_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two at a time. The holder is remembered however long it is silent.
    monkeypatch.setattr("reference_server.authority.STRANGERS", 2)
    bench = Bench(capacity=1)
    bench.ask(Register, "holder", 0)
    for k in range(5):
        bench.ask(Register, f"stranger {k}", k)
    remembered = [who for who in ("holder", *(f"stranger {k}" for k in range(5))) if bench.authority.answer_rows(who)]
    assert remembered == ["holder", "stranger 3", "stranger 4"]
    reply = bench.authority.handle(
        Register(number=99, installation="another", address=FIRST, application="r"), FIRST, bench.now(9)
    )
    assert reply.forgotten == ("stranger 3",)
