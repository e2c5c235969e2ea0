"""Serving over TLS: slow clients and too many of them cost nobody else anything."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest

from reference_server.program.face import face
from reference_server.program.logs import open_log
from reference_server.program.openapi import LARGEST_BODY, REQUESTS
from reference_server.program.serving import open_port, server_of
from reference_server.program.tls import certificate, local_addresses
from reference_server.protocol import Register
from tests.programs import FIRST, post, request
from tests.reference_server.program.test_service import Bench


class Served:
    """A service on a port of loopback, served by a thread of this process."""

    def __init__(self, folder: Path, bench: Bench, **limits: Any) -> None:
        context, ca = certificate(folder / "tls", ["127.0.0.1"])
        assert ca is not None
        self.client_context = ssl.create_default_context(cafile=str(ca))
        application = face(bench.service, open_log(), lambda _: None, body_seconds=limits.pop("body_seconds", 10))
        self.listening = open_port("127.0.0.1", 0)
        self.port = self.listening.getsockname()[1]
        self.server = server_of(application, context, **limits)
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.listening]))

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.client_context.wrap_socket(plain, server_hostname="127.0.0.1")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"https://127.0.0.1:{self.port}", verify=self.client_context, timeout=20)


@contextmanager
def served(folder: Path, **limits: Any) -> Iterator[Served]:
    bench = Bench(folder)
    made = Served(folder, bench, **limits)
    made.thread.start()
    try:
        yield made
    finally:
        made.server.should_exit = True
        made.thread.join()
        made.listening.close()
        bench.store.close()


HEAD = f"POST {REQUESTS} HTTP/1.1\r\nhost: server\r\ncontent-type: application/json\r\n"


def answered(connection: ssl.SSLSocket) -> int:
    """Read a whole response, and return its status."""
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def closed(connection: ssl.SSLSocket) -> bytes:
    """Return what comes before the server closes the connection. It waits for that."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except TimeoutError:
        pytest.fail("the connection is still open")
    except OSError:
        pass  # Cut off: that is closed, too.
    return received


@pytest.mark.parametrize("sent", ["", HEAD[:10], HEAD])
def test_a_head_that_does_not_come_is_given_up(tmp_path: Path, sent: str) -> None:
    with served(tmp_path, header_seconds=0.3) as made, made.connect() as slow:
        slow.sendall(sent.encode())
        with made.client() as other:
            assert post(other, request(Register, "a")).status_code == 200
        assert closed(slow) == b""


def test_the_head_of_the_second_request_has_its_limit_too(tmp_path: Path) -> None:
    body = request(Register, "a")
    with served(tmp_path, header_seconds=0.3) as made, made.connect() as slow:
        slow.sendall(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body)
        assert answered(slow) == 200
        slow.sendall(HEAD.encode())
        assert closed(slow) == b""


@pytest.mark.parametrize(("simulated", "code"), [(False, 30003), (True, None)])
def test_nobody_can_say_where_a_request_comes_from_except_in_a_simulation(
    tmp_path: Path, simulated: bool, code: int | None
) -> None:
    body = request(Register, "a", address=FIRST + 7)
    header = {"content-type": "application/json", "x-forwarded-for": "127.0.0.8"}
    with served(tmp_path, simulated_sources=simulated) as made, made.client() as one:
        answer = one.post(REQUESTS, content=body, headers=header).json()
    assert answer.get("code") == code


def test_a_body_that_does_not_come_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, body_seconds=0.3) as made, made.connect() as slow:
        slow.sendall(f'{HEAD}content-length: 100\r\n\r\n{{"'.encode())
        assert closed(slow).startswith(b"HTTP/1.1 408")


def test_a_huge_body_is_refused_before_it_has_come(tmp_path: Path) -> None:
    with served(tmp_path) as made, made.connect() as rude:
        rude.sendall(f"{HEAD}content-length: {10**9}\r\n\r\n".encode())
        assert closed(rude).startswith(b"HTTP/1.1 413")


