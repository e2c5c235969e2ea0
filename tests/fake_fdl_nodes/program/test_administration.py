"""The web application: its ways, what came of something, filters and files, and whom it takes a form from."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fake_fdl_nodes.node import Status
from fake_fdl_nodes.program.administration import administration
from harness.outage.reading import read_record
from reference_server.protocol import Code
from tests.fake_fdl_nodes.simulated import FIRST_ADDRESS, Simulated, setup

TOKEN = "the-token-of-forms"
SERVER = "https://172.16.63.131:8081"
NOWHERE = "https://172.16.63.132:8081"
FORM = {"token": TOKEN, "method": "Private Cloud", "server": SERVER}


class Browser:
    """Asks the application, keeps cookies, and does not follow redirects by itself."""

    def __init__(self, nodes: Simulated | None, at: str = "/") -> None:
        self.nodes = nodes
        app: Any = administration(lambda _: self.nodes, token=TOKEN)
        if at != "/":
            app = Starlette(routes=[Mount(at.rstrip("/"), app)])
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://fdl.test{at}")

    async def asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._client.request(method, path, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self.asked("GET", path, **more))

    def post(self, path: str, form: dict[str, str], **more: Any) -> httpx.Response:
        return asyncio.run(self.asked("POST", path, data=form, **more))

    def followed(self, response: httpx.Response) -> httpx.Response:
        assert response.status_code == 303, response.text
        return self.get(response.headers["location"])

    def register(self, server: str = SERVER) -> httpx.Response:
        return self.followed(self.post("register", FORM | {"server": server}))


@pytest.fixture
def alone() -> Browser:
    return Browser(Simulated([setup("n")]))


@pytest.fixture
def three() -> Browser:
    """A cluster of which the first is registered, the second is one too many, and the third is not licensed."""
    nodes = Simulated([setup(f"n-{k}", FIRST_ADDRESS + 9 * k, cluster="c") for k in range(3)])
    nodes.authority.use(replace(nodes.licence, capacity=1))
    return Browser(nodes)


def words(response: httpx.Response) -> str:
    plain = re.sub(r"</?strong>", "", response.text)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", plain)).split())


def title(response: httpx.Response) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", response.text)
    return unescape(found)


# The ways.


def test_the_way_of_the_document_leads_to_a_registration(alone: Browser) -> None:
    path, shown = "", alone.get("")
    for button in ("System Management", "Registration Management", "Version Information", "Register Now"):
        (path,) = re.findall(rf'href="([^"]*)">{button}</a>', shown.text)
        shown = alone.get(path)
        assert (shown.status_code, title(shown)) == (200, button)
    done = alone.register()
    assert title(done) == "Registration succeeded"
    assert "Max Connections 2" in words(done)
    assert "Expires never" in words(done)
    assert alone.nodes is not None
    assert alone.nodes.authority.live == 1


def test_what_came_of_it_can_be_loaded_again_and_nothing_is_sent_twice(alone: Browser) -> None:
    location = alone.post("register", FORM | {"server": NOWHERE}).headers["location"]
    assert alone.nodes is not None
    assert alone.nodes.nodes["n"].number == 1
    for _ in range(2):
        assert title(alone.get(location)) == "Registration failed"
    (details,) = re.findall(r'href="(details[^"]*)"', alone.get(location).text)
    assert "Error code /" in words(alone.get(details))
    assert alone.nodes.nodes["n"].number == 1


def test_only_so_many_outcomes_are_kept(alone: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_fdl_nodes.program.administration._MOST_OUTCOMES", 2)
    first, second, third = (alone.post("register", FORM).headers["location"] for _ in range(3))
    assert [alone.get(each).status_code for each in (first, second, third)] == [404, 200, 200]
    assert "outcomes are kept for a while only" in words(alone.get(first))


def test_a_form_that_is_not_filled_in_rightly_stays(alone: Browser) -> None:
    for form, says in (
        ({}, "Authentication Method: found nothing, expected Private Cloud"),
        ({"method": "Private Cloud"}, "Server Address: found '', which does not begin with"),
        ({"method": "Private Cloud", "server": " http://a:1 "}, "found 'http://a:1', which does not begin with"),
        ({"method": "Private Cloud", "server": "https://nobody:1"}, "found 'https://nobody:1', which nobody knows"),
    ):
        shown = alone.post("register", {"token": TOKEN} | form)
        assert (shown.status_code, title(shown)) == (200, "Register Now")
        assert says in words(shown)
        assert f'value="{form.get("server", "").strip()}"' in shown.text
    assert alone.nodes is not None
    assert alone.nodes.nodes["n"].number == 0


def test_a_slot_is_given_back(three: Browser) -> None:
    three.register()
    # The one that has a slot gives it back, and another that has none is told so.
    done = three.followed(three.post("unbind?node=n-0", {"token": TOKEN}))
    assert title(done) == "The slot was given back"
    assert "Node n-0 Status unregistered" in words(done)
    failed = three.followed(three.post("unbind?node=n-1", {"token": TOKEN}))
    assert title(failed) == "Unbinding failed"
    assert "20000" in words(failed)
    assert three.nodes is not None
    assert three.nodes.authority.live == 0


def test_a_cluster_has_a_row_and_a_reason_for_each_member(three: Browser) -> None:
    done = three.register()
    assert title(done) == "Registration failed"
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th><td>(.*?)</td></tr>", done.text, re.DOTALL)
    assert [name for name, _ in rows] == ["n-0", "n-1", "n-2"]
    assert ["30007" in why for _, why in rows] == [False, True, False]
    assert ["30003" in why for _, why in rows] == [False, False, True]
    managed = three.get("registration")
    assert re.findall(r'href="details\?node=([^"]*)"', managed.text) == ["n-1", "n-2"]
    viewed = words(three.get("details?node=n-2"))
    assert "30003" in viewed
    assert "30007" not in viewed


@pytest.mark.parametrize("query", ["", "?number=x", "?node=n", "?node=m"])
@pytest.mark.parametrize("path", ["nowhere", "outcome", "details", "unbind"])
def test_what_is_not_there_is_told(alone: Browser, path: str, query: str) -> None:
    # The node never asked for anything, so it has no errors, and nothing to give back.
    shown = alone.get(path + query)
    assert (shown.status_code, title(shown)) == (404, "There is no such page")


def test_without_nodes_there_is_no_page() -> None:
    assert Browser(None).get("registration").status_code == 404
    assert Browser(None).post("register", FORM).status_code == 404


# The list.


def test_the_list_is_filtered_and_so_is_the_file(three: Browser, tmp_path: Path) -> None:
    three.register()
    three.register(NOWHERE)
    assert "5 of 5" in words(three.get("registration"))
    for query, found in (
        ({"node": "n-1"}, [("n-1", Code.REGISTER_OUT_OF_LIMIT), ("n-1", Code.NO_CONNECTION)]),
        ({"code": "-1"}, [("n-0", Code.NO_CONNECTION), ("n-1", Code.NO_CONNECTION), ("n-2", Code.NO_CONNECTION)]),
        ({"code": "30003", "since": "2026-03-01", "until": "2026-03-01"}, [("n-2", Code.LICENSE_IP_ERROR)]),
    ):
        shown = three.get("registration", params=query)
        assert f"{len(found)} of 5" in words(shown)
        (table,) = re.findall(r'href="(failures\.csv[^"]*)"', shown.text)
        answered = three.get(unescape(table))
        assert answered.headers["content-type"] == "text/csv; charset=utf-8"
        assert answered.headers["content-disposition"] == 'attachment; filename="failures.csv"'
        (tmp_path / "failures.csv").write_bytes(answered.content)
        record = read_record(tmp_path / "failures.csv")
        assert [(each.source, each.code) for each in record.observations] == found
    assert "0 of 5" in words(three.get("registration?since=2026-03-02"))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=yesterday", "From the day: found 'yesterday', expected a day such as 2026-03-01"),
        ("until=2026-02-30", "To the day: found '2026-02-30', expected a day"),
        ("code=30006", "Reason: found '30006', expected one of the reasons"),
        ("code=x", "Reason: found 'x', expected one of the reasons"),
    ],
)
def test_a_wrong_filter_is_told_and_shows_all(alone: Browser, query: str, says: str) -> None:
    alone.register(NOWHERE)
    shown = words(alone.get(f"registration?{query}"))
    assert says in shown
    assert "1 of 1" in shown
    assert alone.get(f"failures.csv?{query}").status_code == 400


# Languages.


def test_the_language_is_chosen_and_kept(alone: Browser) -> None:
    chinese = {"accept-language": "zh-CN"}
    assert title(alone.get("registration", headers=chinese)) == "注册管理"
    assert 'lang="zh-CN"' in alone.get("registration", headers=chinese).text
    (switch,) = re.findall(r'href="(\?[^"]*)" lang="en"', alone.get("registration?code=-1", headers=chinese).text)
    chosen = alone.get(f"registration{unescape(switch)}", headers=chinese)
    assert (chosen.status_code, chosen.headers["location"]) == (303, "registration?code=-1")
    assert title(alone.get("registration", headers=chinese)) == "Registration Management"
    # What is none is no choice.
    assert alone.get("registration?language=xx").status_code == 200


# Whom it takes a form from.


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        (FORM, {}, 303),
        (FORM, {"origin": "http://fdl.test", "sec-fetch-site": "same-origin"}, 303),
        (FORM | {"token": "guessed"}, {}, 403),
        ({key: value for key, value in FORM.items() if key != "token"}, {}, 403),
        (FORM | {"token": "\u00e9"}, {}, 403),
        (FORM, {"origin": "http://elsewhere.test"}, 403),
        (FORM, {"origin": "http://fdl.test:81"}, 403),
        (FORM, {"origin": "null"}, 403),
        (FORM, {"sec-fetch-site": "cross-site"}, 403),
        (FORM, {"sec-fetch-site": "same-site"}, 403),
        (FORM | {"method": "Public Cloud"}, {}, 400),
        (FORM | {"server": "x" * 20_000}, {}, 413),
        (FORM | {f"more-{k}": "" for k in range(30)}, {}, 400),
    ],
)
def test_a_form_is_taken_from_its_own_pages_only(
    alone: Browser, form: dict[str, str], headers: dict[str, str], status: int
) -> None:
    answered = alone.post("register", form, headers=headers)
    assert answered.status_code == status
    assert alone.nodes is not None
    assert alone.nodes.nodes["n"].number == (1 if status == 303 else 0)


@pytest.mark.parametrize(("kind", "status"), [("application/json", 415), ("text/plain", 415), ("", 415)])
def test_what_is_no_form_is_not_taken(alone: Browser, kind: str, status: int) -> None:
    answered = asyncio.run(alone.asked("POST", "register", content=b"{}", headers={"content-type": kind}))
    assert answered.status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_refused(alone: Browser, method: str) -> None:
    assert asyncio.run(alone.asked(method, "register")).status_code == 405
    assert asyncio.run(alone.asked("POST", "registration", data={"token": TOKEN})).status_code == 405


def test_everything_says_what_a_browser_may_do(alone: Browser) -> None:
    for path in ("", "registration", "style.css", "script.js", "failures.csv", "nowhere"):
        headers = alone.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_nothing_is_sent_twice_at_a_time() -> None:
    async def go() -> None:
        nodes = Simulated([setup("n")], gate=asyncio.Event())
        browser = Browser(nodes)
        pressed = [asyncio.create_task(browser.asked("POST", "register", data=FORM)) for _ in range(2)]
        # If neither is refused, both wait for the gate without end.
        (done,), (waiting,) = await asyncio.wait(pressed, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert "under way already" in done.result().text
        assert nodes.nodes["n"].number == 0
        # Whatever the first waits for, the pages are there.
        assert (await browser.asked("GET", "registration")).status_code == 200
        assert nodes.gate is not None
        nodes.gate.set()
        assert (await waiting).status_code == 303
        assert nodes.nodes["n"].number == 1
        assert (await browser.asked("POST", "register", data=FORM)).status_code == 303

    asyncio.run(go())


# Mounted elsewhere.


def test_it_can_be_mounted_where_the_path_names_the_nodes() -> None:
    simulated = {name: Simulated([setup(name)]) for name in ("a", "b")}
    app = Starlette(
        routes=[
            Mount("/nodes/{name}", administration(lambda asked: simulated.get(asked.path_params["name"]), token=TOKEN))
        ]
    )

    async def go() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fdl.test") as client:
            sent = await client.post("/nodes/a/register", data=FORM)
            location = str(httpx.URL("http://fdl.test/nodes/a/register").join(sent.headers["location"]))
            assert location.startswith("http://fdl.test/nodes/a/outcome?number=")
            assert "Registration succeeded" in (await client.get(location)).text
            assert [each.nodes[name].status for name, each in simulated.items()] == [
                Status.REGISTERED,
                Status.UNREGISTERED,
            ]
            # What came of it is about the one, and not shown as the other's.
            assert (await client.get(location.replace("/a/", "/b/"))).status_code == 404
            assert "b" in (await client.get("/nodes/b/registration")).text
            assert (await client.get("/nodes/c/registration")).status_code == 404

    asyncio.run(go())
