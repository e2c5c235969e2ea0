"""LIC30: a fleet, 30 days, six outages of the server. How long does it take to simulate, and to judge?

``python benchmarks/lic30.py 1000`` runs it for 1,000 nodes on one core and prints CPU seconds. Node *i* registers at
2 * ((i * 2654435761) mod 3,600,000) ms, which scatters the poll phases over the two hours; a lapsed node is registered
again one hour after the server is back.
"""

from __future__ import annotations

import sys
import time

from fake_fdl_nodes.fleet import NodeSetup
from harness.rulebook import Ruling, judge
from harness.scenario import Event, LicenceSpec, Scenario, Verb
from harness.trace import Status
from harness.world import run
from reference_server.readings import LITERAL

HOUR_US = 3_600_000_000
#: When each outage starts and how long it lasts, in hundredths of an hour.
OUTAGES = ((5050, 50), (10025, 200), (15075, 500), (22040, 2390), (33060, 2410), (48030, 4800))
START_US = 1_772_323_200_000_000


def lic30(count: int, days: int = 30) -> Scenario:
    """Return the scenario for ``count`` nodes; more ``days`` hold the same six outages."""
    nodes = tuple(
        NodeSetup(
            name=f"fdl-{i}",
            address=0x0A000001 + i,
            application="report1",
            register_us=2 * ((i * 2654435761) % 3_600_000) * 1000,
        )
        for i in range(count)
    )
    names = tuple(node.name for node in nodes)
    events: list[Event] = []
    for start, length in OUTAGES:
        at_us, back_us = start * HOUR_US // 100, (start + length) * HOUR_US // 100
        events.append(Event(index=len(events), at_us=at_us, verb=Verb.SERVER_STOP, until_us=back_us))
        again_us = back_us + HOUR_US
        events.append(Event(index=len(events), at_us=again_us, verb=Verb.NODE_REGISTER, nodes=names, only="lapsed"))
    return Scenario(
        title=f"LIC{days} with {count} nodes",
        start_us=START_US,
        duration_us=days * 24 * HOUR_US,
        licence=LicenceSpec(capacity=count, ranges=((0x0A000000, 0x0AFFFFFF),)),
        nodes=nodes,
        events=tuple(events),
    )


def main() -> None:
    """Run and judge it, and print what that took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    scenario = lic30(count)
    begin = time.process_time()
    trace = run(scenario, LITERAL)
    simulated = time.process_time()
    judgements = judge(scenario, LITERAL, trace)
    judged = time.process_time()
    statuses = {change.node: Status(change.after) for change in trace.transitions}
    registered = list(statuses.values()).count(Status.REGISTERED)
    broken = [rule for rule, each in judgements.items() if each.ruling is Ruling.VIOLATED]
    print(f"{scenario.title}: {registered} of {count} registered at the end, rules violated: {broken or 'none'}")
    print(f"{sum(trace.requests)} requests, {len(trace.exchanges)} of them simulated")
    print(f"simulated in {simulated - begin:.2f} s, judged in {judged - simulated:.2f} s of one core")


if __name__ == "__main__":
    main()
