"""The authorization server as a pure state machine.

It takes an event and the `Instant` that its host's clocks show, and returns what is to be answered and which
slots changed. It reads no clock, opens no socket, draws nothing at random; the same file serves the
simulation and, later, a real program.

**The lease.** A granted registration holds a slot. The slot is a lease of 24 h, renewed by every accepted
request and measured from the *arrival* of the last one (Note 11, R034): at exactly 24 h a request is still in
time, one microsecond later the slot is void. While the program's memory lives, the age of a slot is measured
on the boot-time clock, which nobody can set. What is *stored* is the wall-clock instant of that arrival,
because a boot-time clock means nothing after a reboot. So a start recovers the age as
``max(0, wall clock now - stored)`` and goes on from there on the boot-time clock; it never rewrites what is
stored, or a server restarted every 20 h would keep a dead node's slot alive for ever.

**Void while down.** A slot is void at its instant whether the program runs or not. Since the next start judges
the age anew on the wall clock, a slot that passed its 24 h while the program was down is only marked void: if
somebody has set the wall clock back meanwhile, that start finds it alive and restores it.

**The date** that decides about expiry is the wall clock, but never earlier than the latest that was stored,
so that setting the clock back does not revive an expired licence.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace
from enum import Enum
from typing import NamedTuple, TypeAlias, TypeVar

from reference_server.checks import Arrival, first_failure
from reference_server.licence import Licence
from reference_server.protocol import (
    Answer,
    Code,
    Grant,
    Instant,
    Kind,
    Malformed,
    Refusal,
    Release,
    Request,
    signature_of,
)
from reference_server.readings import Reading
from reference_server.stored import AnswerRow, SlotRow, Stored

__all__ = ["Authority", "Change", "ChangeKind", "Power", "Reply"]

_Signable = TypeVar("_Signable", Grant, Release)

_HOUR_US = 3_600_000_000
#: A slot outlives its last accepted request by this much (R034).
LEASE_US = 24 * _HOUR_US
#: The routine interval of requests (R031); one reading gives a slot one interval more.
PERIOD_US = 2 * _HOUR_US
#: A poll from a new address is a move if the last accepted request is this old, else a clone (Q42).
MOVE_AGE_US = 105 * 60_000_000
#: So many installations that hold no slot are remembered with their last answers.
STRANGERS = 4096
#: One reading drops every slot after a single downtime of more than this (Note 10).
DOWNTIME_LIMIT_US = 24 * _HOUR_US


class Power(Enum):
    """Whether the program runs. Nothing leads out of ``DESTROYED`` (R125)."""

    OFF = "off"
    RUNNING = "running"
    DESTROYED = "destroyed"


class ChangeKind(Enum):
    """What happened to a slot. Who puts an earlier state in place of the stored one finds some lost or found."""

    TAKEN = "taken"
    MOVED = "moved"
    FREED = "freed"
    VOID = "void"
    DROPPED = "dropped"
    RESTORED = "restored"
    LOST = "lost"
    FOUND = "found"


class Change(NamedTuple):
    """The slot of ``installation`` changed; ``live`` slots are left afterwards."""

    kind: ChangeKind
    installation: str
    address: int
    live: int


class Reply(NamedTuple):
    """What the server sends back, and the slots that changed on the way.

    The reference server always has an answer; ``None`` is the silence of a wrong one. ``forgotten`` are installations
    of which nothing is kept any more.
    """

    answer: Answer | None
    changes: list[Change]
    forgotten: tuple[str, ...] = ()


#: What takes a slot of the licence: an installation, or its cluster where the reading says so.
_Unit: TypeAlias = tuple[str, str]


class _Slot:
    """One installation's lease. ``stored_us`` and ``excused_us`` are what survives a crash, with the address.

    ``arrived_us`` is when its last accepted request arrived, ``silent_us`` is since when its silence counts: they
    differ by the downtime that a reading excuses.
    """

    __slots__ = (
        "address",
        "arrived_us",
        "cluster",
        "excused_us",
        "installation",
        "silent_us",
        "stored_us",
        "unit",
        "void",
    )

    def __init__(self, installation: str, cluster: str | None, unit: _Unit, address: int, arrived: Instant) -> None:
        self.installation = installation
        self.cluster = cluster
        self.unit = unit
        #: Passed its 24 h while the program was down; the next start decides.
        self.void = False
        self.renew(address, arrived)

    def renew(self, address: int, arrived: Instant) -> None:
        """Start the lease anew from an accepted request."""
        self.address = address
        self.arrived_us, self.stored_us = arrived
        self.silent_us = self.arrived_us
        self.excused_us = 0


class Authority:
    """One authorization server program on its machine, with what it has stored.

    :param licence: what the issuer granted.
    :param reading: the answers to what the document leaves open.
    """

    def __init__(self, licence: Licence, reading: Reading) -> None:
        self.licence = licence
        self.reading = reading
        self.power = Power.OFF
        #: Set when the machine is no longer the licensed one, or the licence file not the issuer's (R012).
        self.integrity_lost = False
        self.date_us = -(1 << 62)
        self._stopped_us = 0
        self._lease_us = LEASE_US + (PERIOD_US if reading.lapse_needs_later_miss else 0)
        self._slots: dict[str, _Slot] = {}
        #: Live slots by unit.
        self._units: Counter[_Unit] = Counter()
        #: (first boot-time instant at which the slot would be void, installation); lazily kept.
        self._voids: list[tuple[int, str]] = []
        #: The latest requests of each installation with their answers, stored like the slots: see `_remember`.
        self._answered: dict[str, tuple[AnswerRow, ...]] = {}

    @property
    def live(self) -> int:
        """The number of live slots, as of the last event."""
        return len(self._units)

    @property
    def holders(self) -> list[str]:
        """The installations that hold a live slot, as of the last event."""
        return [slot.installation for slot in self._slots.values() if not slot.void]

    # What is stored.

    def slot_row(self, installation: str) -> SlotRow | None:
        """Return what has to be stored of the slot of ``installation``, ``None`` if it has none."""
        slot = self._slots.get(installation)
        if slot is None:
            return None
        return SlotRow(installation, slot.address, slot.cluster, slot.stored_us, slot.excused_us)

    def answer_rows(self, installation: str) -> tuple[AnswerRow, ...]:
        """Return the latest requests of ``installation`` with their answers, the newest first."""
        return self._answered.get(installation, ())

    def stored(self) -> Stored:
        """Return everything that has to be stored. `restore` is the inverse."""
        slots = [row for each in self._slots if (row := self.slot_row(each)) is not None]
        answers = [row for rows in self._answered.values() for row in rows]
        return Stored(self.date_us, tuple(slots), tuple(answers))

    def restore(self, stored: Stored) -> None:
        """Take back what was stored, in a program that is new and has not started."""
        assert self.power is Power.OFF, "a running program has its own memory"
        assert not self._slots, "what was stored is taken back once"
        self.date_us = stored.date_us
        for row in stored.slots:
            unit = self._unit_of(row.installation, row.cluster)
            # Its age is reckoned anew at the start.
            slot = _Slot(row.installation, row.cluster, unit, row.address, Instant(0, row.stored_us))
            slot.excused_us = row.excused_us
            self._slots[slot.installation] = slot
            self._units[unit] += 1
        for answered in stored.answers:
            before = self._answered.get(answered.request.installation, ())
            self._answered[answered.request.installation] = (*before, answered)

    # The program's life.

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        """Start the program, or refuse to: a destroyed server and one on a foreign machine stay as they are.

        :param downtime_us: for how long, in true time, it was down; only ``revive`` asks.
        """
        if self.power is not Power.OFF or self.integrity_lost:
            return []
        self.power = Power.RUNNING
        self.date_us = max(self.date_us, now.wall_us)
        reading = self.reading
        if reading.stop_voids_slots or (not reading.downtime_is_silence and downtime_us > DOWNTIME_LIMIT_US):
            return self._drop_all()
        changes = []
        self._voids = []
        for slot in list(self._slots.values()):
            if not reading.downtime_is_silence:
                slot.excused_us += downtime_us
            age_us = now.wall_us - slot.stored_us
            silence_us = max(0, age_us - slot.excused_us)
            slot.arrived_us, slot.silent_us = now.boot_us - max(0, age_us), now.boot_us - silence_us
            if silence_us > self._lease_us:
                changes += self._remove(slot, ChangeKind.VOID)
                continue
            if slot.void:
                slot.void = False
                self._units[slot.unit] += 1
                changes.append(self._change(ChangeKind.RESTORED, slot))
            self._voids.append((slot.silent_us + self._lease_us + 1, slot.installation))
        heapq.heapify(self._voids)
        return changes

    def stop(self, now: Instant) -> None:
        """End the program, politely or by a crash: what was answered is stored, and nothing else matters."""
        if self.power is Power.RUNNING:
            self.power = Power.OFF
            self._stopped_us = now.boot_us

    def destroy(self) -> list[Change]:
        """Revoke the authorization for ever (``-destroy``, R125). A running program is stopped first."""
        self.power = Power.DESTROYED
        return self._drop_all()

    def use(self, licence: Licence) -> None:
        """Take a new file of the same licence. Holders keep their slots, even above a lowered capacity."""
        self.licence = licence

    # The 24-hour law.

    def next_void_us(self) -> int | None:
        """Return the boot-time instant at which `expire` should be called next, ``None`` for not at all."""
        if not self._voids:
            return None
        due_us = self._voids[0][0]
        # Where downtime is no silence, nothing becomes void in it that was not void as it began.
        stands_still = self.power is not Power.RUNNING and not self.reading.downtime_is_silence
        return None if stands_still and due_us > self._stopped_us else due_us

    def expire(self, boot_us: int) -> list[Change]:
        """Void every slot whose 24 h have passed at ``boot_us``."""
        changes: list[Change] = []
        while self._voids and self._voids[0][0] <= boot_us:
            _, installation = heapq.heappop(self._voids)
            slot = self._slots.get(installation)
            if slot is None or slot.void:
                continue
            due_us = slot.silent_us + self._lease_us + 1
            if due_us > boot_us:
                # The slot was renewed since this entry was made.
                heapq.heappush(self._voids, (due_us, installation))
            elif self.power is Power.RUNNING:
                changes += self._remove(slot, ChangeKind.VOID)
            else:
                slot.void = True
                self._release_unit(slot)
                changes.append(self._change(ChangeKind.VOID, slot))
        return changes

    # Requests.

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        """Answer a request that arrived at ``now`` from the address ``source``. The program must be running."""
        assert self.power is Power.RUNNING, "only a running program answers; its port refuses otherwise"
        self.date_us = max(self.date_us, now.wall_us)
        changes = self.expire(now.boot_us)
        if isinstance(request, Malformed):
            return Reply(Refusal(number=0, code=int(request.code), reason=request.reason), changes)
        for seen in self._answered.get(request.installation, ()):
            # The number alone does not tell: two machines that were cloned from one another count alike.
            if seen.request == request and seen.source == source:
                return Reply(seen.answer, changes)
        code = self._check_failure(request, source)
        if code is None:
            code = self._slot_failure(request, source, now)
        answer: Answer
        if code is not None:
            answer = Refusal(number=request.number, code=int(code), reason=code.reason)
        elif request.kind is Kind.UNBIND:
            changes += self._remove(self._slots[request.installation], ChangeKind.FREED)
            answer = self._release(request)
        else:
            changes += self._renew(request, source, now)
            answer = self._grant(request)
        return Reply(answer, changes, self._remember(request, source, answer))

    def _remember(self, request: Request, source: int, answer: Answer) -> tuple[str, ...]:
        """Keep an answer for a copy of its request, and return who is forgotten for it.

        A copy that comes after two newer requests is taken for new. Of installations without a slot, which anybody can
        make up, only the latest `STRANGERS` are remembered.
        """
        before = self._answered.pop(request.installation, ())
        self._answered[request.installation] = (AnswerRow(request, source, answer), *before[:1])
        if len(self._answered) <= len(self._slots) + STRANGERS:
            return ()
        # The oldest come first, since each answer puts its installation at the end.
        oldest = next(each for each in self._answered if each not in self._slots)
        del self._answered[oldest]
        return (oldest,)

    def holder_address(self, installation: str) -> int | None:
        """Return the address that holds the live slot of ``installation``, ``None`` if it has none."""
        slot = self._slots.get(installation)
        return None if slot is None or slot.void else slot.address

    def renew_unseen(self, installation: str, arrived: Instant) -> None:
        """Renew a slot as a poll that arrived at ``arrived`` would have, without the poll.

        For a driver that has proven that the poll would be accepted and change nothing else (cruising). The
        instant may lie ahead, as long as nobody looks at the slot's age before it has come.
        """
        slot = self._slots[installation]
        slot.renew(slot.address, arrived)

    def _check_failure(self, request: Request, source: int) -> Code | None:
        return first_failure(Arrival(request, source, self.date_us, self.licence, self.integrity_lost))

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        slot = self._slots.get(request.installation)
        if request.kind is Kind.REGISTER:
            unit = self._unit_of(request.installation, request.cluster)
            if unit not in self._units and len(self._units) >= self.licence.capacity:
                return Code.REGISTER_OUT_OF_LIMIT
            return None
        if slot is None:
            unbinding = request.kind is Kind.UNBIND
            return Code.DO_NOT_NEED_DEACTIVATE if unbinding else Code.INCORRECT_LICENSE_FORMAT
        cloned = slot.address != source and now.boot_us - slot.arrived_us < MOVE_AGE_US
        if request.kind is Kind.POLL and cloned:
            return Code.INCORRECT_LICENSE_FORMAT
        return None

    def _renew(self, request: Request, source: int, now: Instant) -> list[Change]:
        """Take, move or refresh the slot of a request that passed every check."""
        slot = self._slots.get(request.installation)
        if slot is None:
            unit = self._unit_of(request.installation, request.cluster)
            slot = _Slot(request.installation, request.cluster, unit, source, now)
            self._slots[slot.installation] = slot
            self._units[slot.unit] += 1
            heapq.heappush(self._voids, (now.boot_us + self._lease_us + 1, slot.installation))
            return [self._change(ChangeKind.TAKEN, slot)]
        moved = slot.address != source
        slot.renew(source, now)
        return [self._change(ChangeKind.MOVED, slot)] if moved else []

    def _unit_of(self, installation: str, cluster: str | None) -> _Unit:
        if self.reading.cluster_takes_one_slot and cluster is not None:
            return "cluster", cluster
        return "installation", installation

    def _grant(self, request: Request) -> Grant:
        return self._signed(
            Grant(
                number=request.number,
                installation=request.installation,
                server_time_us=self.date_us,
                capacity=self.licence.capacity,
                details=self.licence.details,
                signature="",
            )
        )

    def _release(self, request: Request) -> Release:
        return self._signed(
            Release(
                number=request.number,
                installation=request.installation,
                server_time_us=self.date_us,
                signature="",
            )
        )

    def _signed(self, answer: _Signable) -> _Signable:
        return replace(answer, signature=signature_of(answer, self.licence.key))

    # Slots.

    def _change(self, kind: ChangeKind, slot: _Slot) -> Change:
        return Change(kind, slot.installation, slot.address, len(self._units))

    def _release_unit(self, slot: _Slot) -> None:
        self._units[slot.unit] -= 1
        if not self._units[slot.unit]:
            del self._units[slot.unit]

    def _remove(self, slot: _Slot, kind: ChangeKind) -> list[Change]:
        del self._slots[slot.installation]
        if slot.void:
            return []
        self._release_unit(slot)
        return [self._change(kind, slot)]

    def _drop_all(self) -> list[Change]:
        changes: list[Change] = []
        for slot in list(self._slots.values()):
            changes += self._remove(slot, ChangeKind.DROPPED)
        self._voids = []
        return changes
