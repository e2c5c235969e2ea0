"""LIC30 in salabim: each node is a component. No animation, no trace, and no monitors, which would keep every hold.

It is run with ``yield``: without, each component would be a greenlet.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

import salabim

from benchmarks.peers.server import INTERRUPTED, LAPSED, REGISTERED, Server
from benchmarks.workload import HOUR_MS, LATENCY_MS, LEASE_MS, PERIOD_MS, TIMEOUT_MS, Workload

Process: TypeAlias = Generator[Any, Any, None]


class Part(salabim.Component):  # type: ignore[misc]  # salabim has no types.
    """A component of which nothing is monitored."""

    def setup(self, **given: Any) -> None:
        """Keep what the component is given."""
        self.status.monitor(False)
        self.mode.monitor(False)
        self.__dict__.update(given)


class Node(Part):
    """A node: ``i``, the ``workload``, the ``server`` and the ``statuses`` of all."""

    def process(self) -> Process:
        """Live."""
        i, workload, statuses, now = self.i, self.workload, self.statuses, self.env.now
        yield self.hold(workload.register_ms(i))
        while True:
            contact_ms = sent_ms = now()
            if (yield from self.granted(register=True)):
                statuses[i] = REGISTERED
            elif statuses[i] != LAPSED:
                return
            while statuses[i] != LAPSED:
                yield self.hold(sent_ms + PERIOD_MS - now())
                sent_ms = now()
                if (yield from self.granted(register=False)):
                    statuses[i] = REGISTERED
                    contact_ms = sent_ms
                elif now() < contact_ms + LEASE_MS:
                    statuses[i] = INTERRUPTED
                else:
                    statuses[i] = LAPSED
            yield self.passivate()

    def granted(self, *, register: bool) -> Generator[Any, Any, bool]:
        """Ask the server, and return what it says; nothing is no."""
        i, workload, now = self.i, self.workload, self.env.now
        sent_ms = now()
        if not workload.is_cut(i, sent_ms):
            yield self.hold(LATENCY_MS)
            answer: bool = self.server.up and self.server.grants(i, now(), register=register)
            if not workload.is_cut(i, now()):
                yield self.hold(LATENCY_MS)
                return answer
        yield self.hold(sent_ms + TIMEOUT_MS - now())
        return False


class Stop(Part):
    """An outage of the server, from ``start_ms`` to ``back_ms``."""

    def process(self) -> Process:
        """Stop the server, start it, and register the lapsed nodes an hour later."""
        yield self.hold(self.start_ms)
        self.server.up = False
        yield self.hold(self.back_ms - self.start_ms)
        self.server.up = True
        yield self.hold(HOUR_MS)
        for node in self.nodes:
            if node.ispassive():
                node.activate()


class Look(Part):
    """A look at the statuses at ``at_ms``."""

    def process(self) -> Process:
        """Look."""
        yield self.hold(self.at_ms)
        self.looks.append(bytes(self.statuses))


def run(workload: Workload) -> list[bytes]:
    """Play ``workload`` and return the statuses at each of its looks."""
    env = salabim.Environment(trace=False, yieldless=False)
    server = Server(workload.capacity)
    statuses = bytearray(workload.nodes)
    looks: list[bytes] = []
    nodes = [Node(i=i, workload=workload, server=server, statuses=statuses) for i in range(workload.nodes)]
    for start_ms, back_ms in workload.outages_ms:
        Stop(start_ms=start_ms, back_ms=back_ms, server=server, nodes=nodes)
    for at_ms in workload.looks_ms:
        Look(at_ms=at_ms, looks=looks, statuses=statuses)
    env.run(till=workload.duration_ms)
    return looks
