"""The HTTP face: what any body, declared as anything, gets back; and what it never does."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from reference_server.program.face import face
from reference_server.program.logs import open_log
from reference_server.program.openapi import LARGEST_BODY, REQUESTS, description
from reference_server.program.store import StoreError
from reference_server.protocol import Poll, Register
from tests.programs import request
from tests.reference_server.bench import DAY
from tests.reference_server.program.test_service import Bench


class Face:
    """The application over a service, asked without sockets."""

    def __init__(self, bench: Bench, *, body_seconds: float = 5) -> None:
        self.bench = bench
        self.failures: list[StoreError] = []
        self.app = face(bench.service, open_log(), self.failures.append, body_seconds=body_seconds)

    def send(self, method: str = "POST", path: str = REQUESTS, **more: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.request(method, path, **more)

        return asyncio.run(go())

    def post(self, content: Any, kind: str | None = "application/json") -> httpx.Response:
        return self.send(content=content, headers={} if kind is None else {"content-type": kind})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Face]:
    bench = Bench(tmp_path)
    yield Face(bench)
    bench.store.close()


def refused(response: httpx.Response, status: int, code: int) -> None:
    """Check that a response is a refusal of the protocol, with a reason."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert (body["kind"], body["code"]) == ("refusal", code)
    assert body["reason"]


def test_a_request_is_answered_in_the_protocol(served: Face) -> None:
    granted = served.post(request(Register, "a"))
    assert (granted.status_code, granted.json()["kind"]) == (200, "grant")
    assert served.post(request(Poll, "b")).status_code == 403
    assert served.post(request(Register, "a"), 'application/json; charset="utf-8"').status_code == 200


GOOD = json.loads(request(Register, "a"))
BAD: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 10000),
    "no JSON": (b"{", 10000),
    "truncated": (request(Register, "a")[:-1], 10000),
    "not UTF-8": (b'{"format": "\xff"}', 10000),
    "nested": (b"[" * 60_000, 10000),
    "nested in a field": (b'{"format":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, 10000),
    "no object": (b"[1]", 10000),
    "a key twice": (b'{"number":1,"number":2}', 10000),
    "NaN": (json.dumps(GOOD | {"number": float("nan")}).encode(), 10000),
    "a number as text": (json.dumps(GOOD | {"number": "1"}).encode(), 10001),
    "a truth as a number": (json.dumps(GOOD | {"number": True}).encode(), 10001),
    "a fraction": (json.dumps(GOOD | {"number": 1.5}).encode(), 10001),
    "an unknown field": (json.dumps(GOOD | {"more": 1}).encode(), 10001),
    "a missing field": (json.dumps({k: v for k, v in GOOD.items() if k != "port"}).encode(), 10001),
    "another format": (json.dumps(GOOD | {"format": "real/1"}).encode(), 10001),
    "an unknown kind": (json.dumps(GOOD | {"kind": "destroy"}).encode(), 10001),
    "a long text": (json.dumps(GOOD | {"application": "x" * 256}).encode(), 10001),
    "a lone surrogate": (json.dumps(GOOD | {"application": "\ud800"}).encode(), 10001),
    "a leading zero": (json.dumps(GOOD | {"address": "127.0.0.01"}).encode(), 10001),
    "a port too high": (json.dumps(GOOD | {"port": 65536}).encode(), 10001),
    "a huge number": (json.dumps(GOOD).encode().replace(b'"number": 1', b'"number": 1' + b"0" * 5000), 10000),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_body_is_refused_and_changes_nothing(served: Face, what: str) -> None:
    served.post(request(Register, "a"))
    before = served.bench.store.load()
    body, code = BAD[what]
    refused(served.post(body), 400, code)
    assert served.bench.store.load() == before
    assert served.bench.service.authority.live == 1


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(served: Face, kind: str | None) -> None:
    refused(served.post(request(Register, "a"), kind), 415, 10000)
    assert served.bench.service.authority.live == 0


def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(served: Face) -> None:
    body = request(Register, "a")
    assert served.post(body + b" " * (LARGEST_BODY - len(body))).status_code == 200
    refused(served.post(body + b" " * (LARGEST_BODY - len(body) + 1)), 413, 10000)


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_the_limit_is_the_same_for_a_body_that_comes_in_parts(served: Face, more: int, status: int) -> None:
    body = request(Register, "a")

    async def parts() -> AsyncIterator[bytes]:
        yield body
        yield b" " * (LARGEST_BODY - len(body) + more)

    assert served.post(parts()).status_code == status


def test_a_huge_body_is_refused_by_its_announced_length_alone(served: Face) -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        for part in range(1000):
            sent.append(part)
            yield b"x" * 1000

    headers = {"content-type": "application/json", "content-length": str(10**15)}
    refused(served.send(content=endless(), headers=headers), 413, 10000)
    # What is sent without an announcement is read up to the limit and no further.
    refused(served.post(endless()), 413, 10000)
    assert served.bench.service.authority.live == 0


def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    served = Face(bench, body_seconds=0.05)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def go() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": REQUESTS,
            "raw_path": REQUESTS.encode(),
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
        }
        await served.app(scope, never, send)
        return sent

    start, body = asyncio.run(go())
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["code"] == 10000
    bench.store.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/v1/request", 404), ("GET", REQUESTS, 405), ("DELETE", "/metrics", 405)],
)
def test_another_path_or_method_has_a_body_of_the_protocol_too(
    served: Face, method: str, path: str, status: int
) -> None:
    refused(served.send(method, path), status, 10000)


