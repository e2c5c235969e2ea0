"""The command fdl-node serve: nodes that run while their pages are served, to whoever has the address."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from fake_fdl_nodes.node import Status
from fake_fdl_nodes.page import Attempt
from fake_fdl_nodes.program.administration import NotAskedError
from fake_fdl_nodes.program.cli import main
from fake_fdl_nodes.program.pages import Installed
from fake_fdl_nodes.program.served import ServedNodes
from fake_fdl_nodes.program.serving import listening
from tests.fake_fdl_nodes.program.served import ServedProcess
from tests.programs import Server, free_port, licence, machine, unpacked


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two slots; each test that takes any gives them back."""
    folder = tmp_path_factory.mktemp("server")
    root = machine(folder / "m")
    made = Server.started(unpacked(folder / "b", licence(root)), root)
    yield made
    made.end()


class Place:
    """A folder with a node's state, and the pages of that node in a browser without a window."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.state = folder / "n"
        self.server = server
        new = ("--application", "report1", "--ca", str(server.ca), "--address", "127.0.0.1", "--name", "n")
        self.options = ("--state", str(self.state), *new)

    def served(self, *more: str) -> ServedProcess:
        return ServedProcess.started(self.server.root, *self.options, *more)

    def kept(self) -> Any:
        return json.loads(self.state.read_text())["state"]


@pytest.fixture
def place(tmp_path: Path, server: Server) -> Place:
    return Place(tmp_path, server)


@contextmanager
def visitor(served: ServedProcess) -> Iterator[httpx.Client]:
    """Give a browser that has opened the address that was printed."""
    base = httpx.URL(served.url).copy_with(query=None)
    with httpx.Client(base_url=base, follow_redirects=True, timeout=60) as client:
        assert "FineDataLink" in client.get(served.url).text
        yield client


def pressed(client: httpx.Client, path: str, **fields: str) -> str:
    (token,) = re.findall(r'name="token" value="([^"]*)"', client.get(path).text)
    return client.post(path, data={"token": token, "method": "Private Cloud"} | fields).text


def registered(server: Server) -> int:
    with server.client() as client:
        return int(client.get("/v1/status").json()["registered"])


def test_a_node_registers_polls_and_gives_its_slot_back(place: Place) -> None:
    server = place.server
    with place.served("--poll-seconds", "1") as served, visitor(served) as client:
        assert not place.state.exists()
        done = pressed(client, "register", server=server.url)
        assert "Registration succeeded" in done
        assert registered(server) == 1
        # It goes on polling by itself.
        for number in (1, 2):
            served.told(f"request {number} was granted")
        # Meanwhile nobody else uses its state.
        busy = CliRunner().invoke(main, ["unbind", "--state", str(place.state)])
        assert (busy.exit_code, "stop that one first" in busy.output) == (2, True)
        assert "The slot was given back" in pressed(client, "unbind?node=n")
        assert registered(server) == 0
        assert "DO_NOT_NEED_DEACTIVATE" in pressed(client, "unbind?node=n")
        table = client.get("failures.csv").text
        assert re.fullmatch(r"\ufefftime,node,reason\r\n\S+,n,20000 [^\r]*\r\n", table), table
        assert served.end(signal.SIGINT) == 0
    assert (place.kept()["status"], len(place.kept()["failures"])) == ("unregistered", 1)


def test_a_node_that_is_known_goes_on_where_it_was(place: Place) -> None:
    with place.served() as served, visitor(served) as client:
        pressed(client, "register", server=place.server.url)
    assert place.kept()["number"] == 1
    with ServedProcess.started(place.server.root, "--state", str(place.state)) as served, visitor(served) as client:
        # As after each start it polls at once.
        served.told("request 2 was granted")
        assert 'class="badge registered"' in client.get("registration").text
        assert "The slot was given back" in pressed(client, "unbind?node=n")
        assert served.end() == 0
    assert (place.kept()["status"], place.kept()["number"]) == ("unregistered", 3)


def test_it_registers_at_another_server_and_what_fails_is_listed(place: Place) -> None:
    with place.served() as served, visitor(served) as client:
        gone = pressed(client, "register", server=f"https://127.0.0.1:{free_port()}")
        assert "the authorization server cannot be reached" in gone
        assert "Registration succeeded" in pressed(client, "register", server=place.server.url)
        assert "The slot was given back" in pressed(client, "unbind?node=n")


def test_a_node_runs_once_however_often_it_is_registered(place: Place) -> None:
    installed = Installed(
        path=place.state, name="n", application="report1", ca=str(place.server.ca), address="127.0.0.1"
    )
    troubles: list[BaseException] = []

    def running() -> int:
        return sum("Runner.go_on" in repr(task.get_coro()) for task in asyncio.all_tasks())

    async def go() -> None:
        nodes = ServedNodes([installed], lambda _: None, troubles.append)
        nodes.start()
        assert running() == 0
        for _ in range(2):
            assert await nodes.register(place.server.url) == [Attempt("n", None)]
            assert running() == 1
        (member,) = nodes.members()
        assert (member.status, member.capacity, member.asked) == (Status.REGISTERED, 2, True)
        assert await nodes.unbind("n") == [Attempt("n", None)]
        await nodes.close()
        assert running() == 0

    asyncio.run(go())
    assert troubles == []


def test_what_ends_a_node_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = Installed(
        path=place.state, name="n", application="report1", ca=str(place.server.ca), address="127.0.0.1"
    )

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def go() -> None:
        told = asyncio.get_running_loop().create_future()
        nodes = ServedNodes([installed], lambda _: None, told.set_result)
        assert await nodes.register(place.server.url) == [Attempt("n", None)]
        monkeypatch.setattr("fake_fdl_nodes.program.running.save", full)
        # What cannot be kept is not sent, and the page says so.
        with pytest.raises(NotAskedError, match="No space left"):
            await nodes.unbind("n")
        await nodes.close()
        assert "No space left" in str(await told)
        monkeypatch.undo()
        with pytest.raises(NotAskedError, match="n has ended; register it again"):
            await nodes.unbind("n")
        # It is registered as it was when that could be kept, and gives its slot back.
        nodes = ServedNodes([installed], lambda _: None, lambda _: None)
        nodes.start()
        # The poll of the start goes out first; the unbind takes its place.
        await asyncio.sleep(0)
        assert await nodes.unbind("n") == [Attempt("n", None)]
        await nodes.close()

    asyncio.run(go())


def test_a_host_that_is_not_known_is_told_and_nothing_is_sent(place: Place) -> None:
    options = ("--state", str(place.state), "--application", "report1")
    with ServedProcess.started(place.server.root, *options) as served, visitor(served) as client:
        # The own address is found out by that of the server, and a node has none of this kind.
        assert "whose host is not known to this machine" in pressed(client, "register", server="https://[::1]:1")
        assert "None so far." in client.get("registration").text


def test_a_certificate_that_cannot_be_used_is_told_on_the_page(place: Place, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with place.served("--ca", str(tmp_path / "ca.pem")) as served, visitor(served) as client:
        assert "the node cannot do that" in pressed(client, "register", server=place.server.url)
        assert "Registration Information" in client.get("registration").text


def test_only_who_has_the_address_is_let_in(place: Place) -> None:
    with place.served() as served:
        base = httpx.URL(served.url).copy_with(query=None)
        for path, headers, status in (
            ("", {}, 403),
            ("?token=guessed", {}, 403),
            ("style.css", {}, 403),
            ("register", {"cookie": f"fdl-node-{base.port}=guessed"}, 403),
            ("", {"host": "elsewhere.test"}, 421),
            ("", {"cookie": "\u00e9=;;="}, 403),
        ):
            answered = httpx.get(
                base.join(path), headers=[(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
            )
            assert answered.status_code == status, path
            assert "default-src 'none'" in answered.headers["content-security-policy"]
        assert httpx.post(base.join("register"), data={"server": "x"}).status_code == 403
        first = httpx.get(served.url)
        # What lets one in is out of the address at once, and nothing but the browser can read it.
        assert (first.status_code, first.headers["location"]) == (303, "/")
        assert first.headers["set-cookie"].endswith("Path=/; HttpOnly; SameSite=Strict")


# A wrong call.


def call(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["serve", *arguments], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--listen", "8090"], "--listen: found '8090', expected HOST:PORT such as 127.0.0.1:8090"),
        (["--listen", "127.0.0.1:99999"], "expected HOST:PORT"),
        (["--listen", "127.0.0.1:x"], "expected HOST:PORT"),
        (["--listen", "192.0.2.1:0"], "192.0.2.1:0: cannot assign requested address; choose another one"),
        (["--listen", "127.0.0.1:0"], "--application: found none, expected one"),
        (["--listen", "127.0.0.1:0", "--application", ""], "application: found ''"),
        (["--listen", "127.0.0.1:0", "--application", "a", "--state", "a", "--state", "b"], "not of one cluster"),
        (["--listen", "127.0.0.1:0", "--application", "a", "--state", "a", "--state", "./a"], "the same file twice"),
        (["--listen", "127.0.0.1:0", "--application", "a", "--state", "none/a"], "none"),
    ],
)
def test_a_wrong_call_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = call("--listen", f"127.0.0.1:{port}", "--application", "a", "--state", str(tmp_path / "n"))
    assert done.exit_code == 2
    assert f"127.0.0.1:{port}: the address is in use; choose another one with --listen" in done.output


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("{}")
    done = call("--listen", "127.0.0.1:0", "--state", str(tmp_path / "n"))
    assert (done.exit_code, "damaged" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:8090", ("127.0.0.1", 8090)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_where_it_listens_is_read(text: str, found: tuple[str, int]) -> None:
    assert listening(text) == found
