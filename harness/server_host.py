"""The server's machine in a world: what happens to it and to the program on it.

It plays the events of a scenario that are about the server, and receives what arrives. The program itself is behind a
`harness.wires.Wire`; what a request means is its business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from harness.agenda import Agenda, Part
from harness.faults import Happening, Phase, Plan
from harness.recorder import Recorder
from harness.scenario import Certificate, LicenceSpec, Scenario, Verb
from harness.trace import NEVER, SERVER_HOST, EdgeKind, Spoilt, Verdict
from harness.wires import Memory, Wire, WithDisk, WithNetwork
from reference_server.authority import Authority, Change
from reference_server.licence import Licence
from reference_server.protocol import Answer, Instant, ProtocolError, Refusal, Request, decode_request

__all__ = ["Outgoing", "ServerHost", "licence_of"]

_DOWN_EDGE = {
    Verb.SERVER_STOP: EdgeKind.STOPPED,
    Verb.SERVER_LOGOUT: EdgeKind.STOPPED,
    Verb.SERVER_CRASH: EdgeKind.CRASHED,
    Verb.SERVER_REBOOT: EdgeKind.REBOOTED,
    Verb.SERVER_POWER_LOSS: EdgeKind.POWER_LOST,
    Verb.SERVER_SUSPEND: EdgeKind.SUSPENDED,
    Verb.SERVER_HANG: EdgeKind.HUNG,
}
_FREEZES = (Verb.SERVER_SUSPEND, Verb.SERVER_HANG)
_REBOOTS = (Verb.SERVER_REBOOT, Verb.SERVER_POWER_LOSS)


class Outgoing(NamedTuple):
    """What goes back for a request: an answer, or with ``None`` the news that the connection failed."""

    answer: Answer | None
    spoilt: Spoilt = Spoilt.NO


def licence_of(spec: LicenceSpec) -> Licence:
    """Return what the program is given of a scenario's licence."""
    return Licence(
        capacity=spec.capacity,
        ranges=spec.ranges,
        applications=spec.applications,
        domains=spec.domains,
        ports=spec.ports,
        function_points=spec.function_points,
        version=spec.version,
        expires_us=spec.expires_us,
    )


def _is_request(said: Request | bytes) -> bool:
    """Tell whether there is anything to store: what is no request is refused and forgotten."""
    if isinstance(said, bytes):
        try:
            decode_request(said)
        except ProtocolError:
            return False
    return True


