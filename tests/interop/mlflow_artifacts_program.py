"""Run by MLflow's Python: files large and small to and from servers, through them or around them; prints run ids."""

import hashlib
import json
import os
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

folder = Path("files")
folder.mkdir()
large = os.urandom(1 << 20) * 12
(folder / "large model.bin").write_bytes(large)
(folder / "small.txt").write_text("small")

run_ids: list[str] = []
for url in sys.argv[1:]:
    mlflow.set_tracking_uri(url)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "of the run")
        mlflow.log_text("a text", "notes/a+b.txt")
    client = MlflowClient()
    assert [(f.path, f.file_size) for f in client.list_artifacts(run.info.run_id, "of the run")] == [
        ("of the run/large model.bin", len(large)),
        ("of the run/small.txt", 5),
    ]
    got = Path(download_artifacts(run_id=run.info.run_id, artifact_path="of the run", dst_path=f"got-{len(run_ids)}"))
    assert hashlib.sha256((got / "large model.bin").read_bytes()).digest() == hashlib.sha256(large).digest()
    assert (got / "small.txt").read_text() == "small"
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/a+b.txt") == "a text"
    run_ids.append(run.info.run_id)
print(json.dumps(run_ids))
