"""How soon a sweep finds each planted bug, and how small the world gets in which it does.

    python benchmarks/shrinking.py [SEEDS [EVERY]]

Each bug of `tests/planted_bugs` (or every so many) is tried in the random worlds of the default profile, seed by seed,
up to SEEDS of them (1000), until a rule that it breaks is violated. That world is shrunk as long as the same rule is.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.proof import Bug, Prover, load_bugs
from harness.rulebook import Ruling, judge
from harness.scenario import Scenario
from harness.shrinking import shrink
from harness.sweep.healing import heal
from harness.sweep.worlds import PROFILES, world
from harness.world import run
from reference_server.readings import LITERAL

ROOT = Path(__file__).resolve().parent.parent
MOST_NODES, MOST_EVENTS = 2, 3


def broken_at(bug: Bug, rule: str, seed: int, scenario: Scenario) -> int | None:
    """Return when ``bug`` violates ``rule`` in ``scenario``, ``None`` if it does not, or raises."""
    try:
        trace = run(scenario, LITERAL, seed=seed, server=bug.server, node=bug.node, wire=bug.wire)
        judgement = judge(scenario, LITERAL, trace)[rule]
    except Exception:
        return None
    violated = judgement.ruling is Ruling.VIOLATED and judgement.first is not None
    return judgement.first.at_us if violated and judgement.first is not None else None


def main(seeds: int, every: int) -> None:
    """Print a line for each bug, and how many there were."""
    plain = [world(seed, PROFILES["default"]).scenario for seed in range(seeds)]
    prover = Prover([heal(each).scenario for each in plain], range(seeds))
    bugs = list(load_bugs("tests.planted_bugs", ROOT).values())[::every]
    missed, large = 0, 0
    for bug in bugs:
        proof = prover.prove(bug)
        if not proof.proven:
            missed += 1
            print(f"{bug.name}: not found in {seeds} worlds")
            continue
        seed, rule = proof.tried - 1, proof.caught[0].rule
        breaks = partial(broken_at, bug, rule, seed)
        # What breaks only after the repair is shrunk with it.
        found = plain[seed] if breaks(plain[seed]) is not None else heal(plain[seed]).scenario
        shrunk = shrink(found, breaks, most_runs=3_000)
        assert shrunk is not None, "it was just seen to break"
        nodes, events = len(shrunk.scenario.nodes), len({event.index for event in shrunk.scenario.events})
        large += nodes > MOST_NODES or events > MOST_EVENTS
        size = f"{len(found.nodes)} nodes, {len(found.events)} events -> {nodes} and {events}"
        print(f"{bug.name}: {rule} in seed {seed}, {size}, {shrunk.runs} runs", flush=True)
    small = len(bugs) - missed - large
    print(
        f"{len(bugs)} planted bugs, {len(bugs) - missed} found within {seeds} worlds, "
        f"{small} shrunk to at most {MOST_NODES} nodes and {MOST_EVENTS} events"
    )


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [1_000, 1][len(given) :]))
