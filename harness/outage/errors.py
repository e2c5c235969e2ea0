"""What is wrong with a record of an outage, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.problems import Problem

__all__ = ["RecordError", "told"]

_TOLD_LIMIT = 20


class RecordError(ValueError):
    """A record that cannot be read. ``problems`` are all that is wrong with it, in order of place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(told(self.problems)))

    def __reduce__(self) -> tuple[type[RecordError], tuple[tuple[Problem, ...]]]:
        """Let it survive the way back from a worker, too."""
        return RecordError, (self.problems,)


def told(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield a line for each of the first problems, and one that says how many more there are."""
    yield from map(str, problems[:_TOLD_LIMIT])
    if len(problems) > _TOLD_LIMIT:
        yield f"... and {len(problems) - _TOLD_LIMIT} more"
