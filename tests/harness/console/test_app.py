"""The routes of a console: what is answered, and to whom."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from harness.console.app import console_app, page
from harness.console.serving import address_of, hosts_of, listen
from harness.console.shared import Console
from harness.report.timeline.data import story_from
from harness.scenario import Verb
from harness.scenario_file import loads
from tests.harness.console.worlds import HOUR, LITERALLY, session

TOKEN = "a-token-of-a-test"
HOME = "http://127.0.0.1:8765"


class Asked:
    """A console that is asked without a network."""

    def __init__(self, hosts: list[str] | None = None) -> None:
        console = Console(session(), LITERALLY, now_us=lambda: 0)
        self.app = console_app(console, token=TOKEN, hosts=["127.0.0.1:8765"] if hosts is None else hosts)

    def __call__(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=HOME) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def say(self, **words: Any) -> dict[str, Any]:
        answer = self(f"/{TOKEN}/say", "POST", json=words)
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told


# Who is answered.


ROUTES = ["", "events", "world?world=0&at=0", "story?world=0", "text?world=0", "file?world=0&at=0", "say", "nothing"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()])
def test_without_the_token_there_is_nothing(route: str, token: str) -> None:
    path = f"/{token}/{route}" if token else f"/{route}"
    for method in ("GET", "POST"):
        answer = Asked()(path, method, json={"do": "undo"} if method == "POST" else None)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:8766"}, 403),
        ({"origin": "https://127.0.0.1:8765"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        # A name that was made to mean this machine.
        ({"host": "evil.example:8765", "origin": "http://evil.example:8765"}, 421),
        ({"host": "127.0.0.1:8766"}, 421),
        ({"host": ""}, 421),
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_no_page_from_elsewhere_is_answered_on_any_route(headers: dict[str, str], status: int, route: str) -> None:
    asked = Asked()
    for method in ("GET", "POST"):
        answer = asked(
            f"/{TOKEN}/{route}", method, headers=headers, json={"do": "branch"} if method == "POST" else None
        )
        assert answer.status_code == status
    assert asked.say(do="close", branch=0) == {"message": "the last branch stays open"}


@pytest.mark.parametrize("headers", [{}, {"origin": HOME, "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}])
def test_its_own_page_is_answered(headers: dict[str, str]) -> None:
    assert Asked()(f"/{TOKEN}/", headers=headers).status_code == 200


def test_what_is_said_has_to_be_json_which_no_form_of_another_page_can_send() -> None:
    asked = Asked()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = asked(f"/{TOKEN}/say", "POST", content=b'{"do": "branch"}', headers={"content-type": kind})
        assert answer.status_code == 415
    assert asked.say(do="close", branch=0)["message"] == "the last branch stays open"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"\xff", 400), (b"[" * 100_000, 400), (b" " * ((4 << 20) + 1), 413)],
)
def test_what_cannot_be_read_is_refused(body: bytes, status: int) -> None:
    answer = Asked()(f"/{TOKEN}/say", "POST", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["message"]


@pytest.mark.parametrize("route", ["", "world?world=0&at=0", "nothing", "world?world=x&at=0"])
def test_every_answer_keeps_others_away(route: str) -> None:
    headers = Asked()(f"/{TOKEN}/{route}").headers
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_the_page_may_run_its_own_scripts_and_ask_its_console_and_nothing_else() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page())
    rules = dict(each.split(" ", 1) for each in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert re.fullmatch(r"'sha256-[^']+' 'sha256-[^']+'", rules["script-src"])
    assert not re.search(r"(?:src|href)=\"(?!file|data:)", page())


# What is answered.


def test_a_world_is_asked_for() -> None:
    view = Asked()(f"/{TOKEN}/world?world=0&at={5 * HOUR}&rows=0,2&host=1").json()
    assert view["instant"] == "0d 05:00:00"
    assert [row["name"] for _, row in view["rows"]] == ["fdl-1", "fdl-3"]
    assert view["host"][1]["name"] == "fdl-2"


def test_a_story_comes_packed() -> None:
    answer = Asked()(f"/{TOKEN}/story?world=0")
    assert answer.headers["content-encoding"] == "gzip"
    story = story_from(answer.json())
    assert [lane.name for lane in story.lanes] == ["server", "network", "fdl-1", "fdl-2", "fdl-3"]


def test_the_story_of_a_world_is_the_same_bytes_again() -> None:
    first, second = (Console(session(), LITERALLY, now_us=lambda: 0).story(0) for _ in range(2))
    assert first == second
    assert json.loads(gzip.decompress(first))["title"] == "Three nodes"


def test_a_file_is_to_be_kept_under_its_name() -> None:
    answer = Asked()(f"/{TOKEN}/file?world=0&at={HOUR}&name=my%20world.toml")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''my%20world.toml"
    assert loads(answer.text).title == "Three nodes"


def test_a_name_ends_no_header() -> None:
    answer = Asked()(f"/{TOKEN}/file?world=0&at=0&name=a%0d%0aset-cookie:%20b%22;x.toml")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%0D%0Aset-cookie%3A%20b%22%3Bx.toml"
    assert "set-cookie" not in answer.headers


def test_what_is_refused_is_told_and_what_was_done_before_is_there() -> None:
    asked = Asked()
    assert asked.say(do="event", event={"do": "server.stop"}, cursor_us=HOUR) == {}
    assert "nothing to undo" in asked.say(do="event", event={"do": "server.resume"})["message"]
    assert asked(f"/{TOKEN}/world?world=1&at={HOUR}").json()["server"]["status"] == "stopped"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "world=0",
        "world=-1&at=0",
        "world=0&at=1e3",
        "world=0&at=0&rows=a",
        "world=0&at=٣",
        "world=9&at=0",
        f"world=0&at={'9' * 40}",
    ],
)
def test_a_question_that_means_nothing_says_so(query: str) -> None:
    answer = Asked()(f"/{TOKEN}/world?{query}")
    assert answer.status_code == 409
    assert answer.json()["message"]


def test_what_is_served_beside_is_guarded_and_keeps_its_own_headers() -> None:
    async def shown(request: Request) -> Response:
        return Response(request.path_params["name"], headers={"referrer-policy": "same-origin"})

    console = Console(session(), LITERALLY, now_us=lambda: 0)
    asked = Asked()
    beside = [Mount("/nodes/{name}", routes=[Route("/page", shown)])]
    asked.app = console_app(console, token=TOKEN, hosts=["127.0.0.1:8765"], beside=beside)
    answer = asked(f"/{TOKEN}/nodes/fdl-2/page")
    assert (answer.text, answer.headers["referrer-policy"]) == ("fdl-2", "same-origin")
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert asked("/nodes/fdl-2/page").status_code == 404
    assert asked(f"/{TOKEN}/nodes/fdl-2/page", headers={"origin": "http://evil.example"}).status_code == 403


# Where it is.


def test_a_port_that_is_free_is_taken_and_no_other_console_gets_it() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert address_of("127.0.0.1", listening, "t") == f"http://127.0.0.1:{port}/t/"
        assert hosts_of("127.0.0.1", listening) == [f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"]
        assert hosts_of("0.0.0.0", listening) is None
        assert address_of("0.0.0.0", listening, "t") == f"http://127.0.0.1:{port}/t/"
        assert hosts_of("192.168.7.7", listening) == [f"192.168.7.7:{port}"]
        assert isinstance(listening, socket.socket)
        with pytest.raises(OSError, match="in use"):
            listen("127.0.0.1", port)


def test_on_all_addresses_any_name_will_do_but_no_page_from_elsewhere() -> None:
    console = Console(session(), LITERALLY, now_us=lambda: 0)
    asked = Asked()
    asked.app = console_app(console, token=TOKEN, hosts=None)
    assert asked(f"/{TOKEN}/", headers={"host": "my-machine:8765"}).status_code == 200
    headers = {"host": "my-machine:8765", "origin": "http://evil.example:8765"}
    assert asked(f"/{TOKEN}/", headers=headers).status_code == 403


# Whatever is said.

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["fdl-1", "1h", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
_verbs = st.sampled_from([verb.value for verb in Verb])
_keys = st.sampled_from(["at", "node", "host", "lasts", "by", "address", "direction", "only", "percent", "to", "ppm"])
_tables = st.dictionaries(_keys, _values, max_size=3)
_events = st.builds(lambda keys, verb: {**keys, "do": verb}, _tables, _verbs | _values)
_commands = st.sampled_from(
    ["jump", "step", "event", "clone", "remove", "undo", "redo", "branch", "choose", "close", "open", "play", "pause"],
)
_said = ["at", "at_us", "by", "event", "node", "address", "index", "name", "branch", "text", "rate", "cursor_us"]
_words = st.dictionaries(st.sampled_from(_said), _values | _events, max_size=3)


@settings(max_examples=150)
@given(_commands | _values, _words)
def test_whatever_is_said_is_done_or_refused_with_a_reason(what: Any, words: dict[str, Any]) -> None:
    asked = Asked()
    said = json.dumps({**words, "do": what})
    answer = asked(f"/{TOKEN}/say", "POST", content=said, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.json() == {} or answer.json()["message"]
    assert asked.say(do="pause") == {}
