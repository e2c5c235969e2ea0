"""LIC30 in SimPy as its tutorial has it: each node is a process."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

import simpy

from benchmarks.peers.server import INTERRUPTED, LAPSED, REGISTERED, Server
from benchmarks.workload import HOUR_MS, LATENCY_MS, LEASE_MS, PERIOD_MS, TIMEOUT_MS, Workload

Process: TypeAlias = Generator[simpy.Event, Any, None]


def run(workload: Workload) -> list[bytes]:
    """Play ``workload`` and return the statuses at each of its looks."""
    env = simpy.Environment()
    server = Server(workload.capacity)
    statuses = bytearray(workload.nodes)
    again = env.event()
    looks: list[bytes] = []

    def node(i: int) -> Process:
        yield env.timeout(workload.register_ms(i))
        while True:
            contact_ms = sent_ms = env.now
            if (yield from granted(i, register=True)):
                statuses[i] = REGISTERED
            elif statuses[i] != LAPSED:
                return
            while statuses[i] != LAPSED:
                yield env.timeout(sent_ms + PERIOD_MS - env.now)
                sent_ms = env.now
                if (yield from granted(i, register=False)):
                    statuses[i] = REGISTERED
                    contact_ms = sent_ms
                elif env.now < contact_ms + LEASE_MS:
                    statuses[i] = INTERRUPTED
                else:
                    statuses[i] = LAPSED
            yield again

    def granted(i: int, *, register: bool) -> Generator[simpy.Event, Any, bool]:
        sent_ms = int(env.now)
        if not workload.is_cut(i, sent_ms):
            yield env.timeout(LATENCY_MS)
            arrived_ms = sent_ms + LATENCY_MS
            answer = server.up and server.grants(i, arrived_ms, register=register)
            if not workload.is_cut(i, arrived_ms):
                yield env.timeout(LATENCY_MS)
                return answer
        yield env.timeout(sent_ms + TIMEOUT_MS - env.now)
        return False

    def stop(start_ms: int, back_ms: int) -> Process:
        nonlocal again
        yield env.timeout(start_ms)
        server.up = False
        yield env.timeout(back_ms - start_ms)
        server.up = True
        yield env.timeout(HOUR_MS)
        again.succeed()
        again = env.event()

    def look(at_ms: int) -> Process:
        yield env.timeout(at_ms)
        looks.append(bytes(statuses))

    for i in range(workload.nodes):
        env.process(node(i))
    for start_ms, back_ms in workload.outages_ms:
        env.process(stop(start_ms, back_ms))
    for at_ms in workload.looks_ms:
        env.process(look(at_ms))
    env.run(until=workload.duration_ms + 1)
    return looks
