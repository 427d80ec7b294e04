"""Claim: `log_metric` costs its caller at most 20 us a call. What the server does is in `benchmarks.server`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import SIGLUM, Row, alternate, option, peer, report, run, scratch

LOG_METRIC = """
import time, {module} as mlflow
mlflow.set_tracking_uri({uri!r})
mlflow.set_experiment('bench')
with mlflow.start_run():
    mlflow.log_metric('warm', 0.0)
    start = time.perf_counter()
    for i in range({calls}):
        mlflow.log_metric('loss', i * 0.5, step=i)
    print((time.perf_counter() - start) / {calls} * 1e6)
"""


def log_metric_row(base: Path, rounds: int) -> Row:
    """Measure the caller's cost of `log_metric` on the embedded store of each."""

    def side(python: str, module: str, calls: int) -> float:
        cwd = base / f"{module}-{time.time_ns()}"
        cwd.mkdir()
        code = LOG_METRIC.format(module=module, uri=f"sqlite:///{cwd}/x.db", calls=calls)
        done = subprocess.run([python, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return float(done.stdout.split()[-1])

    theirs_python = str(peer("mlflow") / "python")
    ours, theirs = alternate(
        rounds, [lambda _i: side(sys.executable, "siglum", 100_000), lambda _i: side(theirs_python, "mlflow", 200)]
    )
    return Row("log_metric, embedded store, in the caller's thread", "us", ours, "mlflow", theirs, "<= 20 us")


def main() -> None:
    """Measure five rounds (or `--rounds N`)."""
    with scratch() as base:
        run([SIGLUM, "--version"])
        row = log_metric_row(base, int(option("--rounds", "5")))
    report("Tracking", [row])


if __name__ == "__main__":
    main()
