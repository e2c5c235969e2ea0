"""Programs that are wrong about their machine, and nodes that are wrong about what a register shows."""

from __future__ import annotations

from fake_fdl_nodes.node import Changed, Effect, Node, NodeState, Reason, Status
from harness.proof import Bugs
from reference_server.authority import Authority, Change
from reference_server.protocol import Answer, Code, Grant, Instant, Kind, Request

BUGS = Bugs()


@BUGS.breaking("R002")
class NeverTheMachineAgain(Authority):
    """Goes on refusing when its machine has its licensed identity back."""

    _was_another = False

    def _check_failure(self, request: Request, source: int) -> Code | None:
        self._was_another = self._was_another or self.integrity_lost
        return Code.INCORRECT_LICENSE_FORMAT if self._was_another else super()._check_failure(request, source)


@BUGS.breaking("R083")
class StaleLock(Authority):
    """Finds the lock of the program that ran before, and does not run."""

    _locked = False

    def start(self, now: Instant, *, downtime_us: int = 0) -> list[Change]:
        if self._locked:
            return []
        self._locked = True
        return super().start(now, downtime_us=downtime_us)


@BUGS.breaking("R001", "R009")
class TiedToItsMachine(Node):
    """Takes a machine that was rebooted for another one, and its registration for lost."""

    _another = False

    def restore(self, state: NodeState) -> None:
        super().restore(state)
        self._another = True

    def start(self, now: Instant) -> list[Effect]:
        effects = super().start(now)
        if self._another:
            effects += self._become(Status.UNREGISTERED, Reason.UNBOUND)
        return effects


@BUGS.breaking("R098")
class Modest(Node):
    """Shows that it is interrupted until its first poll has succeeded, too."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        asked = self.outstanding
        effects = super().answer(answer, now)
        if isinstance(answer, Grant) and asked is not None and asked.kind is Kind.REGISTER:
            self.status = Status.INTERRUPTED
            effects = [
                each._replace(after=Status.INTERRUPTED) if isinstance(each, Changed) else each for each in effects
            ]
        return effects


@BUGS.breaking("R101")
class TellsLater(Node):
    """Lists no failure while it is not registered."""

    def _list(self, code: Code, number: int, now: Instant) -> list[Effect]:
        if self.status is Status.UNREGISTERED:
            return []
        return super()._list(code, number, now)
