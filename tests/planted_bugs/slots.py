"""Servers that count their slots wrongly: the capacity, slots that leak, moves and clones, and unbinds."""

from __future__ import annotations

from dataclasses import replace

from harness.proof import Bugs
from reference_server.authority import MOVE_AGE_US, Authority, Change, ChangeKind, Reply, _Slot
from reference_server.licence import Licence
from reference_server.protocol import Code, Instant, Kind, Malformed, Refusal, Request
from reference_server.readings import Reading
from tests.planted_bugs.validation import Deaf

BUGS = Bugs()
_HOUR_US = 3_600_000_000


# The capacity.


@BUGS.breaking("R018", "R072")
class AnyoneFits(Authority):
    """Knows no limit of capacity."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        return None if code is Code.REGISTER_OUT_OF_LIMIT else code


class OfCapacity(Authority):
    """Counts its slots up to another capacity than the licensed one, by ``more``."""

    more = 0

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        right = self.licence
        self.licence = replace(right, capacity=right.capacity + self.more)
        code = super()._slot_failure(request, source, now)
        self.licence = right
        return code


@BUGS.breaking("R017", "R071")
class OneTooFew(OfCapacity):
    """Is full when one slot is left (``<`` for ``<=``)."""

    more = -1


@BUGS.breaking("R018", "R072")
class OneTooMany(OfCapacity):
    """Is full when it has given one slot too many (``<=`` for ``<``)."""

    more = 1


@BUGS.breaking("R018", "R072")
class NotAtomic(Authority):
    """Looks for a free slot before it takes it: two registers of one instant find the same one."""

    _seen = (-1, 0)

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if self._seen[0] != now.boot_us:
            self._seen = now.boot_us, self.live
        code = super()._slot_failure(request, source, now)
        there_was_one = self._seen[1] < self.licence.capacity
        return None if code is Code.REGISTER_OUT_OF_LIMIT and there_was_one else code


@BUGS.breaking("R018", "R072")
class LoweredUnheeded(Authority):
    """Goes on with the capacity that it had when a new licence file lowers it."""

    def use(self, licence: Licence) -> None:
        super().use(replace(licence, capacity=max(licence.capacity, self.licence.capacity)))


@BUGS.breaking("R118")
class RaisedUnheeded(Authority):
    """Goes on with the capacity that it had when a new licence file raises it."""

    _first: int | None = None

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        self._first = self._first or self.licence.capacity
        full = request.kind is Kind.REGISTER and self.live >= self._first
        new = self.holder_address(request.installation) is None
        return Code.REGISTER_OUT_OF_LIMIT if full and new else super()._slot_failure(request, source, now)


@BUGS.breaking("R034")
class CutsDown(Authority):
    """Takes their slots from those that are above a lowered capacity."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        above = list(self._slots.values())[self.licence.capacity :]
        changes = [change for slot in above for change in self._remove(slot, ChangeKind.DROPPED)]
        reply = super().handle(request, source, now)
        return reply._replace(changes=changes + reply.changes)


@BUGS.breaking("R034")
class StartsAfreshWithEachFile(Authority):
    """Loses its slots when a new licence file is put in place."""

    def use(self, licence: Licence) -> None:
        super().use(licence)
        self._drop_all()


@BUGS.breaking("R018", "R072")
class AClusterIsOne(Authority):
    """Takes one slot for all members of a cluster."""

    def __init__(self, licence: Licence, reading: Reading) -> None:
        super().__init__(licence, replace(reading, cluster_takes_one_slot=True))


@BUGS.breaking("R019")
class OneOfACluster(Authority):
    """Registers the first member of a cluster only."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.cluster is not None and request.kind is Kind.REGISTER and self.live >= 1:
            return Code.REGISTER_OUT_OF_LIMIT
        return super()._slot_failure(request, source, now)


@BUGS.breaking("R019")
class MembersHaveToBeListed(Authority):
    """Registers no member of a cluster that it was not told of."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.cluster is not None and request.kind is Kind.REGISTER:
            return Code.INCORRECT_LICENSE_FORMAT
        return super()._slot_failure(request, source, now)


@BUGS.breaking("R017", "R071")
class OneProjectAServer(Authority):
    """Registers the nodes of the project that came first, and no other's."""

    _project: str | None = None

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        self._project = self._project or request.application
        if request.application != self._project:
            return Code.REGISTER_OUT_OF_LIMIT
        return super()._slot_failure(request, source, now)


# Slots that are taken and never given back, or given to the wrong one.


@BUGS.breaking("R118")
class LeaksOnFailure(Authority):
    """Takes a slot for a register before it checks it, and keeps it when a check fails."""

    def _check_failure(self, request: Request, source: int) -> Code | None:
        code = super()._check_failure(request, source)
        if code is not None and request.kind is Kind.REGISTER:
            self._units["leaked", request.installation] = 1
        return code


@BUGS.breaking("R118")
class CostsASecondSlot(Authority):
    """Takes a second slot when a node registers again."""

    def _renew(self, request: Request, source: int, now: Instant) -> list[Change]:
        if request.kind is Kind.REGISTER and request.installation in self._slots:
            self._units["again", request.installation] = 1
        return super()._renew(request, source, now)


