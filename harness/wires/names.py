"""The names of the wires, apart from the wires themselves, so that they can be listed without loading any."""

from __future__ import annotations

__all__ = ["ASGI", "MEMORY", "NETNS", "TLS", "WIRES"]

MEMORY, ASGI, TLS, NETNS = "memory", "asgi", "tls", "netns"
#: Each wire by the name by which it is chosen, with what it is.
WIRES = {
    MEMORY: "a call, in this process",
    ASGI: "the server program's own application and store, in this process, reached by httpx with real JSON",
    TLS: "the server program in a process of its own, reached by httpx over TLS on loopback",
    NETNS: "the server program and the nodes' addresses on kernel hosts, with real routes, NAT and firewalls",
}
