"""Hypothesis strategies for testing a licence validator of one's own: addresses, licences, requests and broken bodies.

What they make crowds where validators go wrong: on the edges of octets and ranges, on the instant of expiry, on names
that need quoting, on bodies that are almost right. Everything shrinks towards the plainest example: the first address,
one slot, a licence that names nothing, a request that fits.

`harness.properties` has the properties that every validator keeps, made of these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeAlias

from hypothesis import strategies as st

from reference_server.codes import Code
from reference_server.licence import Licence
from reference_server.protocol import FORMAT, Poll, Register, Request, Unbind, encode_request

__all__ = [
    "AROUND_US",
    "FIRST_ADDRESS",
    "LAST_ADDRESS",
    "address_texts",
    "addresses",
    "applications",
    "licences",
    "malformed_bodies",
    "range_lists",
    "ranges",
    "requests",
]

Ranges: TypeAlias = tuple[tuple[int, int], ...]
_Fields: TypeAlias = dict[str, st.SearchStrategy[Any]]

#: The span of addresses that can be licensed (R065).
FIRST_ADDRESS, LAST_ADDRESS = 1 << 24, (1 << 32) - 1
#: The instant near which things happen if nothing else is said: 2026-03-01, 00:00 UTC, in us since the Unix epoch.
AROUND_US = 1_772_323_200_000_000

_DAY_US = 86_400_000_000
_TEXT_LIMIT = 255

# Addresses.


def _clamped(address: int) -> int:
    return min(max(address, FIRST_ADDRESS), LAST_ADDRESS)


#: Where the number of digits changes, and where a signed octet does.
_octets = st.sampled_from([0, 1, 9, 10, 99, 100, 127, 128, 199, 200, 254, 255]) | st.integers(0, 255)
_edges = st.tuples(_octets, _octets, _octets, _octets).map(lambda quad: _clamped(int.from_bytes(quad)))
_anywhere = st.integers(FIRST_ADDRESS, LAST_ADDRESS) | _edges


def addresses(*, near: Sequence[tuple[int, int]] = ()) -> st.SearchStrategy[int]:
    """IPv4 addresses that can be licensed, as integers, often with octets like 0, 9, 10, 99 and 255 (R065).

    :param near: (first, last) pairs; most addresses then lie on or beside their ends, or between them.
    """
    if not near:
        return _anywhere
    beside = [_clamped(end) for first, last in near for end in (first - 1, last + 1)]
    return _inside(near) | st.sampled_from(beside) | _anywhere


def _inside(pairs: Sequence[tuple[int, int]]) -> st.SearchStrategy[int]:
    """Return addresses that lie in one of ``pairs``, often at an end."""
    ends = [end for pair in pairs for end in pair]
    return st.sampled_from(ends) | st.sampled_from(pairs).flatmap(lambda pair: st.integers(*pair))


def _gaps(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what ``pairs`` leave of the span that can be licensed, as pairs."""
    gaps = []
    free = FIRST_ADDRESS
    for first, last in sorted(pairs):
        if first > free:
            gaps.append((free, first - 1))
        free = max(free, last + 1)
    return gaps if free > LAST_ADDRESS else [*gaps, (free, LAST_ADDRESS)]


