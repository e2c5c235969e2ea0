"""How long a prediction takes beside the barest closed form that NumPy can be made to compute, and how much memory.

Both for the same year: 1,000,000 nodes, 72 stops of the server from 1 h to 30 h, and an hour after each one an
administrator who registers whoever lapsed.

    python benchmarks/predict.py [NODES [STOPS]]

The bare form knows nothing but whether a node lapses. The prediction starts from the scenario, and is asked for the
statuses at the end, all lapses, lost access, and the most slots at once.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fake_fdl_nodes.fleet import fleet
from harness.prediction import predict
from harness.scenario import Event, LicenceSpec, Scenario, Verb
from reference_server.readings import LITERAL

MINUTE = 60_000_000
HOUR = 60 * MINUTE
YEAR = 365 * 24 * HOUR
LATENCY = 5_000
FIRST = 0x0A000001
#: Each is timed so often, and the best counts, since others use the machine, too.
ROUNDS = 3


def stops_of(number: int) -> list[tuple[int, int]]:
    """Return the stops as (start, end), spread over the year and over the lengths."""
    every = YEAR // (number + 1)
    starts = [every * (k + 1) + k * 17 % 31 * MINUTE + 12_345 for k in range(number)]
    return [(start, start + HOUR + k * 29 * HOUR // max(1, number - 1)) for k, start in enumerate(starts)]


def scenario_of(nodes: int, stops: list[tuple[int, int]]) -> Scenario:
    """Return the year as a scenario."""
    setups = fleet("n", address=FIRST, application="report1", count=nodes, spread_over_us=2 * HOUR)
    names = tuple(setup.name for setup in setups)
    events: list[Event] = []
    for start, end in stops:
        events.append(Event(index=len(events), at_us=start, verb=Verb.SERVER_STOP, until_us=end))
        again = Event(index=len(events), at_us=end + HOUR, verb=Verb.NODE_REGISTER, nodes=names, only="lapsed")
        events.append(again)
    return Scenario(
        title="a year",
        start_us=0,
        duration_us=YEAR,
        licence=LicenceSpec(capacity=nodes, ranges=((FIRST, FIRST + nodes),)),
        nodes=setups,
        events=tuple(events),
    )


def bare(register: np.ndarray, stops: list[tuple[int, int]]) -> int:
    """Return the number of lapses, as simply as NumPy can."""
    register = register.copy()
    lapses = np.zeros(len(register), np.int64)
    for start, end in stops:
        # The last poll that arrives before the stop, and whether that 24 h later arrives in it, too.
        last = start - LATENCY - 1
        contact = last - (last - register) % (2 * HOUR)
        lapsed = contact + 24 * HOUR + LATENCY < end
        lapses += lapsed
        register[lapsed] = end + HOUR
    return int(lapses.sum())


def main() -> None:
    """Time both, and print the ratio."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    stops = stops_of(int(sys.argv[2]) if len(sys.argv) > 2 else 72)
    scenario = scenario_of(nodes, stops)
    register = np.array([setup.register_us for setup in scenario.nodes])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    theirs, ours = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        lapses = bare(register, stops)
        theirs.append(time.perf_counter() - began)
        began = time.perf_counter()
        prediction = predict(scenario, LITERAL)
        predicted = int(prediction.lapse_counts.sum())
        lost = int(prediction.lost_access_us.sum())
        peak, _ = prediction.peak_registered
        registered = int((prediction.status_at(YEAR) == 1).sum())
        ours.append(time.perf_counter() - began)
        assert predicted == lapses, "both count the same lapses"
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{nodes:,} nodes, {len(stops)} stops in a year, {sum(prediction.requests):,} requests")
    print(f"{lapses:,} lapses, {lost // HOUR:,} h of access lost, {peak:,} slots at most, {registered:,} registered")
    print(f"bare NumPy: {min(theirs):6.2f} s")
    print(f"prediction: {min(ours):6.2f} s, {(after - before) / 1024:,.0f} MiB more than the scenario itself")
    print(f"ratio: {min(ours) / min(theirs):.2f}")


if __name__ == "__main__":
    main()
