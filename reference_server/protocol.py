"""The protocol between a FineDataLink node and its authorization server, in our own simulated form.

The document says what is exchanged (Note 11, "Function Description", the failure table) and not how.
So the messages here are ours: frozen values, a strict JSON form both ways, and a format marker that no
real product knows. Three requests go up (`Register`, `Poll`, `Unbind`), three answers come down
(`Grant`, `Refusal`, and `Release`, the positive answer to an unbind).

Two kinds of mistake in a request are told apart, because the document does (R109, R110): bytes that are
no JSON object are *malformed* (10000), a JSON object whose fields are missing, unknown, of the wrong type
or out of range is a *bad parameter* (10001).
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, ClassVar, NamedTuple, TypeAlias

__all__ = [
    "FORMAT",
    "Answer",
    "Code",
    "Details",
    "Grant",
    "Instant",
    "Kind",
    "Malformed",
    "Poll",
    "ProtocolError",
    "Refusal",
    "Register",
    "Release",
    "Request",
    "Unbind",
    "decode_answer",
    "decode_request",
    "encode_answer",
    "encode_request",
    "format_address",
    "is_signed",
    "parse_address",
    "signature_of",
]

#: Marks every message as simulated. A message without it is not ours, and no real product accepts it.
FORMAT = "fdl-harness-simulated/1"


class Instant(NamedTuple):
    """What a program reads from its host's clocks at one moment, in microseconds.

    ``boot_us`` is the boot-time clock (intervals), ``wall_us`` the wall clock since the Unix epoch (dates).
    """

    boot_us: int
    wall_us: int


class Code(IntEnum):
    """Why a request failed: the table "Failure Reason", with its two rows that have no code.

    The values of the coded rows are the documented codes, the names are the documented names.
    """

    #: The "/" row: no answer came, or the connection was refused (R119).
    NO_CONNECTION = -1
    #: Whatever the table does not list is shown as "Incorrect License Format" (R107).
    INCORRECT_LICENSE_FORMAT = 0
    JSON_PARSER_ERROR = 10000
    PARAM_INPUT_ERROR = 10001
    DO_NOT_NEED_DEACTIVATE = 20000
    LICENSE_EXPIRED = 30000
    REPORT_VERSION_ERROR = 30001
    ACCOUNT_STATUS_ERROR = 30002
    LICENSE_IP_ERROR = 30003
    LICENSE_DOMAIN_ERROR = 30004
    LICENSE_APPNAME_ERROR = 30005
    REGISTER_OUT_OF_LIMIT = 30007

    @classmethod
    def shown_for(cls, number: int | None) -> Code:
        """Return what a node shows for the code ``number`` of a refusal (R107: unlisted ones are generic)."""
        return _CODE_BY_NUMBER.get(number, cls.INCORRECT_LICENSE_FORMAT)

    @property
    def label(self) -> str:
        """The code as the failure list prints it: ``30003``, ``/``, or nothing for the generic text."""
        return {-1: "/", 0: ""}.get(int(self), str(int(self)))

    @property
    def shown_name(self) -> str:
        """The name as the failure list prints it: the documented name, the generic text, or ``/``."""
        return {-1: "/", 0: "Incorrect License Format"}.get(int(self), self.name)

    @property
    def reason(self) -> str:
        """The reason in a sentence of our own, corrected where the document has an erratum (Q21, Q27)."""
        return _REASONS[self]


_CODE_BY_NUMBER: dict[int | None, Code] = {int(code): code for code in Code if code > 0}

_REASONS: dict[Code, str] = {
    Code.NO_CONNECTION: "the authorization server cannot be reached",
    Code.INCORRECT_LICENSE_FORMAT: "the licence does not fit, for a reason that the table does not list",
    Code.JSON_PARSER_ERROR: "the data is malformed",
    Code.PARAM_INPUT_ERROR: "a parameter is missing or wrong",
    Code.DO_NOT_NEED_DEACTIVATE: "the machine is not authorized and does not need to be unbound",
    Code.LICENSE_EXPIRED: "the licence has expired",
    Code.REPORT_VERSION_ERROR: "the licence is for another version",
    Code.ACCOUNT_STATUS_ERROR: "the issuer has suspended the licence",
    Code.LICENSE_IP_ERROR: "the address is outside the licensed ranges, or was translated on the way",
    Code.LICENSE_DOMAIN_ERROR: "the access domain is not licensed",
    Code.LICENSE_APPNAME_ERROR: "the application name is not licensed",
    Code.REGISTER_OUT_OF_LIMIT: "every licensed slot is taken",
}


class Kind(IntEnum):
    """What a request asks for."""

    REGISTER = 0
    POLL = 1
    UNBIND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The fields that every request has.

    ``number`` is fresh for each request of an installation. ``address`` is the node's own IPv4 address as
    an integer. ``domain`` and ``port`` are the access domain and access port under which users reach the
    node, ``None`` where it has none. ``cluster`` is the name of the node's cluster, ``None`` if standalone.
    """

    number: int
    installation: str
    address: int
    application: str
    version: str = "FineDataLink"
    domain: str | None = None
    port: int | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(_Asked):
    """An administrator's "Register Now" (R092 to R095)."""

    kind: ClassVar[Kind] = Kind.REGISTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll(_Asked):
    """The routine request of every two hours (R031, Note 11)."""

    kind: ClassVar[Kind] = Kind.POLL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbind(_Asked):
    """Gives the slot back (R111, Q47)."""

    kind: ClassVar[Kind] = Kind.UNBIND


