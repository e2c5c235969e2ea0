"""The scenario file of a record: what its facts describe, with the statuses that were seen as expectations."""

from __future__ import annotations

from dataclasses import replace

from harness.outage.case import Case
from harness.outage.diagnosing import Simulated
from harness.outage.record import What
from harness.scenario import SERVER, Expect, Scenario

__all__ = ["reproduction"]


def reproduction(case: Case, simulated: Simulated) -> Scenario:
    """Return the simulated scenario of ``case``, which expects every status that was seen where and when it was."""
    expects = []
    for host in (SERVER, *case.nodes):
        for each in case.by_source[host]:
            if each.what is not What.STATUS:
                continue
            at_us = simulated.built.clocks[host].true_us(case.wall_us(each))
            expects.append(
                Expect(
                    index=0,
                    at_us=min(max(0, at_us), case.duration_us),
                    nodes=() if host == SERVER else (host,),
                    status=None if each.status is None else each.status.name.lower(),
                    registered=each.count,
                )
            )
    expects.sort(key=lambda expect: expect.at_us or 0)
    return replace(
        simulated.built.scenario,
        expects=tuple(replace(expect, index=index) for index, expect in enumerate(expects)),
        reading=next((cause.reading for cause in simulated.causes if cause.reading), None),
    )
