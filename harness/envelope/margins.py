"""What was found over all phases, added up: how many nodes survive at which value, and the like."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from harness.envelope.flips import NODE_SURVIVES, Flip, Phase, Quantity, Question, explore
from harness.pool import in_order

__all__ = ["Margins", "Step", "find_margins"]


@dataclass(frozen=True, slots=True)
class Step:
    """From ``first`` to ``last``, both included, something is so ``holding`` times of ``total``."""

    first: int
    last: int
    holding: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What was found: the answer to ``question``, phase by phase."""

    question: Question
    phases: tuple[Phase, ...]

    @property
    def runs(self) -> int:
        """How many runs it took."""
        return sum(phase.runs for phase in self.phases)

    @property
    def reading(self) -> str:
        """The name of the reading that was run under."""
        return self.phases[0].reading

    def survivors(self) -> list[Step]:
        """Return how many nodes survive, all phases together, by the value."""
        return self._steps(lambda quantity: quantity.kind == "node", NODE_SURVIVES)

    def of(self, quantity: Quantity, values: Container[str]) -> list[Step]:
        """Return in how many phases ``quantity`` comes to one of ``values``."""
        return self._steps(lambda other: other == quantity, values)

    def quantities(self, kind: str) -> list[Quantity]:
        """Return what was observed of this kind, at any value, in the order of the file or the rule book."""
        lowest = [quantity for phase in self.phases for quantity in phase.lowest]
        flipped = [flip.quantity for phase in self.phases for flip in phase.flips]
        seen = dict.fromkeys(quantity for quantity in lowest + flipped if quantity.kind == kind)
        return sorted(seen, key=lambda each: (each.line, each.name))

    def rows(self) -> list[tuple[Flip, tuple[int, ...]]]:
        """Return each flip once, with the phases that have it, in order of values."""
        phases: dict[Flip, list[int]] = {}
        for number, phase in enumerate(self.phases):
            for flip in phase.flips:
                phases.setdefault(flip, []).append(number)
        # What happens at the same value stays in the order of observation: nodes, rules, expectations.
        return [(flip, tuple(having)) for flip, having in sorted(phases.items(), key=lambda item: item[0].below)]

    def _steps(self, is_meant: Callable[[Quantity], bool], values: Container[str]) -> list[Step]:
        state = [
            {quantity: value for quantity, value in phase.lowest.items() if is_meant(quantity)} for phase in self.phases
        ]
        holding = sum(value in values for each in state for value in each.values())
        total = sum(map(len, state))
        steps, first = [], self.question.varied.low
        for below, flips in groupby(self._flips(is_meant), key=lambda each: each[1].below):
            was = (holding, total)
            for _, flip in flips:
                holding += (flip.after in values) - (flip.before in values)
                total += (flip.before == "absent") - (flip.after == "absent")
            if (holding, total) != was:
                steps.append(Step(first, below, *was))
                first = below + 1
        return [*steps, Step(first, self.question.varied.high, holding, total)]

    def _flips(self, is_meant: Callable[[Quantity], bool]) -> Iterator[tuple[int, Flip]]:
        meant = [
            (number, flip)
            for number, phase in enumerate(self.phases)
            for flip in phase.flips
            if is_meant(flip.quantity)
        ]
        yield from sorted(meant, key=lambda each: each[1].below)


def find_margins(question: Question, workers: int = 1, advance: Callable[[int], None] = lambda steps: None) -> Margins:
    """Find every flip under each phase, on ``workers`` processes, a phase at a time.

    :param advance: is told of so many steps more that are done, `Question.steps` in each phase.
    :raises Unplayable: if the scenario cannot be played at a value that has to be probed.
    :raises InternalError: if the harness itself is at fault.
    """
    phases = [explore(question, 0, advance=advance)]
    known = tuple(dict.fromkeys(flip.below for flip in phases[0].flips))
    others = range(1, question.phases)
    if workers <= 1 or not others:
        phases += [explore(question, each, known, advance) for each in others]
    else:
        for phase in in_order(partial(explore, question, known=known), others, min(workers, len(others))):
            phases.append(phase)
            advance(question.steps)
    return Margins(question=question, phases=tuple(phases))
