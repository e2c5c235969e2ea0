"""The properties hold of the reference server, and each of them notices a server that is wrong in its way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.properties import PROPERTIES, Make, Validator, check_validator
from reference_server.authority import Authority
from reference_server.codes import Code
from reference_server.licence import Licence
from reference_server.protocol import (
    Answer,
    Grant,
    Instant,
    Malformed,
    Poll,
    ProtocolError,
    Refusal,
    Register,
    Release,
    Request,
    Unbind,
    decode_answer,
    decode_request,
    encode_answer,
    parse_address,
    signature_of,
)
from reference_server.readings import READINGS


class Reference:
    """The reference server as a validator. What is wrong with a subclass is what it overrides."""

    reading = "literal"

    def __init__(self, licence: Licence, now_us: int) -> None:
        self.licence = licence
        self.now = Instant(0, now_us)
        self.authority = Authority(licence, READINGS[self.reading])
        self.authority.start(self.now)

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        request: Request | Malformed
        try:
            request = self.decode(body)
        except ProtocolError as error:
            request = Malformed(code=error.code, reason=error.reason)
        answer = self.answer(request, parse_address(source))
        status = 200
        if isinstance(answer, Refusal):
            status = 400 if answer.code in (10000, 10001) else 403
        return status, self.encode(answer)

    def decode(self, body: bytes) -> Request:
        return decode_request(body)

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = self.authority.handle(request, source, self.now).answer
        assert answer is not None, "a program whose identity is right answers"
        return answer

    def encode(self, answer: Answer) -> bytes:
        return encode_answer(answer)

    def signed(self, answer: Answer) -> Answer:
        """Sign an answer that a subclass has changed."""
        if isinstance(answer, Refusal):
            return answer
        return replace(answer, signature=signature_of(answer, self.licence.key))

    def registered(self) -> int:
        return self.authority.live


def test_every_property_holds_of_the_reference_server() -> None:
    check_validator(Reference, max_examples=12)


@pytest.mark.parametrize("reading", ["cluster-is-one", "windows-close"])
def test_no_property_depends_on_the_reading(reading: str) -> None:
    class Other(Reference):
        pass

    Other.reading = reading
    check_validator(Other, max_examples=2)


# Wrong validators.


class EndsBeforeTheLast(Reference):
    """Takes the last address of a range for the first that is not licensed."""

    def __init__(self, licence: Licence, now_us: int) -> None:
        ranges = tuple((first, max(first, last - 1)) for first, last in licence.ranges)
        super().__init__(replace(licence, ranges=ranges), now_us)


class KnowsNoMappedAddress(Reference):
    """Takes IPv4-mapped IPv6 for no address."""

    def decode(self, body: bytes) -> Request:
        request = super().decode(body)
        if b"::" in body:
            raise ProtocolError(Code.PARAM_INPUT_ERROR, "IPv6")
        return request


class CutsZerosOff(Reference):
    """Takes 10.0.0.01 for 10.0.0.1."""

    def decode(self, body: bytes) -> Request:
        return super().decode(re.sub(rb"\.0+(\d)", rb".\1", body))


class SuspensionFirst(Reference):
    """Tells that the licence is suspended before that it has expired."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        if self.licence.suspended and isinstance(answer, Refusal) and answer.code == Code.LICENSE_EXPIRED:
            return replace(answer, code=int(Code.ACCOUNT_STATUS_ERROR))
        return answer


class LicenceBeforeBody(Reference):
    """Tells that the licence has expired before it has read the request."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        expires_us = self.licence.expires_us
        if isinstance(request, Malformed) and expires_us is not None and expires_us <= self.now.wall_us:
            return Refusal(number=0, code=int(Code.LICENSE_EXPIRED), reason="expired")
        return answer


class LeaksASlot(Reference):
    """Takes a slot for a register before it checks it, and does not give it back."""

    leaked = 0

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        self.leaked += isinstance(request, Register) and isinstance(answer, Refusal)
        return answer

    def registered(self) -> int:
        return super().registered() + self.leaked


class DropsTheRefused(Reference):
    """Takes the slot of who is refused."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        if isinstance(answer, Refusal) and not isinstance(request, Malformed):
            where = self.authority.holder_address(request.installation)
            if where is not None:
                unbind = Unbind(number=1 << 62, installation=request.installation, address=where, application="x")
                super().answer(unbind, where)
        return answer


