"""Fleets from a few lines."""

from __future__ import annotations

import pytest

from fake_fdl_nodes.fleet import fleet

FIRST = 0xC0A86419


def test_without_a_count_there_is_one_node_with_the_plain_name() -> None:
    (node,) = fleet("fdl", address=FIRST, application="r")
    assert (node.name, node.address, node.register_us) == ("fdl", FIRST, 0)


def test_with_a_count_the_names_are_numbered_even_if_it_is_one() -> None:
    assert [node.name for node in fleet("fdl", address=FIRST, application="r", count=1)] == ["fdl-1"]


def test_addresses_and_registrations_follow_one_another() -> None:
    nodes = fleet("fdl", address=FIRST, application="r", count=3, register_us=10, spread_us=5)
    assert [(n.address - FIRST, n.register_us) for n in nodes] == [(0, 10), (1, 15), (2, 20)]


def test_spread_over_is_even() -> None:
    # 7 us over 3 nodes: 0, 7/3 and 14/3, rounded down.
    nodes = fleet("fdl", address=FIRST, application="r", count=3, spread_over_us=7)
    assert [n.register_us for n in nodes] == [0, 2, 4]


def test_never_stays_never() -> None:
    nodes = fleet("fdl", address=FIRST, application="r", count=2, register_us=None, spread_us=5)
    assert [n.register_us for n in nodes] == [None, None]


def test_each_node_is_an_installation_of_its_own() -> None:
    nodes = fleet("fdl", address=FIRST, application="r", count=3, cluster="c")
    assert len({n.installation for n in nodes}) == 3


@pytest.mark.parametrize("count", [0, -1])
def test_a_fleet_has_a_node(count: int) -> None:
    with pytest.raises(ValueError, match="at least one node"):
        fleet("fdl", address=FIRST, application="r", count=count)


def test_addresses_do_not_run_over_the_end() -> None:
    fleet("fdl", address=(1 << 32) - 2, application="r", count=2)
    with pytest.raises(ValueError, match=r"past 255\.255\.255\.255"):
        fleet("fdl", address=(1 << 32) - 2, application="r", count=3)
