"""A real server process: how it starts and ends, and what it leaves behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.client.rest.session import RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.testing.server import ServerProcess

pytestmark = pytest.mark.slow


def siglum(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siglum.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as running:
        yield running


def get(server: ServerProcess, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def test_what_it_says_of_itself(server: ServerProcess) -> None:
    assert get(server, "/health") == (200, b"OK")
    assert get(server, "/version")[1].count(b".") >= 2
    status, page = get(server, "/")
    assert status == 200
    assert b'href="/health"' in page
    assert f"export SIGLUM_TRACKING_URI=http://localhost:{server.port} ".encode() in page
    info = json.loads(get(server, "/api/3.0/mlflow/server-info")[1])
    assert info["store_type"] == "SqlStore"
    assert info["multipart_uploads_enabled"] is False


def test_signals(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "server")
    server.start()
    assert server.stop() == 0
    server.start()
    assert server.interrupt() == 130
    assert server.log.strip() == "Interrupted."


def test_an_open_connection_does_not_hold_it(server: ServerProcess) -> None:
    session = RestSession(server.url)
    RestTrackingStore(session).get_experiment("0")
    assert server.stop() == 0
    session.close()


def test_artifacts_cannot_be_kept_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = siglum("server", "--default-artifact-root", "file", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/file is not a folder: artifacts cannot be kept there.\n"
    assert not (tmp_path / ".siglum").exists()


def test_a_taken_port(server: ServerProcess, tmp_path: Path) -> None:
    done = siglum("server", "--port", str(server.port), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {server.port} of 127.0.0.1 is taken" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backend-store-uri", "postgresql://localhost:1/db"], "PostgreSQL does not answer"),
        (["--backend-store-uri", "http://localhost:5000"], "is a server, not a database"),
        (["--backend-store-uri", "sqlite:///x.db", "--default-artifact-root", "hdfs://host/x"], "be kept there"),
        (["--backend-store-uri", "sqlite:///x.db", "--host", "no such host"], "no host"),
        (["--backend-store-uri", "sqlite:///x.db", "--host", "203.0.113.7"], "no address"),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, options: list[str], said: str) -> None:
    done = siglum("server", "--port", "0", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]


def test_the_embedded_store_is_served_by_default(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = [sys.executable, "-m", "siglum.cli", "server", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert said["backend_store_uri"] == f"sqlite:///{tmp_path}/.siglum/siglum.db"
    assert (tmp_path / ".siglum/.gitignore").read_text() == "*\n"


def test_an_upload_that_is_cut_off_leaves_nothing(server: ServerProcess) -> None:
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    connection.putrequest("PUT", "/api/2.0/mlflow-artifacts/artifacts/a/cut")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    connection.send(b"x" * 400_000)
    connection.close()
    assert get(server, "/api/2.0/mlflow-artifacts/artifacts/a/cut")[0] == 404
    assert server.stop() == 0
    left = [path for path in (server.folder / "artifacts").rglob("*") if path.is_file()]
    assert left == []
    assert server.log == ""


def test_many_requests_leak_no_descriptor(server: ServerProcess) -> None:
    session = RestSession(server.url)
    store = RestTrackingStore(session)
    pid = server.pid
    store.get_experiment("0")

    def count() -> int:
        return len(os.listdir(f"/proc/{pid}/fd"))

    before = count()
    for _ in range(50):
        store.search_runs(["0"])
        get(server, "/api/2.0/mlflow-artifacts/artifacts/none")
    assert count() <= before + 2
    session.close()
