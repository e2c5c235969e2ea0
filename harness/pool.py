"""Work on processes of this machine whose results come in order, and how it is told that the harness is at fault.

Where the order does not matter and a worker may be lost, as in a sweep, there is `harness.sweep.workers`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["InternalError", "in_order"]

Item = TypeVar("Item")
Done = TypeVar("Done")


class InternalError(Exception):
    """A run that raised, which is a fault of the harness whatever the scenario says: which ``run``, and ``why``."""

    def __init__(self, run: str, why: str) -> None:
        # Both are arguments of the exception, so that it survives the way back from a worker.
        super().__init__(run, why)
        self.run = run
        self.why = why

    def __str__(self) -> str:
        return f"{self.run}: {self.why}"


def in_order(
    task: Callable[[Item], Done], items: Iterable[Item], workers: int, begin: Callable[[], None] | None = None
) -> Iterator[Done]:
    """Yield what ``task`` makes of each of ``items``, in order, on so many ``workers``.

    :param begin: is called in each worker before anything else.
    :raises InternalError: if a worker ended, after the results before it.
    """
    # Spawned workers share nothing with this process that could differ between runs.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(begin,)) as pool:
        try:
            yield from pool.map(partial(_interruptible, task), items)
        except BrokenProcessPool as error:
            why = "it ended before it was through (out of memory?); try fewer of them"
            raise InternalError("a worker", why) from error


def _begin(begin: Callable[[], None] | None) -> None:
    # An interrupt ends what a worker is at. One that waits for work would only say where it waits.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if begin is not None:
        begin()


def _interruptible(task: Callable[[Item], Done], item: Item) -> Done:
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return task(item)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
