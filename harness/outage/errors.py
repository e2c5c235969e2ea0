"""What is wrong with a record of an outage, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from harness.problems import Problem

__all__ = ["RecordError", "told"]

_TOLD_LIMIT = 20


class RecordError(ValueError):
    """A record that cannot be read. ``problems`` are all that is wrong with it, in order of place.

    ``lenient`` tells that more than nothing is left if what cannot be read is left out.
    """

    def __init__(self, problems: Iterable[Problem], *, lenient: bool = False) -> None:
        self.lenient = lenient
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(told(self.problems)))

    def __reduce__(self) -> tuple[partial[RecordError], tuple[tuple[Problem, ...]]]:
        """Let it survive the way back from a worker, too."""
        return partial(RecordError, lenient=self.lenient), (self.problems,)


def told(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield a line for each of the first problems, and one that says how many more there are."""
    yield from map(str, problems[:_TOLD_LIMIT])
    if len(problems) > _TOLD_LIMIT:
        yield f"... and {len(problems) - _TOLD_LIMIT} more"
