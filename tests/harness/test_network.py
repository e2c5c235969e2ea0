"""The fate of packets: cuts that add up, and every other fault of a path against values worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.network import Fate, Network, PathFault, Way, What


def cuts(*intervals: tuple[int, int | None]) -> list[PathFault]:
    return [PathFault(index=0, what=What.CUT, start_us=start, end_us=end) for start, end in intervals]


def test_a_cut_holds_from_its_start_up_to_its_end() -> None:
    network = Network(5, {(0, Way.UP): cuts((10, 20))})
    assert [network.cut(0, Way.UP, t) for t in (9, 10, 19, 20)] == [False, True, True, False]


def test_a_cut_is_of_one_node_and_one_direction() -> None:
    network = Network(5, {(0, Way.UP): cuts((10, 20))})
    assert not network.cut(0, Way.DOWN, 15)
    assert not network.cut(1, Way.UP, 15)


def test_an_open_cut_never_ends() -> None:
    network = Network(5, {(0, Way.UP): cuts((10, None), (2, 4))})
    assert [network.cut(0, Way.UP, t) for t in (3, 4, 9, 10, 10**15)] == [True, False, False, True, True]


interval = st.tuples(st.integers(0, 30), st.none() | st.integers(1, 20)).map(
    lambda pair: (pair[0], None if pair[1] is None else pair[0] + pair[1])
)


@given(st.lists(interval, max_size=6), st.integers(0, 60))
def test_several_cuts_add_up(intervals: list[tuple[int, int | None]], at_us: int) -> None:
    network = Network(5, {(0, Way.UP): cuts(*intervals)})
    expected = any(start <= at_us and (end is None or at_us < end) for start, end in intervals)
    assert network.cut(0, Way.UP, at_us) is expected


@given(st.lists(interval, max_size=6))
def test_the_order_in_which_cuts_are_given_does_not_matter(intervals: list[tuple[int, int | None]]) -> None:
    network, reverse = (Network(5, {(0, Way.UP): cuts(*each)}) for each in (intervals, intervals[::-1]))
    assert [network.cut(0, Way.UP, t) for t in range(61)] == [reverse.cut(0, Way.UP, t) for t in range(61)]


# Every other fault, alone. A packet takes 5 us on a clean path; the server's port is 8081.

CLEAN = Fate((5,))


def fate(fault: PathFault, way: Way = Way.UP, at_us: int = 15, *, number: int = 1, port: int = 8081) -> Fate:
    """Return the fate of a packet of the one node whose path, in the direction of ``way``, has ``fault``."""
    return Network(5, {(0, way): [fault]}).fate(0, way, at_us, number=number, port=port)


def fault(what: What, **more: Any) -> PathFault:
    """Return a fault that is in force from 10 up to 20."""
    return PathFault(index=0, what=what, start_us=10, end_us=20, **more)


@pytest.mark.parametrize("what", [each for each in What if each is not What.CUT])
def test_a_fault_holds_from_its_start_up_to_its_end(what: What) -> None:
    each = fault(what, by_us=7, addresses=(99, 99))
    assert [fate(each, at_us=at_us) == CLEAN for at_us in (9, 10, 19, 20)] == [True, False, False, True]
    network = Network(5, {(0, Way.UP): [each]})
    assert [network.clean(0, at_us) for at_us in (9, 10, 19, 20)] == [True, False, False, True]
    assert network.clean(1, 15)


def test_a_firewall_is_about_its_port_alone() -> None:
    for what, done in ((What.DROP, Fate()), (What.REJECT, Fate(rejected=True))):
        assert fate(fault(what, port=8081)) == done
        assert fate(fault(what, port=443)) == CLEAN
        assert fate(fault(what)) == done


def test_a_firewall_that_rejects_an_answer_loses_it() -> None:
    # Whoever is told of it is the server, and the node hears nothing.
    assert fate(fault(What.REJECT), Way.DOWN) == Fate()


def test_delays_add_up() -> None:
    delays = [fault(What.DELAY, by_us=7), fault(What.REORDER, by_us=100), fault(What.DELAY, by_us=1)]
    assert Network(5, {(0, Way.UP): delays}).fate(0, Way.UP, 15, number=1, port=8081) == Fate((113,))


def test_a_packet_never_arrives_before_it_was_sent() -> None:
    # A jitter of 1,000,000 us around a latency of 5 us would bring half of the packets back in time.
    each = fault(What.DELAY, jitter_us=1_000_000, distribution="uniform")
    assert min(fate(each, number=number).delays_us[0] for number in range(100)) == 0


def test_a_copy_comes_later_by_as_much_as_it_says() -> None:
    assert fate(fault(What.DUPLICATE, by_us=30)) == Fate((5, 35))


def test_damage_is_told() -> None:
    assert fate(fault(What.CORRUPT)) == Fate((5,), damaged=True)


def test_requests_seem_to_come_from_another_address() -> None:
    assert fate(fault(What.SOURCE, addresses=(99, 99))) == Fate((5,), source=99)
    pool = [fate(fault(What.SOURCE, addresses=(90, 93)), number=number).source for number in range(64)]
    assert set(pool) == {90, 91, 92, 93}


def test_which_translation_is_in_force_is_told() -> None:
    first = PathFault(index=3, what=What.SOURCE, start_us=0, end_us=20, addresses=(9, 9))
    second = PathFault(index=4, what=What.SOURCE, start_us=10, end_us=15, addresses=(8, 8))
    network = Network(5, {(0, Way.UP): [first, second]})
    assert [network.translation(0, at_us) for at_us in (0, 10, 15, 20)] == [3, 4, 3, None]
    assert network.fate(0, Way.UP, 12, number=1, port=1).source == 8


def test_the_first_fault_that_loses_a_packet_decides() -> None:
    faults = [fault(What.DUPLICATE, by_us=1), fault(What.DROP), fault(What.REJECT)]
    assert Network(5, {(0, Way.UP): faults}).fate(0, Way.UP, 15, number=1, port=8081) == Fate()
    faults = [fault(What.REJECT), fault(What.DROP)]
    assert Network(5, {(0, Way.UP): faults}).fate(0, Way.UP, 15, number=1, port=8081) == Fate(rejected=True)


def test_chance_depends_on_the_fault_the_node_the_request_and_the_direction_alone() -> None:
    half = [PathFault(index=k, what=What.LOSS, start_us=0, percent=Fraction(50)) for k in (0, 1)]

    def lost(network: Network, node: int, way: Way) -> list[bool]:
        return [network.fate(node, way, 0, number=number, port=8081) == Fate() for number in range(200)]

    paths = {(node, way): [half[0]] for node in (0, 1) for way in Way}
    network = Network(5, paths)
    draws = [lost(network, node, way) for node in (0, 1) for way in Way]
    draws.append(lost(Network(5, {(0, Way.UP): [half[1]]}), 0, Way.UP))
    draws.append(lost(Network(5, paths, seed=1), 0, Way.UP))
    # Six streams, of which no two are alike, and each of which is the same again.
    assert len({tuple(draw) for draw in draws}) == 6
    assert lost(Network(5, paths), 0, Way.UP) == draws[0]
    # Of 200 packets with a chance of one half, 60 to 140 are lost but once in about 10^8 seeds.
    assert all(60 <= sum(draw) <= 140 for draw in draws)
