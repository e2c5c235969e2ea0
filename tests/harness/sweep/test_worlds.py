"""The worlds of seeds: always the same, always what a file can say, and each kind of fault in some of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.faults import timeline_problems
from harness.scenario_file import loads, printed
from harness.sweep.draws import Draws
from harness.sweep.healing import heal
from harness.sweep.kinds import KINDS
from harness.sweep.worlds import PROFILES, world
from tests.harness.test_printing import placeless

seeds = st.integers(0, 1_000_000)
names = st.sampled_from(list(PROFILES))


def test_a_draw_depends_on_the_seed_and_on_its_name_alone() -> None:
    draw = Draws(7, "event", 3)
    among = range(1_000_000)
    first = draw.pick("at", among)
    assert draw.pick("lasts", among) != first  # Another name, another draw.
    assert Draws(7, "event", 3).pick("at", among) == draw.pick("at", among) == first
    assert Draws(8, "event", 3).pick("at", among) != first
    assert Draws(7, "event").of(3).pick("at", among) == first
    assert {draw.number(str(k), 5, 7) for k in range(50)} == {5, 6, 7}
    assert [draw.happens("never", 0), draw.happens("always", 100)] == [False, True]


@settings(max_examples=50)
@given(seeds, names)
def test_a_world_and_its_repair_are_always_the_same_and_can_be_printed_and_read_again(seed: int, name: str) -> None:
    made = world(seed, PROFILES[name])
    assert made == world(seed, PROFILES[name])
    for scenario in (made.scenario, heal(made.scenario).scenario):
        assert not timeline_problems(scenario.events)
        assert placeless(loads(printed(scenario))) == placeless(scenario)


def test_each_kind_is_in_some_worlds_and_missing_from_most() -> None:
    # Each of 23 kinds is in a world's swarm with a chance of a quarter, and a world has up to six occasions.
    worlds = [world(seed, PROFILES["default"]) for seed in range(400)]
    had = {kind: sum(kind in each.kinds for each in worlds) for kind in KINDS}
    assert [kind for kind, count in had.items() if not 10 < count < 200] == []
    # Swarm testing: many worlds have one kind of fault only, however many occasions of it.
    assert sum(len(each.kinds) == 1 for each in worlds) > 40


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_keeps_to_its_kinds_and_sizes(name: str) -> None:
    profile = PROFILES[name]
    for seed in range(60):
        made = world(seed, profile)
        assert set(made.kinds) <= set(profile.kinds)
        assert 1 <= len(made.scenario.nodes) <= profile.nodes + 1  # A copy of a machine comes on top.
        assert made.scenario.duration_us <= profile.days * 86_400_000_000
        assert bool(made.scenario.events) <= bool(profile.kinds)