Request: TypeAlias = Register | Poll | Unbind


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """What the server makes of bytes that are no request: the code to answer with, and why."""

    code: Code
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The five items that a grant hands to the node (R005, "Function Description"), and nothing else.

    An empty ``access_domains``, ``access_ports`` or ``application_names`` means any. ``expires_us`` is the
    first instant, in wall-clock microseconds since the Unix epoch, at which the licence is no longer
    valid, ``None`` if it never expires.
    """

    function_points: tuple[str, ...]
    access_domains: tuple[str, ...]
    access_ports: tuple[int, ...]
    application_names: tuple[str, ...]
    expires_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A positive answer to a register or a poll.

    ``server_time_us`` is the server's date at the request's arrival. ``capacity`` is what the node shows
    as Max Connections (R099). ``signature`` covers everything else.
    """

    number: int
    installation: str
    server_time_us: int
    capacity: int
    details: Details
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The positive answer to an unbind: the slot is free again."""

    number: int
    installation: str
    server_time_us: int
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A negative answer. ``code`` is 0 where the table has no code for the reason ("Incorrect License Format").

    ``number`` is 0 if the server could not tell which request it answers.
    """

    number: int
    code: int
    reason: str


Answer: TypeAlias = Grant | Release | Refusal


class ProtocolError(ValueError):
    """A message that is not of the protocol. ``code`` says which of R109 and R110 it is."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{int(code)} {code.name}: {reason}")
        self.code = code
        self.reason = reason


# Signing. The simulation signs with a keyed hash: cheap, and a real signature takes its place when the
# licence becomes a file. What is signed is every field of the answer, in the order below.


@lru_cache(maxsize=1024)
def _details_text(details: Details) -> str:
    return json.dumps(
        [
            details.function_points,
            details.access_domains,
            details.access_ports,
            details.application_names,
            details.expires_us,
        ]
    )


def signature_of(answer: Grant | Release, key: bytes) -> str:
    """Return the signature that belongs on ``answer`` under ``key``, whatever it carries now."""
    text = f"{answer.number}\n{answer.installation}\n{answer.server_time_us}\n"
    if isinstance(answer, Grant):
        text += f"{answer.capacity}\n{_details_text(answer.details)}"
    return "simulated:" + hmac.digest(key, text.encode(), "sha256").hex()


def is_signed(answer: Grant | Release, key: bytes) -> bool:
    """Tell whether ``answer`` carries the signature that ``key`` makes."""
    return hmac.compare_digest(answer.signature, signature_of(answer, key))


# Addresses: integers inside, dotted quads in JSON.


def parse_address(text: str) -> int:
    """Return the IPv4 address ``text`` as an integer. An IPv4-mapped IPv6 address is the IPv4 address.

    :raises ValueError: for leading zeros, 0.x.x.x (below the span of R065), other IPv6 and anything else.
    """
    try:
        address = int(IPv4Address(text))
    except AddressValueError:
        try:
            mapped = IPv6Address(text).ipv4_mapped
        except AddressValueError:
            mapped = None
        if mapped is None:
            raise ValueError(f"{text!r} is not an IPv4 address such as 192.168.100.25") from None
        address = int(mapped)
    if address < 1 << 24:
        raise ValueError(f"{text!r} is below 1.0.0.0, the first address that can be licensed")
    return address


def format_address(address: int) -> str:
    """Return the integer ``address`` as a dotted quad."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


