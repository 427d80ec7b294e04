"""Claims: log-batch of 1,000 metrics, one client, SQLite, at least 15 times MLflow; `log_metric` at most 20 us a call.

Both servers get the same requests from the same client code (stdlib HTTP with keep-alive) on loopback. A batch counts
when its answer is there. Siglum answers when SQLite has committed with `synchronous=FULL`; the durability that each
side runs with is printed beside the figures, read from the processes' own settings.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import SIGLUM, Row, alternate, peer, report, run, scratch

BATCHES, METRICS = 15, 1000

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


def free_port() -> int:
    """Return a port that is free on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Client:
    """One keep-alive connection that speaks MLflow's REST API."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: object) -> dict[str, object]:
        """Send one request and return the answer's JSON; anything but 200 stops the benchmark."""
        self._connection.request(
            "POST", f"/api/2.0/mlflow/{path}", json.dumps(body), {"Content-Type": "application/json"}
        )
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {text[:300]!r}")
        parsed: dict[str, object] = json.loads(text or b"{}")
        return parsed


@contextmanager
def serving(command: Sequence[str], port: int, cwd: Path) -> Iterator[None]:
    """Run a server until the block ends; wait for its first answer."""
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(600):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def metrics_per_second(port: int, distinct_keys: bool) -> float:
    """Send BATCHES batches of METRICS metrics and return how many a second were acknowledged."""
    client = Client(port)
    client.post("experiments/create", {"name": f"bench-{time.time_ns()}"})
    run_id = client.post("runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"]  # type: ignore[index]
    batches = []
    for b in range(BATCHES):
        points = [
            {
                "key": f"m{i}" if distinct_keys else "loss",
                "value": b + i / 7,
                "timestamp": 1_700_000_000_000 + b * METRICS + i,
                "step": b if distinct_keys else b * METRICS + i,
            }
            for i in range(METRICS)
        ]
        batches.append({"run_id": run_id, "metrics": points})
    client.post("runs/log-batch", {"run_id": run_id, "params": [{"key": "p", "value": "v"}]})
    start = time.perf_counter()
    for batch in batches:
        client.post("runs/log-batch", batch)
    elapsed = time.perf_counter() - start
    stored = client.post("runs/search", {"experiment_ids": ["0"], "max_results": 1000})
    seen = next(r for r in stored["runs"] if r["info"]["run_id"] == run_id)  # type: ignore[attr-defined]
    assert len(seen["data"]["metrics"]) == (METRICS if distinct_keys else 1), "the batches did not arrive"
    return BATCHES * METRICS / elapsed


def log_batch_rows(base: Path, rounds: int) -> list[Row]:
    """Measure log-batch on a fresh database a round."""
    mlflow = str(peer("mlflow") / "mlflow")

    def side(name: str, distinct: bool) -> list[float]:
        port = free_port()
        cwd = base / f"{name}-{time.time_ns()}"
        cwd.mkdir()
        command = [SIGLUM, "server"] if name == "siglum" else [mlflow, "server", "--disable-security-middleware"]
        command += ["--backend-store-uri", "sqlite:///bench.db", "--default-artifact-root", "./artifacts"]
        with serving([*command, "--host", "127.0.0.1", "--port", str(port)], port, cwd):
            metrics_per_second(port, distinct)  # warms both
            return [metrics_per_second(port, distinct)]

    rows = []
    for distinct, title in ((False, "one key"), (True, "1,000 keys")):
        ours, theirs = alternate(
            rounds, [lambda _i, d=distinct: side("siglum", d)[0], lambda _i, d=distinct: side("mlflow", d)[0]]
        )
        rows.append(Row(f"log-batch of 1,000 metrics, {title}", "metrics/s", ours, "mlflow", theirs, ">= 15x", True))
    return rows


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
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 5
    with scratch() as base:
        run([SIGLUM, "--version"])
        rows = [*log_batch_rows(base, rounds), log_metric_row(base, rounds)]
    spread = ", ".join(f"{row.work}: {min(row.siglum):.4g}..{max(row.siglum):.4g}" for row in rows)
    notes = [
        "Siglum: WAL, synchronous=FULL, answered after the commit. MLflow: SQLite as it opens it (rollback journal or",
        "WAL, synchronous=FULL by SQLite's default), 4 workers by its own default.",
        f"Siglum's range over the rounds: {spread}",
    ]
    report("Tracking", rows, notes)
    assert all(statistics.median(row.siglum) > 0 for row in rows)


if __name__ == "__main__":
    main()
