"""The command fdl-node against a real server: it registers, polls, remembers, and gives its slot back."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from fake_fdl_nodes.program.client import Client
from fake_fdl_nodes.server_address import server_address
from reference_server.protocol import Register
from tests.programs import ROOT, Server, environment, free_port, licence, machine, unpacked

HOUR = 3_600_000_000


class Place:
    """A server, and nodes that keep their state in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = machine(folder / "m")
        self.bundle = unpacked(folder / "b", licence(self.root))
        self.server = Server.started(self.bundle, self.root)

    def command(self, *arguments: str, state: str = "n") -> list[str]:
        code = [sys.executable, "-m", "fake_fdl_nodes.program.cli"]
        return [*code, arguments[0], "--state", str(self.folder / state), *arguments[1:]]

    def node(self, *arguments: str, state: str = "n") -> subprocess.CompletedProcess[str]:
        """Call fdl-node to its end."""
        done = subprocess.run(
            self.command(*arguments, state=state),
            cwd=ROOT,
            env=environment(self.root),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def register(self, *more: str, state: str = "n", address: str = "127.0.0.1") -> subprocess.CompletedProcess[str]:
        return self.node(
            "register",
            self.server.url,
            *("--application", "report1", "--ca", str(self.server.ca), "--address", address, "--once"),
            *more,
            state=state,
        )

    def registered(self) -> int:
        with self.server.client() as client:
            return int(client.get("/v1/status").json()["registered"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.server.end()


def test_a_node_registers_shows_what_it_is_and_gives_its_slot_back(place: Place) -> None:
    done = place.register()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unregistered -> registered (granted)" in done.stdout
    shown = dict(line.split(maxsplit=1) for line in place.node("status").stdout.splitlines() if "  " in line)
    assert (shown["status"], shown["access"]) == ("registered", "open")
    assert "Max Connections   2" in place.node("status").stdout
    assert place.registered() == 1
    done = place.node("unbind")
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.registered() == 0
    done = place.node("unbind")
    assert done.returncode == 1
    assert "20000 DO_NOT_NEED_DEACTIVATE" in done.stdout
    assert "20000 DO_NOT_NEED_DEACTIVATE" in place.node("failures").stdout


def test_the_same_node_stays_the_same_and_the_third_is_one_too_many(place: Place) -> None:
    for _ in range(2):
        assert place.register(state="one").returncode == 0
    assert place.register(state="two", address="127.0.0.2").returncode == 0
    third = place.register(state="three", address="127.0.0.3")
    assert third.returncode == 1
    assert "30007 REGISTER_OUT_OF_LIMIT" in third.stdout
    assert place.registered() == 2


def test_a_node_polls_until_it_is_told_to_end_and_goes_on_where_it_was(place: Place) -> None:
    assert place.register().returncode == 0
    process = subprocess.Popen(
        place.command("run", "--poll-seconds", "0.1"),
        cwd=ROOT,
        env=environment(place.root) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    granted = [line for line in (process.stdout.readline() for _ in range(4)) if "was granted" in line]
    assert len(granted) == 3
    # Meanwhile nobody else uses its state.
    busy = place.node("unbind")
    assert (busy.returncode, "stop that one first" in busy.stderr) == (2, True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    number = json.loads((place.folder / "n").read_text())["state"]["number"]
    assert number >= 4
    assert place.node("run", "--once").returncode == 0
    assert json.loads((place.folder / "n").read_text())["state"]["number"] == number + 1


def test_a_server_that_is_gone_interrupts_and_one_that_is_back_restores(place: Place) -> None:
    assert place.register().returncode == 0
    place.server.end()
    gone = place.node("run", "--once")
    assert "registered -> interrupted (unanswered)" in gone.stdout
    assert gone.returncode == 0
    place.server = Server.started(place.bundle, place.root, place.server.port)
    assert "interrupted -> registered (granted)" in place.node("run", "--once").stdout
    assert place.node("failures").stdout.endswith("  /: the authorization server cannot be reached\n")


def test_a_node_that_was_away_for_more_than_24_h_lapses_without_polling(place: Place) -> None:
    assert place.register().returncode == 0
    body = json.loads((place.folder / "n").read_text())
    body["state"]["contact_us"] -= 24 * HOUR
    (place.folder / "n").write_text(json.dumps(body))
    done = place.node("run", "--once")
    assert "registered -> lapsed (silence)" in done.stdout
    assert done.returncode == 1
    assert json.loads((place.folder / "n").read_text())["state"]["number"] == 1
    # Its administrator registers it again, as the same node.
    assert "lapsed -> registered (granted)" in place.register().stdout
    assert place.registered() == 1


def test_a_certificate_that_nobody_vouches_for_is_no_connection(place: Place) -> None:
    arguments = ("--application", "report1", "--address", "127.0.0.1", "--once")
    done = place.node("register", place.server.url, *arguments)
    assert done.returncode == 1
    assert "no connection: " in done.stdout
    assert "failed: /: the authorization server cannot be reached" in done.stdout
    assert place.registered() == 0


def test_nobody_listening_is_no_connection_either(place: Place) -> None:
    ca = str(place.server.ca)
    url = f"https://127.0.0.1:{free_port()}"
    done = place.node("register", url, "--application", "report1", "--ca", ca, "--once")
    assert (done.returncode, "failed: /:" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["register", "http://127.0.0.1:1", "--application", "a"], "does not begin with https://"),
        (["register", "https://127.0.0.1:1", "--application", "a", "--address", "::1"], "not an IPv4 address"),
        (["register", "https://127.0.0.1:1", "--application", "a", "--ca", "none.pem"], "none.pem"),
        (["register", "https://127.0.0.1:1"], "--application"),
        (["register", "https://127.0.0.1:1", "--application", ""], "application: found ''"),
        (["register", "https://127.0.0.1:1", "--application", "a", "--cluster", "\udcff"], "cluster: found"),
        (["run"], "found no such file; register the node first"),
        (["status"], "found no such file"),
    ],
)
def test_a_wrong_call_is_told(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fake_fdl_nodes.program.cli", *arguments, "--state", str(tmp_path / "n")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    arguments = ["register", "https://127.0.0.1:1", "--application", "a", "--ca", str(tmp_path / "ca.pem")]
    done = subprocess.run(
        [sys.executable, "-m", "fake_fdl_nodes.program.cli", *arguments, "--state", str(tmp_path / "n")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (4 << 20)
ODD = {
    "garbage": b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nnonsense",
    "bad compression": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
    "endless": ENDLESS,
    "elsewhere": b"HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_no_answer_of_the_protocol_is_silence(what: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    asked = Register(number=1, installation="a", address=0x7F000001, application="r")

    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ODD[what])
            await writer.drain()
            writer.close()

    async def go() -> object:
        server = await asyncio.start_server(odd, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        client = Client(f"https://127.0.0.1:{port}", ca=tmp_path / "ca.pem", address=None)
        try:
            return await client.ask(asked)
        finally:
            await client.close()
            server.close()
            await server.wait_closed()

    assert asyncio.run(go()) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://172.16.63.131:8081", ("172.16.63.131", 8081)),
        ("https://licence.example.com:8081/", ("licence.example.com", 8081)),
        ("http://172.16.63.131:8081", None),
        ("https://172.16.63.131", None),
        ("https://:8081", None),
        ("https://172.16.63.131:0", None),
        ("https://172.16.63.131:99999", None),
        ("https://172.16.63.131:8081/path", None),
        ("https://user@172.16.63.131:8081", None),
        ("https://[::1", None),
        ("172.16.63.131:8081", None),
        ("", None),
    ],
)
def test_a_server_address_has_scheme_host_and_port(text: str, found: tuple[str, int] | None) -> None:
    if found is not None:
        assert server_address(text) == found
        return
    with pytest.raises(ValueError, match=r"expected a Server Address such as https://172\.16\.63\.131:8081"):
        server_address(text)