def test_a_body_that_is_too_long_leaves_the_connection_as_it_is(tmp_path: Path) -> None:
    with served(tmp_path) as made, made.connect() as one:
        for size, status in ((LARGEST_BODY + 1, 413), (10 * LARGEST_BODY, 413)):
            one.sendall(f"{HEAD}content-length: {size}\r\n\r\n".encode() + b"x" * size)
            assert answered(one) == status
            body = request(Register, "a")
            one.sendall(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body)
            assert answered(one) == 200


def test_beyond_the_limit_a_connection_is_closed_and_others_go_on(tmp_path: Path) -> None:
    with served(tmp_path, connections=2) as made, made.connect() as first, made.connect():
        third = made.connect()
        assert closed(third) == b""
        third.close()
        body = request(Register, "a")
        first.sendall(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body)
        assert answered(first) == 200


def test_a_bad_body_leaves_the_connection_as_it_is(tmp_path: Path) -> None:
    with served(tmp_path) as made, made.connect() as one:
        for body, status in ((b"nonsense", 400), (b"{}", 400), (request(Register, "a"), 200)):
            one.sendall(f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body)
            assert answered(one) == status


def test_a_handshake_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    with served(tmp_path, header_seconds=0.3) as made, socket.create_connection(("127.0.0.1", made.port)) as silent:
        silent.settimeout(20)
        assert silent.recv(1) == b""


def test_whoever_reads_no_answer_is_cut_off(tmp_path: Path) -> None:
    with served(tmp_path, header_seconds=0.3) as made, made.connect() as deaf:
        deaf.settimeout(20)
        many = b"GET /openapi.json HTTP/1.1\r\nhost: server\r\n\r\n" * 500_000
        with pytest.raises(OSError, match=r"reset|Broken pipe|EOF|closed"):
            deaf.sendall(many)
        with made.client() as other:
            assert post(other, request(Register, "a")).status_code == 200


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n"])
def test_what_is_no_http_is_refused_in_the_protocol(tmp_path: Path, sent: bytes) -> None:
    with served(tmp_path) as made, made.connect() as odd:
        odd.sendall(sent)
        head, _, body = closed(odd).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["code"] == 10000


def test_plain_http_gets_nowhere(tmp_path: Path) -> None:
    with served(tmp_path) as made, socket.create_connection(("127.0.0.1", made.port), timeout=20) as plain:
        plain.sendall(HEAD.encode() + b"\r\n")
        with suppress(ConnectionError):
            assert b"HTTP" not in plain.recv(65536)


def test_asyncio_is_told_that_the_port_is_tcp() -> None:
    # Or it sends each answer in two parts, of which the second waits for a delayed acknowledgement.
    with open_port("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


# The certificate.


def test_a_certificate_is_made_once_and_again_for_a_new_name(tmp_path: Path) -> None:
    certificate(tmp_path, ["127.0.0.1"])
    first = (tmp_path / "server.pem").read_bytes()
    ca = (tmp_path / "ca.pem").read_bytes()
    certificate(tmp_path, ["127.0.0.1"])
    assert (tmp_path / "server.pem").read_bytes() == first
    certificate(tmp_path, ["127.0.0.1", "licence.example.com"])
    assert (tmp_path / "server.pem").read_bytes() != first
    # The nodes go on trusting the same authority.
    assert (tmp_path / "ca.pem").read_bytes() == ca
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600


def test_ones_own_certificate_is_left_alone(tmp_path: Path) -> None:
    certificate(tmp_path / "theirs", ["somewhere.example.com"])
    (tmp_path / "own").mkdir()
    own = (tmp_path / "theirs/server.pem").read_bytes()
    (tmp_path / "own/server.pem").write_bytes(own)
    _, ca = certificate(tmp_path / "own", ["127.0.0.1"])
    assert ca is None
    assert (tmp_path / "own/server.pem").read_bytes() == own


def test_what_is_no_certificate_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("no certificate")
    with pytest.raises(OSError, match="PEM"):
        certificate(tmp_path, ["127.0.0.1"])


def test_the_addresses_of_this_machine_end_with_loopback() -> None:
    assert local_addresses()[-1].startswith("127.")