_QUAD = "{a}.{b}.{c}.{d}"
_RIGHT_FORMS = (_QUAD, f"::ffff:{_QUAD}", f"::FFFF:{_QUAD}", f"0:0:0:0:0:ffff:{_QUAD}", "::ffff:{high:x}:{low:x}")
# What is no address of the protocol, and what some parsers take for one.
_ZEROS = ("{a}.{b}.{c}.0{d}", "0{a}.{b}.{c}.{d}", "{a}.00{b}.{c}.{d}", "::ffff:{a}.{b}.{c}.0{d}")
_BELOW = ("0.{b}.{c}.{d}", "0.255.255.255", "::ffff:0.{b}.{c}.{d}")
_BEYOND = (
    "{a}.{b}.{c}.256",
    "999.{b}.{c}.{d}",
    "{a}.{b}.{c}",
    "{a}..{c}.{d}",
    "{a}.{b}.{c}.",
    "{a}.{b}.{c}.{d}.1",
    f"{_QUAD}{'0' * 300}",
)
_AROUND = (f" {_QUAD}", f"{_QUAD} ", f"{_QUAD}\n", f"+{_QUAD}", f"{_QUAD}/32", f"{_QUAD}:8081", f"{_QUAD} - {_QUAD}")
_NUMBERS = ("0x{a:x}.{b}.{c}.{d}", "{a}.{rest}", "{number}", "0x{number:x}", "\uff11.{b}.{c}.{d}", "{a}.{b}.{c}.\u0663")
_IPV6 = ("::1", "fe80::1", "2001:db8::{low:x}", f"::{_QUAD}", f"64:ff9b::{_QUAD}", f"::ffff:0:{_QUAD}")
_ZONES = (f"::ffff:{_QUAD}%eth0", "::ffff:{high:x}:{low:x}%1", f"{_QUAD}%eth0", "fe80::1%eth0", f"[::ffff:{_QUAD}]")
_WRONG_FORMS = (*_ZEROS, *_BELOW, *_BEYOND, *_AROUND, *_NUMBERS, *_IPV6, *_ZONES, "", "localhost")


def _spelled(form: str, address: int) -> str:
    a, b, c, d = address.to_bytes(4)
    high, low = divmod(address, 1 << 16)
    return form.format(a=a, b=b, c=c, d=d, high=high, low=low, number=address, rest=address % (1 << 24))


def address_texts(
    *, of: st.SearchStrategy[int] | None = None, right: bool | None = None
) -> st.SearchStrategy[tuple[str, int | None]]:
    """Addresses as text, each with the integer it stands for, ``None`` if it is no address of the protocol (R065).

    Right are dotted quads and IPv4-mapped IPv6. Wrong are leading zeros, 0.x.x.x, other IPv6, a zone, and more.

    :param of: the addresses to write, else any.
    :param right: only right texts, or only wrong ones.
    """
    written = addresses() if of is None else of
    good = st.builds(lambda form, of: (_spelled(form, of), of), st.sampled_from(_RIGHT_FORMS), written)
    bad = st.builds(lambda form, of: (_spelled(form, of), None), st.sampled_from(_WRONG_FORMS), written)
    return good | bad if right is None else good if right else bad


def ranges() -> st.SearchStrategy[tuple[int, int]]:
    """Ranges as (first, last) pairs of integers, ends included: single addresses, short ranges, long ones (R063)."""
    short = st.builds(lambda first, more: (first, _clamped(first + more)), addresses(), st.integers(0, 300))
    wide = st.tuples(addresses(), addresses()).map(lambda ends: (min(ends), max(ends)))
    return addresses().map(lambda address: (address, address)) | short | wide


def range_lists(*, min_size: int = 1, max_size: int = 4) -> st.SearchStrategy[Ranges]:
    """Tuples of ranges in no order. Often one of them begins just after another's end, or inside it (R063).

    :param min_size: the least number of ranges.
    :param max_size: the greatest number of ranges.
    """
    placed = st.tuples(st.sampled_from(["where it is", "after", "inside"]), ranges())
    return st.lists(placed, min_size=min_size, max_size=max_size).map(_ranges_placed)


