"""What `benchmarks.server` reads: the same runs on each server, and questions with known answers."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.rest import API, Client, Script, drive, replay, request
from benchmarks.server_writes import METRICS, NOW
from benchmarks.servers import MLFLOW, Running, Side, Store

VALUES = 10
"""Parameters of each run, and metrics of each run."""
FILTER, ORDER, PAGE = "metrics.m3 > 0.5 and params.p2 = 'v7'", "metrics.m1 DESC", 100
LARGE_PAGE = 1000
HISTORY_KEY, WINDOW_KEY = "history", "window"
SEED_CLIENTS = 8


class Runs:
    """The values of so many runs: all servers get the same, and no two runs have one in common that is sorted by."""

    def __init__(self, count: int) -> None:
        draw = random.Random(42)
        self.metrics = [[draw.random() for _ in range(VALUES)] for _ in range(count)]
        self.params = [[f"v{draw.randrange(10)}" for _ in range(VALUES)] for _ in range(count)]

    def best(self) -> list[int]:
        """Return the runs that FILTER and ORDER give on the first page, computed without any database."""
        fits = [
            i for i, (m, p) in enumerate(zip(self.metrics, self.params, strict=True)) if m[3] > 0.5 and p[2] == "v7"
        ]
        return sorted(fits, key=lambda i: -self.metrics[i][1])[:PAGE]

    def script(self, numbers: Sequence[int]) -> Script:
        """Log these runs, one after the other."""
        for i in numbers:
            answer = yield request("runs/create", {"experiment_id": "0", "start_time": NOW + i, "run_name": f"run-{i}"})
            run_id = json.loads(answer)["run"]["info"]["run_id"]
            metrics = [{"key": f"m{k}", "value": v, "timestamp": NOW, "step": 0} for k, v in enumerate(self.metrics[i])]
            params = [{"key": f"p{k}", "value": v} for k, v in enumerate(self.params[i])]
            yield request("runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})

    def rows(self) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
        """Yield MLflow's tables with the same content, in an order that their references allow."""
        ids = [f"{i:032x}" for i in range(len(self.metrics))]
        where = "mlflow-artifacts:/0"
        yield (
            "runs (run_uuid, name, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)",
            [(u, f"run-{i}", "", "RUNNING", NOW + i, "active", f"{where}/{u}/artifacts", 0) for i, u in enumerate(ids)],
        )
        names = [("mlflow.runName", f"run-{i}", run_id) for i, run_id in enumerate(ids)]
        yield "tags (key, value, run_uuid)", list(names)
        params = [(f"p{k}", v, u) for u, values in zip(ids, self.params, strict=True) for k, v in enumerate(values)]
        yield "params (key, value, run_uuid)", list(params)
        for table in ("metrics", "latest_metrics"):
            points = zip(ids, self.metrics, strict=True)
            yield (
                f"{table} (key, value, timestamp, step, is_nan, run_uuid)",
                [(f"m{k}", v, NOW, 0, False, u) for u, values in points for k, v in enumerate(values)],
            )


