"""Programs that are wrong on purpose: each changes one thing in the process of the right program before that runs.

Its docstring says what it gets wrong, and its declaration which facts are broken by it: those, and no others.
"""

from tests.planted_bugs.programs import issuer, machine_tool, node, server

BUGS = [*machine_tool.BUGS, *issuer.BUGS, *server.BUGS, *node.BUGS]
