"""The protocol's JSON form: exact both ways, strict, and honest about which mistake it is."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.protocol import (
    FORMAT,
    Answer,
    Code,
    Details,
    Grant,
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
    encode_request,
    format_address,
    is_signed,
    parse_address,
    signature_of,
)

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
ports = st.integers(1, 65535)
numbers = st.integers(1, (1 << 63) - 1)
addresses = st.integers(1 << 24, (1 << 32) - 1)
times = st.integers(-(1 << 62), 1 << 62)


fields = {
    "number": numbers,
    "installation": texts,
    "address": addresses,
    "application": texts,
    "version": texts,
    "domain": st.none() | texts,
    "port": st.none() | ports,
    "cluster": st.none() | texts,
}
requests = st.builds(Register, **fields) | st.builds(Poll, **fields) | st.builds(Unbind, **fields)
details = st.builds(
    Details,
    function_points=st.lists(texts, max_size=3).map(tuple),
    access_domains=st.lists(texts, max_size=3).map(tuple),
    access_ports=st.lists(ports, max_size=3).map(tuple),
    application_names=st.lists(texts, max_size=3).map(tuple),
    expires_us=st.none() | times,
)
grants = st.builds(
    Grant,
    number=numbers,
    installation=texts,
    server_time_us=times,
    capacity=st.integers(1, 10_000),
    details=details,
    signature=texts,
)
releases = st.builds(Release, number=numbers, installation=texts, server_time_us=times, signature=texts)
refusals = st.builds(
    Refusal,
    number=st.integers(0, 1 << 62),
    code=st.sampled_from([0, 30006, 99999, *(int(code) for code in Code if code > 0)]),
    reason=texts,
)


@given(requests)
def test_a_request_survives_its_json(request_: Request) -> None:
    assert decode_request(encode_request(request_)) == request_


@given(grants | releases | refusals)
def test_an_answer_survives_its_json(answer: Answer) -> None:
    assert decode_answer(encode_answer(answer)) == answer


@given(addresses)
def test_an_address_survives_its_text(address: int) -> None:
    assert parse_address(format_address(address)) == address


GOOD = {
    "format": FORMAT,
    "kind": "register",
    "number": 1,
    "installation": "i",
    "address": "192.168.100.25",
    "application": "report1",
    "version": "FineDataLink",
    "domain": None,
    "port": None,
    "cluster": None,
}


def coded(data: bytes) -> Code:
    with pytest.raises(ProtocolError) as caught:
        decode_request(data)
    return caught.value.code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"not JSON",
        b"[1, 2]",
        b'"text"',
        b"null",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'{"a": 1} {"a": 1}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_malformed(data: bytes) -> None:
    assert coded(data) is Code.JSON_PARSER_ERROR


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_field_is_a_bad_parameter(key: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != key}
    assert coded(json.dumps(body).encode()) is Code.PARAM_INPUT_ERROR


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "fdl-harness-simulated/2"),
        ("kind", "REGISTER"),
        ("kind", ["register"]),
        ("number", "1"),
        ("number", True),
        ("number", 1.5),
        ("number", 0),
        ("number", 1 << 63),
        ("installation", ""),
        ("installation", None),
        ("installation", "x" * 256),
        ("installation", "\ud800"),
        ("application", 7),
        ("port", 0),
        ("port", 65536),
        ("port", "8068"),
        ("domain", ""),
        ("address", 3232261145),
        ("address", "192.168.100.025"),
        ("address", "010.0.0.1"),
        ("address", "0.255.255.255"),
        ("address", "192.168.100.256"),
        ("address", "192.168.100"),
        ("address", "fe80::1"),
        ("address", "::ffff:192.168.100.25%eth0"),
        ("address", "192.168.100.25/32"),
        ("address", " 192.168.100.25"),
        ("address", "::ffff:0.1.2.3"),
        ("address", "::192.168.100.25"),
        ("address", None),
        ("port", True),
        ("port", -1),
        ("number", None),
        ("number", [1]),
        ("cluster", 1),
        ("version", None),
        ("surprise", 1),
    ],
)
def test_a_wrong_field_is_a_bad_parameter(key: str, value: Any) -> None:
    assert coded(json.dumps(GOOD | {key: value}).encode()) is Code.PARAM_INPUT_ERROR


def test_the_good_request_is_good() -> None:
    assert decode_request(json.dumps(GOOD).encode()) == Register(
        number=1, installation="i", address=0xC0A86419, application="report1"
    )


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    assert parse_address("::ffff:192.168.100.25") == parse_address("192.168.100.25") == 0xC0A86419


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_whatsoever_raise_anything_else(data: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with suppress(ProtocolError):
            decode(data)


@pytest.mark.parametrize("number", [None, 0, 30006, 1, -1, 99999])
def test_a_code_outside_the_table_is_shown_as_the_generic_text(number: int | None) -> None:
    # R107, and R120: there is no 30006. -1 stands for no connection here, which no server can answer with.
    assert Code.shown_for(number) is Code.INCORRECT_LICENSE_FORMAT


def test_the_table_has_the_documented_codes_and_names() -> None:
    # Ten coded rows in the table "Failure Reason".
    assert {int(code): code.shown_name for code in Code if code > 0} == {
        10000: "JSON_PARSER_ERROR",
        10001: "PARAM_INPUT_ERROR",
        20000: "DO_NOT_NEED_DEACTIVATE",
        30000: "LICENSE_EXPIRED",
        30001: "REPORT_VERSION_ERROR",
        30002: "ACCOUNT_STATUS_ERROR",
        30003: "LICENSE_IP_ERROR",
        30004: "LICENSE_DOMAIN_ERROR",
        30005: "LICENSE_APPNAME_ERROR",
        30007: "REGISTER_OUT_OF_LIMIT",
    }
    assert Code.NO_CONNECTION.label == Code.NO_CONNECTION.shown_name == "/"
    assert Code.INCORRECT_LICENSE_FORMAT.shown_name == "Incorrect License Format"


@given(grants, st.sampled_from(["number", "installation", "server_time_us", "capacity", "details"]))
def test_a_signature_notices_any_change(grant: Grant, field: str) -> None:
    signed = replace(grant, signature=signature_of(grant, b"key"))
    assert is_signed(signed, b"key")
    assert not is_signed(signed, b"other key")
    value = getattr(signed, field)
    if isinstance(value, int):
        changed: Any = value + 1
    elif isinstance(value, str):
        changed = value + "x"
    else:
        changed = replace(value, application_names=(*value.application_names, "another"))
    assert not is_signed(replace(signed, **{field: changed}), b"key")


@pytest.mark.parametrize(
    ("key", "value"), [("domain", "d" * 255), ("port", 1), ("port", 65535), ("number", (1 << 63) - 1), ("cluster", "c")]
)
def test_the_ends_of_what_a_field_may_be_are_right(key: str, value: Any) -> None:
    assert getattr(decode_request(json.dumps(GOOD | {key: value}).encode()), key) == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
GRANT = Grant(
    number=1,
    installation="i",
    server_time_us=0,
    capacity=1,
    details=Details(
        function_points=("FineDataLink",),
        access_domains=(),
        access_ports=(8068,),
        application_names=("report1",),
        expires_us=None,
    ),
    signature="s",
)
REFUSAL = Refusal(number=1, code=30003, reason="no")


@given(st.sampled_from(sorted(GOOD)), json_values)
def test_no_value_of_a_field_raises_anything_else_or_comes_back_changed(key: str, value: Any) -> None:
    try:
        request_ = decode_request(json.dumps(GOOD | {key: value}).encode())
    except ProtocolError:
        return
    # What is taken is taken as it is: 1 is not True, nor "1"; but 1.0 is the number 1.
    back = json.loads(encode_request(request_))[key]
    assert key == "address" or (back == value and (type(back) is type(value) or type(value) is float))


@pytest.mark.parametrize(("written", "number"), [("8.0", 8), ("1e3", 1000), ("9007199254740992.0", 1 << 53)])
def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(written: str, number: int) -> None:
    data = json.dumps(GOOD | {"number": 0}).replace('"number": 0', f'"number": {written}')
    assert decode_request(data.encode()).number == number
    # Beyond 2 to the 53rd a float no longer holds each whole number, so nobody knows which one was meant.
    beyond = json.dumps(GOOD | {"number": 2.0**54})
    assert coded(beyond.encode()) is Code.PARAM_INPUT_ERROR


def answer_with(answer: Answer, **wrong: Any) -> bytes:
    """The JSON form of ``answer`` with some of its fields replaced; those of its details by ``details__name``."""
    body = json.loads(encode_answer(answer))
    for key, value in wrong.items():
        place, _, name = key.rpartition("__")
        (body[place] if place else body)[name] = value
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (GRANT, {"format": "other"}),
        (GRANT, {"kind": "register"}),
        (GRANT, {"number": 0}),
        (GRANT, {"number": "1"}),
        (GRANT, {"installation": None}),
        (GRANT, {"server_time_us": 1.5}),
        (GRANT, {"capacity": 0}),
        (GRANT, {"capacity": True}),
        (GRANT, {"details": None}),
        (GRANT, {"details": []}),
        (GRANT, {"details__function_points": "FineDataLink"}),
        (GRANT, {"details__access_ports": ["8068"]}),
        (GRANT, {"details__access_ports": [0]}),
        (GRANT, {"details__application_names": [""]}),
        (GRANT, {"details__expires_us": "never"}),
        (GRANT, {"details__surprise": 1}),
        (GRANT, {"surprise": 1}),
        (GRANT, {"signature": ""}),
        (REFUSAL, {"code": "30003"}),
        (REFUSAL, {"code": 0}),
        (REFUSAL, {"code": True}),
        (REFUSAL, {"reason": 7}),
        (REFUSAL, {"name": None}),
        (REFUSAL, {"number": -1}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else type(value).__name__,
)
def test_an_answer_is_read_as_strictly(answer: Answer, wrong: dict[str, Any]) -> None:
    assert decode_answer(answer_with(answer)) == answer
    with pytest.raises(ProtocolError) as caught:
        decode_answer(answer_with(answer, **wrong))
    assert caught.value.code is Code.PARAM_INPUT_ERROR


@given(st.sampled_from([GRANT, REFUSAL]), st.data())
def test_no_value_in_an_answer_raises_anything_else(answer: Answer, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(json.loads(encode_answer(answer)))))
    with suppress(ProtocolError):
        decode_answer(answer_with(answer, **{key: data.draw(json_values)}))


@pytest.mark.parametrize("number", [30006, 30008, 10002, 40000])
def test_an_unlisted_code_travels_and_is_named_generically(number: int) -> None:
    refusal = Refusal(number=1, code=number, reason="no")
    assert json.loads(encode_answer(refusal))["name"] == "Incorrect License Format"
    assert decode_answer(encode_answer(refusal)) == refusal


@given(details, st.sampled_from(["function_points", "access_domains", "access_ports", "application_names"]))
def test_a_signature_notices_a_change_of_each_item(items: Details, field: str) -> None:
    # Each of the five items by itself, whatever the others hold.
    grant = replace(GRANT, details=items)
    more = (1,) if field == "access_ports" else ("x",)
    changed = replace(grant, details=replace(items, **{field: getattr(items, field) + more}))
    assert signature_of(grant, b"key") != signature_of(changed, b"key")
    expires = replace(grant, details=replace(items, expires_us=1 if items.expires_us is None else None))
    assert signature_of(grant, b"key") != signature_of(expires, b"key")


@given(releases, st.sampled_from(["number", "installation", "server_time_us"]))
def test_the_signature_of_a_release_notices_any_change(release: Release, field: str) -> None:
    value = getattr(release, field)
    changed = replace(release, **{field: value + (1 if isinstance(value, int) else "x")})
    assert signature_of(release, b"key") != signature_of(changed, b"key")


@given(st.integers(1, 99), st.integers(1, 99), st.text("0123456789\n", min_size=1, max_size=6))
def test_fields_that_change_places_are_noticed(a: int, b: int, name: str) -> None:
    one = Release(number=a, installation=name, server_time_us=b, signature="")
    other = Release(number=b, installation=name, server_time_us=a, signature="")
    assert (signature_of(one, b"key") == signature_of(other, b"key")) is (a == b)
    longer = replace(one, installation=f"{name}\n{b}")
    assert signature_of(one, b"key") != signature_of(longer, b"key")
