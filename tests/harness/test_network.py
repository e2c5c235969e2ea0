"""The fate of packets: cuts that add up, and every other fault of a path against values worked out by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.network import Network, PathFault, Way, What


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
