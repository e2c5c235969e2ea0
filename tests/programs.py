"""Real programs for tests: a pretended machine in a temporary folder, a bundle unpacked on it, and its server process.

A machine is a folder that holds the few files by which one is told from another; the programs find it by an
environment variable. Everything listens on loopback.
"""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from harness.facts import Found
from harness.wires.installed import as_root, free_port, machine, unpacked, use_file
from reference_server.bundle import IssuedLicence
from reference_server.machine.identity import this_machine
from reference_server.protocol import Answer, Poll, Register, Unbind, decode_answer, encode_request

__all__ = [
    "AS_ROOT",
    "ENGLISH",
    "FIRST",
    "LAST",
    "ROOT",
    "Server",
    "ask",
    "called",
    "environment",
    "free_port",
    "licence",
    "machine",
    "post",
    "request",
    "skip_what_this_machine_lacks",
    "unpacked",
    "use_file",
]

ROOT = Path(__file__).resolve().parent.parent
#: 127.0.0.1, and the licensed addresses, all of them of this machine.
FIRST = 0x7F000001
LAST = FIRST + 98
ENGLISH = ("-language", "en")
AS_ROOT = as_root()


def environment(root: Path, **more: str) -> dict[str, str]:
    """Return the environment in which programs run on the machine ``root``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"FDL_HARNESS_MACHINE": str(root), "FDL_HARNESS_BIND": "127.0.0.1", "PATH": path} | more


def skip_what_this_machine_lacks(found: Sequence[Found]) -> None:
    """Skip a test if a fact could not be checked for want of a tool or a right, and for no other reason."""
    lacking = re.compile("(ps|unzip) is not installed|no other user than the administrator .*|no administrator .*")
    for each in found:
        if lacking.fullmatch(each.trouble):
            pytest.skip(f"{each.rule}: {each.trouble}")


def licence(root: Path, **more: Any) -> IssuedLicence:
    """Return a licence for the machine ``root``, for two nodes unless it says otherwise."""
    fields: dict[str, Any] = {
        "licence": "L-1",
        "bundle": "L-1-1",
        "serial": 1,
        "company": "Example Ltd",
        "machine": this_machine(root).fingerprint,
        "capacity": 2,
        "ranges": ((FIRST, LAST),),
    }
    return IssuedLicence(**(fields | more))


def called(bundle: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher of a bundle to its end."""
    return subprocess.run(
        [*AS_ROOT, bundle / "bin/server", *arguments],
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Server:
    """A server process. It is up when it is made, and ends when the context that it is ends."""

    bundle: Path
    root: Path
    port: int
    process: subprocess.Popen[str]
    printed: str = ""

    @classmethod
    def started(
        cls,
        bundle: Path,
        root: Path,
        port: int | None = None,
        options: Sequence[str] = ENGLISH,
        before: Sequence[str] = (),
    ) -> Server:
        """Start the server of a bundle, with ``before`` in front of the command, and wait until it listens."""
        port = free_port() if port is None else port
        with (bundle.parent / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [*AS_ROOT, *before, bundle / "bin/server", "-port", str(port), *options],
                env=environment(root),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        made = cls(bundle, root, port, process)
        made._read_the_banner()
        return made

    def _read_the_banner(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            # The last line names the port without an address; the port listens by then.
            if str(self.port) in line and "https" not in line:
                return
        self.process.communicate()
        raise AssertionError((self.bundle.parent / "server.log").read_text(encoding="utf-8"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, *, kill: bool = False) -> str:
        """End the process, unless it has ended, and return what it has printed."""
        if self.process.returncode is None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
            self.printed += self.process.communicate(timeout=30)[0]
        return self.printed

    @property
    def url(self) -> str:
        """Its Server Address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate that a node needs."""
        return self.bundle / "tls/ca.pem"

    def client(self, address: str = "127.0.0.1", **more: Any) -> httpx.Client:
        """Return a client that connects from ``address``."""
        context = ssl.create_default_context(cafile=str(self.ca))
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, timeout=30, **more)


def request(kind: type[Register | Poll | Unbind], who: str, number: int = 1, address: int = FIRST) -> bytes:
    """Return the body of a request."""
    return encode_request(kind(number=number, installation=who, address=address, application="report1"))


def ask(client: httpx.Client, kind: type[Register | Poll | Unbind], who: str, number: int = 1) -> Answer:
    """Send one request and return the answer."""
    return decode_answer(post(client, request(kind, who, number)).content)


def post(client: httpx.Client, body: bytes, content_type: str = "application/json") -> httpx.Response:
    """Post a body and return what comes back."""
    return client.post("/v1/requests", content=body, headers={"content-type": content_type})
