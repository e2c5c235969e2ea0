"""The strategies make what they promise, both the right and the wrong, and shrink to the plainest example."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from harness.strategies import (
    AROUND_US,
    FIRST_ADDRESS,
    LAST_ADDRESS,
    address_texts,
    addresses,
    applications,
    licences,
    malformed_bodies,
    range_lists,
    ranges,
    requests,
)
from reference_server.checks import Arrival, first_failure
from reference_server.codes import Code
from reference_server.licence import Licence
from reference_server.protocol import (
    Poll,
    ProtocolError,
    Register,
    Request,
    Unbind,
    decode_request,
    encode_request,
    parse_address,
)

DAY = 86_400_000_000
LICENCE = Licence(
    capacity=1,
    ranges=((FIRST_ADDRESS, FIRST_ADDRESS), (0xC0A86419, 0xC0A86428)),
    applications=("report1", "x" * 255),
    domains=("a.example",),
    ports=(8068, 65535),
)
PLAIN = Register(number=1, installation="a", address=FIRST_ADDRESS, application="report1")


def least(of: st.SearchStrategy[Any]) -> Any:
    """Return what ``of`` shrinks to."""
    return find(of, lambda _: True, settings=settings(max_examples=10, phases=[Phase.generate, Phase.shrink]))


def some(of: st.SearchStrategy[Any], condition: Callable[[Any], object]) -> Any:
    """Return an example that meets ``condition``. It is an error if there is none."""
    return find(
        of, lambda value: bool(condition(value)), settings=settings(max_examples=3_000, phases=[Phase.generate])
    )


def sample(of: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Return about ``count`` examples, always the same."""
    examples: list[Any] = []

    @given(of)
    @settings(max_examples=count, phases=[Phase.generate])
    def keep(example: Any) -> None:
        examples.append(example)

    keep()
    return examples


@pytest.fixture(scope="module")
def wrong_texts() -> list[str]:
    return [text for text, _ in sample(address_texts(of=st.just(0xC0A86419), right=False), 400)]


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    return sample(malformed_bodies(of=st.just(PLAIN)), 1_000)


def failure(request: Request, licence: Licence = LICENCE) -> Code | None:
    return first_failure(Arrival(request, request.address, AROUND_US, licence, False))


# Addresses.


@given(addresses() | addresses(near=[(FIRST_ADDRESS, FIRST_ADDRESS + 1), (LAST_ADDRESS, LAST_ADDRESS)]))
def test_an_address_can_be_licensed(address: int) -> None:
    assert FIRST_ADDRESS <= address <= LAST_ADDRESS


def test_addresses_lie_on_the_edges_of_octets() -> None:
    assert least(addresses()) == FIRST_ADDRESS
    assert some(addresses(), lambda address: address & 255 == 100)
    assert some(addresses(), lambda address: address >> 24 == 128)


@pytest.mark.parametrize("address", [0xC0A86418, 0xC0A86419, 0xC0A86420, 0xC0A86421])
def test_addresses_lie_on_and_beside_the_ends(address: int) -> None:
    assert some(addresses(near=[(0xC0A86419, 0xC0A86420)]), address.__eq__) == address


@given(address_texts(right=True))
def test_a_right_text_is_the_address_that_it_is_said_to_be(pair: tuple[str, int | None]) -> None:
    text, address = pair
    # By the library, and by the reference server.
    standard = ip_address(text)
    assert int(getattr(standard, "ipv4_mapped", None) or standard) == address == parse_address(text)


@given(address_texts(right=False))
def test_a_wrong_text_is_no_address(pair: tuple[str, int | None]) -> None:
    assert pair[1] is None
    with pytest.raises(ValueError, match="address"):
        parse_address(pair[0])


@pytest.mark.parametrize("sign", ["::ffff:", "%eth0", ".0", "0x", "/32", "\uff11", "fe80", " ", "\n", "localhost"])
def test_texts_are_wrong_in_many_ways(sign: str, wrong_texts: list[str]) -> None:
    assert any(sign in text for text in wrong_texts)


def test_texts_are_right_and_wrong() -> None:
    assert least(address_texts()) == ("1.0.0.0", FIRST_ADDRESS)
    assert some(address_texts(), lambda pair: pair[1] is None)
    assert some(address_texts(of=st.just(0xC0A86419)), lambda pair: pair[0] == "::ffff:c0a8:6419")


@given(range_lists(min_size=0))
def test_ranges_lie_in_the_span_and_are_not_reversed(pairs: tuple[tuple[int, int], ...]) -> None:
    assert len(pairs) <= 4
    assert all(FIRST_ADDRESS <= first <= last <= LAST_ADDRESS for first, last in pairs)


def test_ranges_are_single_short_and_long() -> None:
    assert least(ranges()) == (FIRST_ADDRESS, FIRST_ADDRESS)
    assert some(ranges(), lambda pair: 0 < pair[1] - pair[0] < 256)
    assert some(ranges(), lambda pair: pair[1] - pair[0] > 1 << 24)


def test_ranges_touch_and_overlap() -> None:
    assert least(range_lists()) == ((FIRST_ADDRESS, FIRST_ADDRESS),)
    made = sample(range_lists(min_size=2, max_size=2), 200)
    assert any(one[1] + 1 == other[0] for one, other in made)
    assert any(one[0] < other[0] <= one[1] < other[1] for one, other in made)
    assert any(other[1] < one[0] for one, other in made)


# Names and licences.


@given(applications())
def test_a_name_can_be_sent(name: str) -> None:
    request = Register(number=1, installation="a", address=FIRST_ADDRESS, application=name)
    assert decode_request(encode_request(request)) == request


