"""Facts of the document, checked against the real programs: file names, options, exit codes, labels, refusals.

What a simulation cannot show, the programs can: `fdl-machine`, `fdl-issuer`, `fdl-server` and `fdl-node` are run as
somebody would run them, on loopback and on pretended machines, and what they do is compared with what the document
states. Nothing of them is imported.
"""

from harness.facts import applying, destroying, issuing, machine_tool, nodes, pages, serving
from harness.facts.checking import FACTS, Found, Outcome, about, check
from harness.facts.noticing import check_against
from harness.facts.workshop import Workshop

__all__ = ["FACTS", "Found", "Outcome", "Workshop", "about", "check", "check_against"]

#: The modules whose facts are registered by being imported.
FACT_MODULES = (applying, destroying, issuing, machine_tool, nodes, pages, serving)
