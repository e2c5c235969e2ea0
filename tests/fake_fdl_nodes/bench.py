"""A node on a bench: the test lets its timers come, gives it its answers, and looks at what it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Effect, Node, Status, Timer
from reference_server.protocol import Answer, Details, Grant, Instant, Refusal, Release, signature_of
from reference_server.readings import READINGS

MS = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = 1_772_323_200_000_000
KEY = b"key"
SETUP = NodeSetup(name="n", address=0xC0A86419, application="report1", domain="a.example", port=8068)
DETAILS = Details(
    function_points=("FineDataLink",),
    access_domains=("a.example",),
    access_ports=(8068,),
    application_names=("report1",),
    expires_us=None,
)
UNREGISTERED, REGISTERED, INTERRUPTED = Status.UNREGISTERED, Status.REGISTERED, Status.INTERRUPTED
REJECTED, LAPSED = Status.REJECTED, Status.LAPSED


class Bench:
    """A node, and the answers that a test gives it. It starts at 0, unregistered."""

    def __init__(self, reading: str = "literal") -> None:
        self.node = Node(SETUP, READINGS[reading], timeout_us=30 * SECOND, key=KEY)
        self.now_us = 0
        self.effects: list[Effect] = self.node.start(self.now(0))

    def now(self, boot_us: int) -> Instant:
        self.now_us = boot_us
        return Instant(boot_us, EPOCH + boot_us)

    def grant(self, *, server_time_us: int = EPOCH, details: Details = DETAILS, **wrong: Any) -> Answer:
        asked = self.node.outstanding
        assert asked is not None
        unsigned = Grant(
            number=asked.number,
            installation=SETUP.installation,
            server_time_us=server_time_us,
            capacity=1,
            details=details,
            signature="",
        )
        return replace(unsigned, **{"signature": signature_of(unsigned, KEY)} | wrong)

    def release(self) -> Answer:
        asked = self.node.outstanding
        assert asked is not None
        unsigned = Release(number=asked.number, installation=SETUP.installation, server_time_us=EPOCH, signature="")
        return replace(unsigned, signature=signature_of(unsigned, KEY))

    def answered(self, at_us: int, answer: Answer | None = None) -> None:
        self.effects = self.node.answer(self.grant() if answer is None else answer, self.now(at_us))

    def refused(self, at_us: int, code: int = 30002) -> None:
        assert self.node.outstanding is not None
        refusal = Refusal(number=self.node.outstanding.number, code=code, reason="no")
        self.effects = self.node.answer(refusal, self.now(at_us))

    def register(self, at_us: int) -> None:
        self.effects = self.node.register(self.now(at_us))

    def unbind(self, at_us: int) -> None:
        self.effects = self.node.unbind(self.now(at_us))

    def port_refuses(self, at_us: int) -> None:
        self.effects = self.node.connection_refused(self.node.number, self.now(at_us))

    def start(self, at_us: int) -> None:
        self.effects = self.node.start(self.now(at_us))

    def resume(self, at_us: int) -> None:
        self.effects = self.node.resume(self.now(at_us))

    def registered(self, at_us: int = 0) -> Bench:
        """Register at ``at_us``, granted 10 ms later."""
        self.register(at_us)
        self.answered(at_us + 10 * MS)
        return self

    def due(self) -> tuple[int, Timer] | None:
        return self.node.next_timer()

    def fire(self) -> Timer:
        """Let the next timer come."""
        timer = self.node.next_timer()
        assert timer is not None
        self.effects = self.node.fire(timer[1], self.now(timer[0]))
        return timer[1]

    def silent_until(self, at_us: int) -> None:
        """Let every timer up to ``at_us`` come, with nobody answering."""
        while (timer := self.node.next_timer()) is not None and timer[0] <= at_us:
            self.fire()

    def in_status(self, status: Status) -> Bench:
        """Bring the node into ``status``; its last contact is at 0, and a request can be sent from 3 h on."""
        if status is UNREGISTERED:
            return self
        self.registered()
        if status is INTERRUPTED:
            self.silent_until(2 * HOUR + 30 * SECOND)
        elif status is REJECTED:
            self.fire()
            self.refused(2 * HOUR + 10 * MS)
        elif status is LAPSED:
            self.silent_until(DAY + MINUTE)
        assert self.node.status is status
        return self

    def rows(self) -> list[tuple[int, str]]:
        return [(row.wall_us - EPOCH, row.code.label) for row in self.node.failures.rows]

    def kinds(self) -> list[type]:
        return [type(effect) for effect in self.effects]
