"""Work on processes of this machine: in order, and what is told of one that ends or is interrupted."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from harness.pool import InternalError, _interruptible, in_order

#: What becomes of an interrupt before anything is done, in a worker that has begun.
_BEGUN: list[object] = []


def begun_with(item: int) -> tuple[int, list[object]]:
    return item, _BEGUN


def ends_at(fatal: int, item: int) -> int:
    if item == fatal:
        os._exit(1)
    return item


def interrupts_itself(item: int) -> str:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        return f"{item} was interrupted"
    return f"{item} was not"


def begin() -> None:
    _BEGUN.append(signal.getsignal(signal.SIGINT))


def test_results_come_in_order_from_workers_that_have_begun() -> None:
    found = list(in_order(begun_with, range(7), 2, begin))
    assert found == [(item, [signal.SIG_IGN]) for item in range(7)]
    assert _BEGUN == []  # A worker shares nothing with this process.


def test_a_worker_that_ends_is_told_of_after_the_results_before_it() -> None:
    results = in_order(partial(ends_at, 1), range(3), 1)
    assert next(results) == 0
    with pytest.raises(InternalError, match=r"a worker: it ended before it was through .*; try fewer of them"):
        next(results)


def test_an_interrupt_ends_what_a_worker_is_at() -> None:
    assert list(in_order(interrupts_itself, range(2), 1)) == ["0 was interrupted", "1 was interrupted"]


def test_a_worker_that_waits_for_work_says_nothing_of_an_interrupt() -> None:
    # What a worker does is done here, since from outside nobody sees when it has come to wait.
    before = signal.getsignal(signal.SIGINT)
    try:
        assert _interruptible(handles_interrupts, 0) is signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        with pytest.raises(ZeroDivisionError):
            _interruptible(partial(divmod, 1), 0)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def handles_interrupts(_: int) -> object:
    return signal.getsignal(signal.SIGINT)
