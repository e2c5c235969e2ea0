"""The library against the server program in a process of its own: what nodes see is what they see over `memory`.

Over these wires nobody can say how many slots are live while the server is down. So that the rest of such a scenario is
compared all the same, it goes without the statements that keep it from being run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.runner import Job, Outcome, run_one
from harness.scenario import Scenario, Verb
from harness.scenario_file import load
from harness.trace import Trace
from harness.wires.limits import why_not
from reference_server.readings import LITERAL
from tests.harness.wires.library import FILES, LARGE, named, rulings, seen_at_nodes

CRASHES = (Verb.SERVER_CRASH_AT, Verb.DISK_FILL)
#: Over `netns` they are skipped: one has the address of all hosts, one a copied server, others very many nodes.
WITHOUT_HOSTS: tuple[str, ...] = (*LARGE, "addresses/whole_span", "clones/cloned_server")


@pytest.mark.wire("tls")
@pytest.mark.parametrize("file", FILES, ids=named)
def test_the_same_over_tls(file: Path) -> None:
    same(expressible(file, "tls"), "tls")


@pytest.mark.wire("netns")
@pytest.mark.parametrize("file", FILES, ids=named)
def test_the_same_over_netns(file: Path) -> None:
    scenario = expressible(file, "netns")
    if named(file).startswith(WITHOUT_HOSTS):
        assert run_one(Job(scenario=scenario, reading=LITERAL, wire="netns")).outcome is Outcome.SKIPPED
    else:
        same(scenario, "netns")


def expressible(file: Path, wire: str) -> Scenario:
    """Return a scenario with those of its expectations that the wire can express."""
    scenario = load(file)
    if any(event.verb in CRASHES for event in scenario.events):
        # When the server is down, only the run shows.
        return replace(scenario, expects=tuple(each for each in scenario.expects if each.registered is None))
    alone = [replace(scenario, expects=(expect,)) for expect in scenario.expects]
    # What cannot be expressed in any case is no reason to leave an expectation out.
    why = why_not(replace(scenario, expects=()), LITERAL, wire)
    return replace(scenario, expects=tuple(each.expects[0] for each in alone if why_not(each, LITERAL, wire) == why))


def same(scenario: Scenario, wire: str) -> None:
    here = run_one(Job(scenario=scenario, reading=LITERAL, every_poll=True))
    there = run_one(Job(scenario=scenario, reading=LITERAL, wire=wire))
    assert there.skipped is None
    assert rulings(there) == rulings(here)
    assert (there.outcome, there.unmet) == (here.outcome, here.unmet)
    assert seen_at_nodes(there.trace) == seen_at_nodes(here.trace)
    assert answers(there.trace) == answers(here.trace)


def answers(trace: Trace) -> object:
    """Return what the server made of each request, and the date that it gave."""
    return [(each.node, each.number, each.arrived_us, each.verdict, each.server_time_us) for each in trace.exchanges]
