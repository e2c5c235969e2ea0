"""Checking facts: each by itself, and none can stop the others.

A fact is a function of a `Workshop`, in which it has programs do something and looks at what can be seen of it;
`checks` names the entries of the catalogue that it is about. Its docstring says what is checked. It ends when
everything was as the document states, raises `BrokenError` where something was not, and `NotCheckedError` where this
machine cannot show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from harness.facts.workshop import Workshop

__all__ = ["FACTS", "BrokenError", "Fact", "Found", "NotCheckedError", "Outcome", "about", "check", "checks"]

Fact: TypeAlias = "Callable[[Workshop], None]"

#: The facts that are checked, by the id of their rule.
FACTS: dict[str, Fact] = {}


class Outcome(Enum):
    """What became of a fact."""

    HELD = "held"
    BROKEN = "broken"
    NOT_CHECKED = "not checked"


class BrokenError(Exception):
    """A program does not do what the document states.

    :param expected: what it should do, and ``seen`` what it did.
    :param command: what was typed, as one would type it again.
    """

    def __init__(self, expected: str, seen: str, command: str) -> None:
        super().__init__(f"expected {expected}, saw {seen}; the command was: {command}")
        self.expected = expected
        self.seen = seen
        self.command = command


class NotCheckedError(Exception):
    """This machine cannot show whether a fact holds. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What checking one fact came to.

    ``expected``, ``seen`` and ``command`` say what was wrong with a broken one, ``trouble`` why one was not checked.
    """

    rule: str
    outcome: Outcome
    expected: str = ""
    seen: str = ""
    command: str = ""
    trouble: str = ""


def checks(*ids: str) -> Callable[[Fact], Fact]:
    """Register a function as what checks the rules ``ids``, which the document states more than once."""

    def register(fact: Fact) -> Fact:
        for each in ids:
            assert each not in FACTS, f"{each} is checked already"
            FACTS[each] = fact
        return fact

    return register


def about(rule: str) -> str:
    """Return what is checked of a rule, in a sentence or two; empty if it is no fact."""
    doc = FACTS[rule].__doc__ if rule in FACTS else None
    return " ".join((doc or "").split())


def check(workshop: Workshop, ids: Sequence[str]) -> Iterator[Found]:
    """Yield what checking each of the rules ``ids`` comes to, in their order.

    A fact whose checking crashes is not checked, with the reason as its trouble.
    """
    known: dict[Fact, Found] = {}
    for rule in ids:
        fact = FACTS[rule]
        if fact not in known:
            known[fact] = _check(workshop, fact)
        yield replace(known[fact], rule=rule)


def _check(workshop: Workshop, fact: Fact) -> Found:
    try:
        fact(workshop)
    except BrokenError as error:
        wrong = {"expected": error.expected, "seen": error.seen, "command": error.command}
        return Found(rule="", outcome=Outcome.BROKEN, **wrong)
    except NotCheckedError as error:
        return Found(rule="", outcome=Outcome.NOT_CHECKED, trouble=str(error))
    except Exception as error:
        return Found(rule="", outcome=Outcome.NOT_CHECKED, trouble=f"crashed: {type(error).__name__}: {error}")
    return Found(rule="", outcome=Outcome.HELD)
