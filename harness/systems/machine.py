"""A server under test that is called in memory, as the reference one is: an `Authority` of somebody's own.

It sees its host's clocks in every call. What it raises is silence, and a trouble that the result tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from harness.problems import Mistake
from harness.systems.ambient import Host
from harness.systems.loading import System
from harness.systems.troubles import in_full, told
from harness.trace import Trouble
from harness.wires import Memory
from harness.wires.wire import Started
from reference_server.authority import Change, Reply
from reference_server.licence import Licence
from reference_server.protocol import Instant, Request
from reference_server.readings import Reading
from reference_server.stored import Stored

__all__ = ["MachineUnderTest"]

Result = TypeVar("Result")


class MachineUnderTest:
    """The wire to an authority that ``system`` makes from a licence and a reading, when it is given its host."""

    sees_slots = True

    def __init__(self, system: System, licence: Licence, reading: Reading) -> None:
        self._system = system
        self._licence = licence
        self._reading = reading
        self._host: Host | None = None
        self._memory: Memory | None = None
        self.troubles: list[Trouble] = []

    def live_on(self, host: Host) -> None:
        """Make the authority, on ``host``."""
        self._host = host
        self._memory = self._call("it cannot be made", None, self._made, None, fatal=True)

    def _made(self) -> Memory:
        factory = self._system.factory()
        self._at.ambient.look_again()
        return Memory(factory, self._licence, self._reading)

    def start(self, now: Instant, *, downtime_us: int) -> Started:
        """Start the program."""
        memory, refused = self._memory, Started(False, ())
        if memory is None:
            return refused
        start = partial(memory.start, now, downtime_us=downtime_us)
        started: Started = self._call("it cannot be started", now, start, refused)
        return started

    def stop(self, now: Instant) -> None:
        """End the program."""
        self._do("it was ended", now, lambda memory: memory.stop(now), None)

    def lose_power(self) -> None:
        """What an authority holds is stored by the law."""

    def destroy(self) -> Sequence[Change]:
        """Revoke the authorization."""
        return self._do("it was destroyed", None, Memory.destroy, ())

    def use(self, licence: Licence) -> None:
        """Put a new licence file in place."""
        self._do("a licence came", None, lambda memory: memory.use(licence), None)

    def drift(self, drifted: bool) -> None:
        """Change the machine's identity, or change it back."""
        self._do("the machine drifted", None, lambda memory: memory.drift(drifted), None)

    def image(self) -> Stored | None:
        """Return what is stored."""
        return self._do("its image was taken", None, Memory.image, None)

    def put_back(self, image: Stored | None) -> Sequence[Change]:
        """Let a new program find ``image``."""
        if image is None:
            return ()
        return self._do("an image was put back", None, lambda memory: memory.put_back(image), ())

    def second(self, now: Instant) -> bool:
        """Start a second program."""
        return self._do("a second one was started", now, lambda memory: memory.second(now), False)

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        """Call the authority."""
        return self._do("no answer", now, lambda memory: memory.ask(request, source, now), Reply(None, []))

    def next_void_us(self) -> int | None:
        """Return when the next slot may be void."""
        return self._do("next_void_us", None, Memory.next_void_us, None)

    def expire(self, boot_us: int) -> Sequence[Change]:
        """Void what time has voided."""
        return self._do("expire", None, lambda memory: memory.expire(boot_us), ())

    def registered(self, now: Instant) -> int | None:
        """Return the number of live slots."""
        return self._do("live", now, lambda memory: memory.registered(now), None)

    def close(self) -> None:
        """There is nothing to leave behind."""

    @property
    def _at(self) -> Host:
        assert self._host is not None, "a machine lives on a host"
        return self._host

    def _do(self, when: str, now: Instant | None, call: Callable[[Memory], Result], otherwise: Result) -> Result:
        memory = self._memory
        return otherwise if memory is None else self._call(when, now, lambda: call(memory), otherwise)

    def _call(
        self, when: str, now: Instant | None, call: Callable[[], Result], otherwise: Any, *, fatal: bool = False
    ) -> Any:
        """Return what ``call`` returns, ``otherwise`` if it raises, which is noted."""
        with self._at.seen(now):
            try:
                return call()
            except Mistake as error:
                what, detail = str(error), ""
            except (Exception, SystemExit) as error:
                what, detail = told(error), in_full(error)
        self.troubles.append(Trouble(self._at.true_us, self._at.place, f"{when}: {what}", detail, fatal))
        return otherwise
