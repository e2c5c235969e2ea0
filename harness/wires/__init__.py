"""Wires: how a request gets from a node to the server under test, one interface for all of them.

`wire` is the interface that the world knows, `limits` says what each wire cannot express, and every other module here
is a wire or part of one. The same scenario gives the same verdicts over each wire that can express it.
"""

from harness.wires.memory import Memory
from harness.wires.names import ASGI, MEMORY, NETNS, TLS, WIRES
from harness.wires.wire import ServerFactory, Unfit, Wire, WireFactory, WithDisk, WithNetwork

__all__ = [
    "MEMORY",
    "WIRES",
    "Memory",
    "ServerFactory",
    "Unfit",
    "Wire",
    "WireFactory",
    "WithDisk",
    "WithNetwork",
    "wire_named",
]


def wire_named(name: str) -> WireFactory:
    """Return what makes the wire ``name``; it is loaded only now.

    :raises ValueError: if there is none.
    """
    if name == MEMORY:
        return Memory
    if name == ASGI:
        from harness.wires.asgi import Asgi

        return Asgi
    if name == TLS:
        from harness.wires.tls import Tls

        return Tls
    if name == NETNS:
        from harness.wires.netns import Netns

        return Netns
    raise ValueError(f"no wire is named {name!r}; there are {', '.join(WIRES)}")
