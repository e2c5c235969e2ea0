"""A node under test: somebody else's in place of the reference one, on a host whose clocks it sees.

What it raises ends its program, as it would in life, until the scenario starts it again; that is a trouble which the
result tells. So is an effect that cannot be, since a wrong node must not spoil the history of the others.
"""

from __future__ import annotations

from typing import Any

from fake_fdl_nodes.failures import FailureList
from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import Changed, Effect, Ended, Ending, Failed, NodeState, Send, Status, Timer
from harness.problems import Mistake
from harness.systems.ambient import Host
from harness.systems.loading import System
from harness.systems.troubles import in_full, told
from harness.trace import Trouble
from reference_server.protocol import Answer, Instant
from reference_server.readings import Reading

__all__ = ["NodeUnderTest"]

#: A node whose timers fire more often than this at one instant would never let time go on.
_MOST_TIMERS = 100


class NodeUnderTest:
    """A node that ``system`` makes, called like `fake_fdl_nodes.node.Node`, when it is given its host."""

    def __init__(self, system: System, setup: NodeSetup, reading: Reading, *, timeout_us: int, key: bytes) -> None:
        self._system = system
        self._arguments = (setup, reading)
        self._keywords = {"timeout_us": timeout_us, "key": key}
        self._host: Host | None = None
        self._node: Any = None
        #: Its program ended by what it raised.
        self._crashed = False
        #: The number of the outstanding request, by its effects.
        self._open: int | None = None
        self._fired = (0, 0)  # how many timers at which true instant
        self._address = setup.address
        self._no_failures = FailureList(reading)
        self.troubles: list[Trouble] = []

    def live_on(self, host: Host) -> None:
        """Make the node, on ``host``."""
        self._host = host
        with self._at.seen():
            try:
                factory = self._system.factory()
                host.ambient.look_again()
                self._node = factory(*self._arguments, **self._keywords)
            except Mistake as error:
                self._end(f"the node cannot be made: {error}", fatal=True)
            except (Exception, SystemExit) as error:
                self._end(f"the node cannot be made: {told(error)}", in_full(error), fatal=True)

    # What the world asks.

    @property
    def running(self) -> bool:
        """Whether the program runs."""
        return not self._crashed and bool(self._look("running", False))

    @property
    def access(self) -> bool:
        """Whether users get in."""
        return not self._crashed and bool(self._look("access", False))

    @property
    def status(self) -> Status:
        """What the node is, in its own eyes."""
        status: Status = self._look("status", Status.UNREGISTERED)
        return status

    @property
    def number(self) -> int:
        """The number of its latest request."""
        number: int = self._look("number", 0)
        return number

    @property
    def outstanding(self) -> Any:
        """Its outstanding request."""
        return self._look("outstanding", None)

    @property
    def failures(self) -> Any:
        """Its failure list."""
        return self._look("failures", self._no_failures)

    @property
    def address(self) -> int:
        """Its address."""
        address: int = self._look("address", self._address)
        return address

    @address.setter
    def address(self, address: int) -> None:
        self._address = address
        with self._at.seen():
            if self._node is not None:
                self._node.address = address

    def timers(self) -> list[tuple[int, Timer]]:
        """Return what it waits for."""
        if self._crashed:
            return []
        with self._at.seen():
            try:
                return [(int(due_us), Timer(kind)) for due_us, kind in self._node.timers()]
            except (Exception, SystemExit) as error:
                self._end(told(error), in_full(error))
                return []

    # What is on its disk.

    def saved(self) -> NodeState:
        """Return what it keeps over the end of its program, that of a new node if it cannot be had."""
        nothing = NodeState(
            number=0,
            status=Status.UNREGISTERED,
            contact_us=None,
            expires_us=None,
            capacity=None,
            strikes=0,
            failures=self._no_failures.saved(),
        )
        if self._node is None:
            return nothing
        with self._at.seen():
            try:
                state = self._node.saved()
            except (Exception, SystemExit) as error:
                self._note(f"its state could not be copied: {told(error)}", in_full(error))
                return nothing
        if isinstance(state, NodeState):
            return state
        self._note(f"its state could not be copied: found {state!r:.80} from saved(), expected a NodeState")
        return nothing

    def restore(self, state: NodeState) -> None:
        """Take back what was kept."""
        if self._node is None:
            return
        with self._at.seen():
            try:
                self._node.restore(state)
            except (Exception, SystemExit) as error:
                self._note(f"its state could not be put back: {told(error)}", in_full(error))

    # What happens to it.

    def start(self, now: Instant) -> list[Effect]:
        """The program starts, perhaps again."""
        self._crashed = self._node is None
        return self._effects("start", now)

    def stop(self) -> list[Effect]:
        """The program ends."""
        return self._effects("stop")

    def resume(self, now: Instant) -> list[Effect]:
        """The host wakes."""
        return self._effects("resume", now)

    def register(self, now: Instant) -> list[Effect]:
        """The administrator registers it."""
        return self._effects("register", now)

    def unbind(self, now: Instant) -> list[Effect]:
        """The administrator gives the slot back."""
        return self._effects("unbind", now)

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        """An answer arrives."""
        return self._effects("answer", answer, now)

    def connection_refused(self, number: int, now: Instant) -> list[Effect]:
        """The server's port refused the connection."""
        return self._effects("connection_refused", number, now)

    def fire(self, timer: Timer, now: Instant) -> list[Effect]:
        """A timer has come."""
        count, at_us = self._fired
        self._fired = (count + 1 if at_us == self._at.true_us else 1, self._at.true_us)
        if self._fired[0] > _MOST_TIMERS:
            return self._end(f"its timers fired {_MOST_TIMERS} times at one instant, and another one is due")
        return self._effects("fire", timer, now)

    # Inside.

    @property
    def _at(self) -> Host:
        assert self._host is not None, "a node lives on a host"
        return self._host

    def _look(self, name: str, otherwise: Any) -> Any:
        """Return an attribute of the node, ``otherwise`` if that cannot be had."""
        if self._node is None:
            return otherwise
        with self._at.seen():
            try:
                return getattr(self._node, name)
            except (Exception, SystemExit) as error:
                self._end(told(error), in_full(error))
                return otherwise

    def _effects(self, method: str, *arguments: Any) -> list[Effect]:
        """Call a method of the node and return its effects, if they can be."""
        if self._crashed:
            return []
        now = next((each for each in arguments if isinstance(each, Instant)), None)
        done: list[Effect] = []
        with self._at.seen(now):
            try:
                for effect in getattr(self._node, method)(*arguments):
                    self._hold(effect, method)
                    done.append(effect)
            except Mistake as error:
                return done + self._end(str(error))
            except (Exception, SystemExit) as error:
                return done + self._end(told(error), in_full(error))
        return done

    def _hold(self, effect: Any, method: str) -> None:
        """Raise a `Mistake` if ``effect`` cannot be."""
        if isinstance(effect, Send):
            asked = self._node.outstanding
            if self._open is not None or asked is None:
                raise Mistake(
                    f"a request sent by {method}() with {'nothing' if asked is None else 'another one'} outstanding",
                    "one outstanding request at a time, which Send begins and Ended ends",
                )
            self._open = int(asked.number)
        elif isinstance(effect, Ended):
            if effect.number != self._open:
                raise Mistake(f"the end of request {effect.number} from {method}()", f"that of request {self._open}")
            self._open = None
        elif not isinstance(effect, Changed | Failed):
            raise Mistake(f"{effect!r:.80} from {method}()", "an effect: Send, Ended, Changed or Failed")

    def _end(self, why: str, detail: str = "", *, fatal: bool = False) -> list[Effect]:
        """End the program, and return what that does."""
        if not self._crashed:
            self._crashed = True
            self._note(why if fatal else f"its program ended: {why}", detail, fatal=fatal)
        number, self._open = self._open, None
        return [] if number is None else [Ended(number, Ending.ABANDONED)]

    def _note(self, what: str, detail: str = "", *, fatal: bool = False) -> None:
        self.troubles.append(Trouble(self._at.true_us, self._at.place, what, detail, fatal))
