"""The first listing: a training script in MLflow's words against a real `siglum server` process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from siglum.client.stores import open_stores
from siglum.testing.server import ServerProcess
from siglum.tracking.entities import RunStatus

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("tracking_program.py")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as running:
        yield running


def test_the_whole_listing(server: ServerProcess, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=work, check=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), str(server.port)],
        cwd=work, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:] + server.log
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["registered"] == ["churn-predictor"]
    assert seen["latest"] == ["3"]
    assert seen["stage"] == "Staging"
    assert seen["same"] == dict.fromkeys(seen["same"], True)
    assert len(seen["same"]) == 3
    assert (seen["found"], seen["losses"]) == (3, 5)
    assert seen["picture"] == b"\x89PNG".hex()
    assert {"confusion_matrix.png", "predictions.csv", "siglum"} <= set(seen["files"])
    assert server.log == ""
    assert not (work / ".siglum").exists()

    # What the server keeps, seen with the server stopped, is what the program logged.
    server.stop()
    with closing(open_stores("sqlite:///siglum.db", str(server.folder))) as stores:
        for run_id in seen["run_ids"]:
            run = stores.tracking.get_run(run_id)
            assert run.info.status == RunStatus.FINISHED
            assert run.data.tags["siglum.recipe_digest"].startswith("sha256:")
            recipe = stores.artifacts_for(run.info.artifact_uri).stat("siglum/recipe.json")
            assert recipe.size
        assert stores.registry.get_registered_model("churn-predictor").aliases == {"champion": "2"}
        actions = {event.action for event in stores.registry.audit_log(name="churn-predictor")}
        assert {"transition_stage", "set_alias"} <= actions


def test_a_server_that_is_down_is_one_clear_line(tmp_path: Path) -> None:
    program = "import siglum\nsiglum.set_tracking_uri('http://127.0.0.1:9')\nsiglum.search_runs()\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "UnavailableError: No server answers at http://127.0.0.1:9" in done.stderr.splitlines()[-1]
    command = [sys.executable, "-m", "siglum.cli", "runs", "list", "--tracking-uri", "http://127.0.0.1:9"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "No server answers at http://127.0.0.1:9" in done.stderr


def test_a_server_that_stops_in_the_middle_of_a_run(server: ServerProcess, tmp_path: Path) -> None:
    """Points logged while the server is away are kept and reach it when it is back."""
    program = (
        "import sys, siglum\n"
        f"siglum.set_tracking_uri({server.url!r})\n"
        "with siglum.start_run() as run:\n"
        "    siglum.log_metric('m', 0, step=0)\n"
        "    siglum.flush()\n"
        "    print(run.info.run_id, flush=True)\n"
        "    sys.stdin.readline()\n"
        "    for step in range(1, 500):\n"
        "        siglum.log_metric('m', step, step=step)\n"
        "    print('logged', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        server.kill()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "logged\n"  # the script went on without the server
        server.start()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    server.stop()
    with closing(open_stores("sqlite:///siglum.db", str(server.folder))) as stores:
        points = stores.tracking.metric_history(run_id, "m").items
        assert [point.value for point in points] == list(range(500))
        assert stores.tracking.get_run(run_id).info.status == RunStatus.FINISHED
