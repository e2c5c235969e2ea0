"""Verdicts are data: what a rule found when it judged a history.

A rule looks at every occasion on which a history puts it to the test and reports each to a `Tally`. A rule
that was never put to the test is `unknown`, never green; so is one that crashed while judging, and says so.

Many rules have a boundary, a number at which they begin to say something else: 24 h, a capacity, the end of a range.
Such a rule also reports on which side of it each occasion lay, those included on which it asks for nothing: a stop of
23 h is no test of what a stop of more than 24 h brings, and yet it shows that the rule was not taken for one of 23 h.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

__all__ = ["MOST_EXAMPLES", "Finding", "Judgement", "Ruling", "Sides", "Tally"]

#: How many violations of one rule are kept.
MOST_EXAMPLES = 100


class Ruling(Enum):
    """The three values of a judgement."""

    HELD = "held"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One occasion that matters: when (true us), at which node (``None``: the server), and what, in a sentence."""

    at_us: int
    node: str | None
    message: str


class Sides(NamedTuple):
    """How many occasions lay below a rule's boundary, exactly at it, and above it."""

    below: int = 0
    at: int = 0
    above: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one rule made of one history.

    ``tested`` counts the occasions, ``violations`` those that broke the rule, ``examples`` are the earliest of them in
    order of time (at most `MOST_EXAMPLES`), ``notes`` are findings that explain without violating (a grace, an
    attributed overlap). ``trouble`` says why a rule is unknown although something was to be judged: it crashed, or is
    not judged yet. ``sides`` says where the occasions lay, ``None`` for a rule without a boundary, and where nodes were
    judged in rank, whose sides nobody counts.
    """

    rule: str
    ruling: Ruling
    tested: int
    violations: int = 0
    examples: Sequence[Finding] = ()
    notes: Sequence[Finding] = ()
    trouble: str = ""
    sides: Sides | None = None

    @property
    def first(self) -> Finding | None:
        """The earliest violation."""
        return self.examples[0] if self.examples else None


class Tally:
    """Collects the occasions of one rule while it judges."""

    def __init__(self) -> None:
        self.tested = 0
        self.violations = 0
        self.examples: list[Finding] = []
        self.notes: list[Finding] = []
        self._sides = [0, 0, 0]

    def side(self, distance: int, count: int = 1) -> None:
        """Count ``count`` occasions that lay ``distance`` from the boundary: below it, exactly at it, or above it.

        It is a whole number of whatever the boundary is told in: ticks, slots, addresses.
        """
        self._sides[1 + (distance > 0) - (distance < 0)] += count

    @property
    def sides(self) -> Sides:
        """Where the occasions lay."""
        return Sides(*self._sides)

    def passed(self, count: int = 1) -> None:
        """Count ``count`` occasions on which the rule held."""
        self.tested += count

    def broken(self, at_us: int, node: str | None, message: str) -> None:
        """Count one occasion on which the rule was broken. The earliest are kept as examples."""
        self.tested += 1
        self.violations += 1
        insort(self.examples, Finding(at_us=at_us, node=node, message=message), key=lambda each: each.at_us)
        del self.examples[MOST_EXAMPLES:]

    def note(self, at_us: int, node: str | None, message: str) -> None:
        """Keep something that explains the history without breaking the rule."""
        self.notes.append(Finding(at_us=at_us, node=node, message=message))

    def judgement(self, rule: str) -> Judgement:
        """Return the verdict on everything counted so far."""
        untested_or_held = Ruling.HELD if self.tested else Ruling.UNKNOWN
        ruling = Ruling.VIOLATED if self.violations else untested_or_held
        return Judgement(
            rule=rule,
            ruling=ruling,
            tested=self.tested,
            violations=self.violations,
            examples=tuple(self.examples),
            notes=tuple(self.notes),
            sides=self.sides,
        )
