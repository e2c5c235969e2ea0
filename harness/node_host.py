"""The machine of one node in a world: what happens to it and to the program on it.

It plays the events of a scenario that are about its node, keeps what is on its disk and what its administrator has
set, and answers the questions of the world: where a request goes, what it says, whom the node trusts. What the program
does is its own business (`fake_fdl_nodes.node.Node`); what it wants is carried out by the world.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Effect, Node, NodeState
from harness.addressing import Addressing, Remembered
from harness.clock import HostClock
from harness.recorder import Recorder
from harness.scenario import Certificate, Event, ServerSpec, Verb
from harness.trace import EdgeKind, Spoilt
from reference_server.protocol import Answer, Instant, Refusal, Request, encode_request, format_address

__all__ = ["Image", "NodeHost"]

_DOWN_EDGE = {
    Verb.NODE_STOP: EdgeKind.STOPPED,
    Verb.NODE_CRASH: EdgeKind.CRASHED,
    Verb.NODE_REBOOT: EdgeKind.REBOOTED,
    Verb.NODE_SUSPEND: EdgeKind.SUSPENDED,
}


class Image(NamedTuple):
    """What was on the disk of a node's host, and when by the host's own clocks, in which of its boots.

    ``points_to`` is its Server Address, ``trusts`` the authority whose certificates it trusts.
    """

    state: NodeState
    taken: Instant
    boot: int
    points_to: int | None
    trusts: str


class NodeHost:
    """The machine of the node at ``place``.

    :param now: returns the true time.
    :param apply: carries out what the program wants.
    """

    def __init__(
        self,
        place: int,
        node: Node,
        setup: NodeSetup,
        server: ServerSpec,
        clock: HostClock,
        record: Recorder,
        now: Callable[[], int],
        apply: Callable[[NodeHost, Sequence[Effect]], None],
    ) -> None:
        self.place = place
        self.node = node
        self.clock = clock
        self.suspended = False
        #: How often its program was started.
        self.lives = 0
        #: The event that took it down.
        self.down_by: int | None = None
        #: What happens to its answers, and what it is made to report, by the event that does it.
        self.spoils: dict[int, str] = {}
        self.reports: dict[int, Event] = {}
        #: When the last of its requests arrives that is on its way.
        self.arrives_us = 0
        self._server = server
        self._record = record
        self._now = now
        self._apply = apply
        #: A copy is off until it is made.
        self._made = setup.clone_of is None
        #: Its Server Address, ``None`` for the server's name.
        self.points_to = None if setup.by_name else server.address
        self._trusts = "site"
        self._remembered: Remembered | None = None
        #: The two latest answers that were sent to it.
        self._answers: tuple[Answer, ...] = ()
        self._images: dict[int, Image] = {}
        #: After a reboot, what its disk says of its clocks.
        self._rebooted: Instant | None = None
        self._boots = 0

    @property
    def awake(self) -> bool:
        """Whether its program runs, and is not suspended."""
        return self.node.running and not self.suspended

    # Events of the scenario.

    def begin(self) -> None:
        """Start the program at the start of the scenario, unless it is a copy that is still to be made."""
        if self._made:
            self._apply(self, self.node.start(self.clock.instant(self._now())))

    def register(self) -> None:
        """Let the administrator register the node."""
        self._edge(EdgeKind.REGISTER_ASKED, done=self.awake)
        if self.awake:
            self._apply(self, self.node.register(self.clock.instant(self._now())))

    def unbind(self) -> None:
        """Let the administrator unbind the node."""
        self._edge(EdgeKind.UNBIND_ASKED, done=self.awake)
        if self.awake:
            self._apply(self, self.node.unbind(self.clock.instant(self._now())))

    def happen(self, verb: Verb, event: Event, k: int) -> None:
        """Let an event happen to it, the ``k``-th of those that it happens to."""
        if verb in _DOWN_EDGE:
            self._go_down(event.index, verb)
        elif verb is Verb.NODE_REGISTER:
            self.register()
        elif verb is Verb.NODE_UNBIND:
            self.unbind()
        elif verb is Verb.NODE_START:
            if self._made and not self.suspended and not self.node.running:
                self._start()
        elif verb is Verb.NODE_RESUME:
            self._resume()
        elif verb is Verb.NODE_MOVE:
            assert event.address is not None, "a move has the address"
            self.node.address = event.address + k
            self._edge(EdgeKind.MOVED, value=self.node.address)
        elif verb is Verb.NODE_POINT:
            self.points_to, self._remembered = event.address, None
            self._edge(EdgeKind.POINTED, value=event.address or 0)
        elif verb is Verb.NODE_ROLLBACK:
            self._roll_back(event)
        elif verb is Verb.TLS_TRUST:
            self._trusts = event.ca
        elif verb is Verb.NODE_REPORT:
            if self.reports.pop(event.index, None) is None:
                self.reports[event.index] = event
        elif self.spoils.pop(event.index, None) is None:
            self.spoils[event.index] = event.how

    def _edge(self, kind: EdgeKind, *, value: int = 0, done: bool = True) -> None:
        self._record.edge(self._now(), self.place, kind, value=value, done=done)

    def _go_down(self, index: int, verb: Verb) -> None:
        if not self.awake:
            return
        self.down_by = index
        self._edge(_DOWN_EDGE[verb])
        if verb is Verb.NODE_SUSPEND:
            self.suspended = True
            self._apply(self, [])
            return
        if verb is Verb.NODE_REBOOT:
            self._rebooted = self.clock.instant(self._now())
            self._boots += 1
            self._remembered = None
        self._apply(self, self.node.stop())

    def _start(self) -> None:
        node = self.node
        self.down_by = None
        instant = self.clock.instant_before_steps(self._now())
        since, self._rebooted = self._rebooted, None
        if since is not None:
            # The boot-time clock began anew, so the time away is what passed on the wall clock, never below 0.
            away_us = max(0, instant.wall_us - since.wall_us)
            node.restore(node.saved().later_by(instant.boot_us - since.boot_us - away_us))
        self._edge(EdgeKind.STARTED)
        self.lives += 1
        self._apply(self, node.start(instant))

    def _resume(self) -> None:
        if self.suspended:
            self.down_by = None
            self.suspended = False
            self._edge(EdgeKind.RESUMED)
            self._apply(self, self.node.resume(self.clock.instant_before_steps(self._now())))

    # Images of its disk.

    def take_image(self, index: int) -> None:
        """Keep what is on its disk for the event ``index``, before anything happens at this instant."""
        taken = self._rebooted or self.clock.instant_before_steps(self._now())
        self._images[index] = Image(self.node.saved(), taken, self._boots, self.points_to, self._trusts)

    def copy_to(self, other: NodeHost, index: int) -> None:
        """Let another machine be a copy of this one, as it was for the event ``index``, and start its program."""
        image = self._images[index]
        other._made = True
        other._edge(EdgeKind.CLONED, value=self.place)
        other._put_back(image)
        other._rebooted = image.taken
        other._start()

    def _roll_back(self, event: Event) -> None:
        possible = self._made and not self.node.running
        self._edge(EdgeKind.ROLLED_BACK, value=event.to_us, done=possible)
        if possible:
            image = self._images[event.index]
            self._put_back(image)
            if self._rebooted is not None or image.boot != self._boots:
                self._rebooted = image.taken

    def _put_back(self, image: Image) -> None:
        """Put what was on a disk in the place of what is on its own."""
        node = self.node
        assert not node.running, "what runs has its state in memory"
        before = node.status
        node.restore(image.state)
        self.points_to, self._trusts = image.points_to, image.trusts
        self._remembered = None
        self._record.copied_state(self._now(), self.place, before, node.status)

    # What the world asks.

    def target(self, addressing: Addressing) -> int | None:
        """Return the address that it connects to, ``None`` if it cannot find out."""
        if self.points_to is not None:
            return self.points_to
        boot_us = self.clock.boot_us(self._now())
        known = self._remembered
        if known is not None and boot_us < known.until_boot_us:
            return known.address
        answer = addressing.record(self._now())
        if answer is not None:
            self._remembered = Remembered(answer, boot_us + self._server.ttl_us)
        return answer

    def said(self, request: Request | bytes) -> Request | bytes:
        """Return what it says, or is made to say: with another address, or in place of all of it."""
        made_to = next(reversed(self.reports.values()), None)
        if made_to is None or isinstance(request, bytes):
            return request
        if made_to.whole:
            return made_to.text.encode()
        return json.dumps(json.loads(encode_request(request)) | {"address": made_to.text}).encode()

    def trusts(self, certificate: Certificate, target: int) -> bool:
        """Tell whether it trusts ``certificate``, presented at the address ``target``, by its own wall clock."""
        asked_for = self._server.name if self.points_to is None else format_address(target)
        wall_us = self.clock.wall_us(self._now())
        return (
            certificate.ca == self._trusts
            and certificate.name in (None, asked_for)
            and (certificate.from_us is None or certificate.from_us <= wall_us)
            and (certificate.until_us is None or wall_us <= certificate.until_us)
        )

    def spoilt(self, answer: Answer) -> tuple[Answer | None, Spoilt]:
        """Return what reaches it in place of ``answer``."""
        earlier = [each for each in self._answers if each.number != answer.number]
        self._answers = (*earlier[-1:], answer)
        how = next(reversed(self.spoils.values()), None)
        if how is None:
            return answer, Spoilt.NO
        if how == "garbage" or (how == "replay" and not earlier):
            return None, Spoilt.GARBAGE
        if how == "replay":
            return earlier[-1], Spoilt.REPLAY
        if isinstance(answer, Refusal):
            return answer, Spoilt.NO  # It carries neither an installation nor a signature.
        if how == "foreign":
            return replace(answer, installation="installation-of-another"), Spoilt.FOREIGN
        return replace(answer, signature="simulated:forged"), Spoilt.FORGED