def test_an_answer_that_cannot_be_stored_is_not_given(served: Face) -> None:
    served.bench.store._connection.execute("PRAGMA query_only = ON")
    response = served.post(request(Register, "a"))
    assert (response.status_code, response.content) == (503, b"")
    # The program is told to end: what it holds in memory is ahead of what is stored.
    assert len(served.failures) == 1


@pytest.mark.parametrize("path", ["/v1/status", "/metrics"])
def test_what_time_has_taken_has_to_be_stored_too(served: Face, path: str) -> None:
    served.post(request(Register, "a"))
    served.bench.now_us = DAY + 1
    served.bench.store._connection.execute("PRAGMA query_only = ON")
    assert served.send("GET", path).status_code == 503
    assert len(served.failures) == 1


def test_status_and_metrics_tell_the_same(served: Face) -> None:
    served.post(request(Register, "a"))
    served.post(b"x")
    status = served.send("GET", "/v1/status").json()
    assert (status["registered"], status["capacity"], status["answers"]["refused"]) == (1, 2, {"10000": 1})
    metrics = served.send("GET", "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = metrics.text.splitlines()
    for line in (
        "fdl_registered 1.0",
        "fdl_capacity 2.0",
        "fdl_granted_total 1.0",
        'fdl_refused_total{code="10000"} 1.0',
        'fdl_node_silent_seconds{installation="a"} 0.0',
    ):
        assert line in lines


def test_the_log_has_a_json_object_for_each_request(served: Face, capsys: pytest.CaptureFixture[str]) -> None:
    served.app = face(served.bench.service, open_log(), served.failures.append)
    served.post(request(Register, "授权"))
    served.post(b"x")
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["event"], each["verdict"], each["installation"]) for each in records] == [
        ("request", "grant", "授权"),
        ("request", "JSON_PARSER_ERROR", None),
    ]


def test_a_log_that_nobody_can_read_is_no_reason_to_fail(served: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.TextIOBase):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("sys.stderr", Full())
    assert served.post(request(Register, "a")).status_code == 200


# The description.


def test_the_description_fits_the_messages(served: Face) -> None:
    document = served.send("GET", "/openapi.json").json()
    assert document == json.loads(json.dumps(description()))
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert name
    jsonschema.validate(GOOD, schemas["Request"])
    jsonschema.validate(served.post(request(Register, "a")).json(), schemas["Grant"])
    jsonschema.validate(served.post(b"x").json(), schemas["Refusal"])


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    schema = schemathesis.openapi.from_asgi("/openapi.json", Face(bench).app)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == 3
    for operation in operations:
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        @settings(max_examples=60, suppress_health_check=list(HealthCheck))
        @given(case=cases)
        def check(case: Any) -> None:
            case.call_and_validate()

        check()
    bench.store.close()