# The JSON form.

_REQUESTS: dict[str, type[Register | Poll | Unbind]] = {
    "register": Register,
    "poll": Poll,
    "unbind": Unbind,
}
_TEXT_LIMIT = 255


def encode_request(request: Request) -> bytes:
    """Return the JSON form of ``request``. `decode_request` is the inverse."""
    return _to_json(
        {
            "format": FORMAT,
            "kind": request.kind.name.lower(),
            "number": request.number,
            "installation": request.installation,
            "address": format_address(request.address),
            "application": request.application,
            "version": request.version,
            "domain": request.domain,
            "port": request.port,
            "cluster": request.cluster,
        }
    )


def decode_request(data: bytes) -> Request:
    """Return the request whose JSON form is ``data``.

    :raises ProtocolError: with 10000 if ``data`` is no JSON object (R109), with 10001 if a field is
        missing, unknown, of the wrong type or out of range (R110).
    """
    fields = _Fields(data)
    fields.expect_format()
    message: type[Request] = fields.choice("kind", _REQUESTS)
    request = message(
        number=fields.integer("number", 1),
        installation=fields.text("installation"),
        address=fields.address("address"),
        application=fields.text("application"),
        version=fields.text("version"),
        domain=fields.optional(fields.text, "domain"),
        port=fields.optional(fields.port, "port"),
        cluster=fields.optional(fields.text, "cluster"),
    )
    fields.expect_no_more()
    return request


def encode_answer(answer: Answer) -> bytes:
    """Return the JSON form of ``answer``. `decode_answer` is the inverse."""
    body: dict[str, Any] = {"format": FORMAT, "kind": type(answer).__name__.lower(), "number": answer.number}
    if isinstance(answer, Refusal):
        shown = Code.shown_for(answer.code)
        body |= {"code": answer.code or None, "name": shown.shown_name, "reason": answer.reason}
    else:
        body |= {"installation": answer.installation, "server_time_us": answer.server_time_us}
        if isinstance(answer, Grant):
            details = answer.details
            body |= {
                "capacity": answer.capacity,
                "details": {
                    "function_points": list(details.function_points),
                    "access_domains": list(details.access_domains),
                    "access_ports": list(details.access_ports),
                    "application_names": list(details.application_names),
                    "expires_us": details.expires_us,
                },
            }
        body["signature"] = answer.signature
    return _to_json(body)


