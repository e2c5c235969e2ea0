"""Sessions for the tests: three nodes, one slot each, for four days."""

from __future__ import annotations

from harness.console.played import Played, Settings
from harness.console.session import Session
from harness.scenario_file import Document
from reference_server.readings import LITERAL

HOUR = 3_600_000_000
LITERALLY = Settings(reading=LITERAL)

#: fdl-1 is registered at 0, fdl-2 at 40 min, fdl-3 at 1 h 20 min.
THREE = """
title = "Three nodes"
rules = ["R031"]
start = 2026-03-01T00:00:00Z
duration = "4d"

[licence]
capacity = 3
addresses = ["192.168.100.25 - 192.168.100.40"]

[[nodes]]
name = "fdl"
count = 3
address = "192.168.100.25"
application = "report1"
spread = "40m"

[[expect]]
at = "3d"
node = "*"
status = "registered"
"""


def session(text: str = THREE) -> Session:
    return Session.of(Document(text, "three.toml"))


def played(given: Session) -> Played:
    return Played(given.world.scenario, LITERALLY)
