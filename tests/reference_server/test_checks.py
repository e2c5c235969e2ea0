"""The ordered checks: of two that fail, the earlier one is the answer (R108)."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from reference_server.checks import Arrival, first_failure
from reference_server.licence import Licence
from reference_server.protocol import Code, Poll, Register, Unbind

FIRST = 0xC0A86419
LICENCE = Licence(
    capacity=1,
    ranges=((FIRST, FIRST + 15),),
    applications=("report1",),
    domains=("a.example",),
    ports=(8068,),
    version="5",
    expires_us=1_000,
)
REQUEST: dict[str, Any] = {
    "number": 1,
    "installation": "i",
    "address": FIRST,
    "application": "report1",
    "version": "5",
    "domain": "a.example",
    "port": 8068,
}
#: Each check of the law, in its order, with what makes it fail and the answer.
CAUSES: list[tuple[str, dict[str, Any], Code]] = [
    ("integrity", {"integrity_lost": True}, Code.INCORRECT_LICENSE_FORMAT),
    ("expiry", {"date_us": 1_000}, Code.LICENSE_EXPIRED),
    ("version", {"version": "4"}, Code.REPORT_VERSION_ERROR),
    ("account", {"suspended": True}, Code.ACCOUNT_STATUS_ERROR),
    ("address", {"address": FIRST - 1}, Code.LICENSE_IP_ERROR),
    ("domain", {"domain": "b.example"}, Code.LICENSE_DOMAIN_ERROR),
    ("application", {"application": "report2"}, Code.LICENSE_APPNAME_ERROR),
    ("port", {"port": None}, Code.INCORRECT_LICENSE_FORMAT),
]


def found(message: type[Register | Poll | Unbind] = Register, **wrong: Any) -> Code | None:
    request = message(**REQUEST | {key: value for key, value in wrong.items() if key in REQUEST})
    return first_failure(
        Arrival(
            request,
            wrong.get("source", request.address),
            wrong.get("date_us", 999),
            replace(LICENCE, suspended=wrong.get("suspended", False)),
            wrong.get("integrity_lost", False),
        )
    )


def test_nothing_wrong() -> None:
    assert found() is None


@pytest.mark.parametrize(("name", "wrong", "code"), CAUSES, ids=lambda value: str(value))
def test_each_cause_by_itself(name: str, wrong: dict[str, Any], code: Code) -> None:
    assert found(**wrong) is code
    assert found(Poll, **wrong) is code


@pytest.mark.parametrize(("first", "second"), list(combinations(CAUSES, 2)), ids=lambda cause: cause[0])
def test_of_two_causes_the_first_check_counts(first: Any, second: Any) -> None:
    assert found(**first[1] | second[1]) is first[2]


@pytest.mark.parametrize(("address", "licensed"), [(-1, False), (0, True), (15, True), (16, False)])
def test_both_ends_of_a_range_are_licensed(address: int, licensed: bool) -> None:
    assert (found(address=FIRST + address) is None) is licensed


def test_an_address_that_was_translated_is_refused() -> None:
    # The source is licensed as well; that it differs is what tells (R025, Q40).
    assert found(source=FIRST + 1) is Code.LICENSE_IP_ERROR


def test_empty_lists_mean_any() -> None:
    licence = Licence(capacity=1, ranges=LICENCE.ranges)
    request = Register(number=1, installation="i", address=FIRST, application="anything")
    assert first_failure(Arrival(request, FIRST, 10**18, licence, False)) is None


@pytest.mark.parametrize(("name", "wrong", "code"), CAUSES, ids=lambda value: str(value))
def test_an_unbind_has_to_pass_integrity_and_address_alone(name: str, wrong: dict[str, Any], code: Code) -> None:
    assert found(Unbind, **wrong) is (code if name in ("integrity", "address") else None)
