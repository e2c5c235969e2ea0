"""The interface between the world and the server under test.

The world says what happens to the server's program and its machine, and hands over each request with the address that
it comes from and the instant at which it arrives. What carries them, and what answers, is the wire's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from harness.network import Way
from reference_server.authority import Authority, Change, Reply
from reference_server.licence import Licence
from reference_server.protocol import Instant, Request
from reference_server.readings import Reading

__all__ = ["ServerFactory", "Started", "Unfit", "Wire", "WireFactory", "WithDisk", "WithNetwork"]

ServerFactory: TypeAlias = Callable[[Licence, Reading], Authority]


class Unfit(Exception):  # noqa: N818 - it is no error: what it concerns is skipped
    """The wire cannot do what a scenario asks of it. The message says why."""


class Started(NamedTuple):
    """Whether a program that was started runs, and what its start did to the slots."""

    runs: bool
    changes: Sequence[Change]


class Wire(Protocol):
    """One server program on its machine, and the way to it. Nothing of it runs before `start`."""

    #: Whether each change of a slot can be seen, and not only the answers and the number of live slots.
    sees_slots: bool

    # The program's life.

    def start(self, now: Instant, *, downtime_us: int) -> Started:
        """Start the program. It may refuse to run.

        :param downtime_us: for how long, in true time, it was down.
        """

    def stop(self, now: Instant) -> None:
        """End the program, politely or by a crash. What it has stored stays."""

    def lose_power(self) -> None:
        """Lose what was written and never promised to be on the disk. The program must not be running."""

    def destroy(self) -> Sequence[Change]:
        """Revoke the authorization on this machine for ever (``-destroy``)."""

    # What the issuer and the machine do.

    def use(self, licence: Licence) -> None:
        """Put a new licence file of the same licence in place."""

    def drift(self, drifted: bool) -> None:
        """Let the hardware identity of the machine be another one, or the licensed one again."""

    def image(self) -> Any:
        """Return all that is stored on the machine's disk now."""

    def put_back(self, image: Any) -> Sequence[Change]:
        """Let the disk hold an earlier image. The program must not be running."""

    def second(self, now: Instant) -> bool:
        """Start a second program on the machine, beside the one that runs, and tell whether it runs (R014)."""

    # Requests.

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        """Carry a request (or bytes that may be one) to the running program, from the address ``source``."""

    # What can be seen of the slots.

    def next_void_us(self) -> int | None:
        """Return the instant on the server's boot-time clock at which `expire` should be called next, if any."""

    def expire(self, boot_us: int) -> Sequence[Change]:
        """Return which slots time has voided at ``boot_us``."""

    def registered(self, now: Instant) -> int | None:
        """Return the number of live slots that the running program reports, ``None`` if it does not tell."""

    def close(self) -> None:
        """Leave nothing behind: no process, no port, no file."""


@runtime_checkable
class WithNetwork(Protocol):
    """What a wire has besides that carries real packets: what the world decides of a packet, its network does.

    Addresses are the nodes' own, before any translation.
    """

    def lose(self, address: int, way: Way) -> None:
        """Lose a packet that is on its ``way`` from ``address`` to the server, or from there to ``address``."""

    def reject(self, address: int) -> None:
        """Connect from ``address`` to the server, which a firewall on the way has to refuse."""

    def hold(self, address: int, request: Request | bytes) -> None:
        """Start the connection of a request that takes longer than others, and hold it back on its way.

        It goes on when `Wire.ask` or `refuse` is called with the request; what never arrives is dropped in the end.
        """

    def refuse(self, address: int, request: Request | bytes) -> None:
        """Bring a request from ``address`` to a program that does not run, whose port has to refuse."""


@runtime_checkable
class WithDisk(Protocol):
    """What a wire has besides whose program writes to a disk that can be full: it shows what the program does then.

    A `start` with a full disk has to fail.
    """

    def fill(self, full: bool) -> None:
        """Let the machine's disk be full, or have room again."""

    def ask_in_vain(self, request: Request | bytes, source: int, now: Instant) -> None:
        """Carry a request to the running program, which cannot store it: it has to end without an answer."""


#: Makes a wire to a server that the factory makes from a licence and a reading.
WireFactory: TypeAlias = Callable[[ServerFactory, Licence, Reading], Wire]
