"""Properties of any world, on random ones: cruising changes nothing, and the reference machines break no rule.

The machines and the rule book are two independent statements of the law; here they have to agree on worlds that
nobody thought of.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from harness.rulebook import Ruling, judge
from harness.scenario import Scenario
from harness.world import run
from reference_server.readings import READINGS, Reading
from tests.harness.worlds import quiet_scenarios, scenarios

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", READINGS)
@settings(max_examples=40)
@given(scenario=scenarios())
def test_cruising_changes_nothing_and_no_rule_is_broken(name: str, scenario: Scenario) -> None:
    cruises_and_keeps_the_rules(scenario, READINGS[name])


@pytest.mark.parametrize("name", READINGS)
@settings(max_examples=40)
@given(scenario=quiet_scenarios())
def test_the_same_of_worlds_at_rest(name: str, scenario: Scenario) -> None:
    cruises_and_keeps_the_rules(scenario, READINGS[name])


def cruises_and_keeps_the_rules(scenario: Scenario, rules: Reading) -> None:
    cruised, simulated = run(scenario, rules), run(scenario, rules, every_poll=True)
    assert cruised.digest() == simulated.digest() == run(scenario, rules).digest()
    assert cruised.requests == simulated.requests
    judgements = judge(scenario, rules, cruised)
    # No request is counted that was neither simulated nor cruised.
    for trace in (cruised, simulated):
        assert sum(trace.requests) == len(trace.exchanges) + sum(beat.polls for beat in trace.beats)
    assert [each for each in judgements.values() if each.ruling is Ruling.VIOLATED or each.trouble] == []
    # The verdicts do not depend on cruising either, down to how often, and on which side of its boundary, each rule was
    # put to the test.
    others = judge(scenario, rules, simulated)
    assert {k: (v.ruling, v.tested, v.sides) for k, v in judgements.items()} == {
        k: (v.ruling, v.tested, v.sides) for k, v in others.items()
    }


def test_the_digest_depends_neither_on_the_hash_seed_nor_on_cruising() -> None:
    digests = set()
    for seed, flags in (("0", []), ("1", []), ("4242", ["--every-poll"])):
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", "run", "scenarios/server_stops", *flags],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "CI": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(tuple(line.split()[-1] for line in done.stdout.splitlines() if ".toml" in line))
    (only,) = digests
    assert len(only) == len(list((ROOT / "scenarios" / "server_stops").glob("*.toml")))
