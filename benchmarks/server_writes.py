"""What `benchmarks.server` writes: batches, single metrics, whole runs, a large file, and a database to weigh."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sys
import time
import zlib
from collections.abc import Iterator

from benchmarks.rest import Client, Script, drive, replay, request
from benchmarks.servers import Running

METRICS = 1000
CLIENTS = (1, 8)
BATCHES_READY = 150
"""Made before the clock runs; a server that is faster than the time given ends with them."""
ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/bench/large.bin"
MEGABYTE = 1_000_000
NOW = 1_700_000_000_000


def _points(batch: int, *, one_key: bool) -> list[dict[str, object]]:
    first = batch * METRICS
    return [
        {
            "key": "loss" if one_key else f"m{i}",
            "value": 1 / (first + i + 1) + random.random(),
            "timestamp": NOW + first + i,
            "step": first + i if one_key else batch,
        }
        for i in range(METRICS)
    ]


def _batches(client: Client, count: int, *, one_key: bool) -> tuple[str, list[bytes]]:
    run_id = client.new_run()
    bodies = [{"run_id": run_id, "metrics": _points(batch, one_key=one_key)} for batch in range(count)]
    return run_id, [request("runs/log-batch", body) for body in bodies]


def log_batch(server: Running, seconds: float) -> Iterator[tuple[str, float]]:
    """Yield metrics per second that were acknowledged."""
    client = server.client()
    for clients, one_key in ((1, True), (8, True), (1, False)):
        made = [_batches(client, BATCHES_READY // clients, one_key=one_key) for _ in range(clients)]
        warm, _ = drive(server.port, [replay(requests[:1]) for _, requests in made])
        answered, elapsed = drive(server.port, [replay(requests[1:]) for _, requests in made], seconds)
        stored = sum(_stored_batches(client, run_id, one_key=one_key) for run_id, _ in made)
        if stored != answered + warm:
            sys.exit(f"{server.store.server} acknowledged {answered + warm} batches and has {stored}")
        yield _row("log-batch", "one key" if one_key else "1,000 keys", clients), answered * METRICS / elapsed


def _row(work: str, what: str, clients: int) -> str:
    return f"{work}, {what}, {clients} client{'s' if clients > 1 else ''}"


def _stored_batches(client: Client, run_id: str, *, one_key: bool) -> int:
    latest = client.get("runs/get", run_id=run_id)["run"]["data"]["metrics"]
    step = int(next(metric["step"] for metric in latest if metric["key"] in ("loss", f"m{METRICS - 1}")))
    return (step + 1) // METRICS if one_key else step + 1


def log_metric(server: Running, seconds: float) -> Iterator[tuple[str, float]]:
    """Yield calls per second that were acknowledged."""
    client = server.client()

    def log(run_id: str) -> Script:
        step = 0
        while True:
            body = b'{"run_id":"%s","key":"loss","value":%f,"timestamp":%d,"step":%d}'
            yield request("runs/log-metric", body % (run_id.encode(), 1 / (step + 1), NOW + step, step))
            step += 1

    for clients in CLIENTS:
        answered, elapsed = drive(server.port, [log(client.new_run()) for _ in range(clients)], seconds)
        yield _row("log-metric", "one key", clients), answered / elapsed


def whole_run(server: Running, seconds: float) -> Iterator[tuple[str, float]]:
    """Yield runs per second: created, 20 metrics and 5 parameters logged in a batch, finished."""

    def runs() -> Script:
        while True:
            answer = yield request("runs/create", {"experiment_id": "0", "start_time": NOW})
            run_id = json.loads(answer)["run"]["info"]["run_id"]
            metrics = [{"key": f"m{i}", "value": i / 7, "timestamp": NOW, "step": 0} for i in range(20)]
            params = [{"key": f"p{i}", "value": str(i)} for i in range(5)]
            yield request("runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})
            yield request("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": NOW})

    answered, elapsed = drive(server.port, [runs()], seconds)
    yield "create a run, log 25 values, finish it", answered / 3 / elapsed


# -- one large file ----------------------------------------------------------------------------------------------------
def artifact(server: Running, megabytes: int) -> Iterator[tuple[str, float]]:
    """Yield MB per second up and down, and the MB that the server's largest process ever used."""
    block = os.urandom(MEGABYTE)
    size = megabytes * MEGABYTE
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"PUT {ARTIFACT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(megabytes):
            connection.sendall(block)
        answer = connection.recv(65_536)
    up = time.perf_counter() - begun
    if b" 200 " not in answer[:15]:
        sys.exit(f"the upload failed: {answer[:300]!r}")
    expected = 0
    for _ in range(megabytes):
        expected = zlib.crc32(block, expected)
    down = _download(server.port, size)
    if _download_checksum(server.port) != expected:
        sys.exit("other bytes came back than were sent")
    yield "artifact up", megabytes / up
    yield "artifact down", megabytes / down
    yield "memory after that", server.peak_memory()


def _open_download(port: int) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", ARTIFACT)
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"the download failed: {answer.status}")
    return answer


def _download(port: int, size: int) -> float:
    begun = time.perf_counter()
    with _open_download(port) as answer:
        buffer = bytearray(MEGABYTE)
        received = 0
        while count := answer.readinto(buffer):
            received += count
    if received != size:
        sys.exit(f"{received} bytes came back of {size}")
    return time.perf_counter() - begun


def _download_checksum(port: int) -> int:
    found = 0
    with _open_download(port) as answer:
        while chunk := answer.read(MEGABYTE):
            found = zlib.crc32(chunk, found)
    return found


# -- a database to weigh -----------------------------------------------------------------------------------------------
KEYS_WEIGHED = 20


def fill(server: Running, points_of_key: int) -> int:
    """Log random walks of so many points for each of some keys, each in its own batches, end the run; count points."""
    client = server.client()
    run_id = client.new_run()

    def batches() -> Iterator[bytes]:
        for key in range(KEYS_WEIGHED):
            value = 1.0
            for start in range(0, points_of_key, METRICS):
                points: list[dict[str, object]] = []
                for step in range(start, start + METRICS):
                    value += random.gauss(0, 0.01)
                    stamp = NOW + step * 50 + random.randrange(20)
                    points.append({"key": f"k{key}", "value": value, "timestamp": stamp, "step": step})
                yield request("runs/log-batch", {"run_id": run_id, "metrics": points})

    drive(server.port, [replay(batches())])
    client.post("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": NOW})
    return KEYS_WEIGHED * points_of_key
