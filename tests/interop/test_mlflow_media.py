"""Tables and pictures that one side logs, the other reads: Siglum's client and MLflow's, at one Siglum server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy
import pytest

import siglum
import siglum.artifacts
from siglum.client import active, state
from siglum.testing.server import ServerProcess

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PROGRAM = """
import json, sys, mlflow, numpy
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("shared")
run_id = sys.argv[2]
with mlflow.start_run(run_id=run_id):
    table = mlflow.load_table("t.json", extra_columns=["run_id"])
    mlflow.log_table({"n": [3], "s": ["theirs"]}, "t.json")
    mlflow.log_table({"only": [1]}, "theirs.json")
    mlflow.log_image(numpy.zeros((8, 8, 3), dtype="uint8"), key="seen", step=2)
mlflow.flush_artifact_async_logging()  # its pictures are stored by a thread
client = mlflow.MlflowClient()
run = client.get_run(run_id)
print(json.dumps({
    "rows": table[["n", "s"]].values.tolist(), "run_ids": list(set(table["run_id"])),
    "images": [each.path for each in client.list_artifacts(run_id, "images")],
    "params": run.data.params, "tags": run.data.tags,
    "steps": [point.step for point in client.get_metric_history(sys.argv[3], "loss")],
}))
"""


def test_tables_pictures_and_forks(mlflow_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ServerProcess(tmp_path / "server") as server:
        siglum.set_tracking_uri(server.url)
        try:
            siglum.set_experiment("shared")
            with siglum.start_run() as run:
                siglum.log_table({"n": [1, 2], "s": ["a", "b"]}, "t.json")
                siglum.log_image(numpy.zeros((8, 8, 3), dtype="uint8"), key="seen", step=1)
                siglum.log_param("depth", 3)
                siglum.log_param("depth", 4, on_conflict="replace")
                for step in range(4):
                    siglum.log_metric("loss", step, step=step)
            with siglum.start_run(fork_from=run.info.run_id, fork_step=1) as fork:
                pass
            done = subprocess.run(
                [mlflow_python, "-W", "ignore", "-c", PROGRAM, server.url, run.info.run_id, fork.info.run_id],
                env={**os.environ, "TQDM_DISABLE": "1"}, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
            seen = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
            assert seen["rows"] == [[1, "a"], [2, "b"]]
            assert seen["run_ids"] == [run.info.run_id]
            assert seen["params"] == {"depth": "4"}
            assert json.loads(seen["tags"]["siglum.params.replaced"])[0]["old"] == "3"
            assert len(seen["images"]) == 4
            assert seen["steps"] == [0, 1]
            assert siglum.load_table("t.json").to_dict("list") == {"n": [1, 2, 3], "s": ["a", "b", "theirs"]}
            assert list(siglum.load_table("theirs.json")["only"]) == [1]
        finally:
            active.stack().clear()
            state.close_all()
            siglum.set_tracking_uri("")
