"""Safety margins: the exact values of one quantity of a scenario at which what comes of it changes.

`varied` knows what is varied and how a file writes it, `flips` finds the values, and `margins` adds them up over the
phases of the polls.
"""

from harness.envelope.flips import Flip, Quantity, Question, Unplayable
from harness.envelope.margins import Margins, Step, find_margins
from harness.envelope.varied import Notation, Varied, varied

__all__ = [
    "Flip",
    "Margins",
    "Notation",
    "Quantity",
    "Question",
    "Step",
    "Unplayable",
    "Varied",
    "find_margins",
    "varied",
]
