"""Random draws by name: each is a function of the seed and of what it is drawn for, and of nothing else.

There is no generator that somebody else could advance. A draw for the third poll of a node is the same whether the
first two were simulated or skipped, and one more draw elsewhere reshuffles nothing (counter-based streams, as in
Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011; here the counter goes through BLAKE2b).
"""

from __future__ import annotations

import hashlib
from decimal import Context, Decimal
from fractions import Fraction

__all__ = ["Distribution", "amount_us", "chosen", "happens"]

_SPAN = 1 << 64
#: Logarithms and powers of `Decimal` are rounded right, so every platform draws the same.
_EXACT = Context(prec=28)
#: The shape of the Pareto distribution: heavy-tailed, with a mean that exists.
_PARETO_SHAPE = Decimal("2.5")


class Distribution:
    """The names of the distributions of `amount_us`."""

    CONSTANT = "constant"
    UNIFORM = "uniform"
    NORMAL = "normal"
    EXPONENTIAL = "exponential"
    PARETO = "pareto"


def _draw(seed: int, *what: int | str) -> int:
    """Return a number from 0 up to but not including 2**64."""
    text = " ".join(map(str, (seed, *what)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def happens(percent: Fraction, seed: int, *what: int | str) -> bool:
    """Tell whether something that has a chance of ``percent`` in a hundred happens."""
    return percent >= 100 or _draw(seed, *what) * 100 < percent * _SPAN


def chosen(count: int, seed: int, *what: int | str) -> int:
    """Return one of the places 0 to ``count - 1``, each as likely as the others."""
    return _draw(seed, *what) * count >> 64


def amount_us(distribution: str, jitter_us: int, seed: int, *what: int | str) -> int:
    """Return a random amount of time in whole microseconds.

    ``constant`` 0; ``uniform`` from -jitter to +jitter; ``normal`` around 0 with the jitter as its standard deviation
    (the sum of twelve uniform draws, so within six of them); ``exponential`` with the jitter as its mean; ``pareto``
    above 0 with the jitter as its scale: most are small, a few are very long.
    """
    if distribution == Distribution.CONSTANT or not jitter_us:
        return 0
    if distribution == Distribution.NORMAL:
        total = sum(_draw(seed, *what, k) for k in range(12))
        return (total - 6 * _SPAN) * jitter_us // _SPAN
    drawn = _draw(seed, *what)
    if distribution == Distribution.UNIFORM:
        return (drawn * (2 * jitter_us + 1) >> 64) - jitter_us
    share = Decimal(drawn + 1) / _SPAN  # Above 0, at most 1.
    if distribution == Distribution.EXPONENTIAL:
        return int(-_EXACT.ln(share) * jitter_us)
    return int((_EXACT.power(share, -1 / _PARETO_SHAPE) - 1) * jitter_us)
