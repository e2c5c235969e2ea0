"""Whether facts notice a program that is wrong on purpose (`harness.planting`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.facts.checking import Found, check
from harness.facts.workshop import Workshop
from harness.planting import ProgramBug, plant

__all__ = ["PATIENCE_S", "check_against"]

#: What a wrong program does not do is not waited for as long as a slow machine may need, in seconds.
PATIENCE_S = 5.0


def check_against(bug: ProgramBug, rules: Sequence[str]) -> list[Found]:
    """Return what checking each of ``rules`` comes to where the program of ``bug`` is run in place of the right one.

    It is noticed if just the facts that it breaks are broken.
    """
    with TemporaryDirectory(prefix="fdl-planted-") as folder:
        # Somebody else than the administrator runs it, too.
        Path(folder).chmod(0o755)
        plant(bug, Path(folder))
        with Workshop(Path(folder), patience_s=PATIENCE_S) as workshop:
            return list(check(workshop, rules))
