"""Many seeds, on this machine or on many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from harness.runner import InternalError
from harness.sweep.trial import VERSION, Question, Trial, run_trial
from harness.sweep.workers import Workers, spread

__all__ = ["sweep"]


def sweep(question: Question, seeds: Iterable[int], workers: Workers | None = None) -> Iterator[list[Trial]]:
    """Run ``seeds`` and yield what came of them, a handful at a time, as they are done.

    :param workers: who runs them, ``None`` for this process.
    :raises Mistake: if a system under test is none.
    :raises InternalError: if some seeds end every worker that is given them.
    """
    for _, trials in spread(partial(_trials, question), seeds, workers):
        yield trials


def _trials(question: Question, seeds: Sequence[int]) -> list[Trial]:
    """Run a handful of seeds: what a worker is given."""
    if question.version != VERSION:
        why = f"it has fdl-harness {VERSION}, and not {question.version}; install the same on every machine"
        raise InternalError("a worker", why)
    return [run_trial(question, seed) for seed in seeds]