class ServerHost:
    """The machine, its program behind ``wire``, and its clock.

    :param on_end: called when the program ends, before anything else happens.
    :param place: 0 for the server itself, 1 for the copy of its machine.
    """

    def __init__(
        self,
        scenario: Scenario,
        plan: Plan,
        wire: Wire,
        record: Recorder,
        agenda: Agenda,
        on_end: Callable[[], None],
        place: int = 0,
    ) -> None:
        self._scenario = scenario
        self.clock = plan.server_clock
        self._wire = wire
        # What a wire can do besides is asked once: a look at all that it can takes longer than a request.
        self._network_of_wire = wire if isinstance(wire, WithNetwork) else None
        self._record = record
        self._agenda = agenda
        self._on_end = on_end
        self._place = place
        self.runs = False
        #: When the licence ends by the file that is in place.
        self.expires_us = scenario.licence_at(0).expires_us
        #: Suspended or hung: nothing that arrives is handled.
        self.frozen = False
        self._destroyed = False
        self._down: tuple[int, int] | None = None  # (event index, since) of the fault in force
        self._licence_suspensions: list[int] = []
        self._drifts: list[int] = []
        self._full: list[int] = []
        self._crash_at: tuple[int, str] | None = None
        self._slow: dict[int, int] = {}
        self._certificates: list[tuple[int, Certificate]] = [(NEVER, Certificate())]
        self._images: dict[int, Any] = {}
        #: Images of a machine on which the server was destroyed.
        self._tombstones: set[int] = set()
        self._void_at: int | None = None
        #: The last arrival of a skipped poll, in true time and on the server's wall clock.
        self._skipped = (NEVER, 0)
        #: The last instant at which the program was asked something, or could not have been.
        self._asked_us = NEVER
        #: Whether the slots are to be counted still at this instant.
        self._to_look = False
        #: Over which stretches the scenario states how many slots are live.
        self._stated = [
            (expect.between.first_us, expect.between.last_us)
            for expect in scenario.expects
            if expect.registered is not None and expect.between is not None
        ]

    @property
    def certificate(self) -> Certificate:
        """The certificate that the program presents."""
        return self._certificates[-1][1]

    @property
    def slow_us(self) -> int:
        """How much later answers leave the machine."""
        return sum(self._slow.values())

    @property
    def cruising(self) -> Authority | None:
        """The reference authority, if everything is in order and polls can be skipped, else ``None``."""
        in_order = self.runs and not (
            self.frozen or self._licence_suspensions or self._drifts or self._full or self._crash_at or self._slow
        )
        certificate = self.certificate
        lasting = certificate.from_us is None and certificate.until_us is None
        return self._wire.authority if in_order and lasting and isinstance(self._wire, Memory) else None

    # Events of the scenario.

    def begin(self) -> None:
        """Start the program at the start of the scenario."""
        self._start(self.clock.instant_before_steps(0), 0)
        self._look_when_stated()

    def copy_to(self, other: ServerHost, index: int) -> None:
        """Let another machine be a copy of this one, as it was when the image of the event ``index`` was taken."""
        other._certificates = list(self._certificates)
        other._licence_suspensions = list(self._licence_suspensions)
        other._destroyed = index in self._tombstones
        other._be_a_copy(self._images[index])

    def _be_a_copy(self, image: Any) -> None:
        self._use_licence()
        self._edge(EdgeKind.CLONED)
        self._slots(self._wire.put_back(image))
        self._start(self.clock.instant_before_steps(self._agenda.now), 0)
        self._look_when_stated()

    def switch_off(self) -> None:
        """The machine is gone, and its program with it."""
        if self.runs:
            self._end(EdgeKind.STOPPED)
        self._arm_void()

    def happen(self, happening: Happening) -> None:
        """Let an event happen that is about the server."""
        event, verb = happening.event, happening.verb
        assert event is not None, "only the registrations of fleets have none"
        self.note_skipped_date()
        begins = happening.phase is Phase.START
        if happening.phase is Phase.IMAGE:
            self._images[event.index] = self._wire.image()
            if self._destroyed:
                self._tombstones.add(event.index)
        elif verb in (Verb.SERVER_START, Verb.SERVER_RESUME):
            self._return(happening)
        elif verb in _DOWN_EDGE:
            self._go_down(event.index, verb)
        elif verb is Verb.SERVER_DESTROY:
            self._destroy(event.index)
        elif verb is Verb.SERVER_CRASH_AT:
            self._crash_at = (event.index, event.moment)
        elif verb is Verb.SERVER_ROLLBACK:
            self._put_back(event.index, event.to_us)
        elif verb is Verb.SERVER_SECOND:
            self._edge(EdgeKind.SECOND, done=self.runs and self._wire.second(self.clock.instant(self._agenda.now)))
        elif verb is Verb.SERVER_SLOW:
            if begins and event.index not in self._slow:
                self._slow[event.index] = event.by_us
            else:
                self._slow.pop(event.index, None)
        elif verb is Verb.LICENCE_CHANGE:
            self._use_licence()
        elif verb is Verb.TLS_USE:
            self._present(event.index, event.certificate)
        else:
            self._toggle(happening)
        self._arm_void()

    def _toggle(self, happening: Happening) -> None:
        """Begin or end a state of the machine or its licence that several events can be in force of."""
        event, verb = happening.event, happening.verb
        assert event is not None
        in_force, on, off = {
            "licence": (self._licence_suspensions, EdgeKind.LICENCE_SUSPENDED, EdgeKind.LICENCE_RESUMED),
            "identity": (self._drifts, EdgeKind.DRIFTED, EdgeKind.IDENTITY_RESTORED),
            "disk": (self._full, EdgeKind.DISK_FULL, EdgeKind.DISK_CLEARED),
        }[verb.value.partition(".")[0]]
        if happening.phase is Phase.START:
            in_force.append(event.index)
        elif event.verb is verb:
            in_force.clear()
        elif event.index in in_force:
            in_force.remove(event.index)
        else:
            return  # Lifted before its time was up.
        if not self._place:
            self._edge(on if in_force else off)
        if in_force is self._licence_suspensions:
            self._use_licence()
        elif in_force is self._drifts:
            self._wire.drift(bool(in_force))
        elif isinstance(self._wire, WithDisk):
            self._wire.fill(bool(in_force))

    def _use_licence(self) -> None:
        """Put the licence file in place that the issuer has made last."""
        licence = licence_of(self._scenario.licence_at(self._agenda.now))
        self.expires_us = licence.expires_us
        self._wire.use(replace(licence, suspended=bool(self._licence_suspensions)))

    def _present(self, index: int, certificate: Certificate | None) -> None:
        assert certificate is not None, "the event that changes it has one"
        if any(each[0] == index for each in self._certificates):
            self._certificates = [each for each in self._certificates if each[0] != index]
        else:
            self._certificates.append((index, certificate))

    def _edge(self, kind: EdgeKind, *, value: int = 0, done: bool = True) -> None:
        self._record.edge(self._agenda.now, SERVER_HOST - self._place, kind, value=value, done=done)

    def _slots(self, changes: Sequence[Change]) -> None:
        self._record.slots(self._agenda.now, changes, self._place)

    def _return(self, happening: Happening) -> None:
        event, verb, down, now = happening.event, happening.verb, self._down, self._agenda.now
        assert event is not None
        ends_itself = event.verb is not verb
        if down is None or (ends_itself and down[0] != event.index):
            return
        if verb is Verb.SERVER_RESUME and self.frozen:
            self.frozen = False
            self._down = None
            self._asked_us = now
            self._edge(EdgeKind.RESUMED)
        elif verb is Verb.SERVER_START and not self.frozen:
            self._start(self.clock.instant_before_steps(now), now - down[1])

    def _start(self, now: Instant, downtime_us: int) -> None:
        if (self._full and not isinstance(self._wire, WithDisk)) or (self._place and self._destroyed):
            # A program that cannot store anything does not run, nor does one that was copied with its tombstone.
            self._edge(EdgeKind.STARTED, done=False)
            return
        started = self._wire.start(now, downtime_us=downtime_us)
        self.runs = started.runs
        if self.runs:
            self._down = None
        self._slots(started.changes)
        self._edge(EdgeKind.STARTED, done=started.runs)
        self._asked_us = self._agenda.now
        self._look_later()
        self._void_at = None
        self._arm_void()

    def _go_down(self, index: int, verb: Verb) -> None:
        if self._down is not None:
            if verb in _REBOOTS and not self.frozen and not self._destroyed:
                # The machine is rebooted whether its program had ended or not, and may start it.
                self._down = (index, self._down[1])
                self._edge(_DOWN_EDGE[verb])
                self._forget_unsynced(verb)
            return
        self._down = (index, self._agenda.now)
        if verb in _FREEZES:
            self._look_before()
            self.frozen = True
            self._look_later()
            self._edge(_DOWN_EDGE[verb])
        else:
            self._end(_DOWN_EDGE[verb])
            self._forget_unsynced(verb)

    def _forget_unsynced(self, verb: Verb) -> None:
        if verb is Verb.SERVER_POWER_LOSS:
            self._wire.lose_power()

    def _end(self, kind: EdgeKind, *, value: int = 0) -> None:
        """The program ends, in order or not."""
        self._look_before()
        self.runs = False
        self._look_later()
        self._on_end()
        # Whoever watches the host is told beforehand: a program that crashes cannot put its house in order.
        self._edge(kind, value=value)
        self._wire.stop(self.clock.instant(self._agenda.now))

    def _destroy(self, index: int) -> None:
        self._look_before()
        self.runs = False
        self._look_later()
        self._destroyed = True
        self._on_end()
        self._slots(self._wire.destroy())
        self._down = self._down or (index, self._agenda.now)
        self._edge(EdgeKind.DESTROYED)

    def _put_back(self, index: int, to_us: int) -> None:
        if self.runs or self._destroyed:
            # What runs has its state in memory, and the tombstone of a destroyed server is not part of its state.
            self._edge(EdgeKind.ROLLED_BACK, value=to_us, done=False)
            return
        self._slots(self._wire.put_back(self._images[index]))
        self._edge(EdgeKind.ROLLED_BACK, value=to_us)
        self._void_at = None

    # What arrives.

    def receive(
        self,
        request: Request | bytes,
        source: int,
        place: int,
        *,
        sender: int,
        number: int,
        trusted: bool,
        damaged: bool,
    ) -> Outgoing | None:
        """Handle a request that reaches the machine, and return what goes back, ``None`` if nothing does.

        :param source: the address that it seems to come from.
        :param place: its place among the exchanges of the trace.
        :param sender: the address of the node that sent it.
        :param trusted: whether the node trusts the certificate that is presented.
        """
        if self.frozen:
            return None
        known = self._record.known(place)
        failed = self._failed(trusted=trusted, damaged=damaged)
        if known and (failed is not None or not self._record.was_answered(place)):
            return None  # The copy of a packet cannot bring back a connection that is gone.
        if known and self._record.server(place) != self._place:
            return None  # Nor one to another machine.
        if failed is not None:
            if not self.runs and self._network_of_wire is not None:
                self._network_of_wire.refuse(sender, request)
            self._record.arrived(self._agenda.now, place, failed, self._place)
            return Outgoing(None)
        self.note_skipped_date()
        moment = "" if self._crash_at is None else self._crash_at[1]
        unstored = bool(self._full) and _is_request(request)
        if unstored or moment == "received":
            # Nothing is stored, so nothing has happened; a full disk is answered with an error that is no answer.
            verdict = Verdict.NONE if unstored else Verdict.CONNECTION_REFUSED
            if unstored and isinstance(self._wire, WithDisk):
                self._look_before()
                self._wire.ask_in_vain(request, source, self.clock.instant(self._agenda.now))
                self._asked_us = self._agenda.now
            if not known:
                self._record.arrived(self._agenda.now, place, verdict, self._place)
            self._crash(place)
            return None if verdict is Verdict.NONE else Outgoing(None)
        self._look_before_request()
        reply = self._wire.ask(request, source, self.clock.instant(self._agenda.now))
        self._asked_us = self._agenda.now
        self._look_later()
        self._slots(reply.changes)
        answer = reply.answer
        if known:
            self._record.copied(self._agenda.now, place, answer)
        else:
            self._record.arrived(self._agenda.now, place, Verdict.NONE, self._place)
            self._record.answered(place, answer)
        if moment:
            self._crash(place)
        self._arm_void()
        if moment == "stored":
            return Outgoing(None, Spoilt.BROKEN)
        if isinstance(answer, Refusal) and answer.number == 0:
            # The server could not read the number, but the connection tells which request it answers.
            answer = replace(answer, number=number)
        return None if answer is None else Outgoing(answer)

    def _failed(self, *, trusted: bool, damaged: bool) -> Verdict | None:
        """Return how the connection of a request fails, ``None`` if it comes up."""
        if not self.runs:
            return Verdict.CONNECTION_REFUSED
        if not trusted:
            return Verdict.UNTRUSTED
        return Verdict.BROKEN if damaged else None

    def _crash(self, place: int) -> None:
        index = self._full[0] if self._crash_at is None else self._crash_at[0]
        self._crash_at = None
        self._down = (index, self._agenda.now)
        self._end(EdgeKind.CRASHED, value=place + 1)
        self._arm_void()

    # Looking at the number of live slots, where the slots themselves cannot be seen.

    def _look_when_stated(self) -> None:
        """Count the slots whenever the scenario states how many are live from now on, and at its end."""
        if self._wire.sees_slots:
            return
        instants = {self._scenario.duration_us, *(at_us for stretch in self._stated for at_us in stretch)}
        for expect in self._scenario.expects:
            if expect.registered is not None and expect.at_us is not None:
                instants.add(expect.at_us)
        for at_us in sorted(instants):
            if at_us >= self._agenda.now:
                self._agenda.at(at_us, Part.LOOK, (self._place,), self._look)

    def _look(self) -> None:
        self._to_look = False
        self._count(self._agenda.now)

    def _look_later(self) -> None:
        """Count the slots after everything at this instant, once for all that happens at it."""
        if not self._wire.sees_slots and not self._to_look:
            self._to_look = True
            self._agenda.at(self._agenda.now, Part.LOOK, (self._place,), self._look)

    def _look_before(self) -> None:
        """Count the slots as they are just before this instant."""
        if not self._wire.sees_slots and self._agenda.now - 1 > self._asked_us:
            self._count(self._agenda.now - 1)

    def _look_before_request(self) -> None:
        """Count the slots before a request, where the scenario states their number over a stretch.

        Between two requests it only falls; so no fall is missed that the request makes up for.
        """
        if any(first_us < self._agenda.now <= last_us for first_us, last_us in self._stated):
            self._look_before()

    def _count(self, at_us: int) -> None:
        if not self.runs or self.frozen:
            self._record.count(at_us, NEVER, self._place)
            return
        live = self._wire.registered(self.clock.instant(at_us))
        self._asked_us = at_us
        self._record.count(at_us, NEVER if live is None else live, self._place)

    # The passing of time.

    def _arm_void(self) -> None:
        """Look at the slots again when the next one might be void."""
        due_us = self._wire.next_void_us()
        if due_us is None:
            self._void_at = None
            return
        at_us = max(self._agenda.now, self.clock.true_us(due_us))
        # A cruising node's slot is renewed ahead of its time, so a newer slot can be due before it.
        if self._void_at is None or at_us < self._void_at:
            self._void_at = at_us
            self._agenda.at(at_us, Part.VOID, (self._place,), self._void, at_us)

    def _void(self, armed_us: int) -> None:
        if self._void_at != armed_us:
            return
        self._void_at = None
        self._slots(self._wire.expire(self.clock.boot_us(self._agenda.now)))
        self._arm_void()

    # Cruising.

    def skipped(self, arrived_us: int, wall_us: int) -> None:
        """Take note of the last of some skipped polls: its arrival, and what the wall clock shows then."""
        self._skipped = max(self._skipped, (arrived_us, wall_us))

    def note_skipped_date(self) -> None:
        """Let the server have stored the date that the skipped polls would have left with it.

        All of them arrive before the next edge of the server, and within a stretch without edges its wall clock
        only goes forward: once the last of them has come, the latest date is that one's.
        """
        arrived_us, wall_us = self._skipped
        if NEVER < arrived_us <= self._agenda.now:
            assert isinstance(self._wire, Memory), "nothing is skipped over another wire"
            authority = self._wire.authority
            authority.date_us = max(authority.date_us, wall_us)
            self._skipped = (NEVER, 0)