class NeedsAFreeSlot(Reference):
    """Asks for a free slot also if who registers has one."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        full = self.registered() >= self.licence.capacity
        answer = super().answer(request, source)
        if full and isinstance(request, Register) and isinstance(answer, Grant):
            return Refusal(number=request.number, code=int(Code.REGISTER_OUT_OF_LIMIT), reason="full")
        return answer


class CountsRegisters(Reference):
    """Counts a slot for every register that it granted."""

    registers = 0

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        self.registers += isinstance(request, Register) and isinstance(answer, Grant)
        self.registers -= isinstance(answer, Release)
        return answer

    def registered(self) -> int:
        return self.registers


class UnbindsAnybody(Reference):
    """Releases who has no slot."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        if isinstance(request, Unbind) and isinstance(answer, Refusal) and answer.code == 20000:
            now_us = self.now.wall_us
            return self.signed(
                Release(number=request.number, installation=request.installation, server_time_us=now_us, signature="")
            )
        return answer


class KnowsNoClones(Reference):
    """Grants a poll from wherever it comes."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        if isinstance(request, Poll) and isinstance(answer, Refusal) and answer.code == 0:
            holder = self.authority.holder_address(request.installation)
            if holder is not None and holder != source:
                granted = super().answer(replace(request, address=holder, number=request.number + 1000), holder)
                return self.signed(replace(granted, number=request.number))
        return answer


class FollowsTheClone(Reference):
    """Refuses the clone's poll, and lets it have the slot all the same."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        answer = super().answer(request, source)
        holder = None if isinstance(request, Malformed) else self.authority.holder_address(request.installation)
        if isinstance(request, Poll) and isinstance(answer, Refusal) and holder not in (None, source):
            super().answer(Register(**{each.name: getattr(request, each.name) for each in fields(request)}), source)
        return answer


class OneTooMany(Reference):
    """Has room for one more than was licensed."""

    def __init__(self, licence: Licence, now_us: int) -> None:
        super().__init__(replace(licence, capacity=licence.capacity + 1), now_us)


class Crashes(Reference):
    """Does not expect what is not UTF-8."""

    def decode(self, body: bytes) -> Request:
        body.decode()
        return super().decode(body)


class AnswersWith500(Crashes):
    """The same behind a web server."""

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        try:
            return super().respond(body, source)
        except UnicodeDecodeError:
            return 500, b"Internal Server Error"


class ParsesLeniently(Reference):
    """Takes of a key that occurs twice the second, and NaN for a number."""

    def decode(self, body: bytes) -> Request:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        return super().decode(json.dumps(parsed).encode() if isinstance(parsed, dict) else body)


class ForgetsWhatItAnswered(Reference):
    """Takes a copy for a new request."""

    count = 0

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        if isinstance(request, Malformed):
            return super().answer(request, source)
        self.count += 1
        return self.signed(replace(super().answer(replace(request, number=self.count), source), number=request.number))


class RemembersTheLatest(Reference):
    """Knows only the latest request of all."""

    latest: tuple[object, Answer] = (None, Refusal(number=0, code=0, reason="none"))
    count = 0

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        if isinstance(request, Malformed) or self.latest[0] == (request, source):
            return self.latest[1] if self.latest[0] == (request, source) else super().answer(request, source)
        self.count += 1
        answered = super().answer(replace(request, number=self.count), source)
        answer = self.signed(replace(answered, number=request.number))
        self.latest = (request, source), answer
        return answer


class ChangesTheGrant(Reference):
    """Does to the body of every grant what ``change`` does."""

    def encode(self, answer: Answer) -> bytes:
        body = json.loads(super().encode(answer))
        if isinstance(answer, Grant):
            self.change(body)
            with suppress(ProtocolError):  # What is no grant any more has no signature.
                changed = self.signed(decode_answer(json.dumps(body).encode()))
                body = json.loads(encode_answer(changed))
        return json.dumps(body).encode()

    def change(self, body: dict[str, Any]) -> None:
        body["details"]["node_count"] = 1


class LeavesAnItemOut(ChangesTheGrant):
    """Says nothing of the access ports."""

    def change(self, body: dict[str, Any]) -> None:
        del body["details"]["access_ports"]


class CutsAnItem(ChangesTheGrant):
    """Hands over one function point only."""

    def change(self, body: dict[str, Any]) -> None:
        body["details"]["function_points"] = body["details"]["function_points"][:1]


class TellsWhoIsIn(ChangesTheGrant):
    """Adds the live slots to the capacity."""

    def change(self, body: dict[str, Any]) -> None:
        body["capacity"] += self.registered()


