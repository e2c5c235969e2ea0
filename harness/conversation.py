"""A conversation with a licence validator: what was said to it and by it, held to the protocol word by word.

`Session` sends requests and bytes to a fresh validator, keeps count of who was granted a slot, and tells a failure as
Python that can be pasted. What the law refuses a request with is stated here once more, from the documented rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import NoReturn, Protocol, TypeAlias

from harness.strategies import AROUND_US
from reference_server.codes import Code
from reference_server.licence import Licence
from reference_server.protocol import (
    Answer,
    Grant,
    ProtocolError,
    Refusal,
    Register,
    Release,
    Request,
    Unbind,
    decode_answer,
    encode_request,
    format_address,
    is_signed,
)

__all__ = ["MALFORMED", "Make", "Session", "Validator", "first_reason", "lies_in"]

#: No well-formed request is longer, however its texts are escaped; what is longer can be refused unread, with 413.
_LARGEST_BYTES = 16_384
#: The codes of what is no request.
MALFORMED = (Code.JSON_PARSER_ERROR, Code.PARAM_INPUT_ERROR)


class Validator(Protocol):
    """A licence validator as the properties see it."""

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        """Return the HTTP status and the body of the answer to a request.

        A grant and a release have the status 200, a refusal with 10000 or 10001 has 400 (413 if the request is too
        large to be read), any other refusal 403.

        :param body: the body of the request, whatever it is.
        :param source: the IPv4 address that it came from, as a dotted quad.
        """

    def registered(self) -> int:
        """Return the number of live slots."""


#: Starts a fresh validator under a licence. Its wall clock stands at the given instant, in us since the Unix epoch.
Make: TypeAlias = Callable[[Licence, int], Validator]


class Session:
    """A fresh validator, and what was said to it and by it."""

    def __init__(self, make: Make, licence: Licence, now_us: int = AROUND_US) -> None:
        self.licence = licence
        self.now_us = now_us
        self.said: list[tuple[bytes, int, str]] = []
        #: Who holds a slot by the answers so far, with the last request that was granted.
        self.holders: dict[str, Request] = {}
        #: The body of the latest answer.
        self.answered = b""
        self._requests = 0
        self._validator = make(licence, now_us)

    def send(self, body: bytes, source: int) -> Answer:
        """Return the answer to ``body``."""
        self.said.append((body, source, "raised"))
        try:
            status, answered = self._validator.respond(body, format_address(source))
        except Exception as error:
            raise AssertionError(self._told(f"respond raised {type(error).__name__}: {error}")) from error
        if not isinstance(answered, bytes):
            raise TypeError(f"respond has to return a status and bytes, not {type(answered).__name__}")
        self.said[-1] = (body, source, f"{status} {answered!r}")
        self.hold(status < 500, f"the status is {status}, and nothing that is sent may break a validator")
        try:
            answer = decode_answer(answered)
        except ProtocolError as error:
            self.fail(f"the answer is none of the protocol: {error.reason}")
        malformed = isinstance(answer, Refusal) and answer.code in MALFORMED
        expected = 400 if malformed else 403 if isinstance(answer, Refusal) else 200
        unread = status == 413 and malformed and len(body) > _LARGEST_BYTES
        self.hold(status == expected or unread, f"the status is {status}, not {expected}")
        self.answered = answered
        self._hold_form(answer, answered)
        return answer

    def _hold_form(self, answer: Answer, answered: bytes) -> None:
        """Raise unless an answer is signed and dated as it has to be, or names its code."""
        if isinstance(answer, Refusal):
            name, expected = json.loads(answered)["name"], Code.shown_for(answer.code).shown_name
            self.hold(name == expected, f"the name of the refusal is {name!r}, not {expected!r}")
            return
        self.hold(is_signed(answer, self.licence.key), "the signature is not that of the licence's key")
        off_us = answer.server_time_us - self.now_us
        self.hold(off_us == 0, f"the date is {off_us} us off the validator's clock")

    def ask(self, request: Request, source: int | None = None, *, renumber: bool = True) -> Answer:
        """Return the answer to ``request``, which by default gets a fresh number and comes from where it says."""
        self._requests += 1
        if renumber:
            request = replace(request, number=self._requests)
        answer = self.send(encode_request(request), request.address if source is None else source)
        self.hold(answer.number == request.number, f"the answer is to request {answer.number}, not {request.number}")
        positive = Release if isinstance(request, Unbind) else Grant
        self.hold(isinstance(answer, positive | Refusal), f"{type(answer).__name__} answers {type(request).__name__}")
        if not isinstance(answer, Refusal):
            self.hold(answer.installation == request.installation, "the answer is to another installation")
            self.holders.pop(request.installation, None)
            if isinstance(answer, Grant):
                self.holders[request.installation] = request
        return answer

    def say(self, request: Request | bytes, source: int) -> Answer:
        return self.send(request, source) if isinstance(request, bytes) else self.ask(request, source)

    def verdict(self, request: Request, source: int) -> int | None:
        """Return the code that the law refuses ``request`` with, 0 for a row without code, ``None`` if it grants."""
        code = first_reason(self.licence, request, source, self.now_us)
        if code is not None:
            return code
        held = self.holders.get(request.installation)
        if isinstance(request, Register):
            has_room = held is not None or len(self.holders) < self.licence.capacity
            return None if has_room else Code.REGISTER_OUT_OF_LIMIT
        if isinstance(request, Unbind):
            return Code.DO_NOT_NEED_DEACTIVATE if held is None else None
        # A poll without a slot, or from another address than that which was granted the slot just now: a clone.
        return None if held is not None and held.address == source else 0

    def registered(self) -> int:
        return self._validator.registered()

    def hold_count(self) -> None:
        """Raise unless the number of live slots is that of the installations that were granted one."""
        count, expected = self.registered(), len(self.holders)
        self.hold(count == expected, f"live slots: {count}, not {expected}")

    def hold_code(self, answer: Answer, *allowed: int | None, why: str = "") -> None:
        """Raise unless ``answer`` is a refusal with one of the codes ``allowed``, positive where that is ``None``."""
        code = answer.code if isinstance(answer, Refusal) else None
        self.hold(code in allowed, f"{_coded(code)} instead of {' or '.join(map(_coded, allowed))}{why}")

    def hold(self, condition: bool, otherwise: str) -> None:
        if not condition:
            self.fail(otherwise)

    def fail(self, message: str) -> NoReturn:
        raise AssertionError(self._told(message))

    def _told(self, message: str) -> str:
        lines = [f"validator = make({_shown_licence(self.licence)}, {self.now_us})"]
        for body, source, told in self.said:
            lines.append(f"validator.respond({_shown(body)}, {format_address(source)!r})  # {told}")
        return "\n    ".join([message, *lines])


def _coded(code: int | None) -> str:
    if code is None:
        return "a positive answer"
    return f"a refusal with {code} {Code.shown_for(code).shown_name}" if code else "a refusal without a code"


def _shown_licence(licence: Licence) -> str:
    """Return ``licence`` as Python, without what is as usual."""
    items = [(each, getattr(licence, each.name)) for each in fields(licence) if each.init]
    return f"Licence({', '.join(f'{each.name}={value!r}' for each, value in items if value != each.default)})"


def _shown(body: bytes) -> str:
    """Return ``body`` as Python, with what recurs many times written once."""
    parts, at = [], 0
    for found in re.finditer(rb"(.{1,5}?)\1{31,}", body, re.DOTALL):
        parts += [repr(body[at : found.start()]), f"{found[1]!r} * {len(found[0]) // len(found[1])}"]
        at = found.end()
    return " + ".join(part for part in [*parts, repr(body[at:])] if part != "b''") or "b''"


def lies_in(ranges: Sequence[tuple[int, int]], address: int) -> bool:
    """Tell whether ``address`` lies in one of ``ranges``, ends included."""
    return any(first <= address <= last for first, last in ranges)


def first_reason(licence: Licence, request: Request, source: int, now_us: int) -> int | None:
    """Return the first reason of the law to refuse a well-formed request whatever the slots, 0 where it has no code."""
    # What was translated on its way comes from another address than the one that it reports.
    misplaced = source != request.address or not lies_in(licence.ranges, source)
    if isinstance(request, Unbind):
        return Code.LICENSE_IP_ERROR if misplaced else None
    if licence.expires_us is not None and now_us >= licence.expires_us:
        return Code.LICENSE_EXPIRED
    if request.version != licence.version:
        return Code.REPORT_VERSION_ERROR
    if licence.suspended:
        return Code.ACCOUNT_STATUS_ERROR
    if misplaced:
        return Code.LICENSE_IP_ERROR
    if licence.domains and request.domain not in licence.domains:
        return Code.LICENSE_DOMAIN_ERROR
    if licence.applications and request.application not in licence.applications:
        return Code.LICENSE_APPNAME_ERROR
    return 0 if licence.ports and request.port not in licence.ports else None
