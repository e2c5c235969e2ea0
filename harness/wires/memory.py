"""The wire ``memory``: a request is a call of the authority, in this process, with nothing in between."""

from __future__ import annotations

from collections.abc import Sequence

from harness.wires.wire import ServerFactory, Started
from reference_server.authority import Authority, Change, ChangeKind, Power, Reply
from reference_server.licence import Licence
from reference_server.protocol import Instant, Malformed, ProtocolError, Request, decode_request
from reference_server.readings import Reading
from reference_server.stored import Stored

__all__ = ["Memory", "differences"]


def differences(before: Authority, after: Authority) -> list[Change]:
    """Return what an earlier state makes of the slots, as changes: which are lost, and which are there again."""
    held = {installation: before.holder_address(installation) or 0 for installation in before.holders}
    found = {installation: after.holder_address(installation) or 0 for installation in after.holders}
    lost = [Change(ChangeKind.LOST, who, held[who], after.live) for who in held if who not in found]
    return lost + [Change(ChangeKind.FOUND, who, found[who], after.live) for who in found if who not in held]


class Memory:
    """An authority in memory. Its memory outlives a stop, since all of it that matters is stored by the law."""

    sees_slots = True

    def __init__(self, server: ServerFactory, licence: Licence, reading: Reading) -> None:
        self._server = server
        self._reading = reading
        self.authority = server(licence, reading)

    def start(self, now: Instant, *, downtime_us: int) -> Started:
        """Start the program."""
        changes = self.authority.start(now, downtime_us=downtime_us)
        return Started(self.authority.power is Power.RUNNING, changes)

    def stop(self, now: Instant) -> None:
        """End the program."""
        self.authority.stop(now)

    def lose_power(self) -> None:
        """All that was answered is promised to be on the disk, by the law."""

    def destroy(self) -> Sequence[Change]:
        """Revoke the authorization."""
        return self.authority.destroy()

    def use(self, licence: Licence) -> None:
        """Put a new licence file in place."""
        self.authority.use(licence)

    def drift(self, drifted: bool) -> None:
        """Change the machine's identity, or change it back."""
        self.authority.integrity_lost = drifted

    def image(self) -> Stored:
        """Return what is stored."""
        return self.authority.stored()

    def put_back(self, image: Stored) -> Sequence[Change]:
        """Let a new program find ``image``."""
        before = self.authority
        assert before.power is not Power.RUNNING, "a running program has its own memory"
        self.authority = self._server(before.licence, self._reading)
        self.authority.integrity_lost = before.integrity_lost
        self.authority.restore(image)
        return differences(before, self.authority)

    def second(self, now: Instant) -> bool:
        """The program that runs holds the lock of the machine."""
        return False

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        """Call the authority."""
        asked: Request | Malformed
        if isinstance(request, bytes):
            try:
                asked = decode_request(request)
            except ProtocolError as error:
                asked = Malformed(code=error.code, reason=error.reason)
        else:
            asked = request
        return self.authority.handle(asked, source, now)

    def next_void_us(self) -> int | None:
        """Return when the next slot may be void."""
        return self.authority.next_void_us()

    def expire(self, boot_us: int) -> Sequence[Change]:
        """Void what time has voided."""
        return self.authority.expire(boot_us)

    def registered(self, now: Instant) -> int | None:
        """Return the number of live slots."""
        return self.authority.live

    def close(self) -> None:
        """There is nothing to leave behind."""