@BUGS.breaking("R118")
class NeedsASecondSlot(Authority):
    """Wants a free slot before it lets a node register again."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if request.kind is Kind.REGISTER and self.live >= self.licence.capacity:
            return Code.REGISTER_OUT_OF_LIMIT
        return super()._slot_failure(request, source, now)


@BUGS.breaking("R118")
class MovesCostASlot(Authority):
    """Takes a second slot when a node moves."""

    def _renew(self, request: Request, source: int, now: Instant) -> list[Change]:
        if self.holder_address(request.installation) not in (None, source):
            self._units["moved", request.installation] = 1
        return super()._renew(request, source, now)


@BUGS.breaking("R118")
class TheDeadStillCount(Authority):
    """Voids slots, and goes on counting them against the capacity."""

    def _release_unit(self, slot: _Slot) -> None:
        """Nothing is released."""


@BUGS.breaking("R034")
class VoidsWhenAsked(Authority):
    """Finds out that a slot is void when its node comes back, and not before."""

    def next_void_us(self) -> int | None:
        return None

    def expire(self, boot_us: int) -> list[Change]:
        return []


@BUGS.breaking("R034")
class KeepsWhatIsGivenBack(Authority):
    """Grants an unbind and keeps the slot."""

    def _remove(self, slot: _Slot, kind: ChangeKind) -> list[Change]:
        return [] if kind is ChangeKind.FREED else super()._remove(slot, kind)


@BUGS.breaking("R034")
class FreesTheOldest(Authority):
    """Frees the slot that was taken first, whoever gives his back."""

    def _remove(self, slot: _Slot, kind: ChangeKind) -> list[Change]:
        return super()._remove(next(iter(self._slots.values())) if kind is ChangeKind.FREED else slot, kind)


@BUGS.breaking("R111")
class UnbindsTheUnbound(Authority):
    """Grants an unbind to a node that holds no slot."""

    def handle(self, request: Request | Malformed, source: int, now: Instant) -> Reply:
        reply = super().handle(request, source, now)
        if isinstance(request, Malformed) or not isinstance(reply.answer, Refusal):
            return reply
        return reply._replace(answer=self._release(request)) if reply.answer.code == 20000 else reply


@BUGS.breaking("R035", "R034")
class PollsRevive(Authority):
    """Gives a poll whose slot is void a new one, if there is room."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        room = request.installation not in self._slots and self.live < self.licence.capacity
        return None if request.kind is Kind.POLL and room else super()._slot_failure(request, source, now)


@BUGS.breaking("R018", "R072", node=Deaf)
class PollsAnyone(Authority):
    """Gives a slot to a poll that has none, even when it is full."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        return None if request.kind is Kind.POLL else super()._slot_failure(request, source, now)


# Moves and clones.


@BUGS.breaking("R011", "R020")
class BoundToAddress(Authority):
    """Ties a registration to the address that it was made from."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        if self.holder_address(request.installation) not in (None, source):
            return Code.LICENSE_IP_ERROR
        return super()._slot_failure(request, source, now)


class MovesFrom(Authority):
    """Takes a poll from another address for a move ``later_us`` later than after 1 h 45 min."""

    later_us = 0

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        slot = self._slots.get(request.installation)
        if request.kind is not Kind.POLL or slot is None or slot.address == source:
            return super()._slot_failure(request, source, now)
        too_soon = now.boot_us - slot.arrived_us < MOVE_AGE_US + self.later_us
        return Code.INCORRECT_LICENSE_FORMAT if too_soon else None


@BUGS.breaking("R011", "R020")
class MovesATickLate(MovesFrom):
    """Takes a move after exactly 1 h 45 min for a clone (``<=`` for ``<``)."""

    later_us = 1


@BUGS.breaking("R107")
class MovesATickEarly(MovesFrom):
    """Takes a clone a microsecond before 1 h 45 min for a move."""

    later_us = -1


@BUGS.breaking("R107")
class ClonesAreWelcome(MovesFrom):
    """Takes every clone for a move."""

    later_us = -MOVE_AGE_US


@BUGS.breaking("R011", "R020")
class OnlyRegistersMove(MovesFrom):
    """Takes every poll from another address for a clone's, however old the last one is."""

    later_us = 48 * _HOUR_US


@BUGS.breaking("R011", "R020", "R107")
class RegistersAreClones(Authority):
    """Takes a register from another address for a clone's, if it comes too soon."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        slot = self._slots.get(request.installation)
        if slot is not None and slot.address != source and now.boot_us - slot.arrived_us < MOVE_AGE_US:
            return Code.INCORRECT_LICENSE_FORMAT
        return super()._slot_failure(request, source, now)


@BUGS.breaking("R034", "R107")
class ClonesTakeOver(Authority):
    """Refuses a clone and lets it have the slot all the same."""

    def _slot_failure(self, request: Request, source: int, now: Instant) -> Code | None:
        code = super()._slot_failure(request, source, now)
        if code is not None and request.kind is Kind.POLL and request.installation in self._slots:
            self._slots[request.installation].address = source
        return code


@BUGS.breaking("R034", "R107")
class RemembersTheFirstAddress(Authority):
    """Grants a move, and takes the node for a clone of itself when it is asked again soon."""

    def _renew(self, request: Request, source: int, now: Instant) -> list[Change]:
        address = self.holder_address(request.installation)
        return super()._renew(request, source if address is None else address, now)
