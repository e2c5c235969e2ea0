"""What this machine can do: which wires and which extras can be used here, and how to get the others."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from platform import platform, python_version
from typing import NamedTuple

from harness.wires.limits import missing_for
from harness.wires.names import WIRES

__all__ = ["EXTRAS", "Check", "checks", "machine_line"]

#: Each extra with a module that it brings, and what it is for.
EXTRAS = {
    "pytest": ("pytest", "scenarios as tests, and the fixture of a world"),
    "validators": ("hypothesis", "property tests of a validator, and shrinking"),
    "systems": ("freezegun", "servers and nodes of one's own that ask for the time"),
    "console": ("sse_starlette", "the live console"),
    "plots": ("matplotlib", "curves of margins, and pictures of runs"),
    "parquet": ("pyarrow", "traces as Parquet"),
    "dask": ("distributed", "sweeps over many machines"),
    "netns": ("pyroute2", "the wire between kernel hosts"),
}


class Check(NamedTuple):
    """One thing that can be used or not. ``missing`` is what it lacks and how to get that, nothing if it is there."""

    kind: str
    name: str
    what: str
    missing: tuple[str, ...]


def machine_line() -> str:
    """Return what runs here: versions of the harness, of Python and of the system."""
    return f"fdl-harness {version('fdl-harness')}, Python {python_version()}, {platform(terse=True)}"


def checks() -> Iterator[Check]:
    """Yield what can be used on this machine and what cannot: the wires, then the extras."""
    for wire, what in WIRES.items():
        yield Check("wire", wire, what, missing_for(wire))
    for extra, (module, what) in EXTRAS.items():
        lacks = () if find_spec(module) is not None else (f"pip install 'fdl-harness[{extra}]'",)
        yield Check("extra", extra, what, lacks)
