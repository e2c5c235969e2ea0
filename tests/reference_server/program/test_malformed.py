"""Very many malformed bodies: each is refused as such, none is a fault of the server, and none changes anything.

``FDL_HARNESS_MALFORMED`` says how many (2,000 if left out).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from random import Random

import httpx

from reference_server.program.face import face
from reference_server.program.openapi import REQUESTS
from reference_server.protocol import ProtocolError, Register, decode_request
from tests.programs import request
from tests.reference_server.program.test_service import Bench

COUNT = int(os.environ.get("FDL_HARNESS_MALFORMED", "2000"))
GOOD = request(Register, "a")
VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    1 << 64,
    "",
    "x" * 300,
    "127.0.0.01",
    "\ud800",
    [],
    [[]],
    {},
    {"a": 1},
    "1",
)


def malformed(draw: Random) -> bytes:
    """Return a body that is no request: a good one, damaged as bytes or as JSON, in any of many ways."""
    while True:
        body = bytearray(GOOD)
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(body) + 1)
            how = draw.randrange(6)
            if how == 0:
                del body[at : at + draw.randrange(1, 40)]
            elif how == 1:
                body[at:at] = draw.randbytes(draw.randrange(1, 9))
            elif how == 2:
                body[at:at] = draw.choice([b"{", b"}", b'"', b",", b"\\u0000", b"[" * 3000, b"\x00", b"\xff"])
            elif how == 3:
                body = body[:at]
            elif how == 4:
                body += body[:at]
            elif body == GOOD:
                fields = json.loads(GOOD)
                fields[draw.choice([*fields, "more"])] = draw.choice(VALUES)
                body = bytearray(json.dumps(fields).encode())
        try:
            decode_request(bytes(body))
        except ProtocolError:
            return bytes(body)


def test_malformed_bodies_are_refused_and_change_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.told(GOOD)
    before = bench.store.load()
    draw, told = Random(20260301), Counter[tuple[int, int | None]]()

    class Quiet:
        """A log that nobody reads."""

        def info(self, *_: object, **__: object) -> None:
            """Say nothing."""

    async def go() -> None:
        application = face(bench.service, Quiet(), lambda _: None)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(application, client=("127.0.0.1", 1))
        headers = {"content-type": "application/json"}
        async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
            for _ in range(COUNT):
                response = await client.post(REQUESTS, content=malformed(draw))
                body = response.json()
                assert body["reason"]
                told[response.status_code, body["code"]] += 1

    asyncio.run(go())
    assert told.total() == COUNT
    assert set(told) == {(400, 10000), (400, 10001)}
    assert bench.store.load() == before
    assert bench.service.authority.live == 1
    bench.store.close()
