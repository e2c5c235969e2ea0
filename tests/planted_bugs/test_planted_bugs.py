"""Every planted bug is caught by a rule that it breaks, in the scenario library, and every judged rule catches one.

The bugs are tried as ``fdl-harness prove`` tries them: in one scenario after the other, until one of their rules is
violated where the right machines violate none.
"""

from __future__ import annotations

from functools import cache

import pytest

from fake_fdl_nodes.node import Node
from harness.library import find_scenarios, library_path
from harness.proof import Bug, Proof, Prover
from harness.rulebook import JUDGES
from harness.scenario_file import load
from harness.wires import Memory
from reference_server.authority import Authority
from tests.planted_bugs import BUGS

BY_NAME = {bug.name: bug for bug in BUGS}


@cache
def prover() -> Prover:
    return Prover([load(file) for file in find_scenarios(library_path())])


@cache
def proof_of(name: str) -> Proof:
    return prover().prove(BY_NAME[name])


@pytest.mark.parametrize("name", BY_NAME)
def test_it_is_caught_by_a_rule_that_it_breaks(name: str) -> None:
    proof = proof_of(name)
    assert proof.raised == ""
    assert proof.caught, f"caught by {[catch.rule for catch in proof.also]} alone"
    assert {catch.rule for catch in proof.caught} <= set(BY_NAME[name].breaks)


@pytest.mark.parametrize("rule", sorted(JUDGES))
def test_a_judged_rule_catches_a_bug(rule: str) -> None:
    proofs = (proof_of(bug.name) for bug in BUGS if rule in bug.breaks)
    assert any(rule in [catch.rule for catch in proof.caught] for proof in proofs)


def test_there_are_enough_and_no_two_are_called_alike() -> None:
    assert len(BUGS) == len(BY_NAME)
    assert len(BUGS) >= 120


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_says_what_it_gets_wrong_and_is_wrong_somewhere(bug: Bug) -> None:
    # A sentence that fits in a line of the table; the longer ones go on in the docstring.
    assert bug.wrong.endswith(".")
    assert len(bug.wrong) <= 140
    assert (bug.server, bug.node, bug.wire) != (Authority, Node, Memory)
