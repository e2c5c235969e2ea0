"""The authority of a running program: bytes in, a status and bytes out, with nothing answered before it is stored.

One request at a time is handled, from decoding to storing, so a free slot is checked for and taken at once. Between two
requests the licence file may have been replaced by a newer one, which takes effect with the next request; the
machine's identity is looked at with every request, too (Q29).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference_server.addresses import parse_address
from reference_server.authority import Authority, Change
from reference_server.bundle import IssuedLicence, read_licence
from reference_server.machine.identity import MachineError
from reference_server.program.store import Store
from reference_server.protocol import Code, Instant, ProtocolError, Refusal, decode_request, encode_answer
from reference_server.sealed import SealError

__all__ = ["HTTP_STATUS", "Answered", "LicenceFile", "Service"]

#: What a refusal is over HTTP, by its code; every other verdict is 403.
HTTP_STATUS = {Code.JSON_PARSER_ERROR: 400, Code.PARAM_INPUT_ERROR: 400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer as it goes out: the status of HTTP, the body, and for the log the verdict in a word."""

    status: int
    body: bytes
    verdict: str
    installation: str | None = None


class LicenceFile:
    """The licence file of a bundle, read again when it changes.

    :raises SealError: if it is not the issuer's.
    :raises OSError: if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: What the file looked like when it was read; ``None`` if that failed.
        self._mark: tuple[int, int, int] | None = self._looks()
        self.licence: IssuedLicence | None = read_licence(path.read_bytes())
        self._bundle = self.licence.bundle

    def _looks(self) -> tuple[int, int, int]:
        seen = self.path.stat()
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def changed(self, newest: int) -> bool:
        """Tell whether the file is another one than before, which is then read.

        ``licence`` becomes ``None`` if it is not the issuer's, of another bundle, or older than file ``newest``.
        """
        try:
            mark = self._looks()
            if mark == self._mark:
                return False
            found = read_licence(self.path.read_bytes())
            self._mark = mark
        except (OSError, SealError):
            # Whatever it was, the next request looks again.
            self._mark, self.licence = None, None
            return True
        self.licence = found if found.bundle == self._bundle and found.serial >= newest else None
        return True


@dataclass(slots=True)
class Service:
    """A running server without its sockets.

    :param authority: started, with what was stored.
    :param clock: reads this machine's clocks.
    :param fingerprint: reads this machine's identity.
    :param noticed: is told what each request did to the slots.
    """

    authority: Authority
    store: Store
    file: LicenceFile
    clock: Callable[[], Instant]
    fingerprint: Callable[[], str]
    #: Refusals so far by code, 0 for those that have none.
    refusals: Counter[int] = field(default_factory=Counter)
    #: Grants and releases so far.
    granted: int = 0
    #: When each holder of a slot was last heard, on the boot-time clock.
    heard_us: dict[str, int] = field(default_factory=dict)
    noticed: Callable[[Sequence[Change]], object] = len

    def respond(self, body: bytes, source: str) -> Answered:
        """Answer a request with the JSON ``body`` that came from the address ``source``.

        :raises StoreError: if the answer cannot be stored; nothing may be answered then, and the program has to end.
        """
        try:
            request = decode_request(body)
        except ProtocolError as error:
            return self.refuse(error.code, error.reason)
        # Only what is a request is worth reading files for.
        self._look_at_licence()
        now = self.clock()
        reply = self.authority.handle(request, _address(source), now)
        gone = [change.installation for change in reply.changes if change.installation != request.installation]
        self.store.save(self.authority, [request.installation, *gone, *reply.forgotten])
        self.noticed(reply.changes)
        answer = reply.answer
        assert answer is not None, "the reference server always has an answer"
        for installation in gone:
            self.heard_us.pop(installation, None)
        if self.authority.slot_row(request.installation) is None:
            self.heard_us.pop(request.installation, None)
        else:
            self.heard_us[request.installation] = now.boot_us
        if isinstance(answer, Refusal):
            self.refusals[answer.code] += 1
            status = HTTP_STATUS.get(Code.shown_for(answer.code), 403)
            verdict = Code.shown_for(answer.code).shown_name
        else:
            self.granted += 1
            status, verdict = 200, type(answer).__name__.lower()
        return Answered(status=status, body=encode_answer(answer), verdict=verdict, installation=request.installation)

    def refuse(self, code: Code, reason: str, *, status: int = 400) -> Answered:
        """Return the refusal of something that is no request. It changes nothing."""
        self.refusals[int(code)] += 1
        # The reason goes over the wire as the text of a field, which has its limit.
        refusal = Refusal(number=0, code=int(code), reason=reason[:200])
        return Answered(status=status, body=encode_answer(refusal), verdict=code.name)

    def _look_at_licence(self) -> None:
        authority, file = self.authority, self.file
        if file.changed(self.store.serial) and file.licence is not None:
            self.store.use_serial(file.licence.serial)
            authority.use(file.licence.as_licence())
        try:
            authority.integrity_lost = file.licence is None or file.licence.machine != self.fingerprint()
        except MachineError:
            authority.integrity_lost = True

    def status(self) -> dict[str, Any]:
        """Return what the status page and the metrics show."""
        now = self.clock()
        gone = [change.installation for change in self.authority.expire(now.boot_us)]
        if gone:
            self.store.save(self.authority, gone)
        for installation in gone:
            self.heard_us.pop(installation, None)
        licence = self.file.licence
        return {
            "simulated": True,
            "licence": None if licence is None else licence.licence,
            "bundle": None if licence is None else licence.bundle,
            "registered": self.authority.live,
            "capacity": self.authority.licence.capacity,
            "suspended": self.authority.licence.suspended,
            "expires": None if licence is None or licence.expires is None else licence.expires.isoformat(),
            "answers": {
                "positive": self.granted,
                "refused": {str(code): count for code, count in sorted(self.refusals.items())},
            },
            "nodes": {
                installation: {"silent_seconds": (now.boot_us - heard_us) // 1_000_000}
                for installation, heard_us in sorted(self.heard_us.items())
            },
        }


def _address(source: str) -> int:
    """Return the address that a connection comes from; 0, which nothing licenses, if it is no IPv4 address."""
    try:
        return parse_address(source)
    except ValueError:
        return 0
