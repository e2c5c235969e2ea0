"""Many seeds, a handful at a time, on workers: processes of this machine, or of a cluster (`harness.sweep.cluster`).

Both are an executor of `concurrent.futures`. A worker that is killed loses only what it was at, which is run again.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

from harness.runner import InternalError
from harness.sweep.trial import VERSION, Question, Trial, run_trial

__all__ = ["Workers", "here", "sweep"]

#: So many seeds go to a worker at a time, and so many of these handfuls wait for each worker.
_HANDFUL, _WAITING = 25, 3
#: So often in a row all workers may end without a handful done.
_ATTEMPTS = 3


class Workers(NamedTuple):
    """Who runs the seeds.

    ``start`` starts an executor for ``size`` workers, once more if one of the exceptions ``lost`` tells that some have
    ended.
    """

    start: Callable[[], Executor]
    size: int
    lost: tuple[type[Exception], ...]


def here(count: int) -> Workers:
    """Return so many processes of this machine. They share nothing with this one that could differ between runs."""

    def start() -> Executor:
        return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent)

    return Workers(start, count, (BrokenProcessPool,))


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def sweep(question: Question, seeds: Sequence[int], workers: Workers | None = None) -> Iterator[list[Trial]]:
    """Run ``seeds`` and yield what came of them, a handful at a time, as they are done.

    :param workers: who runs them, ``None`` for this process.
    :raises Mistake: if a system under test is none.
    :raises InternalError: if some seeds end every worker that is given them.
    """
    waiting = deque(seeds[k : k + _HANDFUL] for k in range(0, len(seeds), _HANDFUL))
    if workers is None:
        yield from (_trials(question, handful) for handful in waiting)
        return
    fruitless = 0
    while waiting:
        executor = workers.start()
        pending: dict[Future[list[Trial]], Sequence[int]] = {}
        try:
            while waiting or pending:
                while waiting and len(pending) < _WAITING * workers.size:
                    pending[executor.submit(_trials, question, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    done = future.result()
                    del pending[future]
                    fruitless = 0
                    yield done
        except workers.lost as error:
            fruitless += 1
            for future in [each for each in pending if _succeeded(each)]:
                del pending[future]
                fruitless = 0
                yield future.result()
            waiting.extendleft(reversed(pending.values()))
            if fruitless >= _ATTEMPTS:
                seed = f"seeds {waiting[0][0]} and after"
                raise InternalError(seed, "the workers ended that were to run them (out of memory?)") from error
        finally:
            for future in pending:
                future.cancel()
            executor.shutdown(wait=False)


def _succeeded(future: Future[list[Trial]]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _trials(question: Question, seeds: Sequence[int]) -> list[Trial]:
    """Run a handful of seeds: what a worker is given."""
    if question.version != VERSION:
        why = f"it has fdl-harness {VERSION}, and not {question.version}; install the same on every machine"
        raise InternalError("a worker", why)
    return [run_trial(question, seed) for seed in seeds]
