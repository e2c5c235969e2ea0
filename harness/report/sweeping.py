"""What came of a sweep: by rule and by kind of fault, and what was wrong, grouped by rule; for people and as JSON."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from harness.durations import format_instant
from harness.scenario_file import printed
from harness.sweep.trial import Breach, Question, Trial, Why, healed_world

__all__ = ["sweep_as_text", "sweep_lines", "world_as_file"]

#: So many rules or kinds stand in a line, and so many seeds are named of one failure.
_ABREAST, _SEEDS = 4, 8
#: What is said of what is no rule.
_VERBS = {
    Why.LIVENESS.value: "broken",
    Why.TROUBLE.value: "found",
    Why.HARNESS.value: "itself at fault, which is no verdict,",
}


def sweep_lines(question: Question, trials: Sequence[Trial]) -> Iterator[str]:
    """Yield for people what came of ``trials``, which are in order of their seeds."""
    tested = Counter(rule for trial in trials for rule in trial.tested)
    broken = Counter(what for trial in trials for what in dict.fromkeys(each.what for each in trial.breaches))
    yield "rules: in how many worlds they were put to the test, and in how many of these they were violated"
    yield from _abreast([f"{rule} {tested[rule]:>6} {broken[rule]:>4}" for rule in sorted(tested)])
    had = Counter(kind for trial in trials for kind in trial.kinds)
    wrong = Counter(kind for trial in trials if trial.breaches for kind in trial.kinds)
    if had:
        yield ""
        yield "kinds of fault: in how many worlds they were, and in how many of these something was wrong"
        width = max(map(len, had))
        yield from _abreast([f"{kind:<{width}} {had[kind]:>6} {wrong[kind]:>4}" for kind in sorted(had)])
    for what in sorted(broken):
        yield ""
        yield from _failure(question, what, [trial for trial in trials if any(b.what == what for b in trial.breaches)])
    yield ""
    failed = sum(bool(trial.breaches) for trial in trials)
    count = f"{len(trials)} world{'' if len(trials) == 1 else 's'}"
    yield f"{count}: {len(trials) - failed} clean, {failed} not; digest {_digest(trials)[:12]}"


def _abreast(cells: Sequence[str]) -> Iterator[str]:
    rows = -(-len(cells) // _ABREAST)
    for row in range(rows):
        yield "  " + "    ".join(cells[row::rows])


def _failure(question: Question, what: str, trials: Sequence[Trial]) -> Iterator[str]:
    seeds = ", ".join(str(trial.seed) for trial in trials[:_SEEDS]) + (", ..." if len(trials) > _SEEDS else "")
    verb = _VERBS.get(what, "violated")
    yield f"{what} {verb} in {len(trials)} of the worlds: seeds {seeds} (fdl-harness {question.version})"
    first = trials[0]
    breach = next(each for each in first.breaches if each.what == what)
    where = "" if breach.at_us is None else f" at {format_instant(breach.at_us)}, {breach.node or 'server'}"
    yield f"  seed {first.seed}{where}: {breach.message}"
    yield f"  again: {question.command(first.seed)}"


def _digest(trials: Sequence[Trial]) -> str:
    """Return what two sweeps have in common if and only if the same came of them."""
    sha = hashlib.sha256()
    for trial in trials:
        sha.update(json.dumps(asdict(trial)).encode())
    return sha.hexdigest()


def sweep_as_text(question: Question, trials: Sequence[Trial]) -> str:
    """Return all of it as JSON text, ending in a newline: the question, and what came of each seed."""
    found = {
        "sweep": asdict(question),
        "digest": _digest(trials),
        "simulated": True,
        "worlds": [
            {
                "seed": trial.seed,
                "kinds": trial.kinds,
                "tested": trial.tested,
                "digest": trial.digest,
                "breaches": [_breach(question, trial.seed, each) for each in trial.breaches],
            }
            for trial in trials
        ],
    }
    return json.dumps(found, indent=1) + "\n"


def world_as_file(question: Question, seed: int) -> str:
    """Return the world of ``seed`` as a scenario file, with its repair."""
    comment = (
        f"The world of seed {seed}, by fdl-harness {question.version}: {question.command(seed)}\n"
        f"To run this file: fdl-harness run FILE --seed {seed}{question.options}. Liveness is judged by sweep alone."
    )
    return printed(healed_world(question, seed).scenario, comment=comment)


def _breach(question: Question, seed: int, breach: Breach) -> dict[str, object]:
    return asdict(breach) | {"version": question.version, "command": question.command(seed)}
