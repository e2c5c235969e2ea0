"""LIC30: a fleet, 30 days, six outages of the server. How long does it take to simulate, and to judge?

``python benchmarks/lic30.py 1000`` runs it for 1,000 nodes on one core and prints CPU seconds. What happens in it and
in its variants is in `benchmarks.workload`; here it becomes a scenario. `benchmarks.bench` compares us with others.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.workload import LATENCY_MS, TIMEOUT_MS, Workload, lic
from fake_fdl_nodes.fleet import NodeSetup
from harness.rulebook import Ruling, judge
from harness.scenario import Event, LicenceSpec, NetworkSpec, Scenario, Verb
from harness.trace import Status, Trace
from harness.world import run
from reference_server.readings import LITERAL

START_US = 1_772_323_200_000_000


def lic30(count: int, days: int = 30) -> Scenario:
    """Return the scenario for ``count`` nodes; more ``days`` hold the same six outages."""
    return scenario_of(lic(count, days))


def scenario_of(workload: Workload) -> Scenario:
    """Return ``workload`` as a scenario."""
    nodes = tuple(
        NodeSetup(
            name=f"fdl-{i}",
            address=0x0A000001 + i,
            application="report1",
            register_us=workload.register_ms(i) * 1000,
        )
        for i in range(workload.nodes)
    )
    names = tuple(node.name for node in nodes)
    events: list[Event] = []
    for (start_ms, back_ms), again_ms in zip(workload.outages_ms, workload.again_ms, strict=True):
        stop = Event(index=len(events), at_us=start_ms * 1000, verb=Verb.SERVER_STOP, until_us=back_ms * 1000)
        events.append(stop)
        again = Event(index=len(events), at_us=again_ms * 1000, verb=Verb.NODE_REGISTER, nodes=names, only="lapsed")
        events.append(again)
    together: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for i, cut_ms in workload.cuts_ms.items():
        together[cut_ms].append(names[i])
    for (start_ms, end_ms), cut_off in together.items():
        cut = Event(
            index=len(events),
            at_us=start_ms * 1000,
            verb=Verb.NETWORK_CUT,
            until_us=end_ms * 1000,
            nodes=tuple(cut_off),
        )
        events.append(cut)
    return Scenario(
        title=f"LIC{workload.days} with {workload.nodes} nodes",
        start_us=START_US,
        duration_us=workload.duration_ms * 1000,
        licence=LicenceSpec(capacity=workload.capacity, ranges=((0x0A000000, 0x0AFFFFFF),)),
        network=NetworkSpec(latency_us=LATENCY_MS * 1000, timeout_us=TIMEOUT_MS * 1000),
        nodes=nodes,
        events=tuple(events),
    )


def statuses_in(trace: Trace, workload: Workload) -> list[bytes]:
    """Return the statuses that ``trace`` shows at each of the looks of ``workload``."""
    changes = trace.transitions
    at_us, node, after = (np.frombuffer(changes.column(name), np.int64) for name in ("at_us", "node", "after"))
    order = np.argsort(at_us, kind="stable")
    at_us, node, after = at_us[order], node[order], after[order]
    ends = np.searchsorted(at_us, np.array(workload.looks_ms) * 1000, side="right")
    statuses = np.full(workload.nodes, Status.UNREGISTERED, np.uint8)
    looks = []
    for start, end in pairwise((0, *ends)):
        # Of several changes of one node the last one stays.
        statuses[node[start:end]] = after[start:end]
        looks.append(statuses.tobytes())
    return looks


def main() -> None:
    """Run and judge it, and print what that took."""
    workload = lic(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    scenario = scenario_of(workload)
    begin = time.process_time()
    trace = run(scenario, LITERAL)
    simulated = time.process_time()
    judgements = judge(scenario, LITERAL, trace)
    judged = time.process_time()
    registered = statuses_in(trace, workload)[-1].count(Status.REGISTERED)
    broken = [rule for rule, each in judgements.items() if each.ruling is Ruling.VIOLATED]
    print(
        f"{scenario.title}: {registered} of {workload.nodes} registered at the end, rules violated: {broken or 'none'}"
    )
    print(f"{sum(trace.requests)} requests, {len(trace.exchanges)} of them simulated")
    print(f"simulated in {simulated - begin:.2f} s, judged in {judged - simulated:.2f} s of one core")


if __name__ == "__main__":
    main()
