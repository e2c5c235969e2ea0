"""The whole order of checks at the authority, those of the slots included, and that a failure costs nothing (R108)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reference_server.licence import Licence
from reference_server.protocol import Code, Malformed, Poll, Refusal, Register, Release, Unbind
from tests.reference_server.bench import DAY, EPOCH, FIRST, HOUR, MINUTE, VOID, Bench

FORMAT, ADDRESS = Code.INCORRECT_LICENSE_FORMAT, Code.LICENSE_IP_ERROR
LICENCE = Licence(
    capacity=1, ranges=((FIRST, FIRST + 15),), applications=("r",), domains=("a.example",), ports=(8068,), version="5"
)
GOOD: dict[str, Any] = {"domain": "a.example", "port": 8068, "version": "5"}
#: What can be wrong before the slots are looked at, in the order of the law: the request, then the server.
CAUSES: list[tuple[str, dict[str, Any], dict[str, Any], Code]] = [
    ("integrity", {}, {"drifted": True}, FORMAT),
    ("expired", {}, {"expires_us": EPOCH + HOUR}, Code.LICENSE_EXPIRED),
    ("version", {"version": "4"}, {}, Code.REPORT_VERSION_ERROR),
    ("suspended", {}, {"suspended": True}, Code.ACCOUNT_STATUS_ERROR),
    ("out of range", {"address": FIRST + 16}, {}, ADDRESS),
    ("translated", {"source": FIRST + 2}, {}, ADDRESS),
    ("domain", {"domain": "b.example"}, {}, Code.LICENSE_DOMAIN_ERROR),
    ("application", {"application": "x"}, {}, Code.LICENSE_APPNAME_ERROR),
    ("port", {"port": 9000}, {}, FORMAT),
]
#: An unbind has to pass these of them alone.
OF_AN_UNBIND = ("integrity", "out of range", "translated")
by_cause = pytest.mark.parametrize(("name", "request_", "server", "code"), CAUSES, ids=[cause[0] for cause in CAUSES])


def bench_with(*holders: str) -> Bench:
    """An authority with one slot, which ``holders`` have registered for at 0."""
    bench = Bench()
    bench.authority.use(LICENCE)
    for who in holders:
        assert bench.granted(Register, who, 0, **GOOD)
    return bench


def go_wrong(bench: Bench, *, drifted: bool = False, **licence: Any) -> None:
    bench.authority.integrity_lost = drifted
    bench.authority.use(replace(LICENCE, **licence))


@by_cause
def test_a_full_server_says_so_last(name: str, request_: dict[str, Any], server: dict[str, Any], code: Code) -> None:
    bench = bench_with("a")
    assert bench.ask(Register, "b", HOUR, **GOOD).code == Code.REGISTER_OUT_OF_LIMIT
    go_wrong(bench, **server)
    assert bench.ask(Register, "b", HOUR, **GOOD | request_).code == code


@by_cause
def test_a_poll_without_a_slot_fails_its_other_checks_first(
    name: str, request_: dict[str, Any], server: dict[str, Any], code: Code
) -> None:
    bench = bench_with()
    assert bench.ask(Poll, "b", HOUR, **GOOD).code == FORMAT
    go_wrong(bench, **server)
    assert bench.ask(Poll, "b", HOUR, **GOOD | request_).code == code


@by_cause
def test_a_clone_fails_its_other_checks_first(
    name: str, request_: dict[str, Any], server: dict[str, Any], code: Code
) -> None:
    bench = bench_with("a")
    elsewhere = GOOD | {"address": FIRST + 1}
    assert bench.ask(Poll, "a", HOUR, **elsewhere).code == FORMAT
    go_wrong(bench, **server)
    assert bench.ask(Poll, "a", HOUR, **elsewhere | request_).code == code


@by_cause
def test_an_unbind_of_a_holder_is_refused_by_integrity_and_address_alone(
    name: str, request_: dict[str, Any], server: dict[str, Any], code: Code
) -> None:
    bench = bench_with("a")
    go_wrong(bench, **server)
    answer = bench.ask(Unbind, "a", HOUR, **GOOD | request_)
    if name in OF_AN_UNBIND:
        assert answer.code == code
        assert bench.authority.live == 1
    else:
        assert isinstance(answer, Release)
        assert bench.authority.live == 0


@by_cause
def test_an_unbind_without_a_slot_is_told_so_last(
    name: str, request_: dict[str, Any], server: dict[str, Any], code: Code
) -> None:
    bench = bench_with()
    go_wrong(bench, **server)
    expected = code if name in OF_AN_UNBIND else Code.DO_NOT_NEED_DEACTIVATE
    assert bench.ask(Unbind, "a", HOUR, **GOOD | request_).code == expected


@pytest.mark.parametrize("mistake", [Code.JSON_PARSER_ERROR, Code.PARAM_INPUT_ERROR])
@by_cause
def test_bytes_that_are_no_request_come_before_everything(
    name: str, request_: dict[str, Any], server: dict[str, Any], code: Code, mistake: Code
) -> None:
    bench = bench_with()
    go_wrong(bench, **server)
    reply = bench.authority.handle(Malformed(code=mistake, reason="no"), FIRST + 99, bench.now(HOUR))
    assert isinstance(reply.answer, Refusal)
    assert reply.answer.code == mistake


@by_cause
def test_a_register_that_fails_takes_no_slot(
    name: str, request_: dict[str, Any], server: dict[str, Any], code: Code
) -> None:
    bench = bench_with()
    go_wrong(bench, **server)
    bench.ask(Register, "b", HOUR, **GOOD | request_)
    assert (bench.changes, bench.authority.live) == ([], 0)


@pytest.mark.parametrize("message", [Register, Poll, Unbind])
@by_cause
def test_a_request_that_fails_refreshes_no_slot(
    name: str,
    request_: dict[str, Any],
    server: dict[str, Any],
    code: Code,
    message: type[Register | Poll | Unbind],
) -> None:
    if message is Unbind and name not in OF_AN_UNBIND:
        return
    bench = bench_with("a")
    go_wrong(bench, **server)
    assert isinstance(bench.ask(message, "a", HOUR, **GOOD | request_), Refusal)
    assert bench.changes == []
    # The slot was last refreshed at 0.
    assert bench.authority.expire(DAY) == []
    assert [change.kind for change in bench.authority.expire(DAY + 1)] == [VOID]


def test_a_clone_leaves_the_holder_what_it_has() -> None:
    bench = bench_with("a")
    assert isinstance(bench.ask(Poll, "a", HOUR, FIRST + 1, **GOOD), Refusal)
    assert bench.authority.holder_address("a") == FIRST
    assert bench.authority.next_void_us() == DAY + 1
    assert bench.granted(Poll, "a", 2 * HOUR, **GOOD)


def test_an_unbind_from_a_new_address_is_no_clone() -> None:
    # Its chain ends with the slot; only a poll can be a clone.
    bench = bench_with("a")
    assert isinstance(bench.ask(Unbind, "a", MINUTE, FIRST + 1, **GOOD), Release)


@pytest.mark.parametrize("message", [Register, Poll])
def test_an_unbind_refreshes_nothing_and_ends_with_a_slot_that_is_free(message: type[Register | Poll]) -> None:
    bench = bench_with("a")
    assert isinstance(bench.ask(Unbind, "a", MINUTE, **GOOD), Release)
    assert bench.granted(message, "a", HOUR, **GOOD) is (message is Register)