class CaseBlind(Reference):
    """Compares application names and domains without their case."""

    def answer(self, request: Request | Malformed, source: int) -> Answer:
        if not isinstance(request, Malformed):
            for licensed in self.licence.applications:
                if licensed.casefold() == request.application.casefold():
                    request = replace(request, application=licensed)
            for licensed in self.licence.domains:
                if request.domain is not None and licensed.casefold() == request.domain.casefold():
                    request = replace(request, domain=licensed)
        return super().answer(request, source)


class SignsWithAnotherKey(Reference):
    """Signs with a key of its own."""

    def encode(self, answer: Answer) -> bytes:
        if isinstance(answer, Grant):
            answer = replace(answer, signature=signature_of(answer, b"my own"))
        return super().encode(answer)


class MisdatesGrants(Reference):
    """Dates its grants at the beginning of time."""

    def encode(self, answer: Answer) -> bytes:
        if isinstance(answer, Grant):
            dated = replace(answer, server_time_us=0)
            answer = replace(dated, signature=signature_of(dated, self.licence.key))
        return super().encode(answer)


class MisnamesCodes(Reference):
    """Names every refusal alike."""

    def encode(self, answer: Answer) -> bytes:
        return super().encode(answer).replace(b'"name":"LICENSE_IP_ERROR"', b'"name":"REFUSED"')


WRONG: list[tuple[str, Make, str]] = [
    ("addresses_are_compared_as_numbers", MisnamesCodes, "the name of the refusal is 'REFUSED'"),
    ("addresses_are_compared_as_numbers", EndsBeforeTheLast, "30003 LICENSE_IP_ERROR instead of a positive answer"),
    ("address_texts_are_read_strictly", KnowsNoMappedAddress, "10001 PARAM_INPUT_ERROR instead of .*: '.*:[fF]{4}:"),
    ("address_texts_are_read_strictly", CutsZerosOff, "a positive answer instead of a refusal with 10001"),
    ("the_first_failing_check_is_the_answer", SuspensionFirst, "30002 .* instead of a refusal with 30000"),
    ("the_first_failing_check_is_the_answer", LicenceBeforeBody, "30000 .* instead of a refusal with 1000[01]"),
    ("names_are_compared_exactly", CaseBlind, "a positive answer instead of a refusal with 3000"),
    ("a_refusal_changes_nothing", LeaksASlot, r"live slots after a refusal: \d, not \d"),
    ("a_refusal_changes_nothing", DropsTheRefused, r"live slots after a refusal: \d, not \d"),
    ("registering_twice_costs_one_slot", NeedsAFreeSlot, "30007 .* instead of a positive answer: '.' holds a slot"),
    ("registering_twice_costs_one_slot", CountsRegisters, r"live slots: \d, not \d"),
    ("unbinding_twice_is_refused", UnbindsAnybody, "a positive answer instead of a refusal with 20000"),
    ("a_poll_from_elsewhere_is_a_clone", KnowsNoClones, "instead of a refusal without a code"),
    ("a_poll_from_elsewhere_is_a_clone", FollowsTheClone, "it holds the slot, whatever its clone asks"),
    ("the_capacity_is_never_exceeded", OneTooMany, r"live slots: \d, of \d licensed"),
    ("no_body_breaks_it", Crashes, "respond raised UnicodeDecodeError"),
    ("no_body_breaks_it", AnswersWith500, "the status is 500"),
    ("no_body_breaks_it", ParsesLeniently, "instead of a refusal with 10000 JSON_PARSER_ERROR or a refusal with 10001"),
    ("a_copy_gets_the_same_answer", ForgetsWhatItAnswered, "a copy is not answered as the request was"),
    ("a_copy_gets_the_same_answer", RemembersTheLatest, "a copy is not answered as the request was"),
    ("a_grant_carries_the_five_items", SignsWithAnotherKey, "the signature is not that of the licence's key"),
    ("a_grant_carries_the_five_items", MisdatesGrants, r"the date is -\d+ us off the validator's clock"),
    ("a_grant_carries_the_five_items", ChangesTheGrant, "'node_count' is not a field"),
    ("a_grant_carries_the_five_items", LeavesAnItemOut, "'access_ports' is missing"),
    ("a_grant_carries_the_five_items", CutsAnItem, "function_points is "),
    ("a_grant_carries_the_five_items", TellsWhoIsIn, "the capacity is "),
]


def broken(make: Make, *names: str) -> str:
    with pytest.raises(AssertionError) as caught:
        check_validator(make, max_examples=300, only=names)
    return str(caught.value)


@pytest.fixture
def unshrunk() -> Iterator[None]:
    """Leaves examples as they were found, which takes a fraction of the time."""
    settings.register_profile("unshrunk", settings.get_profile("fdl-harness"), phases=[Phase.generate])
    settings.load_profile("unshrunk")
    yield
    settings.load_profile("fdl-harness")


