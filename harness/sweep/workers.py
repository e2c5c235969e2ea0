"""Many numbers, a handful at a time, on workers: processes of this machine, or of a cluster (`harness.sweep.cluster`).

Both are an executor of `concurrent.futures`. A worker that is killed loses only what it was at, which is run again.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

from harness.runner import InternalError

__all__ = ["Workers", "here", "spread"]

Done = TypeVar("Done")

#: So many handfuls wait for each worker.
_WAITING = 3
#: So often in a row all workers may end without a handful done.
_ATTEMPTS = 3


class Workers(NamedTuple):
    """Who does the work.

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


def spread(
    task: Callable[[Sequence[int]], Done], numbers: Iterable[int], workers: Workers | None = None, handful: int = 25
) -> Iterator[tuple[int, Done]]:
    """Have ``task`` done for all of ``numbers``, a handful at a time, and yield of how many it was done, and what came.

    Numbers are asked for as workers are free to take them, so there may be any number of them.

    :param workers: who does it, ``None`` for this process.
    :raises InternalError: if some numbers end every worker that is given them.
    """
    fresh = _handfuls(numbers, handful)
    if workers is None:
        yield from ((len(some), task(some)) for some in fresh)
        return
    # What lost workers were at, and the next that nobody had, as long as there is one.
    waiting = deque(islice(fresh, 1))
    fruitless = 0
    while waiting:
        executor = workers.start()
        pending: dict[Future[Done], Sequence[int]] = {}
        try:
            while waiting or pending:
                while waiting and len(pending) < _WAITING * workers.size:
                    pending[executor.submit(task, waiting[0])] = waiting[0]
                    waiting.popleft()
                    if not waiting:
                        waiting.extend(islice(fresh, 1))
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    done = future.result()
                    fruitless = 0
                    yield len(pending.pop(future)), done
        except workers.lost as error:
            fruitless += 1
            for future in [each for each in pending if _succeeded(each)]:
                fruitless = 0
                yield len(pending.pop(future)), future.result()
            waiting.extendleft(reversed(pending.values()))
            if fruitless >= _ATTEMPTS:
                first = f"number {waiting[0][0]} and after"
                raise InternalError(first, "the workers ended that were to run them (out of memory?)") from error
        finally:
            for future in pending:
                future.cancel()
            executor.shutdown(wait=False)


def _handfuls(numbers: Iterable[int], size: int) -> Iterator[Sequence[int]]:
    left = iter(numbers)
    while some := tuple(islice(left, size)):
        yield some


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
