"""The administration pages of a console's nodes: they follow the cursor, and what is pressed on them happens there."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from fake_fdl_nodes.node import Status
from fake_fdl_nodes.page import Attempt, Member
from fake_fdl_nodes.program.administration import NotAskedError
from harness.console.app import console_app
from harness.console.nodes import SimulatedNode, node_pages, page_of
from harness.console.shared import Console
from reference_server.codes import Code
from tests.harness.console.worlds import HOUR, LITERALLY, session

TOKEN = "a-token-of-a-test"
SERVER = "https://172.16.63.131:8081"
SECOND = 1_000_000


def console(*words: dict[str, Any]) -> Console:
    """Return a console of three nodes that was told ``words``."""
    made = Console(session(), LITERALLY, now_us=lambda: 0, page_of=page_of)

    async def tell() -> None:
        for each in words:
            await made.told(each)

    asyncio.run(tell())
    return made


def jump(at: str) -> dict[str, Any]:
    return {"do": "jump", "at": at}


def stop(at: str) -> dict[str, Any]:
    return {"do": "event", "event": {"at": at, "do": "server.stop", "lasts": "5h"}}


def member(of: Console, name: str = "fdl-2") -> Member:
    (found,) = SimulatedNode(of, name).members()
    return found


def press(of: Console, what: str, name: str = "fdl-2", server: str = SERVER) -> Attempt:
    node = SimulatedNode(of, name)
    (attempt,) = asyncio.run(node.register(server) if what == "register" else node.unbind(name))
    return attempt


def test_a_member_is_what_the_node_is_at_the_cursor() -> None:
    # fdl-2 is registered at 40 min; the stop from 10 h to 15 h costs it the polls at 10:40, 12:40 and 14:40.
    made = console(stop("10h"), jump("30m"))
    assert member(made) == Member("fdl-2")
    asyncio.run(made.told(jump("1h")))
    registered = member(made)
    assert (registered.status, registered.capacity, registered.asked) == (Status.REGISTERED, 3, True)
    assert registered.grant is not None
    asyncio.run(made.told(jump("13h")))
    interrupted = member(made)
    assert (interrupted.status, interrupted.failing) == (Status.INTERRUPTED, Code.NO_CONNECTION)
    assert [row.code for row in interrupted.rows] == [Code.NO_CONNECTION, Code.NO_CONNECTION]
    asyncio.run(made.told(jump("17h")))
    back = member(made)
    # Rows survive a recovery, and nothing fails any more (R037).
    assert (back.status, back.failing, len(back.rows)) == (Status.REGISTERED, None, 3)


def test_a_register_happens_at_the_cursor_which_goes_to_its_outcome() -> None:
    made = console(jump("20m"))
    assert press(made, "register") == Attempt("fdl-2", None)
    world, at_us = made.now()
    assert [event["do"] for event in world.events] == ["node.register"]
    # The way there and back takes 10 ms.
    assert at_us == HOUR // 3 + 10_000
    assert member(made).status is Status.REGISTERED


def test_a_register_that_fails_has_its_row() -> None:
    made = console(stop("10h"), jump("11h"))
    attempt = press(made, "register")
    assert attempt.failure is not None
    assert attempt.failure.code is Code.NO_CONNECTION
    assert member(made).failing is Code.NO_CONNECTION


def test_an_unbind_gives_the_slot_back() -> None:
    made = console(jump("5h"))
    assert press(made, "unbind") == Attempt("fdl-2", None)
    assert member(made).status is Status.UNREGISTERED


def test_a_server_address_that_is_none_here_is_told_and_nothing_happens() -> None:
    made = console(jump("20m"))
    with pytest.raises(NotAskedError, match="where this scenario has no server"):
        press(made, "register", server="https://10.0.0.1:8081")
    assert made.now()[0].events == ()


def test_a_node_that_does_not_run_asks_for_nothing() -> None:
    made = console({"do": "event", "event": {"at": "5h", "do": "node.stop", "node": "fdl-2"}}, jump("6h"))
    with pytest.raises(NotAskedError, match="program does not run"):
        press(made, "register")


def test_the_pages_are_served_below_the_consoles_token() -> None:
    made = console(jump("1h"))
    app = console_app(made, token=TOKEN, hosts=["here"], beside=[node_pages(made, token="form")])

    async def walk() -> list[httpx.Response]:
        home = f"http://here/{TOKEN}/{page_of(0, 0, 'fdl-2')}"
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=home, follow_redirects=True) as client:
            shown = await client.get("registration")
            form = await client.get("register")
            token = re.search(r'name="token" value="([^"]+)"', form.text)
            fields = {"token": token[1] if token else "", "Authentication Method": "Private Cloud"}
            fields |= {"method": "Private Cloud", "server": SERVER, "Server Address": SERVER}
            sent = await client.post("register", data=fields, headers={"origin": "http://here"})
            nobody = await client.get(f"http://here/{TOKEN}/{page_of(0, 0, 'fdl-9')}registration")
            return [shown, sent, nobody]

    shown, sent, nobody = asyncio.run(walk())
    assert shown.status_code == 200
    assert "fdl-2" in shown.text
    assert "registered" in shown.text
    assert sent.status_code == 200
    assert "Registration succeeded" in sent.text
    assert [event["do"] for event in made.now()[0].events] == ["node.register"]
    assert nobody.status_code == 404