def decode_answer(data: bytes) -> Answer:
    """Return the answer whose JSON form is ``data``.

    :raises ProtocolError: if it has none; a node takes such an answer for silence.
    """
    fields = _Fields(data)
    fields.expect_format()
    kind = fields.choice("kind", {"grant": Grant, "release": Release, "refusal": Refusal})
    answer: Answer
    if kind is Refusal:
        answer = Refusal(
            number=fields.integer("number", 0),
            code=fields.optional(lambda key: fields.integer(key, 1), "code") or 0,
            reason=fields.text("reason"),
        )
        fields.text("name")
    elif kind is Release:
        answer = Release(
            number=fields.integer("number", 1),
            installation=fields.text("installation"),
            server_time_us=fields.integer("server_time_us"),
            signature=fields.text("signature"),
        )
    else:
        inner = fields.inner("details")
        answer = Grant(
            number=fields.integer("number", 1),
            installation=fields.text("installation"),
            server_time_us=fields.integer("server_time_us"),
            capacity=fields.integer("capacity", 1),
            details=Details(
                function_points=inner.texts("function_points"),
                access_domains=inner.texts("access_domains"),
                access_ports=inner.ports("access_ports"),
                application_names=inner.texts("application_names"),
                expires_us=inner.optional(inner.integer, "expires_us"),
            ),
            signature=fields.text("signature"),
        )
        inner.expect_no_more()
    fields.expect_no_more()
    return answer


def _to_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ProtocolError(Code.JSON_PARSER_ERROR, "a key occurs twice in one object")
    return body


def _no_constant(name: str) -> Any:
    raise ProtocolError(Code.JSON_PARSER_ERROR, f"{name} is not JSON")


class _Fields:
    """Takes the fields of one JSON object, each once, strictly typed."""

    def __init__(self, data: bytes | dict[str, Any]) -> None:
        if isinstance(data, bytes):
            try:
                body = json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
            except ProtocolError:
                raise
            except (ValueError, RecursionError) as error:
                raise ProtocolError(Code.JSON_PARSER_ERROR, f"the data is not JSON: {error}") from None
            if not isinstance(body, dict):
                raise ProtocolError(Code.JSON_PARSER_ERROR, "the data is not a JSON object")
            data = body
        self._left = dict(data)

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise ProtocolError(Code.PARAM_INPUT_ERROR, f"{key!r} is missing")
        return self._left.pop(key)

    def _wrong(self, key: str, value: object, expected: str) -> ProtocolError:
        return ProtocolError(Code.PARAM_INPUT_ERROR, f"{key!r} is {value!r:.80}, expected {expected}")

    def expect_format(self) -> None:
        value = self._take("format")
        if value != FORMAT:
            raise self._wrong("format", value, repr(FORMAT))

    def expect_no_more(self) -> None:
        for key in self._left:
            raise ProtocolError(Code.PARAM_INPUT_ERROR, f"{key!r:.80} is not a field of this message")

    def choice(self, key: str, choices: dict[str, Any]) -> Any:
        value = self._take(key)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(key, value, "one of " + ", ".join(choices))
        return choices[value]

    def integer(self, key: str, least: int | None = None) -> int:
        value = self._take(key)
        if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
            raise self._wrong(key, value, "a whole number")
        if least is not None and value < least:
            raise self._wrong(key, value, f"a whole number of at least {least}")
        return value

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not 1 <= len(value) <= _TEXT_LIMIT:
            raise self._wrong(key, value, f"a text of 1 to {_TEXT_LIMIT} characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._wrong(key, value, "text without lone surrogates") from None
        return value

    def port(self, key: str) -> int:
        value = self._take(key)
        if type(value) is not int or not 1 <= value <= 65535:
            raise self._wrong(key, value, "a port from 1 to 65535")
        return value

    def address(self, key: str) -> int:
        value = self._take(key)
        if not isinstance(value, str):
            raise self._wrong(key, value, "an IPv4 address")
        try:
            return parse_address(value)
        except ValueError as error:
            raise ProtocolError(Code.PARAM_INPUT_ERROR, f"{key!r}: {error}") from None

    def optional(self, take: Any, key: str) -> Any:
        if self._left.get(key, self) is None:
            return self._left.pop(key)
        return take(key)

    def _items(self, key: str, take_name: str) -> tuple[Any, ...]:
        value = self._take(key)
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return tuple(getattr(_Fields({key: item}), take_name)(key) for item in value)

    def texts(self, key: str) -> tuple[str, ...]:
        return self._items(key, "text")

    def ports(self, key: str) -> tuple[int, ...]:
        return self._items(key, "port")

    def inner(self, key: str) -> _Fields:
        value = self._take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return _Fields(value)
