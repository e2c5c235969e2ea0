"""Reading JSON strictly: each field once, of just the type that is expected, and nothing else.

It tells the two kinds of mistake apart that the document does: what is no JSON object is malformed (R109), a field that
is missing, unknown, of the wrong type or out of range is a bad parameter (R110).
"""

from __future__ import annotations

import json
from typing import Any

from reference_server.addresses import parse_address
from reference_server.codes import Code

__all__ = ["Fields", "ProtocolError"]

_TEXT_LIMIT = 255
#: Up to here a float holds every whole number.
_EXACT = 1 << 53


class ProtocolError(ValueError):
    """A message that is not of the protocol. ``code`` says which of R109 and R110 it is."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{int(code)} {code.name}: {reason}")
        self.code = code
        self.reason = reason


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ProtocolError(Code.JSON_PARSER_ERROR, "a key occurs twice in one object")
    return body


def _no_constant(name: str) -> Any:
    raise ProtocolError(Code.JSON_PARSER_ERROR, f"{name} is not JSON")


def _whole(value: Any) -> Any:
    """Return a number as an integer if it is one, however it is written: JSON knows no difference between 8 and 8.0."""
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


class Fields:
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

    def constant(self, key: str, expected: str) -> None:
        value = self._take(key)
        if value != expected:
            raise self._wrong(key, value, repr(expected))

    def expect_no_more(self) -> None:
        for key in self._left:
            raise ProtocolError(Code.PARAM_INPUT_ERROR, f"{key!r:.80} is not a field of this message")

    def choice(self, key: str, choices: dict[str, Any]) -> Any:
        value = self._take(key)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(key, value, "one of " + ", ".join(choices))
        return choices[value]

    def integer(self, key: str, least: int | None = None) -> int:
        value = _whole(self._take(key))
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
        value = _whole(self._take(key))
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
        return tuple(getattr(Fields({key: item}), take_name)(key) for item in value)

    def texts(self, key: str) -> tuple[str, ...]:
        return self._items(key, "text")

    def ports(self, key: str) -> tuple[int, ...]:
        return self._items(key, "port")

    def inner(self, key: str) -> Fields:
        value = self._take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return Fields(value)
