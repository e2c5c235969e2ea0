"""The names of the wires, apart from the wires themselves, so that they can be listed without loading any."""

from __future__ import annotations

__all__ = ["MEMORY", "WIRES"]

MEMORY = "memory"
#: Each wire by the name by which it is chosen, with what it is.
WIRES = {
    MEMORY: "a call, in this process",
    "asgi": "the server program's own application and store, in this process, reached by httpx with real JSON",
}
