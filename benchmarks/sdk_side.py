"""What one tracker's Python package costs a training script: run by `benchmarks.sdk` with that tracker's own Python.

`python sdk_side.py TRACKER WORK COUNT FOLDER` prints its measurements as one line of JSON. Imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


class Fluent:
    """Siglum, and MLflow, which have the same calls; `options` go to each of them."""

    def __init__(self, folder: str, module: str, **options: Any) -> None:
        import importlib

        self.module = importlib.import_module(module)
        self.options = options
        self.module.set_tracking_uri(f"sqlite:///{folder}/{module}.db")
        self.module.start_run()
        self.module.log_metric("warm", 0.0)

    def log(self, key: str, value: float, step: int) -> None:
        self.module.log_metric(key, value, step=step, **self.options)

    def log_many(self, values: dict[str, float], step: int) -> None:
        self.module.log_metrics(values, step=step, **self.options)

    def finish(self) -> None:
        if self.options:
            self.module.flush_async_logging()
        self.module.end_run()

    def search(self, count: int) -> float:
        """Return the seconds of a search for all runs as a pandas table."""
        import pandas  # noqa: F401  -- its import is not what is measured

        self.module.end_run()
        self.module.search_runs(max_results=1)
        start = time.perf_counter()
        found = self.module.search_runs(max_results=count)
        elapsed = time.perf_counter() - start
        if len(found) != count:
            raise SystemExit(f"{len(found)} of {count} runs were found")
        return elapsed


class Wandb:
    """Weights & Biases, offline."""

    def __init__(self, folder: str) -> None:
        import wandb

        self.run = wandb.init(mode="offline", dir=folder, project="bench", settings=wandb.Settings(silent=True))
        self.run.log({"warm": 0.0})

    def log(self, key: str, value: float, step: int) -> None:
        self.run.log({key: value}, step=step + 1)

    def log_many(self, values: dict[str, float], step: int) -> None:
        self.run.log(values, step=step + 1)

    def finish(self) -> None:
        self.run.finish()


OPTIONS: dict[str, Any] = {
    "system_tracking_interval": None, "log_system_params": False, "capture_terminal_logs": False,
}  # fmt: skip


class Aim:
    """Aim, embedded."""

    def __init__(self, folder: str) -> None:
        import aim

        self.run = aim.Run(
            repo=folder, system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False
        )
        self.run.track(0.0, name="warm", step=0)

    def log(self, key: str, value: float, step: int) -> None:
        self.run.track(value, name=key, step=step)

    def log_many(self, values: dict[str, float], step: int) -> None:
        self.run.track(values, step=step)

    def finish(self) -> None:
        self.run.close()


def tracker(name: str, folder: str) -> Any:
    """Start a run of a tracker."""
    if name == "mlflow-async":
        return Fluent(folder, "mlflow", synchronous=False)
    if name in ("mlflow", "siglum"):
        return Fluent(folder, name)
    return {"wandb": Wandb, "aim": Aim}[name](folder)


def calls(run: Any, count: int) -> dict[str, float]:
    """Log `count` values one by one."""
    start = time.perf_counter()
    for i in range(count):
        run.log("loss", i * 0.5, i)
    called = time.perf_counter()
    run.finish()
    return {"us a call": _each(start, called, count), "us a value, durable": _each(start, time.perf_counter(), count)}


def loop(run: Any, count: int) -> dict[str, float]:
    """Log 20 values at each of `count` steps."""
    keys = [f"metric {i}" for i in range(20)]
    start = time.perf_counter()
    for step in range(count):
        run.log_many(dict.fromkeys(keys, step * 0.5), step)
    called = time.perf_counter()
    run.finish()
    return {"us a step": _each(start, called, count), "us a step, durable": _each(start, time.perf_counter(), count)}


def _each(start: float, end: float, count: int) -> float:
    return (end - start) / count * 1e6


def main() -> None:
    """Do one work."""
    name, work, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    run = tracker(name, folder)
    if work == "search":
        found = {"s": run.search(count)}
    else:
        found = {"calls": calls, "loop": loop}[work](run, count)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
