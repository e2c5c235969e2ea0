"""What the benchmark does with figures: it repeats, compares, extrapolates and says so. No time is asserted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.bench import Bench, DifferentStatusesError, EngineError, Part, Run, main, plan, start
from benchmarks.figures import Series, as_json, as_markdown
from benchmarks.measure import ENGINES, JUDGED, OURS, READ, SIMULATED
from benchmarks.workload import HOUR_MS, lic
from harness.trace import Status


class Engines:
    """Engines that only say what they took: ``cpu_s`` for 1,000 nodes, of us half of it until all is judged.

    It grows with that ``power`` of the nodes.
    """

    def __init__(self, cpu_s: float = 2, peak_mb: float = 10, power: int = 1) -> None:
        self.cpu_s = cpu_s
        self.power = power
        self.peak_mb = peak_mb
        self.started: list[tuple[str, int]] = []
        #: How much more the next runs take.
        self.noise: Iterator[float] = iter(())
        #: What an engine finds in place of the right statuses.
        self.wrong: dict[str, bytes] = {}

    def start(self, engine: str, workload: dict[str, int]) -> Run:
        """Start nothing."""
        self.started.append((engine, workload["nodes"]))
        cpu_s = self.cpu_s * (workload["nodes"] / 1000) ** self.power + next(self.noise, 0)
        peak_mb = self.peak_mb * workload["nodes"] / 1000
        parts: tuple[Part, ...] = (Part(SIMULATED, cpu_s, peak_mb),)
        if engine == OURS:
            parts = (Part(SIMULATED, cpu_s / 4, peak_mb), Part(JUDGED, cpu_s / 2, peak_mb), Part(READ, cpu_s, peak_mb))
        right = bytes([Status.REGISTERED]) * (workload["nodes"] * 7)
        return Run(parts, self.wrong.get(engine, right))

    def measured(self, *sizes: int, limit_s: float = 1e9, repeats: int = 1, all_engines: bool = True) -> Series:
        """Return a series with so many nodes."""
        workloads: list[dict[str, int]] = [{"nodes": each, "days": 30, "outages": 6} for each in sizes]
        series = Series("LIC30", "nodes", workloads, all_engines)
        Bench(limit_s, repeats, lambda _: None, self.start).measure(series)
        return series


def _figures(series: Series, engine: str) -> list[tuple[int, float, float | None, int]]:
    return [(series.at(each), each.cpu_s, each.peak_mb, each.runs) for each in series.figures if each.engine == engine]


def test_what_is_short_is_run_again_for_the_median() -> None:
    engines = Engines()
    # 2 s, and 2, 6 and 3 s more: of 4, 8 and 5 s the median is 5 s, of which half is over when all is judged.
    engines.noise = iter((2, 6, 3))
    assert [each[1] for each in _figures(engines.measured(1000, repeats=3), OURS)] == [1.25, 2.5, 5]
    assert _figures(engines.measured(1000, repeats=3), "salabim") == [(1000, 2, 10, 3)]


def test_what_is_long_is_run_once() -> None:
    engines = Engines(cpu_s=10)
    series = engines.measured(1000, repeats=3)
    assert len(engines.started) == len(ENGINES)
    assert _figures(series, "salabim") == [(1000, 10, 10, 1)]


def test_a_peer_that_would_take_too_long_is_extrapolated_from_its_last_run_and_we_are_not() -> None:
    engines = Engines(cpu_s=0.2, power=2)
    series = engines.measured(1000, 10_000, 100_000, limit_s=20)
    # Ten times 0.2 s are not too long, but then it takes 20 s, and ten times that is.
    assert _figures(series, "salabim") == [(1000, 0.2, 10, 1), (10_000, 20, 100, 1), (100_000, 200, None, 0)]
    assert ("salabim", 100_000) not in engines.started
    assert (OURS, 100_000) in engines.started


def test_a_peer_that_would_need_more_memory_than_there_is_is_not_run() -> None:
    engines = Engines(peak_mb=1e9)
    assert _figures(engines.measured(1000, 2000), "heapq loop") == [(1000, 2, 1e9, 1), (2000, 4, None, 0)]


def test_the_variants_are_run_by_us_and_the_fastest_peer_and_once_by_all() -> None:
    engines = Engines()
    engines.measured(1000, 2000, all_engines=False)
    assert [engine for engine, nodes in engines.started if nodes == 1000] == list(ENGINES)
    assert [engine for engine, nodes in engines.started if nodes == 2000] == [OURS, "heapq loop"]


def test_one_workload_in_two_series_is_run_once() -> None:
    engines = Engines()
    bench = Bench(1e9, 1, lambda _: None, engines.start)
    by_nodes, *_, by_days, by_outages = plan((1000,), quick=False)
    for each in (by_nodes, by_days, by_outages):
        bench.measure(each)
    # 30, 300 and 3,000 days and 0, 6 and 12 outages: LIC30 itself is in all three series.
    assert len(engines.started) == 5 * len(ENGINES)
    assert [each for each in by_outages.figures if each in by_nodes.figures] == by_nodes.figures


def test_another_status_is_an_error_that_names_engine_node_and_both() -> None:
    engines = Engines()
    # Of three nodes, node 1 at the third look: one hour after the outage that ends at 155.75 h, 1 ms before.
    found = bytearray([Status.REGISTERED] * 21)
    found[2 * 3 + 1] = Status.LAPSED
    engines.wrong = {"SimPy, callbacks": bytes(found)}
    at_h = lic(3).looks_ms[2] / HOUR_MS
    assert f"{at_h:.6f}" == "156.750000"
    with pytest.raises(
        DifferentStatusesError,
        match=r"^SimPy, callbacks with nodes 3, days 30, outages 6: node 1 at 156\.750000 h: found lapsed, "
        r"but fdl-harness found registered \(1 of 21 statuses differ\)",
    ):
        engines.measured(3)


def test_a_missing_look_is_an_error() -> None:
    engines = Engines()
    engines.wrong = {"heapq loop": bytes([Status.REGISTERED] * 18)}
    with pytest.raises(DifferentStatusesError, match="found 6 looks at 3 nodes, expected 7"):
        engines.measured(3)


def test_an_engine_that_fails_is_named() -> None:
    with pytest.raises(EngineError, match=r"(?s)^heapq loop with nodes 1, outages 5: .*not with 5"):
        start("heapq loop", {"nodes": 1, "outages": 5})


def test_memory_is_that_of_the_engine_and_not_of_who_starts_it() -> None:
    # The heapq loop needs little more than the interpreter; we need more, and this process, with pytest, has had more.
    ((_, _, heapq_mb),) = start("heapq loop", {"nodes": 1}).parts
    ours_mb = start(OURS, {"nodes": 1}).parts[0].peak_mb
    assert heapq_mb < ours_mb


def test_what_was_not_run_is_marked_wherever_it_stands() -> None:
    series = Engines().measured(1000, 100_000, limit_s=20)
    page = as_markdown([series], {"Python": "3.11"})
    lines = [line for line in page.splitlines() if "salabim" in line]
    # At 1,000 nodes 2 s against our 1 and 2 s; at 100,000 nodes 200 s that nobody measured against our 100 and 200 s.
    assert lines == [
        "| 1,000 | salabim | 1 | 2 | 10 | 2 | 1 |",
        "| *100,000* | *salabim* | *extrapolated* | *200* | *not run* | *2* | *1* |",
    ]
    (told,) = as_json([series], {})["series"]
    assert [each["measured"] for each in told["figures"] if each["engine"] == "salabim"] == [True, False]


def test_the_same_figures_give_the_same_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only make bench installs it")
    from benchmarks.plot import draw

    bench = Bench(1e9, 1, lambda _: None, Engines().start)
    series = plan((1000, 10_000), quick=False)
    for each in series:
        bench.measure(each)
    draw(series, tmp_path / "one.svg")
    draw(series, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_the_quick_mode_runs_every_engine_and_writes_everything(tmp_path: Path) -> None:
    for name in ("matplotlib", "salabim"):
        pytest.importorskip(name, reason="only make bench installs it")
    ended = CliRunner().invoke(main, ["--quick", "--nodes", "60", "--results", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert sorted(path.name for path in tmp_path.glob("*")) == ["bench.json", "bench.md", "bench.svg"]
    told = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert len(told["series"]) == 3
    for series in told["series"]:
        # Ours are three: until all is simulated, until all is judged, and until the statuses are read.
        assert [each["engine"] for each in series["figures"]] == [OURS, OURS, *ENGINES]
        assert all(each["measured"] and each["runs"] == 1 for each in series["figures"])
