"""Draws of a random world: each is named, and depends on the seed and on its name alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

from harness.chance import chosen, happens

__all__ = ["Draws"]

Item = TypeVar("Item")


class Draws:
    """The draws of one ``seed`` for one purpose, such as ``("event", 3)``: one more elsewhere changes none of these."""

    def __init__(self, seed: int, *purpose: int | str) -> None:
        self._seed = seed
        self._purpose = purpose

    def of(self, *purpose: int | str) -> Draws:
        """Return the draws for a purpose within this one."""
        return Draws(self._seed, *self._purpose, *purpose)

    def pick(self, what: str, among: Sequence[Item]) -> Item:
        """Return one of ``among``, each as likely as the others; one that stands twice is twice as likely."""
        return among[chosen(len(among), self._seed, *self._purpose, what)]

    def number(self, what: str, low: int, high: int) -> int:
        """Return a number from ``low`` to ``high``, both included."""
        return low + chosen(high - low + 1, self._seed, *self._purpose, what)

    def happens(self, what: str, percent: int) -> bool:
        """Tell whether something that has a chance of ``percent`` in a hundred happens."""
        return happens(Fraction(percent), self._seed, *self._purpose, what)