def _ranges_placed(placed: list[tuple[str, tuple[int, int]]]) -> Ranges:
    result: list[tuple[int, int]] = []
    for where, (first, last) in placed:
        if result and where != "where it is":
            start = _clamped(result[-1][1] + 1 if where == "after" else (result[-1][0] + result[-1][1]) // 2)
            first, last = start, _clamped(start + last - first)
        result.append((first, last))
    return tuple(result)


# Licences.

_PLAIN_NAMES = ("report1", "report 1", " report1", "report1/a?b=c&d", "null", "0", " ")
_QUOTED_NAMES = ('the "report"', "it's", "C:\\reports", "a\nb", "\x00")
# The first two are the same to the eye.
_FOREIGN_NAMES = ("caf\u00e9", "cafe\u0301", "\u62a5\u8868", "\u043e\u0442\u0447\u0451\u0442", "\U0001f600")
_LONG_NAMES = ("x" * _TEXT_LIMIT, "\u62a5" * _TEXT_LIMIT, "\U0001f600" * _TEXT_LIMIT)
_known_names = st.sampled_from(_PLAIN_NAMES + _QUOTED_NAMES + _FOREIGN_NAMES + _LONG_NAMES)
_names = _known_names | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def applications() -> st.SearchStrategy[str]:
    """Application names of 1 to 255 characters: plain ones, quotes, other scripts, control characters (R066)."""
    return _names


_DOMAINS = ("a.example", "b.example", "report.example", "192.168.100.25")
_PORTS = (8068, 1, 65535, 80, 443)
_domains = st.sampled_from(_DOMAINS)
_ports = st.sampled_from(_PORTS) | st.integers(1, 65535)


def _some(of: st.SearchStrategy[Any], *, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, min_size=least, max_size=3, unique=True).map(tuple)


# Made once, since to make a strategy takes longer than to draw from it.
_parts: _Fields = {
    "ranges": range_lists(max_size=3),
    "applications": _some(_names),
    "domains": _some(_domains),
    "ports": _some(_ports),
    "function_points": _some(st.just("FineDataLink") | _names, least=1),
    "version": st.sampled_from(["FineDataLink", "FineDataLink 5"]),
}


def licences(
    *, max_capacity: int = 4, around_us: int = AROUND_US, in_force: bool = False
) -> st.SearchStrategy[Licence]:
    """Licences with a small capacity, which name few or no applications, domains and ports.

    :param max_capacity: the greatest capacity; the least is 1.
    :param around_us: an instant in us since the Unix epoch. A licence that expires does so whole days from it.
    :param in_force: only licences that at ``around_us`` are neither expired nor suspended.
    """
    days = st.sampled_from([None, 1, 2] if in_force else [None, 0, 1, -1])
    return st.builds(
        Licence,
        capacity=st.integers(1, max_capacity),
        expires_us=days.map(lambda number: None if number is None else around_us + number * _DAY_US),
        suspended=st.just(False) if in_force else st.booleans(),
        **_parts,
    )


# Requests.


#: A number has to survive as it is, also where it does not fit a float or 32 bits.
_numbers = st.integers(1, 99) | st.sampled_from([1 << 31, (1 << 53) + 1, (1 << 63) - 1])


_ANY_FIELDS: _Fields = {
    "version": st.just("FineDataLink") | _names,
    "address": _anywhere,
    "domain": st.none() | _domains | _names,
    "application": _names,
    "port": st.none() | _ports,
}


def _fitting_fields(licence: Licence) -> _Fields:
    """Return strategies for fields that pass the checks of ``licence``.

    Each draws one choice, whether the licence names one value, several or none, so that licences shrink by themselves.
    """
    return {
        "version": st.sampled_from([licence.version] * 2),
        "address": _inside(licence.ranges) if licence.ranges else _anywhere,
        "domain": st.sampled_from(licence.domains * 2 or (None, *_DOMAINS)),
        "application": st.sampled_from(licence.applications * 2) if licence.applications else _known_names,
        "port": st.sampled_from(licence.ports * 2 or (None, *_PORTS)),
    }


def _failing_fields(licence: Licence) -> _Fields:
    """Return strategies for fields that fail the checks of ``licence``, but only just, as far as they can fail."""
    fields: _Fields = {"version": _almost((licence.version,))}
    if gaps := _gaps(licence.ranges):
        fields["address"] = _inside(gaps)
    if licence.domains:
        fields["domain"] = st.none() | _almost(licence.domains)
    if licence.applications:
        fields["application"] = _almost(licence.applications)
    if licence.ports:
        near = [other for port in licence.ports for other in (port + 1, port - 1)]
        others = [port for port in near if port not in licence.ports and 1 <= port <= 65535]
        fields["port"] = st.sampled_from([None, *others])
    return fields


def _almost(names: Sequence[str]) -> st.SearchStrategy[str]:
    near = [other for name in names for other in (f"{name}x", name[:-1], name[1:])]
    return st.sampled_from([name for name in near if name not in names and 1 <= len(name) <= _TEXT_LIMIT])


def requests(
    licence: Licence | None = None,
    *,
    kinds: Sequence[type[Request]] = (Register, Poll, Unbind),
    installations: Sequence[str] = ("a", "b", "c"),
    clusters: Sequence[str | None] = (None, "cluster"),
    fitting: bool = False,
) -> st.SearchStrategy[Request]:
    """Registers, polls and unbinds.

    :param licence: half of the requests fit it, the others fail one or more of the checks of their own fields
        (version, address, domain, application name, port); without it, their fields are anything.
    :param kinds: the classes to choose from.
    :param installations: the installation ids to choose from.
    :param clusters: the names of clusters to choose from, ``None`` for a standalone node.
    :param fitting: all requests fit ``licence``.
    """
    common: _Fields = {
        "kind": st.sampled_from(kinds),
        "number": _numbers,
        "installation": st.sampled_from(installations),
        "cluster": st.sampled_from(clusters),
    }
    if licence is None:
        return st.fixed_dictionaries(common | _ANY_FIELDS).map(_request_of)
    fields = common | _fitting_fields(licence)
    return st.fixed_dictionaries(fields).map(_request_of) if fitting else _spoilt(fields, _failing_fields(licence))


def _request_of(fields: dict[str, Any]) -> Request:
    kind: type[Request] = fields.pop("kind")
    return kind(**fields)


def _spoilt(fields: _Fields, failing: _Fields) -> st.SearchStrategy[Request]:
    """Return requests of which in half no field is taken from ``failing``, and in the others any of them are."""
    some = [names for size in range(1, len(failing) + 1) for names in combinations(failing, size)]

    def spoilt(names: tuple[str, ...]) -> st.SearchStrategy[Request]:
        return st.fixed_dictionaries(fields | {name: failing[name] for name in names}).map(_request_of)

    # One choice says which fields fail, so that to have none fail is one step.
    return st.sampled_from([()] * len(some) + some).flatmap(spoilt)


# Bodies that are no request.

#: For each kind of field, what it cannot be.
_NO_TEXTS: tuple[Any, ...] = ("", "x" * (_TEXT_LIMIT + 1), 1, True, ["text"], {})
_NO_PORTS: tuple[Any, ...] = (0, 65536, -1, "8068", True, 80.5, [8068], {})
_WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    "format": (None, "", f"{FORMAT}0", 1),
    "kind": (None, "", "REGISTER", 0, ["register"]),
    "number": (None, 0, -1, 1 << 63, "1", True, 1.5, [1], {}),
    "installation": (None, *_NO_TEXTS),
    "address": (None, FIRST_ADDRESS, True, ["1.0.0.0"], {}),
    "application": (None, *_NO_TEXTS),
    "version": (None, *_NO_TEXTS),
    "domain": _NO_TEXTS,
    "port": _NO_PORTS,
    "cluster": _NO_TEXTS,
}
_NO_JSON = (b"", b" ", b"{", b"}", b"register", b"<xml/>", b"{'number': 1}", b'{"number": 1,}', b'{"number": 01}')
_NO_OBJECTS = (b"null", b"true", b"0", b'"text"', b"[]", b"[{}]")


