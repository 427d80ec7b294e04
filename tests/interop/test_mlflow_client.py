"""MLflow's own client, unmodified, against a real `siglum server`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.client.rest.registry import RestRegistryStore
from siglum.client.rest.session import RestSession
from siglum.client.rest.tracking import RestTrackingStore
from siglum.testing.server import ServerProcess

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("mlflow_client_program.py")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as running:
        yield running


def test_the_unmodified_client(server: ServerProcess, mlflow_python: str, tmp_path: Path) -> None:
    """The program checks what it sees; here, what Siglum then has, and that no request was a bug."""
    environment = {**os.environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_TRACKING_USERNAME": "ann"}
    done = subprocess.run(
        [mlflow_python, str(PROGRAM), server.url],
        cwd=tmp_path,
        env={**environment, "MLFLOW_TRACKING_PASSWORD": "x", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:] + server.log
    assert server.log == ""
    seen = json.loads(done.stdout.splitlines()[-1])
    session = RestSession(server.url)
    run = RestTrackingStore(session).get_run(seen["run_id"])
    assert run.data.metrics["resumed"] == 1
    events = RestRegistryStore(session).audit_log(name="classifier")
    assert {(event.actor, event.source) for event in events} == {("ann", "rest")}
    assert "transition_stage" in {event.action for event in events}
    session.close()
