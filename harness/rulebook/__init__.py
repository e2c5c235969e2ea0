"""The rule book: every documented rule, and a judge for each that this world can put to the test.

It is a second, independent statement of the law. It sees the scenario, the trace and the reading, and shares nothing
with the machines but the protocol.
"""

from harness.rulebook import addresses, administration, capacity, codes, contact, grants, identity, machines, outages
from harness.rulebook.catalogue import Entry, catalogue
from harness.rulebook.judging import BOUNDARIES, JUDGES, judge
from harness.rulebook.verdicts import Finding, Judgement, Ruling, Sides

__all__ = ["BOUNDARIES", "JUDGES", "Entry", "Finding", "Judgement", "Ruling", "Sides", "catalogue", "judge"]

#: The modules whose rules are registered by being imported.
RULE_MODULES = (addresses, administration, capacity, codes, contact, grants, identity, machines, outages)