@pytest.mark.parametrize(
    "condition",
    [
        lambda name: len(name) == 255,
        lambda name: '"' in name,
        lambda name: "\x00" in name,
        lambda name: max(name) > "\uffff",
    ],
    ids=["long", "quoted", "control", "beyond 16 bits"],
)
def test_names_are_tricky(condition: Callable[[str], bool]) -> None:
    assert least(applications()) == "report1"
    assert some(applications(), condition)


def test_licences_vary_in_all_that_they_say() -> None:
    assert least(licences()) == Licence(capacity=1, ranges=((FIRST_ADDRESS, FIRST_ADDRESS),))
    made = sample(licences(around_us=7), 100)
    assert {licence.capacity for licence in made} == {1, 2, 3, 4}
    assert {licence.suspended for licence in made} == {False, True}
    assert {licence.version for licence in made} == {"FineDataLink", "FineDataLink 5"}
    assert {licence.expires_us for licence in made} == {None, 7 - DAY, 7, 7 + DAY}
    assert any(licence.applications and licence.domains and licence.ports for licence in made)


@given(licences(in_force=True, max_capacity=2, around_us=100))
def test_a_licence_in_force_is_neither_expired_nor_suspended(licence: Licence) -> None:
    assert licence.capacity in (1, 2)
    assert not licence.suspended
    assert licence.expires_us is None or licence.expires_us > 100


# Requests.


@given(st.data(), licences(in_force=True))
@settings(max_examples=50)
def test_a_fitting_request_fits(data: st.DataObject, licence: Licence) -> None:
    assert failure(data.draw(requests(licence, fitting=True)), licence) is None


@given(requests() | requests(LICENCE))
def test_every_request_can_be_sent(request_: Request) -> None:
    assert decode_request(encode_request(request_)) == request_


@pytest.mark.parametrize("kind", [Register, Poll, Unbind])
def test_requests_are_of_every_kind(kind: type[Request]) -> None:
    assert isinstance(some(requests(), lambda request: isinstance(request, kind)), kind)


@pytest.mark.parametrize("code", [None, 30001, 30003, 30004, 30005, 0])
def test_requests_fail_each_check(code: int | None) -> None:
    assert some(requests(LICENCE, kinds=(Register,)), lambda request: failure(request) == code)


def test_requests_fail_several_checks() -> None:
    def fails_all(request: Request) -> bool:
        wrong = (request.version != LICENCE.version, request.port not in LICENCE.ports)
        return all(wrong) and request.domain not in LICENCE.domains and request.application not in LICENCE.applications

    assert some(requests(LICENCE), fails_all)


def test_a_request_shrinks_to_the_plainest_that_fits() -> None:
    assert least(requests(Licence(capacity=1, ranges=((FIRST_ADDRESS, LAST_ADDRESS),)))) == PLAIN


def test_what_can_be_chosen_is_chosen() -> None:
    chosen = requests(installations=("z",), clusters=("c",))
    assert some(chosen, lambda request: (request.installation, request.cluster) == ("z", "c"))
    # Where every address is licensed, no address is wrong; where none is, none is right.
    everywhere = Licence(capacity=1, ranges=((FIRST_ADDRESS, LAST_ADDRESS),))
    assert failure(some(requests(everywhere), lambda request: failure(request, everywhere)), everywhere) is not None
    nowhere = Licence(capacity=1, ranges=())
    assert some(requests(nowhere), lambda request: failure(request, nowhere) is Code.LICENSE_IP_ERROR)


# Malformed bodies.


@pytest.mark.parametrize("code", [10000, 10001])
@given(data=st.data())
@settings(max_examples=50)
def test_a_malformed_body_is_malformed_in_its_way(code: int, data: st.DataObject) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_request(data.draw(malformed_bodies(code=code)))
    assert caught.value.code == code


@given(malformed_bodies() | malformed_bodies(of=requests(LICENCE), huge=True))
@settings(max_examples=50)
def test_a_malformed_body_is_no_request(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_request(body)


def is_utf8(body: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        return body.decode() is not None
    return False


@pytest.mark.parametrize(
    "condition",
    [
        lambda body: body == b"",
        lambda body: b"NaN" in body,
        lambda body: b"\\ud800" in body,
        lambda body: body.count(b'"number"') == 2,
        lambda body: not is_utf8(body),
        lambda body: body.startswith(b"[" * 1_000),
        lambda body: body.endswith(b"]" * 1_000 + b"}") or b"]" * 1_000 in body,
        lambda body: re.search(rb'"(number|port)": "', body),
        lambda body: b'"port": true' in body,
        lambda body: b"surprise" in body,
        lambda body: body.startswith(b'{"format"') and not body.endswith(b"}"),
        lambda body: body.startswith(b"{") and b'"address"' not in body and body.endswith(b"}"),
        lambda body: b"x" * 256 in body,
    ],
    ids=[
        "empty",
        "not a number",
        "a lone surrogate",
        "a key twice",
        "not UTF-8",
        "open and deep",
        "closed and deep",
        "a number as text",
        "a truth as a port",
        "an unknown field",
        "cut off",
        "a missing field",
        "too long",
    ],
)
def test_bodies_are_malformed_in_many_ways(condition: Callable[[bytes], object], bodies: list[bytes]) -> None:
    assert any(map(condition, bodies))


def test_bodies_are_huge_only_if_asked(bodies: list[bytes]) -> None:
    assert least(malformed_bodies()) == b""
    assert max(map(len, bodies)) < 65_536
    assert max(map(len, sample(malformed_bodies(of=st.just(PLAIN), huge=True), 25))) > 1_000_000


def test_no_other_code_means_malformed() -> None:
    with pytest.raises(ValueError, match="no body is malformed in the way of 30000; there are 10000 and 10001"):
        malformed_bodies(code=30000)
