"""Hypothesis makes a scenario smaller: it looks for the lowest answers with which it still breaks.

Hypothesis shrinks what it has found itself. So it is made to find the given scenario first: a backend of ours
(`AsItIs`) answers each of the questions of `harness.shrinking.parts` with "as it is". What follows is Hypothesis's own
work: it lowers the answers, many at once where that goes. What comes of it has new questions, with rounder and shorter
answers than there were before, so it is shrunk again until nothing changes. Nothing is drawn at random, nothing is
stored, and nothing is run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias

from hypothesis import Phase, Verbosity, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, PrimitiveProvider

from harness.faults import timeline_problems
from harness.scenario import Scenario
from harness.scenario_file import Unprintable, content_of
from harness.shrinking.parts import simpler

__all__ = ["Breaks", "Shrunk", "shrink"]

#: Tells at which instant (true us) a scenario breaks, ``None`` if it does not.
Breaks: TypeAlias = Callable[[Scenario], int | None]

_BACKEND = "fdl-harness-as-it-is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The smallest ``scenario`` that was found, when it breaks, and after how many ``runs``.

    ``finished`` tells that nothing smaller was left to try, so that neither the runs nor the patience had run out.
    """

    scenario: Scenario
    breaks_us: int
    runs: int
    finished: bool


def shrink(
    scenario: Scenario, breaks: Breaks, *, most_runs: int = 2_000, tell: Callable[[Shrunk], None] = lambda best: None
) -> Shrunk | None:
    """Return the smallest scenario like ``scenario`` that still breaks, ``None`` if it does not break itself.

    An interrupt (Ctrl-C) ends the search with the smallest one so far.

    :param breaks: tells whether a scenario breaks, and when. It is asked of any scenario at most once, and only of such
        as a file can express.
    :param most_runs: how often it is asked at most.
    :param tell: is given the smallest scenario so far after each run.
    :raises Unprintable: if no file can express ``scenario``, and so nothing like it.
    :raises Exception: whatever ``breaks`` raises.
    """
    content_of(scenario)
    breaks_us = breaks(scenario)
    if breaks_us is None:
        return None
    search = _Search(scenario, breaks_us, breaks, most_runs, tell)
    with suppress(KeyboardInterrupt), _as_it_is():
        while search.round():
            pass
        search.finished = True
    return search.best


class _Enough(KeyboardInterrupt):
    """There were as many runs as there may be. Of all that a test can raise, an interrupt alone ends Hypothesis."""


class _Search:
    """What is known so far."""

    def __init__(
        self, scenario: Scenario, breaks_us: int, breaks: Breaks, most_runs: int, tell: Callable[[Shrunk], None]
    ) -> None:
        self._breaks = breaks
        self._most_runs = most_runs
        self._tell = tell
        self._smallest = scenario
        self._known: dict[Scenario, int | None] = {scenario: breaks_us}
        self.finished = False

    @property
    def best(self) -> Shrunk:
        """The smallest scenario so far."""
        breaks_us = self._known[self._smallest]
        assert breaks_us is not None, "what was kept breaks"
        return Shrunk(scenario=self._smallest, breaks_us=breaks_us, runs=len(self._known), finished=self.finished)

    def round(self) -> bool:
        """Shrink the smallest scenario once, and tell whether that made it smaller."""
        base = self.best
        search = settings(
            backend=_BACKEND,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            max_examples=10,
            verbosity=Verbosity.quiet,
        )

        @st.composite
        def smaller_ones(draw: st.DrawFn) -> Scenario | None:
            return simpler(base.scenario, base.breaks_us, lambda answers: draw(st.integers(0, answers - 1)))

        with suppress(NoSuchExample):
            find(smaller_ones(), self._breaks_too, settings=search, random=Random(0))  # noqa: S311 - it is to repeat
        return self._smallest != base.scenario

    def _breaks_too(self, scenario: Scenario | None) -> bool:
        if scenario is None or timeline_problems(scenario.events):
            return False
        if scenario not in self._known:
            if len(self._known) >= self._most_runs:
                raise _Enough
            # What no file can express would be of no use to anybody.
            self._known[scenario] = self._breaks(scenario) if _is_printable(scenario) else None
            self._tell(self.best)
        if self._known[scenario] is None:
            return False
        # Hypothesis tries nothing that is larger than the smallest so far.
        self._smallest = scenario
        return True


def _is_printable(scenario: Scenario) -> bool:
    try:
        content_of(scenario)
    except Unprintable:
        return False
    return True


class AsItIs(PrimitiveProvider):
    """Answers every question of Hypothesis with the highest number, which is "as it is"."""

    lifetime: ClassVar[Literal["test_case"]] = "test_case"

    def draw_integer(self, min_value: int | None = None, max_value: int | None = None, **more: Any) -> int:
        assert max_value is not None, "every question has a last answer"
        return max_value

    def _unasked(self, *given: Any, **more: Any) -> NoReturn:
        raise AssertionError("there are only questions with numbered answers")

    draw_boolean = draw_float = draw_string = draw_bytes = _unasked


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Let Hypothesis know `AsItIs` for a while."""
    AVAILABLE_PROVIDERS[_BACKEND] = AsItIs
    try:
        yield
    finally:
        del AVAILABLE_PROVIDERS[_BACKEND]