def malformed_bodies(
    *, of: st.SearchStrategy[Request] | None = None, code: int | None = None, huge: bool = False
) -> st.SearchStrategy[bytes]:
    """Bodies that are no request of the protocol, most of them almost one.

    :param of: the requests that are broken to make them, else any.
    :param code: 10000 for bodies that are no JSON object (R109), 10001 for objects with a field missing, unknown, of
        the wrong type or out of range (R110). Else also those about which one can argue: keys that occur twice, NaN,
        bytes that are not UTF-8, lone surrogates, deep nesting, very long numbers.
    :param huge: with the latter, bodies of about a megabyte too.
    :raises ValueError: for another ``code``.
    """
    good = (requests() if of is None else of).map(encode_request)
    if code == Code.JSON_PARSER_ERROR:
        return _no_objects(good)
    if code == Code.PARAM_INPUT_ERROR:
        return _wrong_objects(good)
    if code is not None:
        raise ValueError(f"no body is malformed in the way of {code}; there are 10000 and 10001")
    arguable = _arguable(good, 500_000 if huge else 5_000)
    ways = [_no_objects(good), _wrong_objects(good), arguable, arguable | _big(good) if huge else arguable]
    return st.sampled_from(ways).flatmap(lambda way: way)


def _no_objects(good: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    cut = st.builds(lambda body, at: body[: at % len(body)], good, st.integers(0, 1_000))
    wrapped = st.builds(lambda form, body: form % body, st.sampled_from([b"[%b]", b"%b}", b"%b,", b"x%b"]), good)
    return st.one_of(st.sampled_from(_NO_JSON + _NO_OBJECTS), cut, wrapped, good.map(lambda body: body + body))


_keys = st.sampled_from(list(_WRONG_VALUES))
_wrong_values = _keys.flatmap(lambda key: st.tuples(st.just(key), st.sampled_from(_WRONG_VALUES[key])))
_wrong_addresses = st.tuples(st.just("address"), address_texts(right=False).map(lambda pair: pair[0]))
_unknown_fields = st.tuples(st.sampled_from(["surprise", "Number", ""]), st.sampled_from([None, 1, "text"]))


def _wrong_objects(good: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    def with_item(body: bytes, item: tuple[str, Any]) -> bytes:
        return json.dumps(json.loads(body) | dict([item])).encode()

    missing = st.builds(_without, good, _keys)
    wrong = [*[_wrong_values] * 5, _wrong_addresses, _unknown_fields]
    return st.sampled_from([missing, *(st.builds(with_item, good, items) for items in wrong)]).flatmap(lambda way: way)


def _arguable(good: st.SearchStrategy[bytes], depth: int) -> st.SearchStrategy[bytes]:
    """Return what one parser calls malformed, and another a wrong value."""
    values = [
        ("number", b"NaN"),
        ("number", b"-Infinity"),
        ("number", b"9" * 5_000),
        ("installation", b'"\\ud800"'),
        ("installation", b'"\xff"'),
        ("surprise", b"[" * depth + b"]" * depth),
        ("surprise", b'{"a":' * depth + b"1" + b"}" * depth),
    ]
    spoilt = st.builds(lambda body, item: _with_raw(_without(body, item[0]), *item), good, st.sampled_from(values))
    twice = st.builds(_with_raw, good, st.sampled_from(["number", "port"]), st.just(b"7"))
    recoded = good.map(lambda body: body.decode().encode("utf-16"))
    return st.one_of(twice, spoilt, recoded, st.sampled_from([b"[" * depth, b'{"a":' * depth]))


def _big(good: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return bodies of about a megabyte."""
    long = b"x" * (1 << 20)
    values = [("surprise", b'"%b"' % long), ("surprise", b"[%b1]" % (b"1," * (1 << 19))), (long.decode(), b"1")]
    added = st.builds(lambda body, item: _with_raw(body, *item), good, st.sampled_from(values))
    return added | st.sampled_from([long, b" " * (1 << 20)])


def _with_raw(body: bytes, key: str, value: bytes) -> bytes:
    return b'{"%b":%b,%b' % (key.encode(), value, body[1:])


def _without(body: bytes, key: str) -> bytes:
    return json.dumps({name: value for name, value in json.loads(body).items() if name != key}).encode()
