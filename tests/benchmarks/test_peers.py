"""Every engine of the benchmark finds the statuses that the workload has by hand, and all find the same."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.lic30 import scenario_of
from benchmarks.measure import ENGINES, OURS, PEERS, play
from benchmarks.peers.server import Server
from benchmarks.workload import DAY_MS, HOUR_MS, Workload, lic
from harness.trace import Status

UNREGISTERED, REGISTERED, INTERRUPTED, _, LAPSED = (bytes([status]) for status in Status)

engines = pytest.mark.parametrize("engine", ENGINES)


def _looks(engine: str, workload: Workload) -> list[bytes]:
    if engine == "salabim":
        pytest.importorskip("salabim", reason="only make bench installs it, and compares it at each run")
    return play(engine, workload, lambda _: None)


def _hours(first: float, last: float) -> tuple[int, int]:
    return round(first * HOUR_MS), round(last * HOUR_MS)


def _workload(
    *outages: tuple[float, float],
    nodes: int = 1,
    capacity: int | None = None,
    cuts_ms: dict[int, tuple[int, int]] | None = None,
) -> Workload:
    return Workload(
        nodes=nodes,
        days=5,
        capacity=nodes if capacity is None else capacity,
        outages_ms=tuple(_hours(*each) for each in outages),
        cuts_ms=cuts_ms or {},
    )


# Node 0 is registered at 0 and polls at 2 h, 4 h, ...; its last contact before an outage that begins at 50.5 h is at
# 50 h.


@engines
@pytest.mark.parametrize(
    ("back", "before", "after"),
    [
        # Back at 73.5 h. At 74 h, exactly 24 h after the last contact, its poll is granted.
        (73.5, REGISTERED, REGISTERED),
        # Back at 71.5 h. The poll at 72 h is granted, long before anybody would register it.
        (71.5, REGISTERED, REGISTERED),
        # Back at 74.1 h. The poll at 74 h is its last one and fails, so at 75.1 h it is registered again.
        (74.1, LAPSED, REGISTERED),
    ],
    ids=["23 h", "21 h", "23.6 h"],
)
def test_a_node_lapses_when_the_poll_at_exactly_24_h_fails(
    engine: str, back: float, before: bytes, after: bytes
) -> None:
    assert _looks(engine, _workload((50.5, back))) == [before, after]


@engines
def test_a_node_is_interrupted_until_it_polls_again(engine: str) -> None:
    # Node 0: the poll at 50 h fails, the next one is at 52 h, and somebody looks just before 51.2 h.
    assert _looks(engine, _workload((49.9, 50.2))) == [INTERRUPTED, REGISTERED]


@engines
def test_there_is_no_slot_beyond_the_capacity(engine: str) -> None:
    # Node 1 is registered at 2 * (2654435761 mod 3,600,000) = 2 * 1,235,761 ms, after node 0 has the only slot. Nobody
    # registers it again: it has not lapsed.
    assert _looks(engine, _workload((50.5, 75), nodes=2, capacity=1)) == [
        LAPSED + UNREGISTERED,
        REGISTERED + UNREGISTERED,
    ]


@engines
def test_all_that_lapsed_are_registered_at_one_instant(engine: str) -> None:
    assert _looks(engine, _workload((50.5, 99), nodes=2)) == [LAPSED * 2, REGISTERED * 2]


@engines
@pytest.mark.parametrize(
    ("cut_from_ms", "at_73_2"),
    [(50 * HOUR_MS + 3, LAPSED), (50 * HOUR_MS + 6, INTERRUPTED)],
    ids=["before it leaves", "after it left"],
)
def test_an_answer_that_is_cut_off_is_no_contact(engine: str, cut_from_ms: int, at_73_2: bytes) -> None:
    # The answer to the poll at 50 h leaves 5 ms later. If it is lost, the last contact was at 48 h, and the node lapses
    # 30 s after its poll at 72 h; if it is not, the node goes on until 74 h. Somebody looks just before 73.2 h.
    workload = _workload((72.1, 72.2), cuts_ms={0: (cut_from_ms, cut_from_ms + DAY_MS)})
    assert _looks(engine, workload)[0] == at_73_2


@engines
@pytest.mark.parametrize(
    ("cut_to_ms", "at_52_6"),
    [(52 * HOUR_MS + 3, INTERRUPTED), (52 * HOUR_MS, REGISTERED)],
    ids=["until it was sent", "until just before"],
)
def test_a_request_that_is_cut_off_does_not_arrive(engine: str, cut_to_ms: int, at_52_6: bytes) -> None:
    # The poll at 52 h is lost if the cut ends 3 ms later, before it would have arrived; one that ends at 52 h is over.
    # Somebody looks just before 52.6 h.
    assert _looks(engine, _workload((51.5, 51.6), cuts_ms={0: (50 * HOUR_MS + 6, cut_to_ms)}))[0] == at_52_6


@engines
def test_nobody_is_registered_through_a_cut(engine: str) -> None:
    # It lapses at 74 h in the cut, and is registered at 76.2 h in vain; the next time, at 90.2 h, the cut is over.
    workload = _workload((75.1, 75.2), (89.1, 89.2), cuts_ms={0: _hours(50.5, 80)})
    assert _looks(engine, workload) == [LAPSED, LAPSED, REGISTERED]


def test_a_slot_is_void_after_24_hours_of_silence() -> None:
    server = Server(capacity=1)
    assert server.grants(0, 5, register=True)
    # A register and a poll of somebody else at exactly 24 h, and a register 1 ms later.
    assert not server.grants(1, 5 + DAY_MS, register=True)
    assert not server.grants(1, 6 + DAY_MS, register=False)
    assert server.grants(1, 6 + DAY_MS, register=True)
    assert not server.grants(0, 7 + DAY_MS, register=False)


# The workload itself.


@cache
def _by_us(**variant: int) -> list[bytes]:
    return _looks(OURS, lic(**variant))


@pytest.mark.parametrize("engine", PEERS)
@pytest.mark.parametrize(
    "variant",
    [
        {"nodes": 60},
        {"nodes": 60, "capacity_percent": 90},
        {"nodes": 60, "cut_every": 10},
        {"nodes": 60, "outages": 12},
        {"nodes": 30, "outages": 0},
        {"nodes": 10, "days": 300},
        # So many march in rank.
        {"nodes": 600, "capacity_percent": 90, "cut_every": 20},
    ],
    ids=lambda variant: " ".join(f"{name}={value}" for name, value in variant.items()),
)
def test_all_find_what_we_find(engine: str, variant: dict[str, int]) -> None:
    found = _looks(engine, lic(**variant))
    assert found == _by_us(**variant)
    # It says something only where not all are alike.
    assert variant.get("outages") == 0 or len(set(b"".join(found))) >= 3


def test_the_outages_of_a_workload_leave_room_for_registering_again() -> None:
    for outages in (6, 12):
        workload = lic(1, outages=outages)
        assert len(workload.outages_ms) == outages
        edges = [each for (start_ms, _), again_ms in _pairs(workload) for each in (start_ms, again_ms)]
        assert edges == sorted(edges)
        assert edges[-1] < workload.duration_ms
        assert all(each % 36_000 == 0 for each in edges)


def _pairs(workload: Workload) -> list[tuple[tuple[int, int], int]]:
    return list(zip(workload.outages_ms, workload.again_ms, strict=True))


def test_one_in_a_hundred_is_cut_off_for_a_day_an_hour_after_the_other() -> None:
    cuts_ms = lic(60_200, cut_every=100).cuts_ms
    assert len(cuts_ms) == 602
    assert (cuts_ms[7], cuts_ms[107]) == (_hours(40, 64), _hours(41, 65))
    # After 600 of them it begins again.
    assert (cuts_ms[59_907], cuts_ms[60_007]) == (_hours(639, 663), _hours(40, 64))


def test_nodes_that_are_cut_off_together_are_so_in_one_event() -> None:
    # Nodes 7 to 609, so the last three are cut off with the first three.
    events = scenario_of(lic(610, cut_every=1, outages=0)).events
    assert len(events) == 600
    assert events[0].nodes == ("fdl-7", "fdl-607")
    assert events[3].nodes == ("fdl-10",)


def test_another_number_of_outages_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0, 6 and 12 outages, not with 7"):
        lic(1, outages=7)
