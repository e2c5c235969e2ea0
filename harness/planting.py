"""Programs that are wrong on purpose, so that facts can be seen to notice.

A *planted bug* of a program is a function that changes one thing in the process of the right program before that runs.
It is declared where it is written, in a module that is read by itself::

    BUGS = ProgramBugs("fdl-server")

    @BUGS.breaking("R079", "R124")
    def english_by_default() -> None:
        \"""Speaks English unless it is told otherwise.\"""
        change("reference_server.program.cli.DEFAULT_LANGUAGE", "en")

`plant` puts the command that is wrong into a folder; those commands then take the place of the installed ones.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypeAlias

__all__ = ["ProgramBug", "ProgramBugs", "change", "plant", "wrap"]

Change: TypeAlias = Callable[[], None]

_SCRIPT = """\
#!{python}
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("planted", {file!r})
planted = module_from_spec(spec)
spec.loader.exec_module(planted)
planted.{name}()
from {home} import {main}
{main}()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramBug:
    """One planted bug of a program.

    ``wrong`` is what it gets wrong, in a sentence. ``breaks`` are the ids of the facts that it breaks, all of them.
    ``command`` is the program, and ``change`` what makes it wrong.
    """

    name: str
    wrong: str
    breaks: tuple[str, ...]
    command: str
    change: Change


class ProgramBugs(list[ProgramBug]):
    """The bugs of a module, in the order in which they are declared.

    :param command: the program that they are bugs of.
    """

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def breaking(self, *rules: str) -> Callable[[Change], Change]:
        """Declare the decorated function as a bug that breaks the facts ``rules``.

        Its name is the bug's, its docstring says what is wrong.
        """

        def declare(change: Change) -> Change:
            wrong = " ".join((change.__doc__ or "").split())
            bug = ProgramBug(name=change.__name__, wrong=wrong, breaks=rules, command=self._command, change=change)
            self.append(bug)
            return change

        return declare


def change(target: str, new: object) -> None:
    """Put ``new`` in the place of ``target``, a dotted name."""
    place, _, name = target.rpartition(".")
    setattr(resolve_name(place), name, new)


def wrap(target: str, around: Callable[[Any], object]) -> None:
    """Put what ``around`` makes of ``target``, a dotted name, in its place."""
    change(target, around(resolve_name(target)))


def plant(bug: ProgramBug, folder: Path) -> None:
    """Put the command of ``bug`` into ``folder``. The module that declares it has to import nothing beside it."""
    from importlib.metadata import entry_points

    (found,) = entry_points(group="console_scripts", name=bug.command)
    home, _, main = found.value.partition(":")
    file = str(Path(inspect.getfile(bug.change)).resolve())
    script = folder / bug.command
    script.write_text(
        _SCRIPT.format(python=sys.executable, file=file, name=bug.name, home=home, main=main), encoding="utf-8"
    )
    script.chmod(0o755)
