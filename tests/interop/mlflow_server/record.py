"""Record what a real MLflow server answers to Siglum's client: `python -m tests.interop.mlflow_server.record`.

Writes `answers.json` beside this file. Needs the whole MLflow, which it installs for benchmarks.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from benchmarks.harness import peer
from tests.interop.mlflow_calls.record import free_port
from tests.interop.mlflow_server.calls import make_calls
from tests.interop.mlflow_server.replay import recording

from siglum.client import state

ANSWERS = Path(__file__).with_name("answers.json")
PATIENCE_SECONDS = 120


@contextmanager
def real_server(folder: Path) -> Iterator[str]:
    """Start the real server on a fresh database in a folder; yield its URL."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(peer("mlflow") / "mlflow"), "server", "--port", url.rpartition(":")[2], "--workers", "1"]
    command += ["--backend-store-uri", "sqlite:///mlflow.db"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_until_it_answers(f"{url}/health", process, folder / "log")
            yield url
        finally:
            process.terminate()


def main() -> None:
    """Start the real server, make the calls through the proxy, write what was answered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "server").mkdir()
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CACHE_HOME"] = name
        with chdir(folder), real_server(folder / "server") as real, recording(real) as (url, exchanges):
            make_calls(url, folder)
            state.close_all()
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in exchanges)
    ANSWERS.write_text(f"[\n{lines}\n]\n")


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the MLflow server did not start: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    main()