class Library:
    """One server's database of many runs and, if wanted, long series."""

    def __init__(self, side: Side, store: Store, runs: Runs) -> None:
        self.side = side
        self.store = store
        self._runs = runs
        self._long: dict[str, tuple[str, int]] = {}

    def fill(self, *, runs: bool, history: int, window: int) -> None:
        """Write the runs, and series of so many points."""
        with Running(self.store) as server:
            if runs and self.side.name == MLFLOW:
                # through its API it would take half an hour; what it answers is checked as with the others
                for table, rows in self._runs.rows():
                    self.store.insert(table, rows)
            elif runs:
                numbers = range(len(self._runs.metrics))
                drive(server.port, [self._runs.script(numbers[c::SEED_CLIENTS]) for c in range(SEED_CLIENTS)])
            for key, points in ((HISTORY_KEY, history), (WINDOW_KEY, window)):
                if points:
                    self._long[key] = (_long_series(server, key, points), points)

    def search(self, repeats: int) -> Iterator[tuple[str, float]]:
        """Yield the median and the 95th percentile in ms."""
        expected = [f"run-{i}" for i in self._runs.best()]
        body = {"experiment_ids": ["0"], "filter": FILTER, "order_by": [ORDER], "max_results": PAGE}

        def check(answer: Any) -> None:
            names = [run["info"]["run_name"] for run in answer["runs"]]
            if names != expected:
                sys.exit(f"{self.store.server} found other runs: {names[:5]} for {expected[:5]}, {len(names)} in all")

        with Running(self.store) as server:
            times = _timed(server.client(), "runs/search", body, check, repeats)
        yield "search by metric and parameter, median", statistics.median(times)
        yield "search by metric and parameter, p95", _p95(times)

    def page(self, repeats: int) -> Iterator[tuple[str, float]]:
        """Yield the median in ms of the first page of all runs."""
        body = {"experiment_ids": ["0"], "max_results": LARGE_PAGE}

        def check(answer: Any) -> None:
            count = len(self._runs.metrics)
            latest = range(count - 1, max(-1, count - 1 - LARGE_PAGE), -1)
            for run, i in zip(answer["runs"], latest, strict=True):
                values = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
                params = {param["key"]: param["value"] for param in run["data"]["params"]}
                if values != {f"m{k}": v for k, v in enumerate(self._runs.metrics[i])} or len(params) != VALUES:
                    sys.exit(f"{self.store.server} gives {run['info']['run_name']} other values than run {i} has")

        with Running(self.store) as server:
            times = _timed(server.client(), "runs/search", body, check, repeats)
        yield "page of 1,000 runs with 20 values each", statistics.median(times)

    def history(self, repeats: int) -> Iterator[tuple[str, float]]:
        """Yield the median in ms of a whole series."""
        run_id, points = self._long[HISTORY_KEY]
        target = f"{API}metrics/get-history?run_id={run_id}&metric_key={HISTORY_KEY}"
        with Running(self.store) as server:
            client = server.client()
            times = []
            for _ in range(repeats + 1):
                begun = time.perf_counter()
                answer = client.fetch("GET", target)
                times.append((time.perf_counter() - begun) * 1000)
                found = [int(point.get("step", 0)) for point in json.loads(answer)["metrics"]]
                if sorted(found) != list(range(points)):
                    sys.exit(f"{self.store.server} gives {len(found)} points of {points}")
        yield f"history of {points:,} points", statistics.median(times[1:])

    def window(self, repeats: int) -> Iterator[tuple[str, float]]:
        """Yield the median in ms of a chart of 1,000 ranges, which only Siglum has a route for.

        From the first step, ranges are as wide as the segments that the points are kept in; from another, each range
        begins in the middle of one.
        """
        run_id, points = self._long[WINDOW_KEY]
        with Running(self.store) as server:
            for first in (0, METRICS // 2):
                found = points - first
                target = f"/api/siglum/1/metrics/window?run_id={run_id}&metric_key={WINDOW_KEY}&buckets=1000"
                times = _timed_window(server.client(), f"{target}&start_step={first}", found, repeats)
                yield f"window of 1,000 buckets of {found:,} points", statistics.median(times)


def _timed_window(client: Client, target: str, points: int, repeats: int) -> list[float]:
    times = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        text = client.fetch("GET", target)
        times.append((time.perf_counter() - begun) * 1000)
        answer = json.loads(text)
        if answer["exact"] or sum(answer["points"]) != points or not 900 <= len(answer["points"]) <= 1000:
            sys.exit(f"the window has {sum(answer['points'])} points of {points}")
    return times[1:]


def _long_series(server: Running, key: str, points: int) -> str:
    run_id = server.client().new_run()
    draw = random.Random(7)

    def batches() -> Iterator[bytes]:
        for start in range(0, points, METRICS):
            metrics = [
                {"key": key, "value": draw.random(), "timestamp": NOW + step, "step": step}
                for step in range(start, start + METRICS)
            ]
            yield request("runs/log-batch", {"run_id": run_id, "metrics": metrics})

    drive(server.port, [replay(batches())])
    return run_id


def _timed(client: Client, path: str, body: object, check: Callable[[Any], None], repeats: int) -> list[float]:
    """Ask so many times after one that warms the server; each answer is read and checked outside of the time."""
    times = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        answer = client.fetch("POST", API + path, body)
        times.append((time.perf_counter() - begun) * 1000)
        check(json.loads(answer))
    return times[1:]


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, round(0.95 * len(times)))]
