"""How many requests were answered, how, and how fast: counted always, since that costs a microsecond a request.

The library that writes them for Prometheus takes a tenth of a second to import: only who asks for /metrics pays it.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from siglum import __version__

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Upper bounds of durations, in seconds."""


class _Series(msgspec.Struct):
    """Requests of one kind: how many by duration, and how long all together."""

    counts: list[int]
    seconds: float = 0.0


class RequestStatistics:
    """Requests by method, route and status. A route is a row's path, never what a client wrote into it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str, int], _Series] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Add one request that has been answered."""
        with self._lock:
            series = self._series.get((method, route, status))
            if series is None:
                series = self._series[method, route, status] = _Series([0] * (len(BUCKETS) + 1))
            series.counts[bisect.bisect_left(BUCKETS, seconds)] += 1
            series.seconds += seconds

    def render(self) -> bytes:
        """Return all counts in Prometheus's text format, with what the process uses."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the counts as Prometheus's library wants them."""
        from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily

        about = GaugeMetricFamily("siglum_info", "The release of Siglum.", labels=["version"])
        about.add_metric([__version__], 1)
        yield about
        durations = HistogramMetricFamily(
            "siglum_http_request_duration_seconds",
            "How long requests took, by method, route and status.",
            labels=["method", "route", "status"],
        )
        with self._lock:
            found = [(key, list(series.counts), series.seconds) for key, series in self._series.items()]
        for (method, route, status), counts, seconds in found:
            durations.add_metric([method, route, str(status)], _cumulative(counts), seconds)
        yield durations


def _cumulative(counts: list[int]) -> list[Any]:
    total = 0
    buckets: list[Any] = []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
