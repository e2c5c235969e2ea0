"""Nodes that do not do what their administrator wants, or do it alone."""

from __future__ import annotations

from fake_fdl_nodes.node import Changed, Effect, Node, Reason, Status, Timer
from harness.proof import Bugs
from reference_server.protocol import Answer, Code, Instant, Kind, Release

BUGS = Bugs()


@BUGS.breaking("R092")
class Unmanageable(Node):
    """Does nothing when its administrator wants it unbound."""

    def unbind(self, now: Instant) -> list[Effect]:
        return []


@BUGS.breaking("R092")
class RegistersOnce(Node):
    """Does nothing when its administrator wants it registered again."""

    def register(self, now: Instant) -> list[Effect]:
        return [] if self.number else super().register(now)


@BUGS.breaking("R092")
class BusyNodesDoNothing(Node):
    """Does nothing when its administrator wants something while a request is outstanding."""

    def register(self, now: Instant) -> list[Effect]:
        return [] if self.outstanding is not None else super().register(now)


@BUGS.breaking("R092")
class RegistersAtStart(Node):
    """Registers by itself when it starts, without an administrator."""

    def start(self, now: Instant) -> list[Effect]:
        effects = super().start(now)
        return effects + (self.register(now) if self.status is Status.UNREGISTERED else [])


@BUGS.breaking("R029", "R035", "R092")
class SelfRegistering(Node):
    """Registers itself when it has lapsed, every two hours until it is registered."""

    @property
    def _polls(self) -> bool:
        return super()._polls or self.status is Status.LAPSED

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        if timer is Timer.POLL and self.status is Status.LAPSED:
            return self.register(now)
        return super().fire(timer, now)


@BUGS.breaking("R092")
class KeepsAfterUnbind(Node):
    """Stays registered when its unbind is granted."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        status = self.status
        effects = super().answer(answer, now)
        if isinstance(answer, Release) and self.status is Status.UNREGISTERED:
            self.status = status
            effects = [each for each in effects if not isinstance(each, Changed)]
        return effects


class Leaves(Node):
    """Is unregistered when its unbind fails as ``_leaves`` says."""

    def _leaves(self, code: Code) -> bool:
        return code is not Code.NO_CONNECTION

    def _fail(self, code: Code, now: Instant) -> list[Effect]:
        unbinding = self.outstanding is not None and self.outstanding.kind is Kind.UNBIND
        effects = super()._fail(code, now)
        leaving = unbinding and self._leaves(code)
        return effects + self._become(Status.UNREGISTERED, Reason.UNBOUND) if leaving else effects


@BUGS.breaking("R092")
class LeavesThoughRefused(Leaves):
    """Is unregistered although its unbind is refused."""


@BUGS.breaking("R092")
class LeavesInSilence(Leaves):
    """Is unregistered although nobody answers its unbind."""

    def _leaves(self, code: Code) -> bool:
        return code is Code.NO_CONNECTION
