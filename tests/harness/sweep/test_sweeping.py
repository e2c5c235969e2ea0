"""Sweeps on processes and on a Dask cluster: the same comes of them, also where workers are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.problems import Mistake
from harness.runner import InternalError
from harness.sweep.sweeping import sweep
from harness.sweep.trial import Question, Trial, run_trial
from harness.sweep.workers import Workers, here, spread
from harness.sweep.worlds import PROFILES

ROOT = Path(__file__).parents[3]
QUESTION = Question()
SEEDS = range(120)


@pytest.fixture(scope="module")
def alone() -> list[Trial]:
    """What comes of the seeds in this process."""
    return [trial for trials in sweep(QUESTION, SEEDS) for trial in trials]


def gathered(trials: Iterator[list[Trial]]) -> list[Trial]:
    return sorted((trial for each in trials for trial in each), key=lambda trial: trial.seed)


def test_the_reference_machines_pass_in_every_world(alone: list[Trial]) -> None:
    assert [trial.seed for trial in alone] == list(SEEDS)
    assert [trial for trial in alone if trial.breaches] == []


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("reading", ["literal", "revive", "twelve-strikes"])
def test_and_in_those_of_every_profile(name: str, reading: str) -> None:
    question = Question(profile=name, reading=reading)
    assert [trial for seed in range(20) if (trial := run_trial(question, seed)).breaches] == []


def test_two_processes_make_the_same_of_it(alone: list[Trial]) -> None:
    assert gathered(sweep(QUESTION, SEEDS, here(2))) == alone


class Mortal(Executor):
    """An executor in this process that dies at its third task, and with it those that were waiting."""

    def __init__(self) -> None:
        self._tasks = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._tasks += 1
        future: Future[Any] = Future()
        if self._tasks > 3:
            raise BrokenProcessPool
        if self._tasks == 3:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_a_worker_that_is_killed_loses_nothing(alone: list[Trial]) -> None:
    assert gathered(sweep(QUESTION, SEEDS, Workers(Mortal, 2, (BrokenProcessPool,)))) == alone


@given(st.integers(0, 40), st.integers(1, 3), st.integers(1, 7))
def test_whoever_dies_each_handful_is_done_once(count: int, size: int, handful: int) -> None:
    numbers = tuple(range(count))
    done = list(spread(tuple, numbers, Workers(Mortal, size, (BrokenProcessPool,)), handful))
    assert sorted(some for _, some in done) == [numbers[k : k + handful] for k in range(0, count, handful)]
    assert all(length == len(some) for length, some in done)
    assert list(spread(tuple, numbers, None, handful)) == sorted(done, key=lambda each: each[1])


@pytest.mark.parametrize("crew", [None, Workers(Mortal, 2, (BrokenProcessPool,))])
def test_numbers_are_asked_for_as_they_are_needed(crew: Workers | None) -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1_000):
            asked.append(number)
            yield number

    results = spread(tuple, numbers(), crew, 10)
    assert next(results) == (10, tuple(range(10)))
    # For each of the two workers there are at most three handfuls, and one is at hand.
    assert len(asked) <= 10 * (2 * 3 + 1)
    assert sum(count for count, _ in results) == 990


class Stillborn(Mortal):
    """An executor of which nothing ever comes."""

    def __init__(self) -> None:
        self._tasks = 2


def test_seeds_that_end_every_worker_are_named() -> None:
    with pytest.raises(InternalError, match="number 50 and after: the workers ended"):
        gathered(sweep(QUESTION, range(50, 60), Workers(Stillborn, 1, (BrokenProcessPool,))))


def test_a_worker_with_another_version_is_told_of() -> None:
    with pytest.raises(InternalError, match="install the same on every machine"):
        gathered(sweep(Question(version="0.0.1"), SEEDS))


def test_what_is_wrong_with_a_server_is_found_and_so_is_what_it_raises() -> None:
    question = Question(server="tests.planted_bugs.leases:NeverVoids")
    found = {breach.what for seed in range(20) for breach in run_trial(question, seed).breaches}
    assert "R034" in found
    question = Question(server="tests.harness.sweep.test_sweeping:raises")
    assert "trouble" in {breach.what for breach in run_trial(question, 0).breaches}
    with pytest.raises(Mistake, match="no_such_thing"):
        run_trial(Question(server="tests.harness.sweep.test_sweeping:no_such_thing"), 0)


def raises(*_: object, **__: object) -> object:
    raise RuntimeError("on purpose")


def test_what_the_harness_raises_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.sweep.trial.run_one", raises)
    (breach,) = run_trial(QUESTION, 5).breaches
    assert (breach.what, breach.message) == ("harness", "RuntimeError: on purpose")


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler, and two workers on this machine."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"]
        quiet = subprocess.DEVNULL
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=subprocess.PIPE))
        return started[-1]

    try:
        scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        assert scheduler.stderr is not None
        line = next(line for line in scheduler.stderr if b"Scheduler at:" in line)
        address = line.split()[-1].decode()
        workers = [start("dask_worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]
        for worker in workers:
            assert worker.stderr is not None
            next(line for line in worker.stderr if b"Registered to:" in line)
        yield address, workers
    finally:
        for each in reversed(started):
            each.kill()
            each.wait()
            assert each.stderr is not None
            each.stderr.close()


def test_a_cluster_makes_the_same_of_it_also_if_a_worker_is_killed(
    alone: list[Trial], cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    from harness.sweep.cluster import on_dask

    address, workers = cluster
    with on_dask(address) as both:
        assert both.size == 2
        assert gathered(sweep(QUESTION, SEEDS, both)) == alone

        def killing() -> Iterator[list[Trial]]:
            for k, trials in enumerate(sweep(QUESTION, SEEDS, both)):
                if k == 1:
                    workers[0].kill()
                yield trials

        assert gathered(killing()) == alone
        assert workers[0].wait() != 0
    workers[1].kill()
    workers[1].wait()
    with pytest.raises(Mistake, match="a Dask scheduler without workers"), on_dask(address):
        pass


def test_no_scheduler_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.sweep import cluster

    monkeypatch.setattr(cluster, "_TIMEOUT_S", 1)
    with pytest.raises(Mistake, match="no Dask scheduler at tcp"), cluster.on_dask("tcp://127.0.0.1:1"):
        pass
    with pytest.raises(Mistake, match="no Dask scheduler at nonsense://x:1"), cluster.on_dask("nonsense://x:1"):
        pass


class Asked(Exception):  # noqa: N818 - no error
    """A scheduler was looked for."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.sweep import cluster

    def client(*_: object, **__: object) -> object:
        raise Asked

    monkeypatch.setattr(cluster, "Client", client)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    "address", ["foo", "", "tcp://foo", "foo:", ":8786", "tcp://:8786", "foo:port", "foo:8786/x", "::1:8786", "a b:1"]
)
def test_what_is_no_address_is_told_without_looking_for_it(address: str) -> None:
    from harness.sweep.cluster import on_dask

    with pytest.raises(Mistake, match=r"found .*, expected the address .*: tcp://host:port, or host:port"):
        on_dask(address).__enter__()


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("address", ["foo:8786", "tcp://10.0.0.1:8786", "tls://a.b-c.example:1", "tcp://[::1]:8786"])
def test_whatever_can_be_an_address_is_looked_for(address: str) -> None:
    from harness.sweep.cluster import on_dask

    with pytest.raises(Asked):
        on_dask(address).__enter__()
