"""Claims of what the Python package costs a training script, beside MLflow (sync and async), wandb (offline) and Aim.

`python -m benchmarks.sdk [--rounds N] [--only import,calls,loop,durable,search] [--runs N]`. A tracker that cannot be
installed here is left out, and said.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import (
    ROOT,
    SIGLUM,
    Row,
    alternate,
    alternate_works,
    cpu_seconds,
    option,
    peer,
    report,
    run,
    scratch,
)
from benchmarks.server_reads import Runs
from benchmarks.server_writes import NOW
from siglum.client.stores import open_stores
from siglum.tracking.entities import Metric, Param

SIDE = str(ROOT / "benchmarks" / "sdk_side.py")
PEERS = {"mlflow": "mlflow", "mlflow-async": "mlflow", "wandb": "wandb", "aim": "aim"}
"""The environment that each tracker is in."""
CALLS = {"siglum": 100_000, "mlflow": 200, "mlflow-async": 2_000, "wandb": 20_000, "aim": 5_000}
STEPS = {"siglum": 10_000, "mlflow": 100, "mlflow-async": 200, "wandb": 5_000, "aim": 500}
"""How much each does: figures are for one call or step, since MLflow would need an hour for all of them."""
FIRST_USE = {"siglum": "log_metric", "mlflow": "log_metric", "wandb": "log", "aim": "Run"}
"""What each is asked for behind its import: Siglum and MLflow import parts of themselves only then."""
PEAK = "; print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
VALUES = 200_000


class Sides:
    """The trackers that are installed, and one prepared MLflow database: making one takes many seconds."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.pythons = {"siglum": sys.executable}
        self.missing: list[str] = []
        for tracker, environment in PEERS.items():
            try:
                self.pythons[tracker] = str(peer(environment) / "python")
            except (subprocess.CalledProcessError, StopIteration):
                self.missing.append(tracker)
        self.prepared = base / "prepared"
        self.prepared.mkdir()
        if "mlflow" in self.pythons:
            self.run("mlflow", "calls", 1, self.prepared)

    def work(self, tracker: str, work: str, count: int) -> dict[str, float]:
        """Have a tracker do a work in a fresh folder and return what it measured."""
        folder = self.base / f"{tracker}-{time.time_ns()}"
        folder.mkdir()
        if tracker.startswith("mlflow"):
            shutil.copy(self.prepared / "mlflow.db", folder / "mlflow.db")
        return self.run(tracker, work, count, folder)

    def run(self, tracker: str, work: str, count: int, folder: Path) -> dict[str, float]:
        """Have a tracker do a work in a folder as it is."""
        command = [self.pythons[tracker], SIDE, tracker, work, str(count), str(folder)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{tracker} failed at {work}:\n{done.stderr[-3000:]}")
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found


def import_rows(sides: Sides, rounds: int) -> list[Row]:
    """Measure CPU time and peak memory of an import, alone and with the first use of a name."""
    names = [name for name in FIRST_USE if name in sides.pythons]
    rows = []
    for work in ("import", "import and first use"):

        def code(name: str, work: str = work) -> list[str]:
            use = f"; {name}.{FIRST_USE[name]}" if work != "import" else ""
            return [sides.pythons[name], "-c", f"import {name}{use}{PEAK}"]

        def cpu(name: str, code: Callable[[str], list[str]] = code) -> Callable[[int], float]:
            return lambda _i: cpu_seconds(code(name), sides.base)

        measured = dict(zip(names, alternate(rounds, [cpu(name) for name in names]), strict=True))
        memory = {name: _peak(code(name), sides.base) for name in names}
        for name in names[1:]:
            bar = ">= 12x" if name == "mlflow" and work == "import" else ""
            rows.append(Row(f"{work}, CPU", "s", measured["siglum"], name, measured[name], bar))
            rows.append(Row(f"{work}, peak memory", "MB", [memory["siglum"]], name, [memory[name]]))
    return rows


def _peak(command: list[str], cwd: Path) -> float:
    """Return the peak memory in MB of a program that prints it in KiB; the kernel's own count holds its parent's."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def logging_rows(
    sides: Sides, rounds: int, work: str, counts: dict[str, int], bars: dict[tuple[str, str], str]
) -> list[Row]:
    """Measure a work: what the caller pays, and until all is stored."""
    names = [name for name in counts if name in sides.pythons]

    def side(name: str) -> Callable[[int], dict[str, float]]:
        return lambda _i: sides.work(name, work, counts[name])

    measured = dict(zip(names, alternate_works(rounds, [side(name) for name in names]), strict=True))
    return [
        Row(f"{work}: {unit}", "us", ours, name, measured[name][unit], bars.get((name, unit), ""))
        for unit, ours in measured["siglum"].items()
        for name in names[1:]
    ]


def durable_row(sides: Sides, rounds: int) -> Row:
    """Measure how long 200,000 values take until they are on disk."""
    seconds = [sides.work("siglum", "calls", VALUES)["us a value, durable"] * VALUES / 1e6 for _ in range(rounds)]
    return Row(f"{VALUES:,} values until durable, embedded store", "s", seconds, bar="<= 3 s")


def search_row(sides: Sides, rounds: int, count: int) -> Row:
    """Measure a search for all of many runs, as a pandas table."""
    runs = Runs(count)
    ours, theirs = sides.base / "search-siglum", sides.base / "search-mlflow"
    for folder in (ours, theirs):
        folder.mkdir()
    _fill_siglum(ours, runs)
    shutil.copy(sides.prepared / "mlflow.db", theirs / "mlflow.db")
    _fill_mlflow(theirs, runs)
    measured = alternate(
        rounds,
        [
            lambda _i: sides.run("siglum", "search", count, ours)["s"],
            lambda _i: sides.run("mlflow", "search", count, theirs)["s"],
        ],
    )
    return Row(f"search_runs of {count:,} runs into pandas", "s", measured[0], "mlflow", measured[1], ">= 10x")


def _fill_siglum(folder: Path, runs: Runs) -> None:
    stores = open_stores(f"sqlite:///{folder}/siglum.db")
    for number, (params, metrics) in enumerate(zip(runs.params, runs.metrics, strict=True)):
        made = stores.tracking.create_run("0", user_id="", run_name=f"run-{number}", start_time=NOW + number, tags=[])
        stores.tracking.log_batch(
            made.info.run_id,
            params=[Param(f"p{k}", str(value)) for k, value in enumerate(params)],
            metrics=[Metric(f"m{k}", value, NOW, 0) for k, value in enumerate(metrics)],
        )
    stores.close()


def _fill_mlflow(folder: Path, runs: Runs) -> None:
    import sqlite3

    with sqlite3.connect(folder / "mlflow.db") as database:
        for table, rows in runs.rows():
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    database.close()


def main() -> None:
    """Measure three rounds (or `--rounds N`) of everything, or of what `--only` names."""
    rounds, only = int(option("--rounds", "3")), option("--only", "import,calls,loop,durable,search").split(",")
    with scratch() as base:
        run([SIGLUM, "--version"])
        sides = Sides(base)
        rows: list[Row] = []
        if "import" in only:
            rows += import_rows(sides, rounds)
        if "calls" in only:
            bars = {("mlflow", "us a call"): ">= 300x", ("mlflow-async", "us a call"): ">= 5x"}
            rows += logging_rows(sides, rounds, "calls", CALLS, bars)
        if "loop" in only:
            rows += logging_rows(sides, rounds, "loop", STEPS, {})
        if "durable" in only:
            rows.append(durable_row(sides, rounds))
        if "search" in only:
            rows.append(search_row(sides, rounds, int(option("--runs", "10000"))))
    report("The Python package", rows, [f"not installed here: {', '.join(sides.missing)}"] if sides.missing else [])


if __name__ == "__main__":
    main()
