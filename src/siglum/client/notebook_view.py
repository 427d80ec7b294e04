"""What a notebook shows of runs beside their last values: charts of their series, and links to their server."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from siglum.client import state
from siglum.core.errors import NotSupportedError, SiglumError
from siglum.core.html import Point, charts
from siglum.tracking.entities import Metric, Run
from siglum.tracking.store import TrackingStore
from siglum.tracking.surroundings import set_surroundings, surroundings
from siglum.tracking.table import Window

_POINTS = 200
"""Of a line, for which a chart has room."""
_PAGE = 2_000
"""Points that are asked of a server that cannot thin them out."""
_LATEST = 50
"""Runs of an experiment that are drawn at most."""
_RUNS, _METRICS = 8, 4
"""Lines and charts that are drawn of many runs at most."""


class StoresInForce:
    """The stores of the tracking URI in force."""

    def series(self, run: Run, keys: Sequence[str]) -> Mapping[str, Sequence[Point]]:
        found: dict[str, Sequence[Point]] = {}
        with contextlib.suppress(SiglumError, OSError):
            store = state.session().stores.tracking
            for key in keys:
                found[key] = _points(store, run.info.run_id, key)
        return found

    def series_of(self, run_id: str) -> Mapping[str, Sequence[Point]]:
        with contextlib.suppress(SiglumError, OSError):
            run = state.session().stores.tracking.get_run(run_id)
            return self.series(run, [key for key in sorted(run.data.metrics) if _is_own(key)][:_METRICS])
        return {}

    def results(self, experiment_id: str) -> Mapping[str, Sequence[Point]]:
        found: dict[str, list[Point]] = {}
        with contextlib.suppress(SiglumError, OSError):
            page = state.session().stores.tracking.search_runs([experiment_id], max_results=_LATEST)
            for number, run in enumerate(reversed(page.items), start=1):
                for key in filter(_is_own, sorted(run.data.metrics)):
                    found.setdefault(key, []).append((number, run.data.metrics[key]))
        common = sorted(found, key=lambda key: -len(found[key]))
        return {key: found[key] for key in common[:_METRICS]}

    def address(self, *path: str) -> str | None:
        uri = state.tracking_uri()
        if not uri.startswith(("http://", "https://")):
            return None
        return f"{uri.rstrip('/')}/#/{'/'.join(quote(part, safe='') for part in path)}"


def charts_of(runs: Sequence[Run]) -> str:
    """Return charts of the metrics that several runs have, with a line for each run; empty without any."""
    shown = runs[:_RUNS]
    keys = [key for key in dict.fromkeys(key for run in shown for key in run.data.metrics) if _is_own(key)]
    series: dict[str, dict[str, Sequence[Point]]] = {key: {} for key in keys[:_METRICS]}
    for run in shown:
        asked = [key for key in series if key in run.data.metrics]
        for key, points in surroundings().series(run, asked).items():
            series[key][f"{run.info.run_name} {run.info.run_id[:8]}"] = points
    return charts(series)


def _is_own(key: str) -> bool:
    return not key.startswith("system/")


def _points(store: TrackingStore, run_id: str, key: str) -> list[Point]:
    try:
        return _of_window(store.metric_window(run_id, key, _POINTS))
    except NotSupportedError:  # a server of MLflow's
        return _of_history(store.metric_history(run_id, key, max_results=_PAGE).items)


def _of_window(window: Window) -> list[Point]:
    points: list[Point] = []
    for number, step in enumerate(window.last_step):
        if not window.exact:
            ends = (window.min_value[number], window.max_value[number])
            points += [(window.first_step[number], math.nan if value is None else value) for value in ends]
        points.append((step, window.last_value[number]))
    return points


def _of_history(metrics: Sequence[Metric]) -> list[Point]:
    points = sorted((float(each.step), each.value) for each in metrics)
    return points[:: max(1, len(points) // _POINTS)]


set_surroundings(StoresInForce())
