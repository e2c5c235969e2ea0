"""A story: everything that a timeline shows, as a plain value that does not know where it comes from.

A run tells one (`told.story_of`); so can a customer's record, whose lanes have marks and few spans, or
both side by side: lanes of the same name, one after the other, each with the side that it shows.

All instants are microseconds since the story's start, whole numbers from 0 to its duration. What is unknown is left
out: a lane without pieces has a clock that nobody knows, and one without spans a status that nobody saw.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

__all__ = [
    "Expected",
    "Finding",
    "Lane",
    "LaneKind",
    "Mark",
    "MarkKind",
    "Piece",
    "Rule",
    "Run",
    "Span",
    "Story",
    "Strip",
    "wall_us",
]


class LaneKind(Enum):
    """What a lane is about. Those that are no node's stay in view however many nodes there are."""

    SERVER = "server"
    NETWORK = "network"
    NODE = "node"


class MarkKind(Enum):
    """What a mark stands for, which decides how it is drawn."""

    POLL = "poll"
    REGISTER = "register"
    UNBIND = "unbind"
    FAILURE = "failure"
    SLOT = "slot"
    EVENT = "event"
    #: A status that somebody looked up.
    SEEN = "seen"
    #: Something to look at: that a prediction and a record differ, say.
    NOTE = "note"


class Span(NamedTuple):
    """From ``start_us`` up to ``end_us`` the lane had this status; ``because`` says why it came to it."""

    start_us: int
    end_us: int
    status: str
    because: str = ""


class Strip(NamedTuple):
    """Something besides the status that lasted: ``what``, such as "access open". Strips may overlap."""

    start_us: int
    end_us: int
    what: str


class Mark(NamedTuple):
    """Something that happened at an instant, told in ``words``."""

    at_us: int
    kind: MarkKind
    words: str


class Run(NamedTuple):
    """So many marks at equal distances, of which the first and the last are known: the polls that changed nothing."""

    first_us: int
    last_us: int
    times: int
    kind: MarkKind
    words: str

    def instants(self) -> Iterator[int]:
        """Yield each of its instants, between the first and the last to the nearest microsecond."""
        gaps = max(self.times - 1, 1)
        for k in range(self.times):
            yield self.first_us + (2 * (self.last_us - self.first_us) * k + gaps) // (2 * gaps)


class Piece(NamedTuple):
    """From ``start_us`` up to ``end_us`` a wall clock ran evenly, from ``start_wall_us`` up to ``end_wall_us``.

    Wall-clock instants are microseconds since the Unix epoch. Where a clock was set there is a gap between the end of
    a piece and the start of the next.
    """

    start_us: int
    end_us: int
    start_wall_us: int
    end_wall_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One line of the timeline.

    ``about`` says in a few words what it is (an address, an application), ``side`` whose view of it this is where
    there is more than one ("observed", "predicted"). ``zone`` is the time zone in which its host shows dates: an IANA
    name, or an offset such as "UTC+08:00". Everything is in order of time; ``spans`` touch each other, from the
    story's start to its end, wherever the status is known.
    """

    name: str
    kind: LaneKind
    about: str = ""
    side: str = ""
    zone: str = "UTC"
    clock: tuple[Piece, ...] = ()
    spans: tuple[Span, ...] = ()
    strips: tuple[Strip, ...] = ()
    marks: tuple[Mark, ...] = ()
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An instant that a verdict rests on, with what was found. ``lane`` is its place in the story, if it is in one."""

    at_us: int
    lane: int | None
    words: str
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What became of one rule: ``ruling`` is held, violated or unknown, ``trouble`` why it could not be judged."""

    id: str
    title: str
    ruling: str
    tested: int = 0
    violations: int = 0
    trouble: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What somebody expected, in words, and whether it was so."""

    words: str
    met: bool
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a timeline shows.

    ``outcome`` is one word for how it ended, ``facts`` are names and values for its head, ``start_us`` is the instant
    of its start on a right wall clock (microseconds since the Unix epoch). ``simulated`` has the page say that it is.
    """

    title: str
    start_us: int
    duration_us: int
    outcome: str = ""
    simulated: bool = True
    facts: tuple[tuple[str, str], ...] = ()
    lanes: tuple[Lane, ...] = ()
    rules: tuple[Rule, ...] = ()
    expectations: tuple[Expected, ...] = ()


def wall_us(clock: Sequence[Piece], at_us: int) -> int | None:
    """Return what a wall clock of these pieces showed at ``at_us``, ``None`` if nobody knows.

    It is exact at the ends of each piece, and within two microseconds between them.
    """
    place = bisect_right(clock, at_us, key=lambda piece: piece.start_us) - 1
    if place < 0 or at_us > clock[place].end_us:
        return None
    piece = clock[place]
    passed_us = at_us - piece.start_us
    if not passed_us:
        return piece.start_wall_us
    gained_us = (piece.end_wall_us - piece.start_wall_us) - (piece.end_us - piece.start_us)
    return piece.start_wall_us + passed_us + gained_us * passed_us // (piece.end_us - piece.start_us)
