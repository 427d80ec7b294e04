"""Record what a real MLflow server answers: `python -m tests.interop.mlflow_calls.record`.

Writes `results.json` and `endpoints.json` beside this file. Needs the whole MLflow, which it installs for benchmarks.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.harness import peer
from tests.conftest import install_peer

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
RESULTS = HERE / "results.json"
ENDPOINTS = HERE / "endpoints.json"
_LIST_ENDPOINTS = """
import json
from mlflow.server import app
print(json.dumps(sorted({(m, r.rule) for r in app.url_map.iter_rules() for m in r.methods - {"HEAD", "OPTIONS"}})))
"""


def make_calls(python: str, url: str) -> dict[str, object]:
    """Make all calls with the MLflow client of `python` against a fresh server, and return the results by name."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SIGLUM_"))}
    with tempfile.TemporaryDirectory() as folder:
        # Away from this repository, of which the client would tell: a clone has other branches and remotes.
        shutil.copytree(HERE, Path(folder) / HERE.relative_to(ROOT), ignore=shutil.ignore_patterns("*.json", "*.pyc"))
        done = subprocess.run(
            [python, "-m", "tests.interop.mlflow_calls", url],
            cwd=folder,
            env={**environment, "PYTHONPATH": folder, "LOGNAME": "user"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    results: dict[str, object] = json.loads(done.stdout)
    return results


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def main() -> None:
    """Start the real server, make the calls, write the files."""
    server = peer("mlflow")
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    found = subprocess.run([server / "python", "-c", _LIST_ENDPOINTS], env=environment, capture_output=True, check=True)
    lines = ",\n".join(f" {json.dumps(row)}" for row in json.loads(found.stdout.splitlines()[-1]))
    ENDPOINTS.write_text(f"[\n{lines}\n]\n")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [str(server / "mlflow"), "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", "sqlite:///mlflow.db"]
        with (
            (Path(folder) / "log").open("w") as log,
            subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process,
        ):
            try:
                _wait_until_it_answers(f"http://127.0.0.1:{port}/health")
                results = make_calls(str(install_peer("mlflow") / "python"), f"http://127.0.0.1:{port}")
            finally:
                process.terminate()
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(result)}" for name, result in results.items())
    RESULTS.write_text(f"{{\n{lines}\n}}\n")


def _wait_until_it_answers(url: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the MLflow server did not start")


if __name__ == "__main__":
    main()
