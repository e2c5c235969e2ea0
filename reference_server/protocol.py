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
from typing import Any, ClassVar, NamedTuple, TypeAlias

from reference_server.addresses import format_address, parse_address
from reference_server.codes import Code
from reference_server.strict_json import Fields, ProtocolError

__all__ = [
    "FORMAT",
    "SIMULATED_KEY",
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

#: Signs and verifies every answer of the simulation. It is public on purpose: nothing real trusts it.
SIMULATED_KEY = b"fdl-harness simulated key"
#: Marks every message as simulated. A message without it is not ours, and no real product accepts it.
FORMAT = "fdl-harness-simulated/1"


class Instant(NamedTuple):
    """What a program reads from its host's clocks at one moment, in microseconds.

    ``boot_us`` is the boot-time clock (intervals), ``wall_us`` the wall clock since the Unix epoch (dates).
    """

    boot_us: int
    wall_us: int


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


# The JSON form.

_REQUESTS: dict[str, type[Register | Poll | Unbind]] = {
    "register": Register,
    "poll": Poll,
    "unbind": Unbind,
}


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
    fields = Fields(data)
    fields.constant("format", FORMAT)
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
    fields = Fields(data)
    fields.constant("format", FORMAT)
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
