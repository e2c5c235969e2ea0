"""A thousand registrations at once over TLS, for fifty slots."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from pathlib import Path

import httpx

from reference_server.protocol import Register
from tests.programs import Server, licence, machine, request, unpacked

CROWD, SLOTS = 1000, 50


async def _all_at_once(server: Server) -> list[httpx.Response]:
    context = ssl.create_default_context(cafile=str(server.ca))
    limits = httpx.Limits(max_connections=CROWD, max_keepalive_connections=0)
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=server.url, verify=context, limits=limits, timeout=120) as client:
        bodies = [request(Register, f"n{k}") for k in range(CROWD)]
        return await asyncio.gather(*(client.post("/v1/requests", content=body, headers=headers) for body in bodies))


def test_of_a_thousand_at_once_just_as_many_get_in_as_there_are_slots(tmp_path: Path) -> None:
    root = machine(tmp_path / "m")
    bundle = unpacked(tmp_path / "b", licence(root, capacity=SLOTS))
    with Server.started(bundle, root) as server:
        responses = asyncio.run(_all_at_once(server))
        told = Counter((each.status_code, each.json().get("code")) for each in responses)
        assert told == {(200, None): SLOTS, (403, 30007): CROWD - SLOTS}
        with server.client() as client:
            status = client.get("/v1/status").json()
    assert (status["registered"], len(status["nodes"])) == (SLOTS, SLOTS)
