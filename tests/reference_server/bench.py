"""An authority on a bench: a machine whose wall clock can be set, and nodes that talk to it."""

from __future__ import annotations

from typing import Any

from reference_server.authority import Authority, ChangeKind
from reference_server.licence import Licence
from reference_server.protocol import Grant, Instant, Poll, Register, Release, Unbind
from reference_server.readings import READINGS

MS = 1_000
MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST = 0xC0A86419
#: What a right wall clock shows when the boot-time clock shows 0.
EPOCH = 1_772_323_200_000_000

TAKEN, MOVED, FREED = ChangeKind.TAKEN, ChangeKind.MOVED, ChangeKind.FREED
VOID, DROPPED, RESTORED = ChangeKind.VOID, ChangeKind.DROPPED, ChangeKind.RESTORED


class Bench:
    """An authority on a machine whose wall clock can be set, and nodes that talk to it."""

    def __init__(self, reading: str = "literal", capacity: int = 2, **licence: Any) -> None:
        ranges = ((FIRST, FIRST + 15),)
        self.authority = Authority(Licence(capacity=capacity, ranges=ranges, **licence), READINGS[reading])
        self.ahead_us = 0
        self._number = 0
        self.changes = self.authority.start(self.now(0))

    def now(self, boot_us: int) -> Instant:
        return Instant(boot_us, EPOCH + boot_us + self.ahead_us)

    def ask(
        self,
        message: type[Register | Poll | Unbind],
        who: str,
        at_us: int,
        address: int = FIRST,
        *,
        source: int | None = None,
        **more: Any,
    ) -> Any:
        """Send a request from ``address``, which comes out of a translation as ``source``."""
        self._number += 1
        fields: dict[str, Any] = {"number": self._number, "application": "r"} | more
        request = message(installation=who, address=address, **fields)
        reply = self.authority.handle(request, address if source is None else source, self.now(at_us))
        self.changes = reply.changes
        return reply.answer

    def granted(self, message: type[Register | Poll | Unbind], who: str, at_us: int, *more: Any, **most: Any) -> bool:
        return isinstance(self.ask(message, who, at_us, *more, **most), Grant | Release)

    def kinds(self) -> list[ChangeKind]:
        return [change.kind for change in self.changes]

    def restart(self, down_us: int, up_us: int) -> None:
        self.authority.stop(self.now(down_us))
        self.changes = self.authority.start(self.now(up_us), downtime_us=up_us - down_us)
