"""What a wire cannot express, told before anything is run.

A scenario is skipped over a wire that cannot express it, and never passed.
"""

from __future__ import annotations

from harness.scenario import Scenario, Verb
from harness.wires.installed import last_day
from harness.wires.names import MEMORY
from reference_server.readings import Reading

__all__ = ["why_not"]


def why_not(scenario: Scenario, reading: Reading, wire: str, *, own_server: bool = False) -> str | None:
    """Return why ``wire`` cannot express ``scenario`` under ``reading``, ``None`` if it can.

    :param own_server: whether the scenario is to be run with a server of somebody's own.
    """
    if wire == MEMORY:
        return None
    if own_server:
        return "a server of one's own is reached in its own way, whatever the wire"
    return _no_licence_file(scenario)


def _no_licence_file(scenario: Scenario) -> str | None:
    """Tell why no licence file can say what the scenario licenses."""
    changes = [event.at_us for event in scenario.events if event.verb is Verb.LICENCE_CHANGE]
    for licence in [scenario.licence, *(scenario.licence_at(at_us) for at_us in changes)]:
        if licence.expires_us is not None:
            try:
                last_day(licence.expires_us)
            except ValueError as error:
                return str(error)
    return None
