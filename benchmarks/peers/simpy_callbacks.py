"""LIC30 in SimPy without processes: each step of a node is a callback of a timeout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

from benchmarks.peers.server import INTERRUPTED, LAPSED, REGISTERED, UNREGISTERED, Server
from benchmarks.workload import LATENCY_MS, LEASE_MS, PERIOD_MS, TIMEOUT_MS, Workload


class Node:
    """One node. What it waits for calls one of its methods."""

    __slots__ = ("contact_ms", "env", "i", "sent_ms", "server", "statuses", "workload")

    def __init__(self, i: int, workload: Workload, env: simpy.Environment, server: Server, statuses: bytearray) -> None:
        self.i, self.workload, self.env, self.server, self.statuses = i, workload, env, server, statuses
        self.sent_ms = self.contact_ms = 0

    def after(self, delay_ms: int, call: Callable[[simpy.Event], None]) -> None:
        """Let ``call`` be called ``delay_ms`` from now."""
        timeout = self.env.timeout(delay_ms)
        assert timeout.callbacks is not None, "a timeout that was just made has not happened"
        timeout.callbacks.append(call)

    def send(self, _: Any = None) -> None:
        """Register, or poll."""
        self.sent_ms = int(self.env.now)
        if self.workload.is_cut(self.i, self.sent_ms):
            self.after(TIMEOUT_MS, self.failed)
        else:
            self.after(LATENCY_MS, self.arrive)

    def arrive(self, _: simpy.Event) -> None:
        """The request reaches the server, and the answer leaves."""
        now_ms = self.sent_ms + LATENCY_MS
        register = self.statuses[self.i] in (UNREGISTERED, LAPSED)
        granted = self.server.up and self.server.grants(self.i, now_ms, register=register)
        if self.workload.is_cut(self.i, now_ms):
            self.after(TIMEOUT_MS - LATENCY_MS, self.failed)
        else:
            self.after(LATENCY_MS, self.granted if granted else self.failed)

    def granted(self, _: simpy.Event) -> None:
        """The answer was yes."""
        self.statuses[self.i] = REGISTERED
        self.contact_ms = self.sent_ms
        self.poll_again()

    def failed(self, _: simpy.Event) -> None:
        """The answer was no, or there was none."""
        if self.statuses[self.i] not in (REGISTERED, INTERRUPTED):
            return
        if self.env.now < self.contact_ms + LEASE_MS:
            self.statuses[self.i] = INTERRUPTED
            self.poll_again()
        else:
            self.statuses[self.i] = LAPSED

    def poll_again(self) -> None:
        """Poll two hours after the last request was sent."""
        self.after(self.sent_ms + PERIOD_MS - int(self.env.now), self.send)


def run(workload: Workload) -> list[bytes]:
    """Play ``workload`` and return the statuses at each of its looks."""
    env = simpy.Environment()
    server = Server(workload.capacity)
    statuses = bytearray(workload.nodes)
    looks: list[bytes] = []
    nodes = [Node(i, workload, env, server, statuses) for i in range(workload.nodes)]

    def stop(_: simpy.Event) -> None:
        server.up = False

    def start(_: simpy.Event) -> None:
        server.up = True

    def again(_: simpy.Event) -> None:
        for node in nodes:
            if statuses[node.i] == LAPSED:
                node.send()

    def look(_: simpy.Event) -> None:
        looks.append(bytes(statuses))

    def at(at_ms: int, call: Callable[[simpy.Event], None]) -> None:
        timeout = env.timeout(at_ms)
        assert timeout.callbacks is not None, "a timeout that was just made has not happened"
        timeout.callbacks.append(call)

    for node in nodes:
        node.after(workload.register_ms(node.i), node.send)
    for start_ms, back_ms in workload.outages_ms:
        at(start_ms, stop)
        at(back_ms, start)
    for at_ms in workload.again_ms:
        at(at_ms, again)
    for at_ms in workload.looks_ms:
        at(at_ms, look)
    env.run(until=workload.duration_ms + 1)
    return looks
