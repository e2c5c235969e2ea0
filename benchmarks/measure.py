"""One engine plays one workload, in this process and nothing else in it, so that its memory is its own.

``python -m benchmarks.measure STATUSES`` reads what to play from its standard input, writes the statuses at each look
to the file ``STATUSES``, and prints CPU seconds and peak memory after each part of the work. `benchmarks.bench` starts
it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks.workload import Workload, lic

__all__ = ["ENGINES", "JUDGED", "OURS", "PEERS", "READ", "SIMULATED", "Mark", "play"]

#: Called when a part of the work is done.
Mark = Callable[[str], None]

#: The peers, the fastest first, and their modules.
PEERS: Final = {
    "heapq loop": "benchmarks.peers.heapq_loop",
    "SimPy, callbacks": "benchmarks.peers.simpy_callbacks",
    "SimPy, processes": "benchmarks.peers.simpy_process",
    "salabim": "benchmarks.peers.salabim_process",
}
OURS: Final = "fdl-harness"
ENGINES: Final = (OURS, *PEERS)

#: The parts of the work. Nobody but us judges. The statuses, which are all that a peer gives, are read off our trace.
SIMULATED, JUDGED, READ = "simulated", "judged", "read out"


class ViolatedError(Exception):
    """Rules were violated where all have to hold."""


def play(engine: str, workload: Workload, mark: Mark) -> list[bytes]:
    """Let ``engine`` play ``workload`` and return the statuses at each of its looks.

    :raises ViolatedError: if we judge that a rule is violated.
    """
    if engine != OURS:
        run: Callable[[Workload], list[bytes]] = import_module(PEERS[engine]).run
        mark("")
        found = run(workload)
        mark(SIMULATED)
        return found
    # Imported here, so that it takes no memory of the peers.
    from benchmarks.lic30 import scenario_of, statuses_in
    from harness.rulebook import Ruling, judge
    from harness.world import run as run_ours
    from reference_server.readings import LITERAL

    mark("")
    scenario = scenario_of(workload)
    trace = run_ours(scenario, LITERAL)
    mark(SIMULATED)
    judgements = judge(scenario, LITERAL, trace)
    mark(JUDGED)
    violated = [rule for rule, each in judgements.items() if each.ruling is Ruling.VIOLATED]
    if violated:
        raise ViolatedError(f"{scenario.title}: violated {', '.join(violated)}; each has to hold in this workload")
    looks = statuses_in(trace, workload)
    mark(READ)
    return looks


def peak_mb() -> float:
    """Return the most memory that this process has had, in MB of 1,000,000 bytes.

    Linux hands what ``ru_maxrss`` says on to the programs that a process starts: it would be the starter's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Play what standard input asks for."""
    asked = json.load(sys.stdin)
    workload = lic(**asked["workload"])
    parts: dict[str, tuple[float, float]] = {}
    began = 0.0

    def mark(part: str) -> None:
        nonlocal began
        if part:
            parts[part] = (time.process_time() - began, peak_mb())
        else:
            began = time.process_time()

    try:
        looks = play(asked["engine"], workload, mark)
    except ViolatedError as error:
        sys.exit(str(error))
    Path(sys.argv[1]).write_bytes(b"".join(looks))
    json.dump(parts, sys.stdout)


if __name__ == "__main__":
    main()
