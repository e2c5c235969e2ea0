"""The wire ``asgi``: the server program's own application, service and store in this process, reached by httpx.

Requests and answers are real JSON, the store is a real file, and the licence is read from the issuer's file; there are
no sockets, and the address that a request comes from is that of the connection as the application is told it. What a
stopped program knew is gone: the next start makes a new authority of what was stored.

The authority is known to the wire, so each change of a slot can be seen. While the program is down, the stopped one
goes on telling what time voids; a start reports what the new one makes of the slots against that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, NoReturn

import httpx

from harness.wires.installed import licence_for, machine, scratch, unpacked, use_file
from harness.wires.memory import differences
from harness.wires.wire import ServerFactory, Started
from reference_server.authority import Authority, Change, ChangeKind, Reply
from reference_server.bundle import LICENCE_NAME
from reference_server.licence import Licence
from reference_server.machine.identity import this_machine
from reference_server.program.face import face
from reference_server.program.logs import open_log
from reference_server.program.openapi import REQUESTS, STATUS
from reference_server.program.record import LockHeldError, Role, lock
from reference_server.program.service import LicenceFile, Service
from reference_server.program.store import Store, StoreError
from reference_server.protocol import (
    Instant,
    ProtocolError,
    Request,
    decode_answer,
    encode_request,
    format_address,
)
from reference_server.readings import Reading
from reference_server.stored import Stored

__all__ = ["Asgi"]

_JSON = {"content-type": "application/json"}
_STATE = "server.sqlite3"


class _Image(NamedTuple):
    """The files of the store, by name, and the order in which the program had its slots."""

    files: dict[str, bytes]
    order: dict[str, int]


class Asgi:
    """A server program without its sockets, in a temporary folder."""

    sees_slots = True

    def __init__(self, server: ServerFactory, licence: Licence, reading: Reading) -> None:
        self._server = server
        self._reading = reading
        self._folder = scratch()
        root = Path(self._folder.name)
        self._identity = self._licensed = this_machine(machine(root / "machine")).fingerprint
        self._bundle = unpacked(root / "bundle", licence_for(self._licensed, licence))
        self._serial = 1
        self._state = root / "state"
        self._state.mkdir()
        self._now = Instant(0, 0)
        self._destroyed = False
        #: The program that runs, or the one that ran last; before the first start, one that never did.
        self._authority = server(licence, reading)
        self._store: Store | None = None
        self._running = ExitStack()
        self._noticed: list[Change] = []
        self._runner = asyncio.Runner()
        self._transport = httpx.ASGITransport(_nobody)
        self._client = httpx.AsyncClient(transport=self._transport, base_url="http://server", trust_env=False)

    # The program's life.

    def start(self, now: Instant, *, downtime_us: int) -> Started:
        """Start a new program on what is stored."""
        if self._destroyed or self._identity != self._licensed:
            return Started(False, ())
        before = self._authority
        self._running.enter_context(lock(self._lock, Role.SERVER))
        file = LicenceFile(self._bundle / LICENCE_NAME)
        store = self._opened(file)
        self._running.callback(store.close)
        store.use_serial(file.licence.serial if file.licence is not None else 0)
        stored = _in_order(store.load(), _order(before))
        self._authority = self._new(file, stored)
        changes = self._authority.start(now, downtime_us=downtime_us)
        # A reading may have changed what has to be stored of every slot.
        store.save(self._authority, [row.installation for row in stored.slots])
        self._store = store
        service = Service(
            self._authority, store, file, lambda: self._now, lambda: self._identity, noticed=self._noticed.extend
        )
        self._transport.app = face(service, open_log(logging.CRITICAL), _fail)
        return Started(True, _against(before, stored, changes, self._authority))

    def _opened(self, file: LicenceFile) -> Store:
        assert file.licence is not None, "a file that was just read"
        path = self._state / _STATE
        return Store(path, file.licence.bundle, fresh=not path.exists())

    def _new(self, file: LicenceFile, stored: Stored) -> Authority:
        assert file.licence is not None, "a file that was just read"
        authority = self._server(file.licence.as_licence(), self._reading)
        authority.restore(stored)
        return authority

    @property
    def _lock(self) -> Path:
        return self._state / "server.lock"

    def stop(self, now: Instant) -> None:
        """End the program: its store is closed, and its lock given up."""
        self._authority.stop(now)
        self._end()

    def lose_power(self) -> None:
        """The store has promised all that was answered to be on the disk."""

    def _end(self) -> None:
        self._store = None
        self._transport.app = _nobody
        self._running.close()

    def destroy(self) -> Sequence[Change]:
        """Revoke the authorization."""
        self._destroyed = True
        changes = self._authority.destroy()
        self._end()
        return changes

    def second(self, now: Instant) -> bool:
        """Take the lock of the machine, which the program that runs holds."""
        try:
            with lock(self._lock, Role.SERVER):
                return True
        except LockHeldError:
            return False

    # What the issuer and the machine do.

    def use(self, licence: Licence) -> None:
        """Put a newer licence file in place."""
        self._serial += 1
        use_file(self._bundle, licence_for(self._licensed, licence, serial=self._serial))

    def drift(self, drifted: bool) -> None:
        """Let the machine show another fingerprint, or its own again."""
        self._identity = "drifted" if drifted else self._licensed

    def image(self) -> _Image:
        """Return the files of the store. Its index of the log (``-shm``) is made anew from the others.

        What a destroyed server leaves is of no use to any program.
        """
        if self._destroyed:
            return _Image({}, {})
        found = [path for path in self._files() if not path.name.endswith("-shm")]
        return _Image({path.name: path.read_bytes() for path in found}, _order(self._authority))

    def _files(self) -> list[Path]:
        return sorted(self._state.glob(f"{_STATE}*"))

    def put_back(self, image: _Image) -> Sequence[Change]:
        """Let a new program find the files of ``image``, and no others."""
        for path in self._files():
            path.unlink()
        for name, data in image.files.items():
            (self._state / name).write_bytes(data)
        before = self._authority
        file = LicenceFile(self._bundle / LICENCE_NAME)
        store = self._opened(file)
        try:
            self._authority = self._new(file, _in_order(store.load(), image.order))
        finally:
            store.close()
        return differences(before, self._authority)

    # Requests.

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        """Post the request to the application."""
        self._now = now
        body = request if isinstance(request, bytes) else encode_request(request)
        self._transport.client = (format_address(source), 1)
        response = self._runner.run(self._client.post(REQUESTS, content=body, headers=_JSON))
        changes = list(self._noticed)
        self._noticed.clear()
        try:
            return Reply(decode_answer(response.content), changes)
        except ProtocolError:
            return Reply(None, changes)

    # What can be seen of the slots.

    def next_void_us(self) -> int | None:
        """Return when the next slot may be void, by the program that runs or ran last."""
        return self._authority.next_void_us()

    def expire(self, boot_us: int) -> Sequence[Change]:
        """Void what time has voided, and store it as the program does; one that is down stores nothing."""
        changes = self._authority.expire(boot_us)
        if self._store is not None and changes:
            self._store.save(self._authority, [change.installation for change in changes])
        return changes

    def registered(self, now: Instant) -> int:
        """Return the number that the program shows on its status page."""
        self._now = now
        registered: int = self._runner.run(self._client.get(STATUS)).json()["registered"]
        return registered

    def close(self) -> None:
        """End the program if it runs, and remove the folder."""
        self._end()
        self._runner.run(self._client.aclose())
        self._runner.close()
        self._folder.cleanup()


async def _nobody(*_: object) -> None:
    raise AssertionError("a program that does not run is not asked")


def _fail(error: StoreError) -> NoReturn:
    raise error


def _order(authority: Authority) -> dict[str, int]:
    """Return the places of the slots of ``authority``, in the order in which it tells of them."""
    return {row.installation: place for place, row in enumerate(authority.stored().slots)}


def _in_order(stored: Stored, order: dict[str, int]) -> Stored:
    """Return ``stored`` with its slots in an order that a store does not keep, so that changes come as in `memory`."""
    return stored._replace(slots=tuple(sorted(stored.slots, key=lambda row: order[row.installation])))


def _against(before: Authority, stored: Stored, changes: Sequence[Change], after: Authority) -> list[Change]:
    """Return what the start of a new program, with its own ``changes``, did to the slots as they were just before.

    What became void while the program was down was told then, and is not told again; what is alive all the same is
    restored.
    """
    kinds = {change.installation: change.kind for change in changes}
    alive = set(before.holders)
    held = set(after.holders)
    clustered = after.reading.cluster_takes_one_slot
    units = {row.installation: (clustered and row.cluster) or row.installation for row in stored.slots}
    live = Counter(units[who] for who in units if who in alive)
    told = []
    for row in stored.slots:
        who = row.installation
        if (who in alive) == (who in held):
            continue
        live[units[who]] += 1 if who in held else -1
        kind = ChangeKind.RESTORED if who in held else kinds[who]
        told.append(Change(kind, who, row.address, sum(count > 0 for count in live.values())))
    return told
