"""Checking what was observed against the document: what it allows, what it does not, and what the record cannot decide.

A record is incomplete, its clocks are a little wrong and its times coarse. So `seen` says of each line when in true
time it may have been, `evidence` puts the lines in order, and each check (`polls`, `silence`, `stops`, `codes`,
`licensing`) accuses only where no history that fits the record obeys the rule. `findings` is what comes of it.

What is taken for granted, beside what `Terms` says: nothing was put back to an earlier state or copied, each node has
one installation, and reports its own address.
"""

from harness.outage.checking import codes, licensing, polls, silence, stops
from harness.outage.checking.evidence import Terms
from harness.outage.checking.findings import Checked, Open, Proof
from harness.outage.checking.judging import CHECKS, check

__all__ = ["CHECKS", "Checked", "Open", "Proof", "Terms", "check"]

#: The modules whose checks are registered by being imported.
CHECK_MODULES = (codes, licensing, polls, silence, stops)
