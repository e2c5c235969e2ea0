"""The reference authority as somebody's own server: behind bytes, with a file, and with no clock but the machine's.

It has the three shapes that a server under test can have. What it does has to be what the authority does in memory, to
the microsecond, in every scenario: then nothing is lost or added on the way, and the clocks that code under test asks
are those of its host.
"""

from __future__ import annotations

import fcntl
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference_server.authority import Authority, Power
from reference_server.files import write_whole
from reference_server.licence import Licence
from reference_server.program.clocks import now
from reference_server.protocol import (
    Code,
    Malformed,
    ProtocolError,
    Refusal,
    Request,
    decode_request,
    encode_answer,
    parse_address,
)
from reference_server.readings import Reading

__all__ = ["Asgi", "Server", "Validator", "Wsgi"]


class Server:
    """What all shapes have in common. To be ended in order it has ``close``."""

    def __init__(self, licence: Licence, reading: Reading, folder: Path, drifted: bool) -> None:
        # As long as this program is there, a second one on the machine finds the lock taken.
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SystemExit("another one runs") from None
        self._file = folder / "state"
        self._stopped = folder / "stopped"
        self._authority = Authority(licence, reading)
        self._authority.integrity_lost = drifted
        downtime_us = 0
        if self._file.exists():
            self._authority.restore(pickle.loads(self._file.read_bytes()))
            if self._stopped.exists():
                downtime_us = time.time_ns() // 1_000 - int(self._stopped.read_text())
        self._authority.start(now(), downtime_us=downtime_us)
        if self._authority.power is not Power.RUNNING:
            self._lock.close()
            raise SystemExit("it refuses to run")
        self._save()

    def answer(self, body: bytes, source: str) -> tuple[int, bytes]:
        asked: Request | Malformed
        try:
            asked = decode_request(body)
        except ProtocolError as error:
            asked = Malformed(code=error.code, reason=error.reason)
        answer = self._authority.handle(asked, parse_address(source), now()).answer
        assert answer is not None
        self._save()
        malformed = isinstance(answer, Refusal) and answer.code in (Code.JSON_PARSER_ERROR, Code.PARAM_INPUT_ERROR)
        return 400 if malformed else 403 if isinstance(answer, Refusal) else 200, encode_answer(answer)

    def registered(self) -> int:
        self._authority.expire(now().boot_us)
        return self._authority.live

    def use(self, licence: Licence) -> None:
        self._authority.use(licence)

    def drift(self, drifted: bool) -> None:
        self._authority.integrity_lost = drifted

    def destroy(self) -> None:
        self._authority.destroy()

    def close(self) -> None:
        self._stopped.write_text(str(time.time_ns() // 1_000))
        self._lock.close()

    def __del__(self) -> None:
        # After a crash nobody calls `close`, and what was open is closed by the system.
        self._lock.close()

    def _save(self) -> None:
        write_whole(self._file, pickle.dumps(self._authority.stored()))


class Validator(Server):
    """An object with ``respond``."""

    def respond(self, body: bytes, source: str) -> tuple[int, bytes]:
        return self.answer(body, source)


class Wsgi(Server):
    """A WSGI application."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            start_response("200 OK", [])
            return [b'{"registered": %d}' % self.registered()]
        status, answer = self.answer(environ["wsgi.input"].read(), environ["REMOTE_ADDR"])
        start_response(f"{status} As it is", [("Content-Type", "application/json")])
        return [answer]


class Asgi(Server):
    """An ASGI application."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, answer = 200, b'{"registered": %d}' % self.registered()
        if scope["method"] == "POST":
            body, more = b"", True
            while more:
                part = await receive()
                body, more = body + part.get("body", b""), part.get("more_body", False)
            status, answer = self.answer(body, scope["client"][0])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})
