"""Record what the real MLflow stores for one set of calls, as the fixtures that the tests of migrations read.

    python -m tests.migration.record

It makes `recorded/server.tar.gz` (the database and files of an `mlflow server` on SQLite), `recorded/mlruns.tar.gz` (a
file store) and, as what MLflow's own client then says of them, `recorded/server.json`. To be run again only when the
pinned MLflow changes: ids and times are new each time.
"""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"


def record_all() -> None:
    """Start MLflow's own Python on this file, once for each kind of store."""
    from benchmarks.harness import peer

    bin_folder = peer("mlflow")
    environment = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["GIT_PYTHON_REFRESH"] = "quiet"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        command = [str(bin_folder / "mlflow"), "server", "--workers", "1", "--port", url.rpartition(":")[2]]
        command += ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./mlartifacts"]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"{url}/health")
            run_calls(bin_folder, environment, folder, url, RECORDED / "server.json")
        finally:
            server.terminate()
            server.wait()
        pack(folder, "server.tar.gz", "mlflow.db", "mlartifacts")
        run_calls(bin_folder, environment, folder, str(folder / "mlruns"), folder / "unused.json")
        pack(folder, "mlruns.tar.gz", "mlruns")


def wait_for(url: str) -> None:
    """Wait until the server answers."""
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(url)


def run_calls(bin_folder: Path, environment: dict[str, str], folder: Path, uri: str, target: Path) -> None:
    command = [str(bin_folder / "python"), str(Path(__file__).resolve()), uri, str(target)]
    subprocess.run(command, cwd=folder, env=environment, check=True)


def pack(folder: Path, name: str, *members: str) -> None:
    """Write what a store consists of to an archive; a database without the tables that stay empty takes less."""
    database = folder / "mlflow.db"
    if "mlflow.db" in members:
        connection = sqlite3.connect(database)
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute("VACUUM")
        connection.close()
    with tarfile.open(RECORDED / name, "w:gz", compresslevel=9) as archive:
        for member in members:
            archive.add(folder / member, member)


# -- what MLflow's Python runs -----------------------------------------------------------------------------------------
def fill(uri: str) -> dict[str, Any]:
    """Log some of everything, and return what the client says of it."""
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import (
        DatasetInput,
        InputTag,
        LoggedModelInput,
        LoggedModelOutput,
        LoggedModelStatus,
        Metric,
        Param,
        RunTag,
        ViewType,
    )

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    first = client.create_experiment("churn", tags={"team": "red", "note": "ä — ü"})
    second = client.create_experiment("other")
    gone = client.create_experiment("gone")
    run_ids = []
    for number in range(3):
        run = client.create_run(
            first, start_time=1_700_000_000_000 + number, run_name=f"run {number}", tags={"kind": "trial"}
        )
        run_id = run.info.run_id
        run_ids.append(run_id)
        points = [Metric("loss", 1 / (i + 1), 1_700_000_001_000 + i, i) for i in range(450)]
        points += [
            Metric("odd/nan", math.nan, 1_700_000_001_000, 0),
            Metric("odd/inf", math.inf, 1_700_000_001_000, 1),
            Metric("odd/inf", -math.inf, 1_700_000_001_001, 2),
            Metric("accuracy", 0.5 + number / 10, 1_700_000_002_000, -1),
        ]
        client.log_batch(run_id, metrics=points, params=[Param("depth", str(number)), Param("model/kind", "tree")])
        client.log_batch(run_id, tags=[RunTag("long", "x" * 4000)])
        dataset = MetaDataset(CodeDatasetSource({"by": "hand"}), name=f"table-{number % 2}")
        given = DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])
        client.log_inputs(run_id, datasets=[given])
        client.log_text(run_id, f"of run {number}\n", "notes/readme.txt")
        client.log_dict(run_id, {"number": number}, "facts.json")
    client.set_terminated(run_ids[0], "FINISHED", 1_700_000_100_000)
    client.set_terminated(run_ids[1], "FAILED", 1_700_000_200_000)
    trial = client.create_run(second, tags={"mlflow.parentRunId": run_ids[0]}).info.run_id
    client.set_terminated(trial, "KILLED")
    lost = client.create_run(second).info.run_id
    client.log_metric(lost, "loss", 3.0)
    client.delete_run(lost)
    client.create_run(gone)
    client.delete_experiment(gone)

    model = client.create_logged_model(
        first, name="forest", source_run_id=run_ids[0], tags={"a": "b"}, params={"trees": "10"}, model_type="classifier"
    )
    local = Path("model-files")
    local.mkdir(exist_ok=True)
    (local / "MLmodel").write_text(f"model_id: {model.model_id}\nflavors: {{}}\n")
    (local / "data.bin").write_bytes(bytes(range(256)))
    client.log_model_artifacts(model.model_id, str(local))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_ids[0], [LoggedModelOutput(model.model_id, 3)])
    client.log_inputs(trial, models=[LoggedModelInput(model.model_id)])
    client.log_metric(
        run_ids[0], "auc", 0.9, timestamp=1_700_000_003_000, step=4, model_id=model.model_id,
        dataset_name="table-0", dataset_digest=dataset.digest,
    )  # fmt: skip
    failed = client.create_logged_model(first, name="failed")
    client.finalize_logged_model(failed.model_id, LoggedModelStatus.FAILED)
    client.delete_logged_model(failed.model_id)

    client.create_registered_model("champion", tags={"owner": "ann"}, description="The one.")
    client.create_registered_model("empty")
    for _ in range(2):
        client.create_model_version(
            "champion", f"models:/{model.model_id}", run_ids[0], tags={"t": "1"}, model_id=model.model_id
        )
    client.create_model_version("champion", client.get_run(run_ids[1]).info.artifact_uri, run_ids[1], description="d")
    client.delete_model_version("champion", "2")
    client.create_model_version("champion", f"models:/{model.model_id}", run_ids[0], model_id=model.model_id)
    client.delete_model_version("champion", "4")
    client.transition_model_version_stage("champion", "1", "Production")
    client.set_registered_model_alias("champion", "live", "3")
    client.set_registered_model_alias("champion", "before", "1")

    runs = client.search_runs([first, second, gone], run_view_type=ViewType.ALL, order_by=["attributes.start_time"])
    return {
        "experiments": [dict(each) for each in client.search_experiments(view_type=ViewType.ALL)],
        "runs": [
            each.to_dictionary()
            | {"history": {key: history(client, each.info.run_id, key) for key in sorted(each.data.metrics)}}
            for each in runs
        ],
        "model": model.model_id,
        "failed_model": failed.model_id,
        "versions": [dict(each) for each in client.search_model_versions("name = 'champion'")],
        "models": [dict(each) for each in client.search_registered_models()],
    }


def history(client: Any, run_id: str, key: str) -> list[list[Any]]:
    return [[m.step, m.timestamp, str(m.value)] for m in client.get_metric_history(run_id, key)]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        record_all()
    else:
        Path(sys.argv[2]).write_text(json.dumps(fill(sys.argv[1]), default=str, indent=1, sort_keys=True) + "\n")
