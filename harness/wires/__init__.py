"""Wires: how a request gets from a node to the server under test, one interface for all of them.

`wire` is the interface that the world knows; every other module here is one wire. The same scenario gives the same
verdicts over each wire that can express it.
"""

from harness.wires.memory import Memory
from harness.wires.wire import ServerFactory, Wire, WireFactory

__all__ = ["Memory", "ServerFactory", "Wire", "WireFactory"]
