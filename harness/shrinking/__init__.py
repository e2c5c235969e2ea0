"""Shrinking: from a scenario that breaks something to the smallest one that still does, as a file to commit.

`engine` makes scenarios smaller, of the `parts` that they have; `targets` says what has to break, `regression` writes
down what is left.
"""

from harness.shrinking.engine import Breaks, Shrunk, shrink
from harness.shrinking.regression import regression
from harness.shrinking.targets import LIVENESS, Target, Unsteady, target_of

__all__ = ["LIVENESS", "Breaks", "Shrunk", "Target", "Unsteady", "regression", "shrink", "target_of"]
