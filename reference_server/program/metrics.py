"""The metrics of a server program, in the format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Collector(Collector):
    """Makes the metrics of a status, as `Service.status` gives it."""

    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield GaugeMetricFamily("fdl_registered", "Slots that are taken.", value=status["registered"])
        yield GaugeMetricFamily("fdl_capacity", "Slots that are licensed.", value=status["capacity"])
        yield CounterMetricFamily("fdl_granted", "Requests granted.", value=status["answers"]["positive"])
        refused = CounterMetricFamily("fdl_refused", "Requests refused, by code (0: none).", labels=["code"])
        for code, count in status["answers"]["refused"].items():
            refused.add_metric([code], count)
        yield refused
        silent = GaugeMetricFamily(
            "fdl_node_silent_seconds",
            "Time since the last request of a node that holds a slot.",
            labels=["installation"],
        )
        for installation, node in status["nodes"].items():
            silent.add_metric([installation], node["silent_seconds"])
        yield silent


def metrics(status: dict[str, Any]) -> bytes:
    """Return the metrics of a server with this ``status``."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(status))
    return generate_latest(registry)