@pytest.mark.usefixtures("unshrunk")
@pytest.mark.parametrize(("name", "make", "why"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_validator_is_noticed_and_told(name: str, make: Make, why: str) -> None:
    message = broken(make, name)
    assert re.match(rf"{name} \(R.*\): .*{why}", message), message


def test_every_property_is_seen_to_notice_something() -> None:
    assert list(dict.fromkeys(name for name, _, _ in WRONG)) == list(PROPERTIES)


# What is told.


@pytest.mark.usefixtures("unshrunk")
@pytest.mark.parametrize("make", [OneTooMany, SuspensionFirst, AnswersWith500, CutsZerosOff])
def test_what_was_sent_can_be_pasted(make: Make) -> None:
    name = next(name for name, wrong, _ in WRONG if wrong is make)
    lines = [line.strip() for line in broken(make, name).splitlines()[1:]]
    names: dict[str, Any] = {"make": make, "Licence": Licence}
    exec(lines[0], names)
    for line in lines[1:]:
        call, _, told = line.rpartition("  # ")
        status, body = eval(call, names)
        assert f"{status} {body!r}" == told


def test_the_example_is_small() -> None:
    message = broken(EndsBeforeTheLast, "addresses_are_compared_as_numbers")
    assert "make(Licence(capacity=1, ranges=((16777216, " in message
    assert message.count("respond(") == 1
    # Nothing is told of what is as usual.
    assert "applications" not in message


@pytest.mark.usefixtures("unshrunk")
def test_a_long_body_is_told_in_short() -> None:
    class Chokes(Reference):
        """Takes no more than 32 KiB."""

        def decode(self, body: bytes) -> Request:
            assert len(body) < 32_768, "too long"
            return super().decode(body)

    message = broken(Chokes, "no_body_breaks_it")
    assert "respond raised AssertionError: too long" in message
    assert re.search(r"b'.{1,5}' \* \d{4,}", message)
    assert len(message) < 8_000


@pytest.mark.usefixtures("unshrunk")
def test_the_validators_own_error_is_the_cause() -> None:
    with pytest.raises(AssertionError) as caught:
        check_validator(Crashes, only=["no_body_breaks_it"])
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)


@pytest.mark.usefixtures("unshrunk")
def test_several_broken_properties_are_told_together() -> None:
    class Wrong(OneTooMany, CutsZerosOff):
        """Wrong in two ways."""

    names = ("addresses_are_compared_as_numbers", "address_texts_are_read_strictly", "the_capacity_is_never_exceeded")
    with pytest.raises(ExceptionGroup, match="2 of 3 properties are broken") as caught:
        check_validator(Wrong, only=names)
    assert [str(each).split()[0] for each in caught.value.exceptions] == [names[1], names[2]]


def test_a_validator_that_does_not_start_afresh_is_told() -> None:
    calls = []

    class Moody(Reference):
        """Fails once."""

        def decode(self, body: bytes) -> Request:
            calls.append(body)
            assert len(calls) != 20, "the twentieth"
            return super().decode(body)

    assert "not when the same was sent again" in broken(Moody, "addresses_are_compared_as_numbers")


@pytest.mark.usefixtures("unshrunk")
def test_too_large_a_body_may_be_refused_with_413_and_no_other() -> None:
    def refusing_with_413(least: int) -> Callable[[Licence, int], Validator]:
        class Refuses(Reference):
            def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
                status, answer = super().respond(body, source)
                return 413 if status == 400 and len(body) >= least else status, answer

        return Refuses

    check_validator(refusing_with_413(65_536), only=["no_body_breaks_it"], max_examples=20)
    assert "the status is 413, not 400" in broken(refusing_with_413(0), "no_body_breaks_it")


# Mistakes of the caller.


def test_an_unknown_property_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no property is named 'capacity'; the properties are addresses_are_compared"):
        check_validator(Reference, only=["capacity"])


def test_an_answer_that_is_no_bytes_is_a_mistake() -> None:
    class Texts(Reference):
        def respond(self, body: bytes, source: str) -> Any:
            return 200, "text"

    with pytest.raises(TypeError, match="respond has to return a status and bytes, not str"):
        check_validator(Texts, only=["addresses_are_compared_as_numbers"])


@given(st.data())
@settings(max_examples=5)
def test_a_property_stands_below_a_given_of_ones_own(data: st.DataObject) -> None:
    PROPERTIES["the_capacity_is_never_exceeded"].holds(Reference, data)
