"""The workers of a Dask cluster, behind the same interface as the processes of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from distributed import Client
from distributed.scheduler import KilledWorker

from harness.problems import Mistake, shown
from harness.sweep.workers import Workers

__all__ = ["on_dask"]

_TIMEOUT_S = 10
#: A host has no slash and no colon, unless it is an IPv6 address in brackets.
_ADDRESS = re.compile(r"([a-z]+://)?([^][/:\s]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


@contextmanager
def on_dask(address: str) -> Iterator[Workers]:
    """Connect to the scheduler of a cluster, such as ``tcp://10.0.0.1:8786``. Its workers have this harness installed.

    :raises Mistake: if that is no address, none answers there, or it has no workers.
    """
    # Dask takes any word for a host, and looks for it until its time is up.
    if not _ADDRESS.fullmatch(address):
        raise Mistake(shown(address), "the address of a Dask scheduler: tcp://host:port, or host:port")
    try:
        client: Any = Client(address, timeout=_TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, ImportError) as error:
        raise Mistake(
            f"no Dask scheduler at {address} ({next(iter(str(error).splitlines()), type(error).__name__)})",
            "the address of one that runs, such as tcp://10.0.0.1:8786",
        ) from None
    with client:
        count = sum(client.nthreads().values())
        if not count:
            raise Mistake(f"a Dask scheduler without workers at {address}", f"some: dask worker {address}")
        yield Workers(lambda: client.get_executor(pure=False), count, (KilledWorker, CancelledError))
