"""LIC30 as a plain loop over a heap of (instant, what, node, when its request was sent)."""

from __future__ import annotations

from heapq import heappop, heappush

from benchmarks.peers.server import INTERRUPTED, LAPSED, REGISTERED, UNREGISTERED, Server
from benchmarks.workload import LATENCY_MS, LEASE_MS, PERIOD_MS, TIMEOUT_MS, Workload

STOP, START, AGAIN, LOOK, SEND, ARRIVE, GRANTED, FAILED = range(8)
EVERYBODY = -1


def run(workload: Workload) -> list[bytes]:
    """Play ``workload`` and return the statuses at each of its looks."""
    server = Server(workload.capacity)
    statuses = bytearray(workload.nodes)
    contact_ms = [0] * workload.nodes
    looks: list[bytes] = []
    heap = [(workload.register_ms(node), SEND, node, 0) for node in range(workload.nodes)]
    for start_ms, back_ms in workload.outages_ms:
        heap += [(start_ms, STOP, EVERYBODY, 0), (back_ms, START, EVERYBODY, 0)]
    heap += [(at_ms, AGAIN, EVERYBODY, 0) for at_ms in workload.again_ms]
    heap += [(at_ms, LOOK, EVERYBODY, 0) for at_ms in workload.looks_ms]
    heap.sort()

    last = len(workload.looks_ms)
    while len(looks) < last:
        now_ms, what, node, sent_ms = heappop(heap)
        if what == SEND:
            if workload.is_cut(node, now_ms):
                heappush(heap, (now_ms + TIMEOUT_MS, FAILED, node, now_ms))
            else:
                heappush(heap, (now_ms + LATENCY_MS, ARRIVE, node, now_ms))
        elif what == ARRIVE:
            register = statuses[node] in (UNREGISTERED, LAPSED)
            granted = server.up and server.grants(node, now_ms, register=register)
            if workload.is_cut(node, now_ms):
                heappush(heap, (sent_ms + TIMEOUT_MS, FAILED, node, sent_ms))
            else:
                heappush(heap, (now_ms + LATENCY_MS, GRANTED if granted else FAILED, node, sent_ms))
        elif what == GRANTED:
            statuses[node] = REGISTERED
            contact_ms[node] = sent_ms
            heappush(heap, (sent_ms + PERIOD_MS, SEND, node, 0))
        elif what == FAILED:
            if statuses[node] in (REGISTERED, INTERRUPTED):
                if now_ms < contact_ms[node] + LEASE_MS:
                    statuses[node] = INTERRUPTED
                    heappush(heap, (sent_ms + PERIOD_MS, SEND, node, 0))
                else:
                    statuses[node] = LAPSED
        elif what == AGAIN:
            for lapsed, status in enumerate(statuses):
                if status == LAPSED:
                    heappush(heap, (now_ms, SEND, lapsed, 0))
        elif what == LOOK:
            looks.append(bytes(statuses))
        else:
            server.up = what == START
    return looks
